#include "api.hpp"

// SyncGroup, versions 0 to 5.
//
// Instance ids since 3. Since 5 the protocol's type and name are to be said, else
// INCONSISTENT_GROUP_PROTOCOL (KIP-559). The answer waits for the leader's assignment.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t protocol_since = 5;

constexpr auto failed = &failed_with<sync_group_response>;

} // namespace

outcome<sync_group_response> handle(
  const request_context& c, const sync_group_request& asked) {
  if (c.version >= protocol_since && (!asked.protocol_type || !asked.protocol_name))
    return failed(error_code::inconsistent_group_protocol);
  if (const auto why = may_coordinate(c, asked.group_id); why != error_code::none)
    return failed(why);
  auto* group = c.cluster.group(asked.group_id);
  if (group == nullptr)
    return failed(error_code::unknown_member_id);
  const auto slot = std::make_shared<std::optional<sync_group_response>>();
  group->sync(c.now, asked, slot);
  ++c.cluster.changes;
  if (*slot)
    return **slot;
  return waiting<sync_group_response>{time_point::max(),
    [slot, id = asked.group_id, &cluster = c.cluster, broker = c.broker.id](
      time_point) -> std::optional<sync_group_response> {
      if (!*slot && cluster.coordinator(group_key, id) != broker)
        return failed(error_code::not_coordinator);
      return *slot;
    }};
}

sync_group_response refuse(const sync_group_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
