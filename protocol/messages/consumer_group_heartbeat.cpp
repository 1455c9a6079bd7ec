#include "consumer_group_heartbeat.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, consumer_group_heartbeat_topic_partitions>
void describe(F& f, M& m) {
  f.field("TopicId", m.topic_id, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, consumer_group_heartbeat_request>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("MemberId", m.member_id, since(0));
  f.field("MemberEpoch", m.member_epoch, since(0));
  f.field("InstanceId", m.instance_id, since(0), null_since(0), def(nullptr));
  f.field("RackId", m.rack_id, since(0), null_since(0), def(nullptr));
  f.field("RebalanceTimeoutMs", m.rebalance_timeout_ms, since(0), def(-1));
  f.field("SubscribedTopicNames", m.subscribed_topic_names, since(0), null_since(0),
    def(nullptr));
  f.field("SubscribedTopicRegex", m.subscribed_topic_regex, since(1), null_since(1),
    def(nullptr));
  f.field("ServerAssignor", m.server_assignor, since(0), null_since(0), def(nullptr));
  f.field("TopicPartitions", m.topic_partitions, since(0), null_since(0), def(nullptr));
}

template <class F, class M>
  requires of<M, consumer_group_heartbeat_assignment>
void describe(F& f, M& m) {
  f.field("TopicPartitions", m.topic_partitions, since(0));
}

template <class F, class M>
  requires of<M, consumer_group_heartbeat_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ErrorMessage", m.error_message, since(0), null_since(0), def(nullptr));
  f.field("MemberId", m.member_id, since(0), null_since(0), def(nullptr));
  f.field("MemberEpoch", m.member_epoch, since(0));
  f.field("HeartbeatIntervalMs", m.heartbeat_interval_ms, since(0));
  f.field("Assignment", m.assignment, since(0), null_since(0), def(nullptr));
}

CAFKA_COMPILE_MESSAGE(consumer_group_heartbeat_request);
CAFKA_COMPILE_MESSAGE(consumer_group_heartbeat_response);

} // namespace cafka::protocol
