#pragma once

#include "../machines/partitioner.hpp"
#include "operation.hpp"

namespace cafka {

/// Appends records to one partition, as one batch: all of them or none.
///
/// Retried within the deadline only where the broker said that nothing was written. What
/// nobody knows is `outcome_unknown`: a connection lost after sending, an answer that
/// cannot be read, leaves the batch out or has a code that Kafka's table does not have.
/// Kafka: ProduceRequest, key 0.
struct produce {
  /// The topic's name.
  std::string topic = {};
  /// Nothing: the worker's partitioner chooses by the records' keys, which must all lead
  /// to one partition.
  std::optional<partition_id> partition = {};
  /// The records, in order.
  std::vector<record> records = {};
  /// How many replicas must have the batch before the broker answers: 0 none, and there
  /// is no answer; 1 the leader; -1 all in sync.
  std::int16_t required_acks = -1;
  /// How long the broker may wait for `required_acks`; zero means what the deadline
  /// leaves.
  milliseconds timeout{0};
  /// The codec; `none` by default.
  codec compression = codec::none;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// Where a batch went.
struct produced {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// Offset of the first record; none with `required_acks` 0.
  std::optional<log_offset> base_offset = {};
  /// When the broker appended it; only for topics with LogAppendTime.
  std::optional<timestamp> log_append_time = {};
  /// First offset still in the log; -1 where the broker does not say.
  log_offset log_start_offset = -1;
};

CAFKA_INSPECT(produce, topic, partition, records, required_acks, timeout, compression,
  deadline, api_version)
CAFKA_INSPECT(produced, topic, partition, base_offset, log_append_time, log_start_offset)

template <>
struct operation<produce> {
  using reply = produced;
  static constexpr bool changes_something = true;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  produce asked, const call_context& around, reply_function<produced> reply);

} // namespace cafka
