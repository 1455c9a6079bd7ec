#include "delete_groups.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, delete_groups_request>
void describe(F& f, M& m) {
  f.field("GroupsNames", m.groups_names, since(0));
}

template <class F, class M>
  requires of<M, deletable_group_result>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field(
    "ErrorMessage", m.error_message, since(3), null_since(3), def(nullptr), ignorable);
}

template <class F, class M>
  requires of<M, delete_groups_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("Results", m.results, since(0));
}

CAFKA_COMPILE_MESSAGE(delete_groups_request);
CAFKA_COMPILE_MESSAGE(delete_groups_response);

} // namespace cafka::protocol
