#include "api.hpp"

// OffsetDelete, version 0 (KIP-496).
//
// A group that does not exist is GROUP_ID_NOT_FOUND, one of the classic protocol with
// members that are no consumers NON_EMPTY_GROUP: errors of the whole. A topic that a
// member subscribes to is GROUP_SUBSCRIBED_TO_TOPIC, one that does not exist
// UNKNOWN_TOPIC_OR_PARTITION. Where nothing was committed nothing is deleted, and that is
// no error.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr auto failed = &failed_with<offset_delete_response>;

error_code may_delete(const request_context& c, const std::string& name) {
  if (const auto why = may_coordinate(c, name); why != error_code::none)
    return why;
  if (!c.cluster.has_group(name))
    return error_code::group_id_not_found;
  const auto* classic = c.cluster.group(name);
  return classic != nullptr && classic->state() != classic_group::phase::empty
      && classic->type() != "consumer"
    ? error_code::non_empty_group
    : error_code::none;
}

bool subscribed(
  const request_context& c, const std::string& group, const std::string& topic) {
  if (const auto* classic = c.cluster.group(group))
    return classic->subscribes(topic);
  const auto* consumers = c.cluster.consumers_of(group);
  return consumers != nullptr && consumers->subscribes(topic);
}

} // namespace

outcome<offset_delete_response> handle(
  const request_context& c, const offset_delete_request& asked) {
  if (const auto why = may_delete(c, asked.group_id); why != error_code::none)
    return failed(why);
  offset_delete_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    auto* topic = c.cluster.find(t.name);
    for (const auto& p : t.partitions) {
      auto& x = out.partitions.emplace_back();
      x.partition_index = p.partition_index;
      if (fake_state::find(topic, p.partition_index) == nullptr)
        x.error_code = error_code::unknown_topic_or_partition;
      else if (subscribed(c, asked.group_id, t.name))
        x.error_code = error_code::group_subscribed_to_topic;
      else if (const auto mine = c.cluster.groups.find(asked.group_id);
               mine != c.cluster.groups.end())
        mine->second.erase({t.name, p.partition_index.value()});
    }
  }
  return response;
}

offset_delete_response refuse(
  const offset_delete_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
