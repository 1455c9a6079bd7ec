#include "offset_for_leader_epoch.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, offset_for_leader_partition>
void describe(F& f, M& m) {
  f.field("Partition", m.partition, since(0));
  f.field("CurrentLeaderEpoch", m.current_leader_epoch, since(2), def(-1), ignorable);
  f.field("LeaderEpoch", m.leader_epoch, since(0));
}

template <class F, class M>
  requires of<M, offset_for_leader_topic>
void describe(F& f, M& m) {
  f.field("Topic", m.topic, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, offset_for_leader_epoch_request>
void describe(F& f, M& m) {
  f.field("ReplicaId", m.replica_id, since(3), def(-2), ignorable);
  f.field("Topics", m.topics, since(0));
}

template <class F, class M>
  requires of<M, offset_for_leader_partition_result>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("Partition", m.partition, since(0));
  f.field("LeaderEpoch", m.leader_epoch, since(1), def(-1), ignorable);
  f.field("EndOffset", m.end_offset, since(0), def(-1));
}

template <class F, class M>
  requires of<M, offset_for_leader_topic_result>
void describe(F& f, M& m) {
  f.field("Topic", m.topic, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, offset_for_leader_epoch_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(2), ignorable);
  f.field("Topics", m.topics, since(0));
}

CAFKA_COMPILE_MESSAGE(offset_for_leader_epoch_request);
CAFKA_COMPILE_MESSAGE(offset_for_leader_epoch_response);

} // namespace cafka::protocol
