#include "api.hpp"

// LeaveGroup, versions 0 to 5.
//
// Up to 2 one member leaves, and the error is that of the answer; since 3 several may, by
// their ids or their instance ids, and each has an error of its own. Members of the
// consumer protocol can be removed as well.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t several_since = 3;

constexpr auto failed = &failed_with<leave_group_response>;

} // namespace

outcome<leave_group_response> handle(
  const request_context& c, const leave_group_request& asked) {
  if (const auto why = may_coordinate(c, asked.group_id); why != error_code::none)
    return failed(why);
  auto* group = c.cluster.group(asked.group_id);
  const auto leave = [&](const std::string& id,
                       const std::optional<std::string>& instance) {
    if (auto* others = c.cluster.consumers_of(asked.group_id))
      return others->leave(id, instance);
    return group == nullptr ? error_code::unknown_member_id
                            : group->leave(c.now, id, instance);
  };
  ++c.cluster.changes;
  if (c.version < several_since)
    return failed(leave(asked.member_id, std::nullopt));
  leave_group_response response;
  for (const auto& m : asked.members)
    response.members.push_back(
      {m.member_id, m.group_instance_id, leave(m.member_id, m.group_instance_id)});
  return response;
}

leave_group_response refuse(const leave_group_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
