#include "offset_commit.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, offset_commit_request_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("CommittedOffset", m.committed_offset, since(0));
  f.field("CommittedLeaderEpoch", m.committed_leader_epoch, since(6), def(-1), ignorable);
  f.field("CommitTimestamp", m.commit_timestamp, between(1, 1), def(-1));
  f.field("CommittedMetadata", m.committed_metadata, since(0), null_since(0));
}

template <class F, class M>
  requires of<M, offset_commit_request_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, between(0, 9), ignorable);
  f.field("TopicId", m.topic_id, since(10), ignorable);
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, offset_commit_request>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("GenerationIdOrMemberEpoch", m.generation_id_or_member_epoch, since(1), def(-1),
    ignorable);
  f.field("MemberId", m.member_id, since(1), ignorable);
  f.field("GroupInstanceId", m.group_instance_id, since(7), null_since(7), def(nullptr));
  f.field("RetentionTimeMs", m.retention_time_ms, between(2, 4), def(-1), ignorable);
  f.field("Topics", m.topics, since(0));
}

template <class F, class M>
  requires of<M, offset_commit_response_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("ErrorCode", m.error_code, since(0));
}

template <class F, class M>
  requires of<M, offset_commit_response_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, between(0, 9), ignorable);
  f.field("TopicId", m.topic_id, since(10), ignorable);
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, offset_commit_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(3), ignorable);
  f.field("Topics", m.topics, since(0));
}

CAFKA_COMPILE_MESSAGE(offset_commit_request);
CAFKA_COMPILE_MESSAGE(offset_commit_response);

} // namespace cafka::protocol
