#pragma once

#include "operation.hpp"

namespace cafka {

/// What a member is to do.
struct member_assignment {
  /// The member's id, as the coordinator gave it.
  std::string member_id = {};
  /// Any bytes; of consumers, a `consumer_assignment`.
  std::string assignment = {};
};

/// Hands out the leader's assignments, and waits for one's own.
///
/// Rests at the broker until the leader has sent its own. Kafka: SyncGroupRequest, key
/// 14.
struct sync_group {
  /// Empty: the worker's consumer group.
  std::string group = {};
  /// The group's generation; -1 for none.
  std::int32_t generation = -1;
  /// The member's id, as the coordinator gave it.
  std::string member_id = {};
  /// The member's own id, where it is a static one (KIP-345).
  std::optional<std::string> group_instance_id = {};
  /// As `joined_group` says, for Kafka 2.5 and later to check; empty: unchecked.
  std::string protocol_type = {};
  /// The assignor that the group has chosen.
  std::string protocol_name = {};
  /// From the leader alone.
  std::vector<member_assignment> assignments = {};
  /// Zero means the rebalance timeout that the group was last joined with through this
  /// worker, and `request_timeout` more.
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// What a member was assigned.
struct synced_group {
  /// The group's protocol type; "consumer" for consumers.
  std::string protocol_type = {};
  /// The assignor that the group has chosen.
  std::string protocol_name = {};
  /// What this member is to do.
  std::string assignment = {};
};

CAFKA_INSPECT(member_assignment, member_id, assignment)
CAFKA_INSPECT(sync_group, group, generation, member_id, group_instance_id, protocol_type,
  protocol_name, assignments, deadline, api_version)
CAFKA_INSPECT(synced_group, protocol_type, protocol_name, assignment)

template <>
struct operation<sync_group> {
  using reply = synced_group;
  static constexpr bool changes_something = false;

  /// The longest that it may take without a deadline; its client knows how long it takes.
  static milliseconds longest(const sync_group&, milliseconds request_timeout) {
    return request_timeout + std::chrono::minutes{30};
  }
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  sync_group asked, const call_context& around, reply_function<synced_group> reply);

} // namespace cafka
