#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct list_offsets_response;

/// A partition, and the time to look up in it.
struct list_offsets_partition {
  /// The partition's number.
  partition_id partition_index = 0;
  /// The leader's epoch as the client knows it, for the broker to compare; -1 for none
  /// (KIP-320).
  leader_epoch current_leader_epoch = -1;
  /// Milliseconds since the epoch; -1 the end, -2 the start, -3 the record with the
  /// highest timestamp (v7), -4 the start of the local log (v8), -5 the last tiered
  /// offset (v9), -6 the first offset not yet tiered (v11).
  std::int64_t timestamp = 0;
  /// How many segments' offsets to return.
  std::int32_t max_num_offsets = 1;

  friend bool operator==(
    const list_offsets_partition&, const list_offsets_partition&) = default;
};

/// A topic to ask about.
struct list_offsets_topic {
  /// The topic's name.
  std::string name;
  /// The partitions that this is about.
  std::vector<list_offsets_partition> partitions;

  friend bool operator==(const list_offsets_topic&, const list_offsets_topic&) = default;
};

/// Asks for offsets by time: first, last, or at a timestamp. Kafka:
/// ListOffsetsRequest, key 2.
struct list_offsets_request {
  static constexpr std::string_view name = "ListOffsetsRequest";
  static constexpr api_key key = api_key::list_offsets;
  static constexpr version_range versions{0, 11};
  static constexpr std::int16_t flexible_since = 6;
  using response = list_offsets_response;

  /// -1 for a client, which is the default here; in Kafka's schema it is 0.
  broker_id replica_id = -1;
  /// 0 read_uncommitted, 1 read_committed.
  std::int8_t isolation_level = 0;
  /// The topics to ask about.
  std::vector<list_offsets_topic> topics;
  /// How long the broker may take to read tiered storage, in milliseconds, since version
  /// 10.
  std::int32_t timeout_ms = 0;

  friend bool operator==(
    const list_offsets_request&, const list_offsets_request&) = default;
};

/// The offset of one partition.
struct list_offsets_partition_response {
  /// The partition's number.
  partition_id partition_index = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// Offsets of segments, newest first.
  std::vector<log_offset> old_style_offsets;
  /// The time of the record at `offset`, in milliseconds since the epoch; -1 for none.
  std::int64_t timestamp = -1;
  /// The offset that was found; -1 for none.
  log_offset offset = -1;
  /// The leader's epoch; -1 where the broker does not say.
  protocol::leader_epoch leader_epoch = -1;

  friend bool operator==(const list_offsets_partition_response&,
    const list_offsets_partition_response&) = default;
};

/// The offsets of one topic.
struct list_offsets_topic_response {
  /// The topic's name.
  std::string name;
  /// The partitions that this is about.
  std::vector<list_offsets_partition_response> partitions;

  friend bool operator==(
    const list_offsets_topic_response&, const list_offsets_topic_response&) = default;
};

/// The offsets that were asked for. Kafka: ListOffsetsResponse.
struct list_offsets_response {
  static constexpr std::string_view name = "ListOffsetsResponse";
  static constexpr api_key key = api_key::list_offsets;
  static constexpr version_range versions{0, 11};
  static constexpr std::int16_t flexible_since = 6;
  static constexpr std::int16_t client_throttles_since = 3;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The offsets of each topic.
  std::vector<list_offsets_topic_response> topics;

  friend bool operator==(
    const list_offsets_response&, const list_offsets_response&) = default;
};

template <>
struct api_of<api_key::list_offsets> {
  using request = list_offsets_request;
};

} // namespace cafka::protocol
