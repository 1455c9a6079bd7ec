#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct sync_group_response;

/// What one member is assigned.
struct sync_group_request_assignment {
  /// The id that the coordinator gave the member.
  std::string member_id;
  /// What the member is assigned; of consumers, a `consumer_assignment`.
  shared_bytes assignment;

  friend bool operator==(
    const sync_group_request_assignment&, const sync_group_request_assignment&) = default;
};

/// Takes part in the assignment; the leader brings it along. Kafka: SyncGroupRequest,
/// key 14.
struct sync_group_request {
  static constexpr std::string_view name = "SyncGroupRequest";
  static constexpr api_key key = api_key::sync_group;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 4;
  using response = sync_group_response;

  /// The group's name.
  std::string group_id;
  /// The group's generation; -1 for none.
  std::int32_t generation_id = 0;
  /// The id that the coordinator gave the member.
  std::string member_id;
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id;
  /// The group's protocol type: "consumer" for consumers.
  std::optional<std::string> protocol_type;
  /// The assignor that the group has chosen.
  std::optional<std::string> protocol_name;
  /// What each member is assigned, from the leader; empty from the others.
  std::vector<sync_group_request_assignment> assignments;

  friend bool operator==(const sync_group_request&, const sync_group_request&) = default;
};

/// What this member is assigned. Kafka: SyncGroupResponse.
struct sync_group_response {
  static constexpr std::string_view name = "SyncGroupResponse";
  static constexpr api_key key = api_key::sync_group;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 4;
  static constexpr std::int16_t client_throttles_since = 2;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The group's protocol type: "consumer" for consumers.
  std::optional<std::string> protocol_type;
  /// The assignor that the group has chosen.
  std::optional<std::string> protocol_name;
  /// What this member is assigned; of consumers, a `consumer_assignment`.
  shared_bytes assignment;

  friend bool operator==(
    const sync_group_response&, const sync_group_response&) = default;
};

template <>
struct api_of<api_key::sync_group> {
  using request = sync_group_request;
};

} // namespace cafka::protocol
