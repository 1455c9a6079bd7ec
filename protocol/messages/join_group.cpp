#include "join_group.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, join_group_request_protocol>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Metadata", m.metadata, since(0));
}

template <class F, class M>
  requires of<M, join_group_request>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("SessionTimeoutMs", m.session_timeout_ms, since(0));
  f.field("RebalanceTimeoutMs", m.rebalance_timeout_ms, since(1), def(-1), ignorable);
  f.field("MemberId", m.member_id, since(0));
  f.field("GroupInstanceId", m.group_instance_id, since(5), null_since(5), def(nullptr));
  f.field("ProtocolType", m.protocol_type, since(0));
  f.field("Protocols", m.protocols, since(0));
  f.field("Reason", m.reason, since(8), null_since(8), def(nullptr), ignorable);
}

template <class F, class M>
  requires of<M, join_group_response_member>
void describe(F& f, M& m) {
  f.field("MemberId", m.member_id, since(0));
  f.field("GroupInstanceId", m.group_instance_id, since(5), null_since(5), def(nullptr),
    ignorable);
  f.field("Metadata", m.metadata, since(0));
}

template <class F, class M>
  requires of<M, join_group_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(2), ignorable);
  f.field("ErrorCode", m.error_code, since(0));
  f.field("GenerationId", m.generation_id, since(0), def(-1));
  f.field(
    "ProtocolType", m.protocol_type, since(7), null_since(7), def(nullptr), ignorable);
  f.field("ProtocolName", m.protocol_name, since(0), null_since(7));
  f.field("Leader", m.leader, since(0));
  f.field("SkipAssignment", m.skip_assignment, since(9));
  f.field("MemberId", m.member_id, since(0));
  f.field("Members", m.members, since(0));
}

CAFKA_COMPILE_MESSAGE(join_group_request);
CAFKA_COMPILE_MESSAGE(join_group_response);

} // namespace cafka::protocol
