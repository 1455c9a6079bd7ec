#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"
#include "node_endpoint.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct produce_response;

/// What to append to one partition.
struct partition_produce_data {
  /// The partition's number.
  partition_id index = 0;
  /// The record batches.
  std::optional<shared_bytes> records;

  friend bool operator==(
    const partition_produce_data&, const partition_produce_data&) = default;
};

/// A topic to write to: by name, since version 13 by id.
struct topic_produce_data {
  /// The topic's name.
  std::string name;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// What to append to each partition.
  std::vector<partition_produce_data> partition_data;

  friend bool operator==(const topic_produce_data&, const topic_produce_data&) = default;
};

/// Appends record batches to partitions. Kafka: ProduceRequest, key 0.
struct produce_request {
  static constexpr std::string_view name = "ProduceRequest";
  static constexpr api_key key = api_key::produce;
  static constexpr version_range versions{0, 13};
  static constexpr std::int16_t flexible_since = 9;
  using response = produce_response;

  /// Null outside of transactions.
  std::optional<std::string> transactional_id;
  /// How many replicas must have the records: 0 none, 1 the leader, -1 all in sync.
  std::int16_t acks = 0;
  /// How long the broker may wait for those replicas.
  std::int32_t timeout_ms = 0;
  /// What to append to each topic.
  std::vector<topic_produce_data> topic_data;

  friend bool operator==(const produce_request&, const produce_request&) = default;
};

/// A record for whose sake a batch was refused (KIP-467).
struct batch_index_and_error_message {
  /// The record's place in the batch, from 0.
  std::int32_t batch_index = 0;
  /// The broker's words; null for none.
  std::optional<std::string> batch_index_error_message;

  friend bool operator==(
    const batch_index_and_error_message&, const batch_index_and_error_message&) = default;
};

/// The outcome for one partition.
struct partition_produce_response {
  /// The partition's number.
  partition_id index = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The offset of the first record.
  log_offset base_offset = 0;
  /// When the broker appended them, where the topic stamps that time; otherwise -1.
  std::int64_t log_append_time_ms = -1;
  /// The first offset that is still in the log; -1 where the broker does not say.
  log_offset log_start_offset = -1;
  /// The records because of which the batch was refused.
  std::vector<batch_index_and_error_message> record_errors;
  /// The broker's words for the error; null where it has none.
  std::optional<std::string> error_message;
  /// The leader, when this broker is not (KIP-951).
  leader_id_and_epoch current_leader;

  friend bool operator==(
    const partition_produce_response&, const partition_produce_response&) = default;
};

/// The outcome for one topic.
struct topic_produce_response {
  /// The topic's name.
  std::string name;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The result for each partition.
  std::vector<partition_produce_response> partition_responses;

  friend bool operator==(
    const topic_produce_response&, const topic_produce_response&) = default;
};

/// Where the batches went. Kafka: ProduceResponse; there is none for acks 0.
struct produce_response {
  static constexpr std::string_view name = "ProduceResponse";
  static constexpr api_key key = api_key::produce;
  static constexpr version_range versions{0, 13};
  static constexpr std::int16_t flexible_since = 9;
  static constexpr std::int16_t client_throttles_since = 6;

  /// The result for each topic.
  std::vector<topic_produce_response> responses;
  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// Where the leaders named above listen (KIP-951).
  std::vector<node_endpoint> node_endpoints;

  friend bool operator==(const produce_response&, const produce_response&) = default;
};

template <>
struct api_of<api_key::produce> {
  using request = produce_request;
};

} // namespace cafka::protocol
