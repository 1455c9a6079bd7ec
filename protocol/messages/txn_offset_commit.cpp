#include "txn_offset_commit.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, txn_offset_commit_request_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("CommittedOffset", m.committed_offset, since(0));
  f.field("CommittedLeaderEpoch", m.committed_leader_epoch, since(2), def(-1), ignorable);
  f.field("CommittedMetadata", m.committed_metadata, since(0), null_since(0));
}

template <class F, class M>
  requires of<M, txn_offset_commit_request_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, txn_offset_commit_request>
void describe(F& f, M& m) {
  f.field("TransactionalId", m.transactional_id, since(0));
  f.field("GroupId", m.group_id, since(0));
  f.field("ProducerId", m.producer_id, since(0));
  f.field("ProducerEpoch", m.producer_epoch, since(0));
  f.field("GenerationId", m.generation_id, since(3), def(-1));
  f.field("MemberId", m.member_id, since(3));
  f.field("GroupInstanceId", m.group_instance_id, since(3), null_since(3), def(nullptr));
  f.field("Topics", m.topics, since(0));
}

template <class F, class M>
  requires of<M, txn_offset_commit_response_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("ErrorCode", m.error_code, since(0));
}

template <class F, class M>
  requires of<M, txn_offset_commit_response_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, txn_offset_commit_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("Topics", m.topics, since(0));
}

CAFKA_COMPILE_MESSAGE(txn_offset_commit_request);
CAFKA_COMPILE_MESSAGE(txn_offset_commit_response);

} // namespace cafka::protocol
