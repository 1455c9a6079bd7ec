#include "api.hpp"

#include <algorithm>

// ConsumerGroupHeartbeat, versions 0 and 1, since 4.0 (KIP-848).
//
// Since 1 the member makes its id (KIP-1082) and may subscribe by a regular expression.
// What makes no sense by itself is INVALID_REQUEST, an assignor that the coordinator does
// not have UNSUPPORTED_ASSIGNOR, and only then NOT_COORDINATOR. A group that does not
// exist is made by who joins with epoch 0, and is GROUP_ID_NOT_FOUND to all others. So is
// one with members of the classic protocol, as at a broker whose
// group.consumer.migration.policy is `disabled`; without members it becomes a group of
// this protocol. The rest is in consumer_group.cpp.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr auto failed = &failed_with<consumer_group_heartbeat_response>;

constexpr std::int16_t own_id_since = 1;
constexpr std::int32_t leaves = -1;
constexpr std::int32_t will_be_back = -2;

/// As Java's `trim` sees it.
bool blank(const std::string& text) {
  return std::ranges::all_of(
    text, [](char c) { return static_cast<unsigned char>(c) <= ' '; });
}

bool blank(const std::optional<std::string>& text) {
  return text && blank(*text);
}

error_code check(const consumer_group_heartbeat_request& asked, std::int16_t version) {
  const auto epoch = asked.member_epoch;
  const auto needs_id = version >= own_id_since || epoch > 0 || epoch == leaves;
  if ((needs_id && blank(asked.member_id)) || blank(asked.group_id)
    || blank(asked.instance_id) || blank(asked.rack_id) || epoch < will_be_back)
    return error_code::invalid_request;
  const auto subscribes = asked.subscribed_topic_names || asked.subscribed_topic_regex;
  if (epoch == 0
    && (asked.rebalance_timeout_ms == -1 || !asked.topic_partitions
      || !asked.topic_partitions->empty() || !subscribes))
    return error_code::invalid_request;
  if (epoch == will_be_back && !asked.instance_id)
    return error_code::invalid_request;
  const auto& assignor = asked.server_assignor;
  return assignor && *assignor != "uniform" && *assignor != "range"
    ? error_code::unsupported_assignor
    : error_code::none;
}

} // namespace

outcome<consumer_group_heartbeat_response> handle(
  const request_context& c, const consumer_group_heartbeat_request& asked) {
  auto& cluster = c.cluster;
  if (const auto why = check(asked, c.version); why != error_code::none)
    return failed(why);
  if (const auto why = may_coordinate(c, asked.group_id); why != error_code::none)
    return failed(why);
  const auto joins = asked.member_epoch == 0;
  const auto* classic = cluster.group(asked.group_id);
  if (classic != nullptr && (!joins || classic->state() != classic_group::phase::empty))
    return failed(error_code::group_id_not_found);
  auto* group = cluster.consumers_of(asked.group_id);
  if (group == nullptr && !joins)
    return failed(error_code::group_id_not_found);
  auto request = asked;
  if (request.member_id.empty())
    request.member_id = to_string(cluster.fresh_id());
  auto fresh = cluster.fresh_consumers();
  auto response = (group != nullptr ? *group : fresh)
                    .heartbeat(c.now, request, c.client_id, cluster.topics_for_groups());
  if (group == nullptr && response.error_code == error_code::none) {
    cluster.members.erase(asked.group_id);
    cluster.consumers.emplace(asked.group_id, std::move(fresh));
  }
  ++cluster.changes;
  return response;
}

consumer_group_heartbeat_response refuse(
  const consumer_group_heartbeat_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
