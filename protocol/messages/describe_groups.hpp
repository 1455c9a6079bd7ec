#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct describe_groups_response;

/// Asks a coordinator about groups of the classic protocol. Kafka: DescribeGroupsRequest,
/// key 15.
struct describe_groups_request {
  static constexpr std::string_view name = "DescribeGroupsRequest";
  static constexpr api_key key = api_key::describe_groups;
  static constexpr version_range versions{0, 6};
  static constexpr std::int16_t flexible_since = 5;
  using response = describe_groups_response;

  /// The groups' names.
  std::vector<std::string> groups = {};
  /// Whether to say which operations on the groups are allowed; since version 3.
  bool include_authorized_operations = false;

  friend bool operator==(
    const describe_groups_request&, const describe_groups_request&) = default;
};

/// A member of a group.
struct described_group_member {
  /// The id that the coordinator gave the member.
  std::string member_id = {};
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id = {};
  /// The member's client id.
  std::string client_id = {};
  /// The address that the member has joined from.
  std::string client_host = {};
  /// What the member told of itself; empty unless the group is stable.
  shared_bytes member_metadata = {};
  /// What the leader gave the member; empty unless the group is stable.
  shared_bytes member_assignment = {};

  friend bool operator==(
    const described_group_member&, const described_group_member&) = default;
};

/// A group.
struct described_group {
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error, since version 6; null where it has none.
  std::optional<std::string> error_message = {};
  /// The group's name.
  std::string group_id = {};
  /// Empty, PreparingRebalance, CompletingRebalance, Stable or Dead, which a group also
  /// is that nobody knows, until version 6 has an error for it (KIP-1043).
  std::string group_state = {};
  /// "consumer" for consumers.
  std::string protocol_type = {};
  /// The assignor that the group has chosen; empty unless the group is stable.
  std::string protocol_data = {};
  /// The members.
  std::vector<described_group_member> members = {};
  /// A bit for each operation of Kafka's `AclOperation`; INT32_MIN: not asked for.
  std::int32_t authorized_operations = INT32_MIN;

  friend bool operator==(const described_group&, const described_group&) = default;
};

/// The groups. Kafka: DescribeGroupsResponse.
struct describe_groups_response {
  static constexpr std::string_view name = "DescribeGroupsResponse";
  static constexpr api_key key = api_key::describe_groups;
  static constexpr version_range versions{0, 6};
  static constexpr std::int16_t flexible_since = 5;
  static constexpr std::int16_t client_throttles_since = 2;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// Each group that was asked about.
  std::vector<described_group> groups = {};

  friend bool operator==(
    const describe_groups_response&, const describe_groups_response&) = default;
};

template <>
struct api_of<api_key::describe_groups> {
  using request = describe_groups_request;
};

} // namespace cafka::protocol
