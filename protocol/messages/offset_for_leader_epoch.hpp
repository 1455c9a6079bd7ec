#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct offset_for_leader_epoch_response;

/// A partition, and the epoch to look up in it.
struct offset_for_leader_partition {
  /// The partition's number.
  protocol::partition_id partition = 0;
  /// The leader's epoch as the client knows it, for the broker to compare, since version
  /// 2; -1 for none (KIP-320).
  protocol::leader_epoch current_leader_epoch = -1;
  /// The epoch to look up.
  protocol::leader_epoch leader_epoch = 0;

  friend bool operator==(
    const offset_for_leader_partition&, const offset_for_leader_partition&) = default;
};

/// A topic to ask about.
struct offset_for_leader_topic {
  /// The topic's name.
  std::string topic = {};
  /// The partitions.
  std::vector<offset_for_leader_partition> partitions = {};

  friend bool operator==(
    const offset_for_leader_topic&, const offset_for_leader_topic&) = default;
};

/// Asks leaders where epochs end: whether a log was cut before an offset of that epoch.
/// Kafka: OffsetForLeaderEpochRequest, key 23 (KIP-320).
struct offset_for_leader_epoch_request {
  static constexpr std::string_view name = "OffsetForLeaderEpochRequest";
  static constexpr api_key key = api_key::offset_for_leader_epoch;
  static constexpr version_range versions{0, 4};
  static constexpr std::int16_t flexible_since = 4;
  using response = offset_for_leader_epoch_response;

  /// -1 for a consumer, since version 3; -2 for who looks beyond the high watermark.
  broker_id replica_id = -2;
  /// The topics to ask about.
  std::vector<offset_for_leader_topic> topics = {};

  friend bool operator==(const offset_for_leader_epoch_request&,
    const offset_for_leader_epoch_request&) = default;
};

/// The end of an epoch in one partition. Kafka: EpochEndOffset.
struct offset_for_leader_partition_result {
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The partition's number.
  protocol::partition_id partition = 0;
  /// The largest epoch that the log has and that is not above the one asked for, since
  /// version 1; -1 for none.
  protocol::leader_epoch leader_epoch = -1;
  /// The offset behind that epoch's last record; -1 where it is not known.
  log_offset end_offset = -1;

  friend bool operator==(const offset_for_leader_partition_result&,
    const offset_for_leader_partition_result&) = default;
};

/// The ends of epochs in one topic.
struct offset_for_leader_topic_result {
  /// The topic's name.
  std::string topic = {};
  /// The result for each partition.
  std::vector<offset_for_leader_partition_result> partitions = {};

  friend bool operator==(const offset_for_leader_topic_result&,
    const offset_for_leader_topic_result&) = default;
};

/// The ends of epochs. Kafka: OffsetForLeaderEpochResponse.
struct offset_for_leader_epoch_response {
  static constexpr std::string_view name = "OffsetForLeaderEpochResponse";
  static constexpr api_key key = api_key::offset_for_leader_epoch;
  static constexpr version_range versions{0, 4};
  static constexpr std::int16_t flexible_since = 4;
  static constexpr std::int16_t client_throttles_since = 2;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each topic.
  std::vector<offset_for_leader_topic_result> topics = {};

  friend bool operator==(const offset_for_leader_epoch_response&,
    const offset_for_leader_epoch_response&) = default;
};

template <>
struct api_of<api_key::offset_for_leader_epoch> {
  using request = offset_for_leader_epoch_request;
};

} // namespace cafka::protocol
