#pragma once

#include "../../protocol/messages/describe_groups.hpp"
#include "../../protocol/messages/join_group.hpp"
#include "../../protocol/messages/leave_group.hpp"
#include "../../protocol/messages/sync_group.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cafka::testing {

/// A consumer group of the classic protocol, as its coordinator keeps it.
///
/// Source: Kafka's design of group membership, KIP-62, KIP-134, KIP-345, KIP-394,
/// KIP-814.
class classic_group {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;
  /// Where an answer will stand that has to wait.
  using join_slot = std::shared_ptr<std::optional<protocol::join_group_response>>;
  using sync_slot = std::shared_ptr<std::optional<protocol::sync_group_response>>;

  enum class phase : std::uint8_t {
    empty,      ///< It has no members.
    preparing,  ///< Members are to join again.
    completing, ///< The leader assigns.
    stable,     ///< Each member has its part.
  };

  /// `initial_delay`: Kafka's group.initial.rebalance.delay.ms.
  explicit classic_group(milliseconds initial_delay) : initial_delay_(initial_delay) {}

  /// `fresh_id`: for a member that has none yet.
  void join(time_point now, std::int16_t version,
    const protocol::join_group_request& asked, const std::string& client_id,
    const std::string& fresh_id, const join_slot& out);
  void sync(
    time_point now, const protocol::sync_group_request& asked, const sync_slot& out);
  [[nodiscard]] protocol::error_code heartbeat(time_point now, std::int32_t generation,
    const std::string& member, const std::optional<std::string>& instance);
  [[nodiscard]] protocol::error_code leave(time_point now, const std::string& member,
    const std::optional<std::string>& instance);
  /// Whether a commit with these is taken, and a sign of life of the member.
  [[nodiscard]] protocol::error_code may_commit(time_point now, std::int32_t generation,
    const std::string& member, const std::optional<std::string>& instance);

  /// What is due by now happens; whether anything was.
  bool on_time(time_point now);
  [[nodiscard]] time_point next_time() const;

  [[nodiscard]] phase state() const { return state_; }
  [[nodiscard]] std::int32_t generation() const { return generation_; }
  [[nodiscard]] std::vector<std::string> members() const;
  /// "consumer" for consumers, also when they have left; empty until somebody joined.
  [[nodiscard]] const std::string& type() const { return type_; }
  /// Without its name.
  [[nodiscard]] protocol::described_group describe() const;
  /// Whether a consumer among the members may subscribe to a topic of this name: one
  /// does, or what it says of itself cannot be read.
  [[nodiscard]] bool subscribes(const std::string& topic) const;

private:
  using protocols = std::vector<protocol::join_group_request_protocol>;

  struct member {
    std::string client_id = {};
    std::optional<std::string> instance;
    protocols supported;
    milliseconds session_timeout{0};
    milliseconds rebalance_timeout{0};
    /// Until it has been told its id no heartbeat can come from it.
    bool is_new = true;
    /// When it is thrown out, unless it waits for an answer.
    time_point alive_until;
    join_slot joining;
    sync_slot syncing;
    protocol::shared_bytes assignment;
  };

  [[nodiscard]] protocol::error_code known(
    const std::string& id, const std::optional<std::string>& instance) const;
  [[nodiscard]] bool supports(const std::string& type, const protocols& offered) const;
  [[nodiscard]] std::string chosen_protocol() const;
  /// What a member has said of itself for the group's protocol.
  [[nodiscard]] protocol::shared_bytes metadata_of(const member& m) const;
  [[nodiscard]] milliseconds rebalance_timeout() const;
  [[nodiscard]] protocol::join_group_response joined(const std::string& id) const;
  void join_new(time_point now, std::int16_t version,
    const protocol::join_group_request& asked, const std::string& id,
    const join_slot& out);
  void join_known(
    time_point now, const protocol::join_group_request& asked, const join_slot& out);
  void join_as_before(time_point now, std::int16_t version,
    const protocol::join_group_request& asked, const std::string& id,
    const join_slot& out);
  void add(time_point now, const protocol::join_group_request& asked,
    const std::string& id, const join_slot& out);
  void update(const protocol::join_group_request& asked, member& m);
  void remove(time_point now, const std::string& id);
  void hear_from(time_point now, member& m);
  /// Begins a rebalance, or, where one is under way, ends it if all have joined.
  void rebalance(time_point now);
  void complete_if_all_joined(time_point now);
  void complete_join(time_point now);
  [[nodiscard]] bool elect();

  const milliseconds initial_delay_;
  phase state_ = phase::empty;
  std::string type_;
  std::string protocol_;
  std::int32_t generation_ = 0;
  std::string leader_;
  std::map<std::string, member> members_;
  std::map<std::string, std::string> static_;
  /// Ids that were given and have not joined with, and until when they may.
  std::map<std::string, time_point> pending_;
  /// When those who have joined go on without the others.
  time_point join_until_ = time_point::max();
  /// The first rebalance of a group waits for more members, as long as some come.
  bool initial_ = false;
  bool member_added_ = false;
  milliseconds may_wait_{0};
  /// Members that have not synced since the rebalance, and until when they may.
  std::set<std::string> unsynced_;
  time_point sync_until_ = time_point::max();
};

} // namespace cafka::testing
