#include "list_groups.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, list_groups_request>
void describe(F& f, M& m) {
  f.field("StatesFilter", m.states_filter, since(4));
  f.field("TypesFilter", m.types_filter, since(5));
}

template <class F, class M>
  requires of<M, listed_group>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("ProtocolType", m.protocol_type, since(0));
  f.field("GroupState", m.group_state, since(4), ignorable);
  f.field("GroupType", m.group_type, since(5), ignorable);
}

template <class F, class M>
  requires of<M, list_groups_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("ErrorCode", m.error_code, since(0));
  f.field("Groups", m.groups, since(0));
}

CAFKA_COMPILE_MESSAGE(list_groups_request);
CAFKA_COMPILE_MESSAGE(list_groups_response);

} // namespace cafka::protocol
