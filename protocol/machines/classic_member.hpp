#pragma once

#include "group_member.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cafka::protocol {

/// Decides what a member of a group with the classic protocol does next: when it joins,
/// what it assigns as the leader, when it beats, what it gives up and when, and what
/// follows from each error.
///
/// Sources: Kafka's group membership protocol, KIP-62, KIP-134, KIP-345, KIP-394,
/// KIP-429, KIP-568, KIP-792, KIP-800, KIP-814, KIP-881.
class classic_member final : public group_member {
public:
  explicit classic_member(group_member_options options, group_membership before = {});

  // -- events ---------------------------------------------------------------------------

  /// What is known of topics that are watched; none of a topic that is not there.
  void on_topics(time_point now, const std::vector<group_topic>& known);
  void on_joined(
    time_point now, std::uint64_t request, const join_group_response& answer);
  void on_synced(
    time_point now, std::uint64_t request, const sync_group_response& answer);
  void on_heartbeat(time_point now, std::uint64_t request, error_code answer);
  void on_left(time_point now, std::uint64_t request, error_code answer);
  void on_failure(time_point now, std::uint64_t request, const error& why) override;
  void on_commit_refused(
    time_point now, std::int32_t generation, error_code answer) override;
  /// It joins anew.
  void rejoin(time_point now, std::string reason) override;

  // -- how it is ------------------------------------------------------------------------

  [[nodiscard]] view look() const override;
  /// Whether the group's rebalances stop everybody.
  [[nodiscard]] bool eager() const { return eager_; }

private:
  void join(time_point now) override;
  void take_over(time_point now) override;
  void on_subscribed(time_point now) override;
  void beat(time_point now) override;
  void on_given_up(time_point now, partitions what) override;
  void say_farewell(time_point now) override;
  void forget() override;
  void watch() override;
  [[nodiscard]] std::vector<std::string> topics_to_watch() const override;
  [[nodiscard]] std::string advice(error_code answer) const override;

  void begin_rebalance(time_point now, std::string reason);
  [[nodiscard]] bool retries_join(time_point now, error_code answer);
  void try_to_assign(time_point now);
  void sync(time_point now, std::vector<sync_group_request_assignment> all);
  void apply(time_point now, const std::vector<consumer_topic_partitions>& assignment);
  void settle(time_point now);
  [[nodiscard]] const assignor* chosen() const;

  bool eager_ = false;
  std::map<std::string, group_topic> known_;
  /// Of a leader: those that the members read.
  std::vector<std::string> group_topics_;
  bool joins_again_ = false; ///< Something asks for another rebalance after this one.
  std::int32_t joined_generation_ = -1;
  std::vector<group_participant> members_; ///< Of a leader that assigns.
};

} // namespace cafka::protocol
