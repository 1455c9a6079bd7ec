#pragma once

#include "operation.hpp"

namespace cafka {

/// A member that leaves: by its id, or a static one by its instance id.
struct leaving_member {
  /// The member's id, as the coordinator gave it.
  std::string member_id = {};
  /// The member's own id, where it is a static one (KIP-345).
  std::optional<std::string> group_instance_id = {};
  /// Why, for the broker's log (KIP-800).
  std::optional<std::string> reason = {};
};

/// Takes members out of a group; more than one at a time since Kafka 2.4.
///
/// Kafka: LeaveGroupRequest, key 13.
struct leave_group {
  /// Empty: the worker's consumer group.
  std::string group = {};
  /// The members that leave.
  std::vector<leaving_member> members = {};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// The result for one member.
struct left_member {
  /// The member's id, as the coordinator gave it.
  std::string member_id = {};
  /// The member's own id, where it is a static one (KIP-345).
  std::optional<std::string> group_instance_id = {};
  /// `none`, or why it has not left: `unknown_member_id`, ...
  error_code status = error_code::none;
};

/// The members that were to leave, one of which left at least.
struct left_group {
  /// The result for each member.
  std::vector<left_member> members = {};
};

CAFKA_INSPECT(leaving_member, member_id, group_instance_id, reason)
CAFKA_INSPECT(leave_group, group, members, deadline, api_version)
CAFKA_INSPECT(left_member, member_id, group_instance_id, status)
CAFKA_INSPECT(left_group, members)

template <>
struct operation<leave_group> {
  using reply = left_group;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  leave_group asked, const call_context& around, reply_function<left_group> reply);

} // namespace cafka
