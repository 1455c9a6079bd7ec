#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace cafka::protocol {

struct heartbeat_response;

/// Tells the coordinator that a member is alive. Kafka: HeartbeatRequest, key 12.
struct heartbeat_request {
  static constexpr std::string_view name = "HeartbeatRequest";
  static constexpr api_key key = api_key::heartbeat;
  static constexpr version_range versions{0, 4};
  static constexpr std::int16_t flexible_since = 4;
  using response = heartbeat_response;

  /// The group's name.
  std::string group_id;
  /// The group's generation; -1 for none.
  std::int32_t generation_id = 0;
  /// The id that the coordinator gave the member.
  std::string member_id;
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id;

  friend bool operator==(const heartbeat_request&, const heartbeat_request&) = default;
};

/// Whether the member still belongs. Kafka: HeartbeatResponse.
struct heartbeat_response {
  static constexpr std::string_view name = "HeartbeatResponse";
  static constexpr api_key key = api_key::heartbeat;
  static constexpr version_range versions{0, 4};
  static constexpr std::int16_t flexible_since = 4;
  static constexpr std::int16_t client_throttles_since = 2;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(const heartbeat_response&, const heartbeat_response&) = default;
};

template <>
struct api_of<api_key::heartbeat> {
  using request = heartbeat_request;
};

} // namespace cafka::protocol
