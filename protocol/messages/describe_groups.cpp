#include "describe_groups.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, describe_groups_request>
void describe(F& f, M& m) {
  f.field("Groups", m.groups, since(0));
  f.field("IncludeAuthorizedOperations", m.include_authorized_operations, since(3));
}

template <class F, class M>
  requires of<M, described_group_member>
void describe(F& f, M& m) {
  f.field("MemberId", m.member_id, since(0));
  f.field("GroupInstanceId", m.group_instance_id, since(4), null_since(4), def(nullptr),
    ignorable);
  f.field("ClientId", m.client_id, since(0));
  f.field("ClientHost", m.client_host, since(0));
  f.field("MemberMetadata", m.member_metadata, since(0));
  f.field("MemberAssignment", m.member_assignment, since(0));
}

template <class F, class M>
  requires of<M, described_group>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ErrorMessage", m.error_message, since(6), null_since(6), def(nullptr));
  f.field("GroupId", m.group_id, since(0));
  f.field("GroupState", m.group_state, since(0));
  f.field("ProtocolType", m.protocol_type, since(0));
  f.field("ProtocolData", m.protocol_data, since(0));
  f.field("Members", m.members, since(0));
  f.field("AuthorizedOperations", m.authorized_operations, since(3), def(INT32_MIN));
}

template <class F, class M>
  requires of<M, describe_groups_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("Groups", m.groups, since(0));
}

CAFKA_COMPILE_MESSAGE(describe_groups_request);
CAFKA_COMPILE_MESSAGE(describe_groups_response);

} // namespace cafka::protocol
