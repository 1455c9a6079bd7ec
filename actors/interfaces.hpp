#pragma once

#include "../base/inspect.hpp"

// Every handle and every message of cafka; those about consumer groups, the making of
// topics and streams have pages of their own beside this one.

#include "../protocol/records/fetched_records.hpp"
#include "../protocol/schema/api_key.hpp"
#include "../protocol/schema/uuid.hpp"
#include "group_messages.hpp"
#include "stream/stream_messages.hpp"
#include "topic_messages.hpp"

#include <caf/typed_actor.hpp>

namespace cafka {

// -- what every request takes -----------------------------------------------------------
//
// `deadline`     time from the worker's acceptance to the reply, whatever happens; zero
//                means the worker's `request_timeout`.
// `api_version`  pins the version of the Kafka API; without it the newest that both sides
//                know. One that cafka lacks is the error `unsupported_api_version` at
//                once; one that the broker lacks is, too, which names the supported
//                range.
//
// While a quota of the broker lasts, a request is held back, within its deadline; the
// worker's status says how long. Names are checked first: topics have at most 255 bytes,
// other names 32,767, all in UTF-8; others are `invalid_argument`.
//
// Every reply is a `result`: the value, or an `error` with Kafka's code or one of cafka's
// own (`timed_out`, `outcome_unknown`, `disconnected`, `closed`, ...). An actor that asks
// gets a `caf::error` only when the worker itself is gone.

/// Appends records to one partition, as one batch: all of them or none.
///
/// Retried within the deadline only where the broker said that nothing was written. What
/// nobody knows is `outcome_unknown`: a connection lost after sending, an answer that
/// cannot be read, leaves the batch out or has a code that Kafka's table does not have.
/// Kafka: ProduceRequest, key 0.
struct produce {
  std::string topic = {};
  /// Nothing: the worker's partitioner chooses by the records' keys, which must all lead
  /// to one partition.
  std::optional<partition_id> partition = {};
  std::vector<record> records = {};
  /// How many replicas must have the batch before the broker answers: 0 none, and there
  /// is no answer; 1 the leader; -1 all in sync.
  std::int16_t required_acks = -1;
  /// How long the broker may wait for `required_acks`; zero means what the deadline
  /// leaves.
  milliseconds timeout{0};
  codec compression = codec::none;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// Where a batch went.
struct produced {
  std::string topic = {};
  partition_id partition = {};
  /// Offset of the first record; none with `required_acks` 0.
  std::optional<log_offset> base_offset = {};
  /// When the broker appended it; only for topics with LogAppendTime.
  std::optional<timestamp> log_append_time = {};
  /// First offset still in the log; -1 where the broker does not say.
  log_offset log_start_offset = -1;
};

/// What a reader sees of transactions.
enum class isolation_level : std::int8_t {
  read_uncommitted = 0, ///< Everything.
  read_committed = 1,   ///< Up to the last stable offset.
};

/// Reads records of one partition. Kafka: FetchRequest, key 1.
struct fetch {
  std::string topic = {};
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
  std::int32_t max_bytes = 1'000'000;
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
  std::string topic = {};
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
  /// Why the commit failed; the records are good all the same.
  error commit_error = {};
};

/// A moment in a partition's log: a timestamp, or one of its ends.
struct offset_time {
  /// Milliseconds since the Unix epoch, or one of Kafka's negative marks.
  std::int64_t value = -1;

  constexpr offset_time() = default;
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
  std::string topic = {};
  partition_id partition = {};
  offset_time time = offset_time::latest();
  isolation_level isolation = isolation_level::read_uncommitted;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// The offset found.
struct listed_offset {
  std::string topic = {};
  partition_id partition = {};
  /// None where no record is that late.
  std::optional<log_offset> offset = {};
  /// The timestamp of the record at `offset`; none for the ends of the log.
  std::optional<timestamp> time = {};
  /// The epoch of the leader that wrote it; -1 where the broker does not say.
  leader_epoch epoch = -1;
};

/// Asks which brokers lead which partitions. Kafka: MetadataRequest, key 3.
struct metadata {
  /// The topics wanted; nothing, and one whose name is empty, means all, an empty list
  /// none (brokers only).
  std::optional<name_list> topics = {};
  /// Whether the broker may create a topic that does not exist, if it is set up to.
  /// Brokers before 0.11 cannot be told not to: they are asked for all topics.
  bool allow_auto_topic_creation = false;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

struct broker_info {
  broker_id id = -1;
  endpoint address = {};
  std::optional<std::string> rack = {};
};

struct partition_info {
  partition_id id = {};
  /// `none`, or why the partition cannot be used now.
  error_code status = error_code::none;
  /// -1 while there is no leader.
  broker_id leader = -1;
  leader_epoch epoch = -1;
  std::vector<broker_id> replicas = {};
  std::vector<broker_id> in_sync_replicas = {};
  std::vector<broker_id> offline_replicas = {};
};

struct topic_info {
  std::string name = {};
  /// `none`, or why there are no partitions: `unknown_topic_or_partition`, ...
  error_code status = error_code::none;
  /// All zero where the broker does not say.
  protocol::uuid id = {};
  bool internal = false;
  std::vector<partition_info> partitions = {};
};

/// A cluster as one broker sees it.
struct cluster_metadata {
  std::optional<std::string> cluster_id = {};
  /// -1 where it is not known.
  broker_id controller = -1;
  std::vector<broker_info> brokers = {};
  std::vector<topic_info> topics = {};
};

/// Asks what a broker can do. Kafka: ApiVersionsRequest, key 18.
struct api_versions {
  /// Which broker; nothing means any.
  std::optional<broker_id> broker = {};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

struct api_version_range {
  protocol::api_key key{};
  std::int16_t min = 0;
  std::int16_t max = 0;
};

struct supported_versions {
  std::vector<api_version_range> apis = {};
};

/// Asks how the worker is; answered at once, or, with `wait_connected`, as soon as a
/// broker has answered, at the latest by the deadline with `disconnected` and the
/// reasons, and at once with `illegal_sasl_state` where the brokers want a login.
struct get_status {
  bool wait_connected = false;
  milliseconds deadline{0};
  /// With `wait_connected`: whether `disconnected` is the answer already when each
  /// address has failed in a way that waiting does not mend: refused, not resolved,
  /// without the TLS that it wants.
  bool until_refused = false;
};

struct connection_status {
  /// -1 while the broker at this address is not known by number.
  broker_id broker = -1;
  endpoint address = {};
  bool connected = false;
  /// Requests sent and not answered.
  std::uint32_t in_flight = 0;
  /// Why it is not connected; may be empty.
  std::string last_error = {};
  /// How long a quota of the broker still holds requests back; zero: none does.
  milliseconds throttled{0};
};

struct worker_status {
  std::string name = {};
  std::string client_id = {};
  /// Nothing: it belongs to no group.
  std::optional<std::string> consumer_group = {};
  /// Whether at least one broker can be asked now.
  bool connected = false;
  /// Requests accepted and not answered.
  std::uint64_t pending = 0;
  std::vector<connection_status> connections = {};
};

/// A named client of one cluster; lives under the worker supervisor.
using worker_actor = caf::typed_actor<caf::result<result<produced>>(produce),
  caf::result<result<fetched>>(fetch), caf::result<result<listed_offset>>(list_offsets),
  caf::result<result<cluster_metadata>>(metadata),
  caf::result<result<supported_versions>>(api_versions),
  caf::result<result<done>>(offset_commit),
  caf::result<result<fetched_offsets>>(offset_fetch),
  caf::result<result<found_coordinator>>(find_coordinator),
  caf::result<result<joined_group>>(join_group),
  caf::result<result<synced_group>>(sync_group), caf::result<result<done>>(heartbeat),
  caf::result<result<left_group>>(leave_group),
  caf::result<result<topic_results>>(create_topics),
  caf::result<result<topic_results>>(delete_topics),
  caf::result<result<worker_status>>(get_status)>;

// -- inspection -------------------------------------------------------------------------

CAFKA_INSPECT_ENUM(isolation_level, read_uncommitted, read_committed)

CAFKA_INSPECT(produce, topic, partition, records, required_acks, timeout, compression,
  deadline, api_version)
CAFKA_INSPECT(produced, topic, partition, base_offset, log_append_time, log_start_offset)
CAFKA_INSPECT(fetch, topic, partition, offset, wait_time, min_bytes, max_bytes, isolation,
  auto_commit, group, deadline, api_version, offset_fetch_api_version,
  offset_commit_api_version, max_decompressed_bytes, max_decompression_ratio,
  while_arriving)
CAFKA_INSPECT(fetched, topic, partition, high_watermark, last_stable_offset,
  log_start_offset, records, committed, commit_error)
CAFKA_INSPECT(offset_time, value)
CAFKA_INSPECT(list_offsets, topic, partition, time, isolation, deadline, api_version)
CAFKA_INSPECT(listed_offset, topic, partition, offset, time, epoch)
CAFKA_INSPECT(metadata, topics, allow_auto_topic_creation, deadline, api_version)
CAFKA_INSPECT(broker_info, id, address, rack)
CAFKA_INSPECT(
  partition_info, id, status, leader, epoch, replicas, in_sync_replicas, offline_replicas)
CAFKA_INSPECT(topic_info, name, status, id, internal, partitions)
CAFKA_INSPECT(cluster_metadata, cluster_id, controller, brokers, topics)
CAFKA_INSPECT(api_versions, broker, deadline, api_version)
CAFKA_INSPECT(api_version_range, key, min, max)
CAFKA_INSPECT(supported_versions, apis)
CAFKA_INSPECT(get_status, wait_connected, deadline, until_refused)
CAFKA_INSPECT(
  connection_status, broker, address, connected, in_flight, last_error, throttled)
CAFKA_INSPECT(
  worker_status, name, client_id, consumer_group, connected, pending, connections)

} // namespace cafka
