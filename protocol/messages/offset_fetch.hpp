#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct offset_fetch_response;

/// A topic, up to version 7.
struct offset_fetch_request_topic {
  std::string name;
  std::vector<partition_id> partition_indexes;

  friend bool operator==(
    const offset_fetch_request_topic&, const offset_fetch_request_topic&) = default;
};

/// A topic of a group: by name, since version 10 by id.
struct offset_fetch_request_group_topic {
  std::string name;
  uuid topic_id;
  std::vector<partition_id> partition_indexes;

  friend bool operator==(const offset_fetch_request_group_topic&,
    const offset_fetch_request_group_topic&) = default;
};

/// A group to ask about, since version 8.
struct offset_fetch_request_group {
  std::string group_id;
  std::optional<std::string> member_id;
  std::int32_t member_epoch = -1;
  std::optional<std::vector<offset_fetch_request_group_topic>> topics =
    std::vector<offset_fetch_request_group_topic>{};

  friend bool operator==(
    const offset_fetch_request_group&, const offset_fetch_request_group&) = default;
};

/// Asks how far groups have read. Kafka: OffsetFetchRequest, key 9.
struct offset_fetch_request {
  static constexpr std::string_view name = "OffsetFetchRequest";
  static constexpr api_key key = api_key::offset_fetch;
  static constexpr version_range versions{0, 10};
  static constexpr std::int16_t flexible_since = 6;
  using response = offset_fetch_response;

  std::string group_id;
  std::optional<std::vector<offset_fetch_request_topic>> topics =
    std::vector<offset_fetch_request_topic>{};
  std::vector<offset_fetch_request_group> groups;
  /// Whether to refuse with UNSTABLE_OFFSET_COMMIT while a transaction is open.
  bool require_stable = false;

  friend bool operator==(
    const offset_fetch_request&, const offset_fetch_request&) = default;
};

/// The committed offset of one partition.
struct offset_fetch_response_partition {
  partition_id partition_index = 0;
  /// The next offset to read; -1 where nothing was committed.
  log_offset committed_offset = 0;
  leader_epoch committed_leader_epoch = -1;
  std::optional<std::string> metadata = std::string{};
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(const offset_fetch_response_partition&,
    const offset_fetch_response_partition&) = default;
};

/// The offsets of one topic, up to version 7.
struct offset_fetch_response_topic {
  std::string name;
  std::vector<offset_fetch_response_partition> partitions;

  friend bool operator==(
    const offset_fetch_response_topic&, const offset_fetch_response_topic&) = default;
};

/// The offsets of one topic of a group.
struct offset_fetch_response_group_topic {
  std::string name;
  uuid topic_id;
  std::vector<offset_fetch_response_partition> partitions;

  friend bool operator==(const offset_fetch_response_group_topic&,
    const offset_fetch_response_group_topic&) = default;
};

/// The offsets of one group, since version 8.
struct offset_fetch_response_group {
  std::string group_id;
  std::vector<offset_fetch_response_group_topic> topics;
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(
    const offset_fetch_response_group&, const offset_fetch_response_group&) = default;
};

/// The committed offsets. Kafka: OffsetFetchResponse.
struct offset_fetch_response {
  static constexpr std::string_view name = "OffsetFetchResponse";
  static constexpr api_key key = api_key::offset_fetch;
  static constexpr version_range versions{0, 10};
  static constexpr std::int16_t flexible_since = 6;
  static constexpr std::int16_t client_throttles_since = 4;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  std::vector<offset_fetch_response_topic> topics;
  protocol::error_code error_code = protocol::error_code::none;
  std::vector<offset_fetch_response_group> groups;

  friend bool operator==(
    const offset_fetch_response&, const offset_fetch_response&) = default;
};

template <>
struct api_of<api_key::offset_fetch> {
  using request = offset_fetch_request;
};

} // namespace cafka::protocol
