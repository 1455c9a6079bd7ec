#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct offset_delete_response;

/// A partition whose offset is to go.
struct offset_delete_request_partition {
  /// The partition's number.
  partition_id partition_index = 0;

  friend bool operator==(const offset_delete_request_partition&,
    const offset_delete_request_partition&) = default;
};

/// A topic whose offsets are to go.
struct offset_delete_request_topic {
  /// The topic's name.
  std::string name = {};
  /// The partitions.
  std::vector<offset_delete_request_partition> partitions = {};

  friend bool operator==(
    const offset_delete_request_topic&, const offset_delete_request_topic&) = default;
};

/// Deletes offsets of a group, of topics that no member subscribes to. Kafka:
/// OffsetDeleteRequest, key 47 (KIP-496).
struct offset_delete_request {
  static constexpr std::string_view name = "OffsetDeleteRequest";
  static constexpr api_key key = api_key::offset_delete;
  static constexpr version_range versions{0, 0};
  static constexpr std::int16_t flexible_since = never_flexible;
  using response = offset_delete_response;

  /// The group's name.
  std::string group_id = {};
  /// The topics.
  std::vector<offset_delete_request_topic> topics = {};

  friend bool operator==(
    const offset_delete_request&, const offset_delete_request&) = default;
};

/// What became of one partition's offset.
struct offset_delete_response_partition {
  /// The partition's number.
  partition_id partition_index = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(const offset_delete_response_partition&,
    const offset_delete_response_partition&) = default;
};

/// What became of one topic's offsets.
struct offset_delete_response_topic {
  /// The topic's name.
  std::string name = {};
  /// The result for each partition.
  std::vector<offset_delete_response_partition> partitions = {};

  friend bool operator==(
    const offset_delete_response_topic&, const offset_delete_response_topic&) = default;
};

/// The outcome. Kafka: OffsetDeleteResponse.
struct offset_delete_response {
  static constexpr std::string_view name = "OffsetDeleteResponse";
  static constexpr api_key key = api_key::offset_delete;
  static constexpr version_range versions{0, 0};
  static constexpr std::int16_t flexible_since = never_flexible;
  static constexpr std::int16_t client_throttles_since = 0;

  /// `none`, or why it failed as a whole; then no topic is named.
  protocol::error_code error_code = protocol::error_code::none;
  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each topic.
  std::vector<offset_delete_response_topic> topics = {};

  friend bool operator==(
    const offset_delete_response&, const offset_delete_response&) = default;
};

template <>
struct api_of<api_key::offset_delete> {
  using request = offset_delete_request;
};

} // namespace cafka::protocol
