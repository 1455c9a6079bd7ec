#include "list_offsets.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, list_offsets_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("CurrentLeaderEpoch", m.current_leader_epoch, since(4), def(-1), ignorable);
  f.field("Timestamp", m.timestamp, since(0));
  f.field("MaxNumOffsets", m.max_num_offsets, between(0, 0), def(1));
}

template <class F, class M>
  requires of<M, list_offsets_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, list_offsets_request>
void describe(F& f, M& m) {
  f.field("ReplicaId", m.replica_id, since(0), def(-1));
  f.field("IsolationLevel", m.isolation_level, since(2));
  f.field("Topics", m.topics, since(0));
  f.field("TimeoutMs", m.timeout_ms, since(10), ignorable);
}

template <class F, class M>
  requires of<M, list_offsets_partition_response>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field("OldStyleOffsets", m.old_style_offsets, between(0, 0));
  f.field("Timestamp", m.timestamp, since(1), def(-1));
  f.field("Offset", m.offset, since(1), def(-1));
  f.field("LeaderEpoch", m.leader_epoch, since(4), def(-1));
}

template <class F, class M>
  requires of<M, list_offsets_topic_response>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, list_offsets_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(2), ignorable);
  f.field("Topics", m.topics, since(0));
}

CAFKA_COMPILE_MESSAGE(list_offsets_request);
CAFKA_COMPILE_MESSAGE(list_offsets_response);

} // namespace cafka::protocol
