#include "api.hpp"

#include <algorithm>
#include <set>

// Metadata, versions 0 to 13.
//
// In 0 an empty list of topics asks for all, later for none, and null for all. Before 4 a
// topic that does not exist is always made, if the broker makes topics; since 4 if the
// client allows it. A topic that is being made is LEADER_NOT_AVAILABLE before KRaft and
// UNKNOWN_TOPIC_OR_PARTITION with it; the next request has it. Ids are in the answer
// since 10, and topics may be asked for by them since 12; in 10 and 11 that is
// INVALID_REQUEST for all topics, and
// no broker is named. Epochs since 7, offline
// replicas since 5, racks and controllers since 1, the cluster's id since 2.
//
// Without authorizer everything is allowed: the bits of authorized operations, where they
// are asked for, are all that apply to a topic or a cluster.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int32_t all_of_topic = 0b1101'1111'1000;
constexpr std::int32_t all_of_cluster = 0b1'1111'1010'0000;

metadata_response_topic described(
  const request_context& c, const fake_topic& topic, const metadata_request& asked) {
  metadata_response_topic out;
  out.name = topic.name;
  out.topic_id = topic.id;
  out.is_internal =
    topic.name == "__consumer_offsets" || topic.name == "__transaction_state";
  if (asked.include_topic_authorized_operations)
    out.topic_authorized_operations = all_of_topic;
  for (std::size_t i = 0; i != topic.partitions.size(); ++i) {
    const auto& p = topic.partitions[i];
    auto& x = out.partitions.emplace_back();
    x.partition_index = static_cast<std::int32_t>(i);
    x.leader_id = p.leader;
    x.leader_epoch = p.epoch;
    if (p.leader < 0)
      x.error_code = error_code::leader_not_available;
    for (const auto b : p.replicas) {
      x.replica_nodes.emplace_back(b);
      if (!c.cluster.alive(b))
        x.offline_replicas.emplace_back(b);
      else
        x.isr_nodes.emplace_back(b);
    }
  }
  return out;
}

metadata_response_topic failed(
  std::optional<std::string> name, const uuid& id, error_code why) {
  metadata_response_topic out;
  out.error_code = why;
  out.name = std::move(name);
  out.topic_id = id;
  return out;
}

} // namespace

outcome<metadata_response> handle(
  const request_context& c, const metadata_request& asked) {
  if (c.version < 12 && asked.topics
    && std::ranges::any_of(
      *asked.topics, [](const auto& t) { return !t.topic_id.is_zero() || !t.name; }))
    return refuse(asked, c.version, error_code::invalid_request);
  metadata_response response;
  auto& cluster = c.cluster;
  for (const auto& [id, b] : cluster.brokers) {
    if (b.alive)
      response.brokers.push_back({id, b.address.host, b.address.port, b.rack});
  }
  response.cluster_id = cluster.options.cluster_id;
  response.controller_id = cluster.controller;
  if (asked.include_cluster_authorized_operations)
    response.cluster_authorized_operations = all_of_cluster;
  if (!asked.topics || (c.version == 0 && asked.topics->empty())) {
    for (const auto& [name, topic] : cluster.topics)
      response.topics.push_back(described(c, topic, asked));
    return response;
  }
  const auto may_create = cluster.options.auto_create_topics && !cluster.apart()
    && (c.version < 4 || asked.allow_auto_topic_creation);
  std::set<std::string> answered;
  for (const auto& t : *asked.topics) {
    if (!t.topic_id.is_zero() || !t.name) {
      if (const auto* topic = cluster.find(t.topic_id)) {
        response.topics.push_back(described(c, *topic, asked));
      } else {
        response.topics.push_back(
          failed(std::nullopt, t.topic_id, error_code::unknown_topic_id));
      }
      continue;
    }
    if (!answered.insert(*t.name).second)
      continue;
    if (const auto* topic = cluster.find(*t.name)) {
      response.topics.push_back(described(c, *topic, asked));
    } else if (!legal_topic_name(*t.name)) {
      response.topics.push_back(failed(t.name, {}, error_code::invalid_topic_exception));
    } else if (may_create) {
      cluster.create(*t.name, 0, 0);
      response.topics.push_back(failed(t.name, {},
        cluster.knows_kraft() ? error_code::unknown_topic_or_partition
                              : error_code::leader_not_available));
    } else {
      response.topics.push_back(
        failed(t.name, {}, error_code::unknown_topic_or_partition));
    }
  }
  return response;
}

metadata_response refuse(
  const metadata_request& asked, std::int16_t version, error_code why) {
  metadata_response response;
  if (version >= 13)
    response.error_code = why;
  for (const auto& t : asked.topics.value_or(std::vector<metadata_request_topic>{}))
    response.topics.push_back(
      failed(version >= 12 ? t.name : t.name.value_or(""), t.topic_id, why));
  return response;
}

} // namespace cafka::testing
