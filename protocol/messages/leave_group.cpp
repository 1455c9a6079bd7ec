#include "leave_group.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, leave_group_member>
void describe(F& f, M& m) {
  f.field("MemberId", m.member_id, since(3));
  f.field("GroupInstanceId", m.group_instance_id, since(3), null_since(3), def(nullptr));
  f.field("Reason", m.reason, since(5), null_since(5), def(nullptr), ignorable);
}

template <class F, class M>
  requires of<M, leave_group_request>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("MemberId", m.member_id, between(0, 2));
  f.field("Members", m.members, since(3));
}

template <class F, class M>
  requires of<M, leave_group_member_response>
void describe(F& f, M& m) {
  f.field("MemberId", m.member_id, since(3));
  f.field("GroupInstanceId", m.group_instance_id, since(3), null_since(3));
  f.field("ErrorCode", m.error_code, since(3));
}

template <class F, class M>
  requires of<M, leave_group_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("ErrorCode", m.error_code, since(0));
  f.field("Members", m.members, since(3));
}

CAFKA_COMPILE_MESSAGE(leave_group_request);
CAFKA_COMPILE_MESSAGE(leave_group_response);

} // namespace cafka::protocol
