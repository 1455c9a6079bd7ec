#include "api.hpp"

#include <algorithm>
#include <set>

// CreateTopics, versions 0 to 7.
//
// Before KRaft the controller alone makes topics, others answer NOT_CONTROLLER; with it
// any broker hands the request on. Since 1 a request may only check, and an error has a
// text. -1 for the numbers means the broker's default, which brokers before 2.4 refuse.
// Since 5 the answer says what was made, with the configs that the request set; a real
// broker lists all of them. Ids since 7, also
// of what was only checked.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr kafka_version first_with_defaults{2, 4};

creatable_topic_result failed(const std::string& name, error_code why) {
  creatable_topic_result x;
  x.name = name;
  x.error_code = why;
  x.error_message = std::string{text(why)};
  x.configs.reset();
  return x;
}

/// The assignments by partition; nothing where they do not fit each other.
std::optional<std::vector<std::vector<std::int32_t>>> replicas_of(
  const fake_state& cluster, const creatable_topic& asked) {
  std::vector<std::vector<std::int32_t>> all(asked.assignments.size());
  std::set<std::int32_t> seen;
  for (const auto& a : asked.assignments) {
    const auto p = a.partition_index.value();
    if (p < 0 || static_cast<std::size_t>(p) >= all.size() || !seen.insert(p).second
      || a.broker_ids.empty()
      || a.broker_ids.size() != asked.assignments.front().broker_ids.size())
      return std::nullopt;
    std::set<std::int32_t> once;
    for (const auto b : a.broker_ids) {
      if (!cluster.brokers.contains(b.value()) || !once.insert(b.value()).second)
        return std::nullopt;
      all[static_cast<std::size_t>(p)].push_back(b.value());
    }
  }
  return all;
}

error_code numbers_are_wrong(const request_context& c, const creatable_topic& asked) {
  const auto defaults = c.broker.release >= first_with_defaults;
  if (asked.num_partitions <= 0 && !(defaults && asked.num_partitions == -1))
    return error_code::invalid_partitions;
  const auto brokers = static_cast<std::int32_t>(std::ranges::count_if(
    c.cluster.brokers, [](const auto& b) { return b.second.alive; }));
  if ((asked.replication_factor <= 0 && !(defaults && asked.replication_factor == -1))
    || asked.replication_factor > brokers)
    return error_code::invalid_replication_factor;
  return error_code::none;
}

creatable_topic_result make(
  const request_context& c, const creatable_topic& asked, bool only_check) {
  if (!legal_topic_name(asked.name))
    return failed(asked.name, error_code::invalid_topic_exception);
  if (c.cluster.find(asked.name) != nullptr)
    return failed(asked.name, error_code::topic_already_exists);
  std::map<std::string, std::string> configs;
  for (const auto& config : asked.configs) {
    if (!config.value)
      return failed(asked.name, error_code::invalid_config);
    configs[config.name] = *config.value;
  }
  auto partitions = asked.num_partitions;
  auto factor = asked.replication_factor;
  std::vector<std::vector<std::int32_t>> replicas;
  if (asked.assignments.empty()) {
    if (const auto why = numbers_are_wrong(c, asked); why != error_code::none)
      return failed(asked.name, why);
    if (partitions < 0)
      partitions = c.cluster.options.partitions;
    if (factor < 0)
      factor = c.cluster.options.replication_factor;
    if (factor == 0)
      factor = static_cast<std::int16_t>(c.cluster.brokers.size());
  } else {
    if (partitions != -1 || factor != -1)
      return failed(asked.name, error_code::invalid_request);
    const auto assigned = replicas_of(c.cluster, asked);
    if (!assigned)
      return failed(asked.name, error_code::invalid_replica_assignment);
    replicas = *assigned;
    partitions = static_cast<std::int32_t>(replicas.size());
    factor = static_cast<std::int16_t>(replicas.front().size());
  }
  creatable_topic_result x;
  x.name = asked.name;
  x.error_message.reset();
  x.num_partitions = partitions;
  x.replication_factor = factor;
  for (const auto& [name, value] : configs) {
    constexpr std::int8_t of_the_topic = 1;
    x.configs->push_back({name, value, false, of_the_topic, false});
  }
  if (only_check) {
    x.topic_id = c.cluster.fresh_id();
    return x;
  }
  x.topic_id = replicas.empty()
    ? c.cluster.create(asked.name, partitions, factor, std::move(configs)).id
    : c.cluster.create(asked.name, replicas, std::move(configs)).id;
  return x;
}

} // namespace

outcome<create_topics_response> handle(
  const request_context& c, const create_topics_request& asked) {
  if (c.cluster.apart())
    return answer_late(c, asked, asked.timeout_ms);
  if (!c.cluster.knows_kraft() && c.cluster.controller != c.broker.id)
    return refuse(asked, c.version, error_code::not_controller);
  create_topics_response response;
  std::map<std::string, int> times;
  for (const auto& t : asked.topics)
    ++times[t.name];
  for (const auto& t : asked.topics) {
    if (times[t.name] == 1)
      response.topics.push_back(make(c, t, asked.validate_only));
    else if (std::ranges::none_of(
               response.topics, [&](const auto& x) { return x.name == t.name; }))
      response.topics.push_back(failed(t.name, error_code::invalid_request));
  }
  return response;
}

create_topics_response refuse(
  const create_topics_request& asked, std::int16_t, error_code why) {
  create_topics_response response;
  for (const auto& t : asked.topics)
    response.topics.push_back(failed(t.name, why));
  return response;
}

} // namespace cafka::testing
