#include "api.hpp"

// JoinGroup, versions 0 to 9.
//
// In 0 the rebalance timeout is the session's. Since 4 a new member without an instance
// id is MEMBER_ID_REQUIRED and told the id that it joins with (KIP-394). Instance ids
// since 5 (KIP-345), SkipAssignment for a static leader that is back since 9 (KIP-814). A
// group without a name is INVALID_GROUP_ID, a session timeout below 6 s or above what the
// release allows INVALID_SESSION_TIMEOUT. The answer waits until all members have joined.
// NOT_COORDINATOR names the member that has asked until 3.9, none since 4.0.
//
// A group with members of the consumer protocol is INCONSISTENT_GROUP_PROTOCOL: no group
// here has members of both, while Kafka lets such members in whose subscription it can
// read.

namespace cafka::testing {

using namespace protocol;

namespace {

/// From this version on an error names no protocol: null, not empty.
constexpr std::int16_t no_name_since = 7;
/// From this release on a broker that is not the coordinator names no member.
constexpr kafka_version no_member_since{4, 0};
constexpr std::int32_t shortest_session = 6'000;
constexpr std::int32_t minute = 60'000;

/// Kafka: group.max.session.timeout.ms.
std::int32_t longest_session(kafka_version release) {
  if (release < kafka_version{0, 10, 0})
    return minute / 2;
  return release < kafka_version{2, 3} ? 5 * minute : 30 * minute;
}

join_group_response failed(
  const join_group_request& asked, std::int16_t version, error_code why) {
  join_group_response response;
  response.error_code = why;
  response.member_id = asked.member_id;
  if (version >= no_name_since)
    response.protocol_name.reset();
  return response;
}

/// What the group has said, as this version has it.
join_group_response as_of(join_group_response said, std::int16_t version) {
  if (said.error_code != error_code::none && version >= no_name_since)
    said.protocol_name.reset();
  return said;
}

} // namespace

outcome<join_group_response> handle(
  const request_context& c, const join_group_request& asked) {
  if (const auto why = may_coordinate(c, asked.group_id); why != error_code::none) {
    auto response = failed(asked, c.version, why);
    if (why == error_code::not_coordinator && c.broker.release >= no_member_since)
      response.member_id.clear();
    return response;
  }
  if (asked.session_timeout_ms < shortest_session
    || asked.session_timeout_ms > longest_session(c.broker.release))
    return failed(asked, c.version, error_code::invalid_session_timeout);
  if (const auto* others = c.cluster.consumers_of(asked.group_id);
      others != nullptr && !others->empty())
    return failed(asked, c.version, error_code::inconsistent_group_protocol);
  auto* group = c.cluster.group(asked.group_id);
  if (group == nullptr && !asked.member_id.empty())
    return failed(asked, c.version, error_code::unknown_member_id);
  if (group == nullptr)
    group = &c.cluster.make_group(asked.group_id);
  const auto slot = std::make_shared<std::optional<join_group_response>>();
  const auto fresh =
    asked.group_instance_id.value_or(c.client_id) + '-' + to_string(c.cluster.fresh_id());
  group->join(c.now, c.version, asked, c.client_id, fresh, slot);
  ++c.cluster.changes;
  if (*slot)
    return as_of(**slot, c.version);
  auto member = asked;
  if (member.member_id.empty())
    member.member_id = fresh;
  return waiting<join_group_response>{time_point::max(),
    [slot, member, version = c.version, &cluster = c.cluster, broker = c.broker.id](
      time_point) -> std::optional<join_group_response> {
      if (!*slot && cluster.coordinator(group_key, member.group_id) != broker)
        return failed(member, version, error_code::not_coordinator);
      return *slot ? std::optional{as_of(**slot, version)} : std::nullopt;
    }};
}

join_group_response refuse(
  const join_group_request& asked, std::int16_t version, error_code why) {
  return failed(asked, version, why);
}

} // namespace cafka::testing
