#pragma once

#include "group_member.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cafka::protocol {

/// The id of a member, from 16 random bytes: a UUID of version 4 in Kafka's base64.
[[nodiscard]] std::string member_id_from(uuid random);

/// Decides what a member of a group with the consumer protocol does next: what its
/// heartbeats say and when they go, what it gives up and takes of what the coordinator
/// assigns to it, and what follows from each error.
///
/// It makes its own id. A heartbeat says all there is to say when it joins and after any
/// error, for what an answer that was lost has said does not come again; else only what
/// has changed. What is to be given up goes first, then the coordinator is told, and what
/// is new is taken; meanwhile a newer assignment waits. Whether somebody else gives
/// something up, no answer says: after each sign of a rebalance heartbeats come early for
/// a while.
///
/// Sources: KIP-848, KIP-1082; ConsumerGroupHeartbeat, version 1.
class reconciling_member final : public group_member {
public:
  explicit reconciling_member(group_member_options options, group_membership before = {});

  // -- events ---------------------------------------------------------------------------

  void on_heartbeat(time_point now, std::uint64_t request,
    const consumer_group_heartbeat_response& answer);
  /// The names of topics: those that it has asked for, or, with request zero, such as
  /// came by the way.
  void on_topic_names(
    time_point now, std::uint64_t request, const std::map<uuid, std::string>& names);
  void on_failure(time_point now, std::uint64_t request, const error& why) override;
  void on_commit_refused(time_point now, std::int32_t epoch, error_code answer) override;
  /// The coordinator is told all anew: it alone decides who reads what.
  void rejoin(time_point now, std::string reason) override;
  void on_time(time_point now) override;

  // -- what is to be done ---------------------------------------------------------------

  [[nodiscard]] time_point next_time() const override;

  // -- how it is ------------------------------------------------------------------------

  [[nodiscard]] view look() const override;
  /// Not behind a heartbeat, which may raise the epoch: before Kafka 4.3 the commit would
  /// be stale. In front of one it is not.
  [[nodiscard]] bool may_commit() const override;
  [[nodiscard]] bool may_fetch_offsets() const override;
  /// How many topics it was assigned of which it does not know the names.
  [[nodiscard]] std::size_t unresolved() const { return unresolved_.size(); }

private:
  using topics_of_wire = std::vector<consumer_group_heartbeat_topic_partitions>;

  /// A partition as the coordinator names it.
  struct place {
    uuid topic;
    partition_id partition;

    friend auto operator<=>(const place&, const place&) = default;
  };
  /// What the coordinator knows of it.
  struct said {
    std::vector<std::string> topics;
    std::string pattern;
    /// Nothing: it waits to be told.
    std::optional<topics_of_wire> owned;
  };

  void join(time_point now) override;
  void take_over(time_point now) override;
  void on_subscribed(time_point now) override;
  void beat(time_point now) override;
  void on_given_up(time_point now, partitions what) override;
  void say_farewell(time_point now) override;
  void forget() override;
  [[nodiscard]] std::vector<std::string> topics_to_watch() const override;
  [[nodiscard]] std::string advice(error_code answer) const override;

  [[nodiscard]] consumer_group_heartbeat_request heartbeat(std::int32_t epoch);
  void on_refused(
    time_point now, const consumer_group_heartbeat_response& answer, bool joins);
  void try_again(time_point now, const error& why, bool joins);
  void give_way(time_point now, error_code answer, std::string_view what);
  void hurry(time_point now);
  void reconcile(time_point now, bool joined);
  void take(time_point now, bool joined);
  void ask_for_names(time_point now);
  void resolved();
  void forget_names();
  [[nodiscard]] place place_of(const topic_partition& which) const;
  [[nodiscard]] topics_of_wire owned_by_id() const;

  /// What it is to read, by the last answer that said it.
  std::set<place> target_;
  std::map<uuid, std::string> names_;
  /// Of these it waits for the names.
  std::set<uuid> unresolved_;
  std::uint64_t question_ = 0; ///< For names, under way; zero: none.
  time_point ask_at_ = time_point::min();
  std::uint32_t questions_ = 0; ///< In a row, that did not tell all names.
  error why_unresolved_;
  std::optional<time_point> unresolved_since_;
  bool unresolved_told_ = false;

  std::optional<said> known_;   ///< Nothing: it is told all.
  std::optional<said> telling_; ///< By the heartbeat under way.
  bool tells_all_ = false;      ///< Whatever it knows.
  bool had_pattern_ = false;
  bool unacknowledged_ = false; ///< The coordinator has not heard what was given up.
  /// The first heartbeat that tells it.
  std::uint64_t acknowledges_ = 0;
  bool hurries_ = false; ///< The next heartbeat goes as soon as this one is answered.
  /// Whether the coordinator may know of it.
  bool told_of_ = false;
  /// Since when another member holds the instance id.
  std::optional<time_point> held_since_;
  bool topics_refused_ = false; ///< And it was told.
};

} // namespace cafka::protocol
