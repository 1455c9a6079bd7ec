#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct leave_group_response;

/// A member that leaves, since version 3. Kafka: MemberIdentity.
struct leave_group_member {
  /// The id that the coordinator gave the member.
  std::string member_id;
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id;
  /// Why the member leaves, for the broker's log (KIP-800).
  std::optional<std::string> reason;

  friend bool operator==(const leave_group_member&, const leave_group_member&) = default;
};

/// Takes members out of a group. Kafka: LeaveGroupRequest, key 13.
struct leave_group_request {
  static constexpr std::string_view name = "LeaveGroupRequest";
  static constexpr api_key key = api_key::leave_group;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 4;
  using response = leave_group_response;

  /// The group's name.
  std::string group_id;
  /// The member that leaves, up to version 2.
  std::string member_id;
  /// The members that leave, since version 3.
  std::vector<leave_group_member> members;

  friend bool operator==(
    const leave_group_request&, const leave_group_request&) = default;
};

/// The outcome for one member. Kafka: MemberResponse.
struct leave_group_member_response {
  /// The id that the coordinator gave the member.
  std::string member_id;
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id = std::string{};
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(
    const leave_group_member_response&, const leave_group_member_response&) = default;
};

/// The outcome. Kafka: LeaveGroupResponse.
struct leave_group_response {
  static constexpr std::string_view name = "LeaveGroupResponse";
  static constexpr api_key key = api_key::leave_group;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 4;
  static constexpr std::int16_t client_throttles_since = 2;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The result for each member, since version 3.
  std::vector<leave_group_member_response> members;

  friend bool operator==(
    const leave_group_response&, const leave_group_response&) = default;
};

template <>
struct api_of<api_key::leave_group> {
  using request = leave_group_request;
};

} // namespace cafka::protocol
