#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"
#include "node_endpoint.hpp"

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct fetch_response;

/// Which replica asks, when it is no client (KIP-903).
struct replica_state {
  /// The broker that asks; -1 for a client.
  broker_id replica_id = -1;
  /// That broker's epoch; -1 for none.
  std::int64_t replica_epoch = -1;

  friend bool operator==(const replica_state&, const replica_state&) = default;
};

/// Where to read in one partition, and how much.
struct fetch_partition {
  /// The partition's number.
  partition_id partition = 0;
  /// The leader's epoch as the client knows it, for the broker to compare; -1 for none
  /// (KIP-320).
  leader_epoch current_leader_epoch = -1;
  /// The first offset to read.
  log_offset fetch_offset = 0;
  /// The epoch of the last record that was read, for the broker to compare; -1 for none
  /// (KIP-595).
  leader_epoch last_fetched_epoch = -1;
  /// The first offset of the follower's log; -1 for a client.
  log_offset log_start_offset = -1;
  /// The most bytes from this partition; a first batch that is larger comes nevertheless.
  std::int32_t partition_max_bytes = 0;
  /// The follower's log directory; all zero for a client.
  uuid replica_directory_id;
  /// The follower's high watermark; the largest number for a client.
  log_offset high_watermark = std::numeric_limits<std::int64_t>::max();

  friend bool operator==(const fetch_partition&, const fetch_partition&) = default;
};

/// A topic to read from: by name, since version 13 by id.
struct fetch_topic {
  /// The topic's name.
  std::string topic;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The partitions to read.
  std::vector<fetch_partition> partitions;

  friend bool operator==(const fetch_topic&, const fetch_topic&) = default;
};

/// Partitions to drop from the fetch session (KIP-227).
struct forgotten_topic {
  /// The topic's name.
  std::string topic;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The partitions to drop.
  std::vector<partition_id> partitions;

  friend bool operator==(const forgotten_topic&, const forgotten_topic&) = default;
};

/// Reads record batches from partitions. Kafka: FetchRequest, key 1.
struct fetch_request {
  static constexpr std::string_view name = "FetchRequest";
  static constexpr api_key key = api_key::fetch;
  static constexpr version_range versions{0, 18};
  static constexpr std::int16_t flexible_since = 12;
  using response = fetch_response;

  /// Null where it is not known.
  std::optional<std::string> cluster_id;
  /// -1 for a client.
  broker_id replica_id = -1;
  /// Which replica asks, since version 15.
  protocol::replica_state replica_state;
  /// How long the broker may wait for `min_bytes`.
  std::int32_t max_wait_ms = 0;
  /// The broker waits until it has so many bytes; 0: it does not wait.
  std::int32_t min_bytes = 0;
  /// The size of the response; a first batch that is larger comes nevertheless.
  std::int32_t max_bytes = std::numeric_limits<std::int32_t>::max();
  /// 0 read_uncommitted, 1 read_committed.
  std::int8_t isolation_level = 0;
  /// The fetch session's id; 0 for none (KIP-227).
  std::int32_t session_id = 0;
  /// -1 no session, 0 a new one, otherwise one more than last time (KIP-227).
  std::int32_t session_epoch = -1;
  /// The partitions to read; in a session those that have changed.
  std::vector<fetch_topic> topics;
  /// The partitions to drop from the session.
  std::vector<forgotten_topic> forgotten_topics_data;
  /// Where the reader is, for a replica close by (KIP-392).
  std::string rack_id;

  friend bool operator==(const fetch_request&, const fetch_request&) = default;
};

/// Where the broker's log departs from the reader's (KIP-595).
struct epoch_end_offset {
  /// The last epoch that both logs have in common; -1 for none.
  leader_epoch epoch = -1;
  /// Where that epoch ends; -1 for none.
  log_offset end_offset = -1;

  friend bool operator==(const epoch_end_offset&, const epoch_end_offset&) = default;
};

/// The snapshot to read instead, in the log of the cluster's metadata.
struct snapshot_id {
  /// The offset at which the snapshot ends; -1 for none.
  log_offset end_offset = -1;
  /// The epoch of the snapshot; -1 for none.
  leader_epoch epoch = -1;

  friend bool operator==(const snapshot_id&, const snapshot_id&) = default;
};

/// A transaction whose records a read_committed reader skips.
struct aborted_transaction {
  /// The producer's id; -1 for none.
  std::int64_t producer_id = 0;
  /// The transaction's first offset in this partition.
  log_offset first_offset = 0;

  friend bool operator==(
    const aborted_transaction&, const aborted_transaction&) = default;
};

/// What was read from one partition.
struct fetch_partition_data {
  /// The partition's number.
  partition_id partition_index = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The offset behind the last record that all in-sync replicas have.
  log_offset high_watermark = 0;
  /// Below it every transaction is decided.
  log_offset last_stable_offset = -1;
  /// The first offset that is still in the log; -1 where the broker does not say.
  log_offset log_start_offset = -1;
  /// Where the logs differ; epoch -1: nowhere.
  epoch_end_offset diverging_epoch;
  /// The leader, when this broker is not (KIP-951).
  leader_id_and_epoch current_leader;
  /// The snapshot to read; -1 for none.
  protocol::snapshot_id snapshot_id;
  /// Null for readers that do not ask for read_committed.
  std::optional<std::vector<aborted_transaction>> aborted_transactions =
    std::vector<aborted_transaction>{};
  /// The broker to read from instead; -1 for this one.
  broker_id preferred_read_replica = -1;
  /// Whole batches; the last may be cut short.
  std::optional<shared_bytes> records;

  friend bool operator==(
    const fetch_partition_data&, const fetch_partition_data&) = default;
};

/// What was read from one topic.
struct fetchable_topic_response {
  /// The topic's name.
  std::string topic;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The partitions that this is about.
  std::vector<fetch_partition_data> partitions;

  friend bool operator==(
    const fetchable_topic_response&, const fetchable_topic_response&) = default;
};

/// The record batches that were read. Kafka: FetchResponse.
struct fetch_response {
  static constexpr std::string_view name = "FetchResponse";
  static constexpr api_key key = api_key::fetch;
  static constexpr version_range versions{0, 18};
  static constexpr std::int16_t flexible_since = 12;
  static constexpr std::int16_t client_throttles_since = 8;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The fetch session's id; 0 for none (KIP-227).
  std::int32_t session_id = 0;
  /// The result for each topic.
  std::vector<fetchable_topic_response> responses;
  /// Where the leaders named above listen (KIP-951).
  std::vector<node_endpoint> node_endpoints;

  friend bool operator==(const fetch_response&, const fetch_response&) = default;
};

template <>
struct api_of<api_key::fetch> {
  using request = fetch_request;
};

} // namespace cafka::protocol
