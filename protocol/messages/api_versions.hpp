#pragma once

#include "../schema/codec.hpp"
#include "../schema/version_table.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct api_versions_response;

/// Asks a broker which versions of which APIs it supports. Kafka: ApiVersionsRequest,
/// key 18.
struct api_versions_request {
  static constexpr std::string_view name = "ApiVersionsRequest";
  static constexpr api_key key = api_key::api_versions;
  static constexpr version_range versions{0, 4};
  static constexpr std::int16_t flexible_since = 3;
  using response = api_versions_response;

  /// The client library's name (KIP-511).
  std::string client_software_name;
  /// The client library's version (KIP-511).
  std::string client_software_version;

  friend bool operator==(
    const api_versions_request&, const api_versions_request&) = default;
};

/// One API and the range of its versions.
struct api_versions_response_key {
  /// The API's number.
  std::int16_t api_key = 0;
  /// The lowest version that the broker supports.
  std::int16_t min_version = 0;
  /// The highest version that the broker supports.
  std::int16_t max_version = 0;

  friend bool operator==(
    const api_versions_response_key&, const api_versions_response_key&) = default;
};

/// A feature that the broker could serve, and in which versions.
struct supported_feature_key {
  /// The feature's name.
  std::string name;
  /// The lowest version that the broker supports.
  std::int16_t min_version = 0;
  /// The highest version that the broker supports.
  std::int16_t max_version = 0;

  friend bool operator==(
    const supported_feature_key&, const supported_feature_key&) = default;
};

/// A feature that is in force in the whole cluster, and in which versions.
struct finalized_feature_key {
  /// The feature's name.
  std::string name;
  /// The highest version in force.
  std::int16_t max_version_level = 0;
  /// The lowest version in force.
  std::int16_t min_version_level = 0;

  friend bool operator==(
    const finalized_feature_key&, const finalized_feature_key&) = default;
};

/// The features that are in force in the whole cluster, as of an epoch.
struct finalized_features {
  /// Grows whenever they change; -1: they are not known.
  std::int64_t epoch = -1;
  /// By name.
  std::vector<finalized_feature_key> all;

  /// The version of the feature that is in force; 0: it is not, or that is not known.
  [[nodiscard]] std::int16_t version_of(std::string_view feature) const;
};

/// Names the versions that a broker supports. Kafka: ApiVersionsResponse.
struct api_versions_response {
  static constexpr std::string_view name = "ApiVersionsResponse";
  static constexpr api_key key = api_key::api_versions;
  static constexpr version_range versions{0, 4};
  static constexpr std::int16_t flexible_since = 3;
  static constexpr std::int16_t client_throttles_since = 2;

  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The APIs that the broker supports.
  std::vector<api_versions_response_key> api_keys;
  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The features that the broker supports (KIP-584).
  std::vector<supported_feature_key> supported_features;
  /// Grows whenever the finalized features change; -1 where it is not known.
  std::int64_t finalized_features_epoch = -1;
  /// The features that are in force in the whole cluster (KIP-584).
  std::vector<finalized_feature_key> finalized_features;
  /// Whether a KRaft controller is configured for the migration from ZooKeeper (KIP-866).
  bool zk_migration_ready = false;

  friend bool operator==(
    const api_versions_response&, const api_versions_response&) = default;
};

/// What the broker supports, ready for the choice of versions.
[[nodiscard]] version_table to_version_table(const api_versions_response& response);

/// The version to ask again with after an answer UNSUPPORTED_VERSION: the highest that
/// both sides have, or 0 for a broker that does not say (KIP-511).
[[nodiscard]] std::int16_t fallback_version(const api_versions_response& refusal);

template <>
struct api_of<api_key::api_versions> {
  using request = api_versions_request;
};

} // namespace cafka::protocol
