#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct join_group_response;

/// A way to assign partitions that the member supports.
struct join_group_request_protocol {
  /// The assignor's name.
  std::string name;
  /// What the leader is told; of consumers, a `consumer_subscription`.
  shared_bytes metadata;

  friend bool operator==(
    const join_group_request_protocol&, const join_group_request_protocol&) = default;
};

/// Joins a consumer group, and waits for the others. Kafka: JoinGroupRequest, key 11.
struct join_group_request {
  static constexpr std::string_view name = "JoinGroupRequest";
  static constexpr api_key key = api_key::join_group;
  static constexpr version_range versions{0, 9};
  static constexpr std::int16_t flexible_since = 6;
  using response = join_group_response;

  /// The group's name.
  std::string group_id;
  /// The coordinator removes a member that it has not heard from for so long.
  std::int32_t session_timeout_ms = 0;
  /// How long the coordinator waits for members to join again; -1: the session timeout.
  std::int32_t rebalance_timeout_ms = -1;
  /// The id that the coordinator gave the member; empty for a new one.
  std::string member_id;
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id;
  /// The group's protocol type: "consumer" for consumers.
  std::string protocol_type;
  /// The assignors that the member supports, best first.
  std::vector<join_group_request_protocol> protocols;
  /// Why the member joins, for the broker's log (KIP-800).
  std::optional<std::string> reason;

  friend bool operator==(const join_group_request&, const join_group_request&) = default;
};

/// A member, as its leader gets to see it.
struct join_group_response_member {
  /// The id that the coordinator gave the member.
  std::string member_id;
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id;
  /// What the member told of itself.
  shared_bytes metadata;

  friend bool operator==(
    const join_group_response_member&, const join_group_response_member&) = default;
};

/// The member's place in the new generation. Kafka: JoinGroupResponse.
struct join_group_response {
  static constexpr std::string_view name = "JoinGroupResponse";
  static constexpr api_key key = api_key::join_group;
  static constexpr version_range versions{0, 9};
  static constexpr std::int16_t flexible_since = 6;
  static constexpr std::int16_t client_throttles_since = 3;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The group's generation; -1 for none.
  std::int32_t generation_id = -1;
  /// The group's protocol type: "consumer" for consumers.
  std::optional<std::string> protocol_type;
  /// The assignor that the group has chosen.
  std::optional<std::string> protocol_name = std::string{};
  /// The id of the member that assigns.
  std::string leader;
  /// Whether the leader need not assign again (KIP-814).
  bool skip_assignment = false;
  /// The id that the coordinator gave the member.
  std::string member_id;
  /// All members, to the leader; empty to the others.
  std::vector<join_group_response_member> members;

  friend bool operator==(
    const join_group_response&, const join_group_response&) = default;
};

template <>
struct api_of<api_key::join_group> {
  using request = join_group_request;
};

} // namespace cafka::protocol
