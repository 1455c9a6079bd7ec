#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct describe_producers_response;

/// A topic and the partitions whose producers are asked for.
struct describe_producers_request_topic {
  /// The topic's name.
  std::string name = {};
  /// The partitions' numbers.
  std::vector<partition_id> partition_indexes = {};

  friend bool operator==(const describe_producers_request_topic&,
    const describe_producers_request_topic&) = default;
};

/// Asks a partition's leader which idempotent and transactional producers it knows there
/// (KIP-664). Kafka: DescribeProducersRequest, key 61.
struct describe_producers_request {
  static constexpr std::string_view name = "DescribeProducersRequest";
  static constexpr api_key key = api_key::describe_producers;
  static constexpr version_range versions{0, 0};
  static constexpr std::int16_t flexible_since = 0;
  using response = describe_producers_response;

  /// The partitions that this is about.
  std::vector<describe_producers_request_topic> topics = {};

  friend bool operator==(
    const describe_producers_request&, const describe_producers_request&) = default;
};

/// A producer that has written to the partition.
struct described_producer {
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The producer's epoch.
  std::int32_t producer_epoch = 0;
  /// The sequence of the last record; -1 where there is none.
  std::int32_t last_sequence = -1;
  /// The time of the last batch in milliseconds since 1970; -1 where there is none.
  std::int64_t last_timestamp = -1;
  /// The epoch of the coordinator that wrote the last marker; -1 where there is none.
  std::int32_t coordinator_epoch = 0;
  /// The first offset of the transaction that is open; -1 for none.
  log_offset current_txn_start_offset = -1;

  friend bool operator==(const described_producer&, const described_producer&) = default;
};

/// The producers of one partition.
struct described_producers_of_partition {
  /// The partition's number.
  partition_id partition_index = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The error in words; null where there is nothing to say.
  std::optional<std::string> error_message = {};
  /// The producers.
  std::vector<described_producer> active_producers = {};

  friend bool operator==(const described_producers_of_partition&,
    const described_producers_of_partition&) = default;
};

/// The producers of one topic's partitions.
struct described_producers_of_topic {
  /// The topic's name.
  std::string name = {};
  /// The result for each partition.
  std::vector<described_producers_of_partition> partitions = {};

  friend bool operator==(
    const described_producers_of_topic&, const described_producers_of_topic&) = default;
};

/// The producers of each partition. Kafka: DescribeProducersResponse.
struct describe_producers_response {
  static constexpr std::string_view name = "DescribeProducersResponse";
  static constexpr api_key key = api_key::describe_producers;
  static constexpr version_range versions{0, 0};
  static constexpr std::int16_t flexible_since = 0;
  static constexpr std::int16_t client_throttles_since = 0;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each topic.
  std::vector<described_producers_of_topic> topics = {};

  friend bool operator==(
    const describe_producers_response&, const describe_producers_response&) = default;
};

template <>
struct api_of<api_key::describe_producers> {
  using request = describe_producers_request;
};

} // namespace cafka::protocol
