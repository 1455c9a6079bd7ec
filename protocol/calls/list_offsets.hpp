#pragma once

#include "fetch.hpp"
#include "operation.hpp"

namespace cafka {

/// A moment in a partition's log: a timestamp, or one of its ends.
struct offset_time {
  /// Milliseconds since the Unix epoch, or one of Kafka's negative marks.
  std::int64_t value = -1;

  constexpr offset_time() = default;
  /// A timestamp, rounded up to whole milliseconds.
  template <class Duration>
  constexpr offset_time(std::chrono::sys_time<Duration> t)
    : value(protocol::timestamp_from(t).time_since_epoch().count()) {}

  /// The offset that the next record will have.
  static constexpr offset_time latest() { return mark(-1); }
  /// The first offset still in the log.
  static constexpr offset_time earliest() { return mark(-2); }
  /// The record with the largest timestamp (KIP-734).
  static constexpr offset_time max_timestamp() { return mark(-3); }

private:
  static constexpr offset_time mark(std::int64_t m) {
    offset_time result;
    result.value = m;
    return result;
  }
};

/// Asks for the first offset at or after a moment. Kafka: ListOffsetsRequest, key 2.
///
/// Brokers before 0.10.1 know of times only when their files were last written: they
/// answer with the start of the newest file that was last written before the moment, or
/// with the end of the log if the moment is yet to come. Where all files are newer, the
/// answer is the first offset.
struct list_offsets {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// The moment, or an end of the log.
  offset_time time = offset_time::latest();
  /// What is read of transactions.
  isolation_level isolation = isolation_level::read_uncommitted;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// The offset found.
struct listed_offset {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// None where no record is that late.
  std::optional<log_offset> offset = {};
  /// The timestamp of the record at `offset`; none for the ends of the log.
  std::optional<timestamp> time = {};
  /// The epoch of the leader that wrote it; -1 where the broker does not say.
  leader_epoch epoch = -1;
};

CAFKA_INSPECT(offset_time, value)
CAFKA_INSPECT(list_offsets, topic, partition, time, isolation, deadline, api_version)
CAFKA_INSPECT(listed_offset, topic, partition, offset, time, epoch)

template <>
struct operation<list_offsets> {
  using reply = listed_offset;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  list_offsets asked, const call_context& around, reply_function<listed_offset> reply);

} // namespace cafka
