#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct find_coordinator_response;

/// Asks which broker coordinates a group, a transaction or a share partition. Kafka:
/// FindCoordinatorRequest, key 10.
struct find_coordinator_request {
  static constexpr std::string_view name = "FindCoordinatorRequest";
  static constexpr api_key key = api_key::find_coordinator;
  static constexpr version_range versions{0, 6};
  static constexpr std::int16_t flexible_since = 3;
  using response = find_coordinator_response;

  /// Kafka: Key; up to version 3, later ones ask for several at once.
  std::string coordinator_key;
  /// 0 a group, 1 a transaction, 2 a share partition.
  std::int8_t key_type = 0;
  /// The groups or transactional ids to ask about, since version 4.
  std::vector<std::string> coordinator_keys;

  friend bool operator==(
    const find_coordinator_request&, const find_coordinator_request&) = default;
};

/// Where the coordinator of one key listens.
struct coordinator_endpoint {
  /// The group or transactional id.
  std::string key;
  /// The broker's number.
  broker_id node_id = 0;
  /// The host's name or address.
  std::string host;
  /// The port.
  std::int32_t port = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error; null where it has none.
  std::optional<std::string> error_message = std::string{};

  friend bool operator==(
    const coordinator_endpoint&, const coordinator_endpoint&) = default;
};

/// The coordinators. Kafka: FindCoordinatorResponse.
struct find_coordinator_response {
  static constexpr std::string_view name = "FindCoordinatorResponse";
  static constexpr api_key key = api_key::find_coordinator;
  static constexpr version_range versions{0, 6};
  static constexpr std::int16_t flexible_since = 3;
  static constexpr std::int16_t client_throttles_since = 2;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed; up to version 3.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error; up to version 3.
  std::optional<std::string> error_message = std::string{};
  /// The coordinator's number; up to version 3.
  broker_id node_id = 0;
  /// The coordinator's host; up to version 3.
  std::string host;
  /// The coordinator's port; up to version 3.
  std::int32_t port = 0;
  /// The coordinator of each key, since version 4.
  std::vector<coordinator_endpoint> coordinators;

  friend bool operator==(
    const find_coordinator_response&, const find_coordinator_response&) = default;
};

template <>
struct api_of<api_key::find_coordinator> {
  using request = find_coordinator_request;
};

} // namespace cafka::protocol
