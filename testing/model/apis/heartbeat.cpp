#include "api.hpp"

// Heartbeat, versions 0 to 4. Instance ids since 3.
//
// REBALANCE_IN_PROGRESS while members are to join again; a group that does not exist has
// no members, which is UNKNOWN_MEMBER_ID.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr auto failed = &failed_with<heartbeat_response>;

} // namespace

outcome<heartbeat_response> handle(
  const request_context& c, const heartbeat_request& asked) {
  if (const auto why = may_coordinate(c, asked.group_id); why != error_code::none)
    return failed(why);
  auto* group = c.cluster.group(asked.group_id);
  if (group == nullptr)
    return failed(error_code::unknown_member_id);
  return failed(group->heartbeat(
    c.now, asked.generation_id, asked.member_id, asked.group_instance_id));
}

heartbeat_response refuse(const heartbeat_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
