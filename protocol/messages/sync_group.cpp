#include "sync_group.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, sync_group_request_assignment>
void describe(F& f, M& m) {
  f.field("MemberId", m.member_id, since(0));
  f.field("Assignment", m.assignment, since(0));
}

template <class F, class M>
  requires of<M, sync_group_request>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("GenerationId", m.generation_id, since(0));
  f.field("MemberId", m.member_id, since(0));
  f.field("GroupInstanceId", m.group_instance_id, since(3), null_since(3), def(nullptr));
  f.field(
    "ProtocolType", m.protocol_type, since(5), null_since(5), def(nullptr), ignorable);
  f.field(
    "ProtocolName", m.protocol_name, since(5), null_since(5), def(nullptr), ignorable);
  f.field("Assignments", m.assignments, since(0));
}

template <class F, class M>
  requires of<M, sync_group_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("ErrorCode", m.error_code, since(0));
  f.field(
    "ProtocolType", m.protocol_type, since(5), null_since(5), def(nullptr), ignorable);
  f.field(
    "ProtocolName", m.protocol_name, since(5), null_since(5), def(nullptr), ignorable);
  f.field("Assignment", m.assignment, since(0));
}

CAFKA_COMPILE_MESSAGE(sync_group_request);
CAFKA_COMPILE_MESSAGE(sync_group_response);

} // namespace cafka::protocol
