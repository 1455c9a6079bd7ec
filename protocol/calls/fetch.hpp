#pragma once

#include "../defaults.hpp"
#include "../records/fetched_records.hpp"
#include "operation.hpp"

namespace cafka {

/// What a reader sees of transactions.
enum class isolation_level : std::int8_t {
  read_uncommitted = 0, ///< Everything.
  read_committed = 1,   ///< Up to the last stable offset.
};

/// Reads records of one partition. Kafka: FetchRequest, key 1.
struct fetch {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// The first offset wanted; nothing: where the group goes on that has committed, or,
  /// if it has not or there is no group, where `auto_offset_reset` says: with `none`, at
  /// the first record there is.
  std::optional<log_offset> offset = {};
  /// How long the broker may wait for `min_bytes`.
  milliseconds wait_time{10};
  /// Bytes that must be there before the broker answers early; zero answers at once.
  std::int32_t min_bytes = 1;
  /// Most bytes of records as they are stored; one batch larger than that still comes,
  /// whole. Decompressed they are 32 times as many at most, and no more than
  /// `max_decompressed_bytes` unless `max_bytes` is more; what is beyond is left for the
  /// next fetch, except for the first batch.
  std::int32_t max_bytes = protocol::defaults::max_bytes;
  /// What is read of transactions.
  isolation_level isolation = isolation_level::read_uncommitted;
  /// Whether the offset behind the last record is committed for the group before the
  /// reply; without a group nothing is.
  bool auto_commit = true;
  /// Empty: the worker's consumer group, if it has one.
  std::string group = {};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
  /// Pins for what a group's fetch asks beside its records. One that is left out follows
  /// the other: with version 0 old brokers keep a group's offsets in ZooKeeper, with all
  /// others in Kafka.
  std::optional<std::int16_t> offset_fetch_api_version = {};
  /// The version of OffsetCommit, likewise.
  std::optional<std::int16_t> offset_commit_api_version = {};
  /// Most bytes that one batch may decompress to; nothing: the worker's. More is the
  /// error `batch_too_large`.
  std::optional<std::uint64_t> max_decompressed_bytes = {};
  /// How many times its stored size one batch may decompress to; nothing: the worker's.
  std::optional<std::uint64_t> max_decompression_ratio = {};
  /// Whether the deadline waits for an answer that is arriving: as long as bytes of it
  /// come, with pauses shorter than `socket_timeout`. Not by default.
  bool while_arriving = false;
};

/// Records of one partition, as views on the frame they came in.
struct fetched {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// The offset after the last record that all in-sync replicas have.
  log_offset high_watermark = -1;
  /// The offset below which every transaction is decided; -1 where the broker does not
  /// say.
  log_offset last_stable_offset = -1;
  /// First offset still in the log; -1 where the broker does not say.
  log_offset log_start_offset = -1;
  /// The records from the wanted offset on, in order; none at the end of the log.
  protocol::fetched_records records = {};
  /// What was committed for the group; nothing where nothing was to be.
  std::optional<log_offset> committed = {};
  /// Why the commit failed; the records can be used nevertheless.
  error commit_error = {};
};

CAFKA_INSPECT_ENUM(isolation_level, read_uncommitted, read_committed)
CAFKA_INSPECT(fetch, topic, partition, offset, wait_time, min_bytes, max_bytes, isolation,
  auto_commit, group, deadline, api_version, offset_fetch_api_version,
  offset_commit_api_version, max_decompressed_bytes, max_decompression_ratio,
  while_arriving)
CAFKA_INSPECT(fetched, topic, partition, high_watermark, last_stable_offset,
  log_start_offset, records, committed, commit_error)

template <>
struct operation<fetch> {
  using reply = fetched;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  fetch asked, const call_context& around, reply_function<fetched> reply);

} // namespace cafka
