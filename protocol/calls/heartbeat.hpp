#pragma once

#include "operation.hpp"

namespace cafka {

/// Keeps a member in its group. Kafka: HeartbeatRequest, key 12.
///
/// `rebalance_in_progress` asks the member to join again.
struct heartbeat {
  /// Empty: the worker's consumer group.
  std::string group = {};
  /// The group's generation; -1 for none.
  std::int32_t generation = -1;
  /// The member's id, as the coordinator gave it.
  std::string member_id = {};
  /// The member's own id, where it is a static one (KIP-345).
  std::optional<std::string> group_instance_id = {};
  /// Zero means `request_timeout`, or the session timeout that the group was last joined
  /// with through this worker if that is less.
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

CAFKA_INSPECT(
  heartbeat, group, generation, member_id, group_instance_id, deadline, api_version)

template <>
struct operation<heartbeat> {
  using reply = done;
  static constexpr bool changes_something = false;

  /// The longest that it may take without a deadline; its client knows how long it takes.
  static milliseconds longest(const heartbeat&, milliseconds request_timeout) {
    return request_timeout;
  }
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  heartbeat asked, const call_context& around, reply_function<done> reply);

} // namespace cafka
