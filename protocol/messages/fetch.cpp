#include "fetch.hpp"

#include "../schema/describe.hpp"
#include "node_endpoint_description.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, replica_state>
void describe(F& f, M& m) {
  f.field("ReplicaId", m.replica_id, since(15), def(-1));
  f.field("ReplicaEpoch", m.replica_epoch, since(15), def(-1));
}

template <class F, class M>
  requires of<M, fetch_partition>
void describe(F& f, M& m) {
  f.field("Partition", m.partition, since(0));
  f.field("CurrentLeaderEpoch", m.current_leader_epoch, since(9), def(-1), ignorable);
  f.field("FetchOffset", m.fetch_offset, since(0));
  f.field("LastFetchedEpoch", m.last_fetched_epoch, since(12), def(-1));
  f.field("LogStartOffset", m.log_start_offset, since(5), def(-1), ignorable);
  f.field("PartitionMaxBytes", m.partition_max_bytes, since(0));
  f.field("ReplicaDirectoryId", m.replica_directory_id, since(17), tagged(0), ignorable);
  f.field("HighWatermark", m.high_watermark, since(18),
    def(std::numeric_limits<std::int64_t>::max()), tagged(1), ignorable);
}

template <class F, class M>
  requires of<M, fetch_topic>
void describe(F& f, M& m) {
  f.field("Topic", m.topic, between(0, 12), ignorable);
  f.field("TopicId", m.topic_id, since(13), ignorable);
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, forgotten_topic>
void describe(F& f, M& m) {
  f.field("Topic", m.topic, between(7, 12), ignorable);
  f.field("TopicId", m.topic_id, since(13), ignorable);
  f.field("Partitions", m.partitions, since(7));
}

template <class F, class M>
  requires of<M, fetch_request>
void describe(F& f, M& m) {
  f.field("ClusterId", m.cluster_id, since(12), null_since(12), def(nullptr), tagged(0),
    ignorable);
  f.field("ReplicaId", m.replica_id, between(0, 14), def(-1));
  f.field("ReplicaState", m.replica_state, since(15), tagged(1));
  f.field("MaxWaitMs", m.max_wait_ms, since(0));
  f.field("MinBytes", m.min_bytes, since(0));
  f.field("MaxBytes", m.max_bytes, since(3),
    def(std::numeric_limits<std::int32_t>::max()), ignorable);
  f.field("IsolationLevel", m.isolation_level, since(4), ignorable);
  f.field("SessionId", m.session_id, since(7), ignorable);
  f.field("SessionEpoch", m.session_epoch, since(7), def(-1), ignorable);
  f.field("Topics", m.topics, since(0));
  f.field("ForgottenTopicsData", m.forgotten_topics_data, since(7));
  f.field("RackId", m.rack_id, since(11), ignorable);
}

template <class F, class M>
  requires of<M, epoch_end_offset>
void describe(F& f, M& m) {
  f.field("Epoch", m.epoch, since(12), def(-1));
  f.field("EndOffset", m.end_offset, since(12), def(-1));
}

template <class F, class M>
  requires of<M, snapshot_id>
void describe(F& f, M& m) {
  f.field("EndOffset", m.end_offset, since(0), def(-1));
  f.field("Epoch", m.epoch, since(0), def(-1));
}

template <class F, class M>
  requires of<M, aborted_transaction>
void describe(F& f, M& m) {
  f.field("ProducerId", m.producer_id, since(4));
  f.field("FirstOffset", m.first_offset, since(4));
}

template <class F, class M>
  requires of<M, fetch_partition_data>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field("HighWatermark", m.high_watermark, since(0));
  f.field("LastStableOffset", m.last_stable_offset, since(4), def(-1), ignorable);
  f.field("LogStartOffset", m.log_start_offset, since(5), def(-1), ignorable);
  f.field("DivergingEpoch", m.diverging_epoch, since(12), tagged(0));
  f.field("CurrentLeader", m.current_leader, since(12), tagged(1));
  f.field("SnapshotId", m.snapshot_id, since(12), tagged(2));
  f.field(
    "AbortedTransactions", m.aborted_transactions, since(4), null_since(4), ignorable);
  f.field("PreferredReadReplica", m.preferred_read_replica, since(11), def(-1));
  f.field("Records", m.records, since(0), null_since(0), record_batches, def(nullptr));
}

template <class F, class M>
  requires of<M, fetchable_topic_response>
void describe(F& f, M& m) {
  f.field("Topic", m.topic, between(0, 12), ignorable);
  f.field("TopicId", m.topic_id, since(13), ignorable);
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, fetch_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("ErrorCode", m.error_code, since(7), ignorable);
  f.field("SessionId", m.session_id, since(7));
  f.field("Responses", m.responses, since(0));
  f.field("NodeEndpoints", m.node_endpoints, since(16), tagged(0));
}

CAFKA_COMPILE_MESSAGE(fetch_request);
CAFKA_COMPILE_MESSAGE(fetch_response);

} // namespace cafka::protocol
