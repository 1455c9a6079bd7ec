#include "consumer_group_describe.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, consumer_group_describe_request>
void describe(F& f, M& m) {
  f.field("GroupIds", m.group_ids, since(0));
  f.field("IncludeAuthorizedOperations", m.include_authorized_operations, since(0));
}

template <class F, class M>
  requires of<M, consumer_group_describe_topic_partitions>
void describe(F& f, M& m) {
  f.field("TopicId", m.topic_id, since(0));
  f.field("TopicName", m.topic_name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, consumer_group_describe_assignment>
void describe(F& f, M& m) {
  f.field("TopicPartitions", m.topic_partitions, since(0));
}

template <class F, class M>
  requires of<M, consumer_group_describe_member>
void describe(F& f, M& m) {
  f.field("MemberId", m.member_id, since(0));
  f.field("InstanceId", m.instance_id, since(0), null_since(0), def(nullptr));
  f.field("RackId", m.rack_id, since(0), null_since(0), def(nullptr));
  f.field("MemberEpoch", m.member_epoch, since(0));
  f.field("ClientId", m.client_id, since(0));
  f.field("ClientHost", m.client_host, since(0));
  f.field("SubscribedTopicNames", m.subscribed_topic_names, since(0));
  f.field("SubscribedTopicRegex", m.subscribed_topic_regex, since(0), null_since(0),
    def(nullptr));
  f.field("Assignment", m.assignment, since(0));
  f.field("TargetAssignment", m.target_assignment, since(0));
  f.field("MemberType", m.member_type, since(1), def(-1), ignorable);
}

template <class F, class M>
  requires of<M, consumer_group_describe_group>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ErrorMessage", m.error_message, since(0), null_since(0), def(nullptr));
  f.field("GroupId", m.group_id, since(0));
  f.field("GroupState", m.group_state, since(0));
  f.field("GroupEpoch", m.group_epoch, since(0));
  f.field("AssignmentEpoch", m.assignment_epoch, since(0));
  f.field("AssignorName", m.assignor_name, since(0));
  f.field("Members", m.members, since(0));
  f.field("AuthorizedOperations", m.authorized_operations, since(0), def(INT32_MIN));
}

template <class F, class M>
  requires of<M, consumer_group_describe_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("Groups", m.groups, since(0));
}

CAFKA_COMPILE_MESSAGE(consumer_group_describe_request);
CAFKA_COMPILE_MESSAGE(consumer_group_describe_response);

} // namespace cafka::protocol
