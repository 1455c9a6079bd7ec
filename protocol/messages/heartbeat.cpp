#include "heartbeat.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, heartbeat_request>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("GenerationId", m.generation_id, since(0));
  f.field("MemberId", m.member_id, since(0));
  f.field("GroupInstanceId", m.group_instance_id, since(3), null_since(3), def(nullptr));
}

template <class F, class M>
  requires of<M, heartbeat_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("ErrorCode", m.error_code, since(0));
}

CAFKA_COMPILE_MESSAGE(heartbeat_request);
CAFKA_COMPILE_MESSAGE(heartbeat_response);

} // namespace cafka::protocol
