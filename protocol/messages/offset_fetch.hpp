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
  /// The topic's name.
  std::string name;
  /// The partitions to ask about.
  std::vector<partition_id> partition_indexes;

  friend bool operator==(
    const offset_fetch_request_topic&, const offset_fetch_request_topic&) = default;
};

/// A topic of a group: by name, since version 10 by id.
struct offset_fetch_request_group_topic {
  /// The topic's name.
  std::string name;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The partitions to ask about.
  std::vector<partition_id> partition_indexes;

  friend bool operator==(const offset_fetch_request_group_topic&,
    const offset_fetch_request_group_topic&) = default;
};

/// A group to ask about, since version 8.
struct offset_fetch_request_group {
  /// The group's name.
  std::string group_id;
  /// The member that asks; null from outside the group.
  std::optional<std::string> member_id;
  /// That member's epoch; -1 for none (KIP-848).
  std::int32_t member_epoch = -1;
  /// The topics to ask about; null: all that the group has committed.
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

  /// The group to ask about, up to version 7.
  std::string group_id;
  /// The topics to ask about, up to version 7; null: all that the group has committed.
  std::optional<std::vector<offset_fetch_request_topic>> topics =
    std::vector<offset_fetch_request_topic>{};
  /// The groups to ask about, since version 8.
  std::vector<offset_fetch_request_group> groups;
  /// Whether to refuse with UNSTABLE_OFFSET_COMMIT while a transaction is open.
  bool require_stable = false;

  friend bool operator==(
    const offset_fetch_request&, const offset_fetch_request&) = default;
};

/// The committed offset of one partition.
struct offset_fetch_response_partition {
  /// The partition's number.
  partition_id partition_index = 0;
  /// The next offset to read; -1 where nothing was committed.
  log_offset committed_offset = 0;
  /// The leader's epoch of the last record that was read; -1 where it is not known.
  leader_epoch committed_leader_epoch = -1;
  /// The text that was committed with the offset.
  std::optional<std::string> metadata = std::string{};
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(const offset_fetch_response_partition&,
    const offset_fetch_response_partition&) = default;
};

/// The offsets of one topic, up to version 7.
struct offset_fetch_response_topic {
  /// The topic's name.
  std::string name;
  /// The offset of each partition.
  std::vector<offset_fetch_response_partition> partitions;

  friend bool operator==(
    const offset_fetch_response_topic&, const offset_fetch_response_topic&) = default;
};

/// The offsets of one topic of a group.
struct offset_fetch_response_group_topic {
  /// The topic's name.
  std::string name;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The offset of each partition.
  std::vector<offset_fetch_response_partition> partitions;

  friend bool operator==(const offset_fetch_response_group_topic&,
    const offset_fetch_response_group_topic&) = default;
};

/// The offsets of one group, since version 8.
struct offset_fetch_response_group {
  /// The group's name.
  std::string group_id;
  /// The offsets of each topic.
  std::vector<offset_fetch_response_group_topic> topics;
  /// `none`, or why it failed.
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
  /// The offsets of each topic, up to version 7.
  std::vector<offset_fetch_response_topic> topics;
  /// `none`, or why it failed; versions 2 to 7.
  protocol::error_code error_code = protocol::error_code::none;
  /// The offsets of each group, since version 8.
  std::vector<offset_fetch_response_group> groups;

  friend bool operator==(
    const offset_fetch_response&, const offset_fetch_response&) = default;
};

template <>
struct api_of<api_key::offset_fetch> {
  using request = offset_fetch_request;
};

} // namespace cafka::protocol
