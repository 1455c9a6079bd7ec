#pragma once

#include "../schema/codec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct write_txn_markers_response;

/// A topic and its partitions in which a transaction ends.
struct write_txn_markers_topic {
  /// The topic's name.
  std::string name = {};
  /// The partitions' numbers.
  std::vector<partition_id> partition_indexes = {};

  friend bool operator==(
    const write_txn_markers_topic&, const write_txn_markers_topic&) = default;
};

/// The end of one transaction.
struct writable_txn_marker {
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The producer's epoch.
  std::int16_t producer_epoch = 0;
  /// Whether the transaction is committed; false: it is aborted.
  bool transaction_result = false;
  /// Where the markers are written.
  std::vector<write_txn_markers_topic> topics = {};
  /// The epoch of the coordinator that decided it; -1 from an administrator who ends a
  /// hanging transaction (KIP-664).
  std::int32_t coordinator_epoch = 0;
  /// The transaction.version that the transaction was made with, since version 2
  /// (KIP-1228).
  std::int8_t transaction_version = 0;

  friend bool operator==(
    const writable_txn_marker&, const writable_txn_marker&) = default;
};

/// Writes the markers that end transactions into partitions' logs, on their leader.
/// Coordinators ask this, and administrators to end a hanging transaction (KIP-664).
/// Kafka: WriteTxnMarkersRequest, key 27.
struct write_txn_markers_request {
  static constexpr std::string_view name = "WriteTxnMarkersRequest";
  static constexpr api_key key = api_key::write_txn_markers;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 1;
  using response = write_txn_markers_response;

  /// The transactions that end.
  std::vector<writable_txn_marker> markers = {};

  friend bool operator==(
    const write_txn_markers_request&, const write_txn_markers_request&) = default;
};

/// The outcome for one partition.
struct write_txn_markers_partition_result {
  /// The partition's number.
  partition_id partition_index = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(const write_txn_markers_partition_result&,
    const write_txn_markers_partition_result&) = default;
};

/// The outcome for one topic.
struct write_txn_markers_topic_result {
  /// The topic's name.
  std::string name = {};
  /// The result for each partition.
  std::vector<write_txn_markers_partition_result> partitions = {};

  friend bool operator==(const write_txn_markers_topic_result&,
    const write_txn_markers_topic_result&) = default;
};

/// The outcome for one transaction.
struct writable_txn_marker_result {
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The result for each topic.
  std::vector<write_txn_markers_topic_result> topics = {};

  friend bool operator==(
    const writable_txn_marker_result&, const writable_txn_marker_result&) = default;
};

/// Where the markers are written. Kafka: WriteTxnMarkersResponse.
struct write_txn_markers_response {
  static constexpr std::string_view name = "WriteTxnMarkersResponse";
  static constexpr api_key key = api_key::write_txn_markers;
  static constexpr version_range versions{0, 2};
  static constexpr std::int16_t flexible_since = 1;

  /// The result for each transaction.
  std::vector<writable_txn_marker_result> markers = {};

  friend bool operator==(
    const write_txn_markers_response&, const write_txn_markers_response&) = default;
};

template <>
struct api_of<api_key::write_txn_markers> {
  using request = write_txn_markers_request;
};

} // namespace cafka::protocol
