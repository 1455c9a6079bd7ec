#include "assignor.hpp"

#include <algorithm>

namespace cafka::protocol {

std::optional<assignor> assignor_named(std::string_view name) {
  for (auto make :
    {range_assignor, roundrobin_assignor, sticky_assignor, cooperative_sticky_assignor}) {
    if (auto made = make(); made.name == name)
      return made;
  }
  return std::nullopt;
}

namespace {

/// A name's length is an int16 on the wire.
constexpr std::size_t longest_name = 0x7fff;

} // namespace

result<std::string> join_metadata(const assignor& chosen, const member_claim& claim) {
  // Another order would look like another subscription to the coordinator, and each join
  // a reason to rebalance (KAFKA-12898).
  auto sorted = claim;
  std::ranges::sort(sorted.topics);
  sorted.topics.erase(
    std::unique(sorted.topics.begin(), sorted.topics.end()), sorted.topics.end());
  std::ranges::sort(sorted.owned, {}, &consumer_topic_partitions::topic);
  for (auto& t : sorted.owned) {
    if (t.topic.size() > longest_name)
      return {error_code::invalid_argument,
        "the name of an owned topic has " + std::to_string(t.topic.size())
          + " bytes, Kafka's protocol takes at most " + std::to_string(longest_name)};
    std::ranges::sort(t.partitions);
  }

  consumer_subscription s{
    .generation_id = sorted.generation, .rack_id = std::move(sorted.rack)};
  sorted.rack = s.rack_id;
  s.user_data =
    shared_bytes::copy_of(chosen.user_data ? chosen.user_data(sorted) : std::string{});
  s.topics = std::move(sorted.topics);
  if (chosen.protocol == rebalance_protocol::cooperative)
    s.owned_partitions = std::move(sorted.owned);
  return to_metadata(s, consumer_subscription::versions.max);
}

} // namespace cafka::protocol
