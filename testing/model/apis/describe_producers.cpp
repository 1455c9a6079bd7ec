#include "api.hpp"

// DescribeProducers, version 0 (KIP-664).
//
// A partition's leader is asked, else NOT_LEADER_OR_FOLLOWER. What no broker has is
// UNKNOWN_TOPIC_OR_PARTITION.

namespace cafka::testing {

using namespace protocol;

namespace {

described_producers_of_partition described(
  const request_context& c, const std::string& topic, partition_id index) {
  described_producers_of_partition out;
  out.partition_index = index;
  auto* const p = fake_state::find(c.cluster.find(topic), index);
  if (p == nullptr || p->leader != c.broker.id) {
    out.error_code = p == nullptr ? error_code::unknown_topic_or_partition
                                  : error_code::not_leader_or_follower;
    return out;
  }
  for (const auto& known : p->producers[c.broker.id].all())
    out.active_producers.push_back({known.id, known.epoch, known.last_sequence,
      known.last_time.time_since_epoch().count(), known.coordinator_epoch,
      p->log.open_since(known.id)});
  return out;
}

} // namespace

outcome<describe_producers_response> handle(
  const request_context& c, const describe_producers_request& asked) {
  describe_producers_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    for (const auto p : t.partition_indexes)
      out.partitions.push_back(described(c, t.name, p));
  }
  return response;
}

describe_producers_response refuse(
  const describe_producers_request& asked, std::int16_t, error_code why) {
  describe_producers_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.name = t.name;
    for (const auto p : t.partition_indexes)
      out.partitions.push_back({p, why, {}, {}});
  }
  return response;
}

} // namespace cafka::testing
