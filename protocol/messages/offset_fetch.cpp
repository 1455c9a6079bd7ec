#include "offset_fetch.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, offset_fetch_request_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, between(0, 7));
  f.field("PartitionIndexes", m.partition_indexes, between(0, 7));
}

template <class F, class M>
  requires of<M, offset_fetch_request_group_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, between(8, 9), ignorable);
  f.field("TopicId", m.topic_id, since(10), ignorable);
  f.field("PartitionIndexes", m.partition_indexes, since(8));
}

template <class F, class M>
  requires of<M, offset_fetch_request_group>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(8));
  f.field("MemberId", m.member_id, since(9), null_since(9), def(nullptr), ignorable);
  f.field("MemberEpoch", m.member_epoch, since(9), def(-1), ignorable);
  f.field("Topics", m.topics, since(8), null_since(8));
}

template <class F, class M>
  requires of<M, offset_fetch_request>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, between(0, 7));
  f.field("Topics", m.topics, between(0, 7), null_since(2));
  f.field("Groups", m.groups, since(8));
  f.field("RequireStable", m.require_stable, since(7));
}

template <class F, class M>
  requires of<M, offset_fetch_response_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("CommittedOffset", m.committed_offset, since(0));
  f.field("CommittedLeaderEpoch", m.committed_leader_epoch, since(5), def(-1), ignorable);
  f.field("Metadata", m.metadata, since(0), null_since(0));
  f.field("ErrorCode", m.error_code, since(0));
}

template <class F, class M>
  requires of<M, offset_fetch_response_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, between(0, 7));
  f.field("Partitions", m.partitions, between(0, 7));
}

template <class F, class M>
  requires of<M, offset_fetch_response_group_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, between(8, 9), ignorable);
  f.field("TopicId", m.topic_id, since(10), ignorable);
  f.field("Partitions", m.partitions, since(8));
}

template <class F, class M>
  requires of<M, offset_fetch_response_group>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(8));
  f.field("Topics", m.topics, since(8));
  f.field("ErrorCode", m.error_code, since(8));
}

template <class F, class M>
  requires of<M, offset_fetch_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(3), ignorable);
  f.field("Topics", m.topics, between(0, 7));
  f.field("ErrorCode", m.error_code, between(2, 7), ignorable);
  f.field("Groups", m.groups, since(8));
}

CAFKA_COMPILE_MESSAGE(offset_fetch_request);
CAFKA_COMPILE_MESSAGE(offset_fetch_response);

} // namespace cafka::protocol
