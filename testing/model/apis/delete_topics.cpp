#include "api.hpp"

#include <set>

// DeleteTopics, versions 0 to 6.
//
// Before KRaft the controller alone deletes topics, others answer NOT_CONTROLLER. Up to 5
// topics are named, in 6 named or told by their ids, and one that is both is
// INVALID_REQUEST. A topic that does not exist is UNKNOWN_TOPIC_OR_PARTITION, an id
// UNKNOWN_TOPIC_ID. Since 5 an error has a text.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t ids_since = 6;

deletable_topic_result result_of(
  std::optional<std::string> name, const uuid& id, error_code code) {
  deletable_topic_result x;
  x.name = std::move(name);
  x.topic_id = id;
  x.error_code = code;
  if (code != error_code::none)
    x.error_message = std::string{text(code)};
  return x;
}

deletable_topic_result remove(fake_state& cluster, const delete_topic_state& t) {
  if (t.name && !t.topic_id.is_zero())
    return result_of(t.name, t.topic_id, error_code::invalid_request);
  const auto* topic = t.name ? cluster.find(*t.name) : cluster.find(t.topic_id);
  if (topic == nullptr)
    return result_of(t.name, t.topic_id,
      t.name ? error_code::unknown_topic_or_partition : error_code::unknown_topic_id);
  const auto id = topic->id;
  const auto name = topic->name;
  cluster.remove(name);
  return result_of(name, id, error_code::none);
}

} // namespace

outcome<delete_topics_response> handle(
  const request_context& c, const delete_topics_request& asked) {
  if (c.cluster.apart())
    return answer_late(c, asked, asked.timeout_ms);
  if (!c.cluster.knows_kraft() && c.cluster.controller != c.broker.id)
    return refuse(asked, c.version, error_code::not_controller);
  delete_topics_response response;
  if (c.version >= ids_since) {
    for (const auto& t : asked.topics)
      response.responses.push_back(remove(c.cluster, t));
    return response;
  }
  for (const auto& name : asked.topic_names)
    response.responses.push_back(remove(c.cluster, {name, {}}));
  return response;
}

delete_topics_response refuse(
  const delete_topics_request& asked, std::int16_t version, error_code why) {
  delete_topics_response response;
  if (version >= ids_since) {
    for (const auto& t : asked.topics)
      response.responses.push_back(result_of(t.name, t.topic_id, why));
    return response;
  }
  for (const auto& name : asked.topic_names)
    response.responses.push_back(result_of(name, {}, why));
  return response;
}

} // namespace cafka::testing
