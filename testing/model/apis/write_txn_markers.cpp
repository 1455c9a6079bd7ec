#include "api.hpp"

#include <functional>

// WriteTxnMarkers, versions 1 and 2.
//
// An administrator ends a transaction that hangs (KIP-664). NOT_LEADER_OR_FOLLOWER where
// another broker leads, UNKNOWN_TOPIC_OR_PARTITION, and INVALID_PRODUCER_EPOCH for an
// epoch below the one known; since 2 a marker of transaction.version 2 needs a higher one
// than that which is known (KIP-1228).

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t versions_since = 2;

error_code write(const request_context& c, const writable_txn_marker& marker,
  const std::string& topic, partition_id index) {
  auto* const p = fake_state::find(c.cluster.find(topic), index);
  if (p == nullptr)
    return error_code::unknown_topic_or_partition;
  if (p->leader != c.broker.id)
    return error_code::not_leader_or_follower;
  const auto known = p->producers[c.broker.id].epoch_of(marker.producer_id);
  const auto strict = c.version >= versions_since && marker.transaction_version >= 2;
  if (marker.producer_epoch < known || (strict && marker.producer_epoch == known))
    return error_code::invalid_producer_epoch;
  c.cluster.write_marker(c.now, topic, index.value(),
    {marker.producer_id, marker.producer_epoch}, marker.transaction_result);
  return error_code::none;
}

write_txn_markers_response answer(const write_txn_markers_request& asked,
  const std::function<error_code(
    const writable_txn_marker&, const std::string&, partition_id)>& say) {
  write_txn_markers_response response;
  for (const auto& m : asked.markers) {
    auto& out = response.markers.emplace_back();
    out.producer_id = m.producer_id;
    for (const auto& t : m.topics) {
      auto& topic = out.topics.emplace_back();
      topic.name = t.name;
      for (const auto p : t.partition_indexes)
        topic.partitions.push_back({p, say(m, t.name, p)});
    }
  }
  return response;
}

} // namespace

outcome<write_txn_markers_response> handle(
  const request_context& c, const write_txn_markers_request& asked) {
  return answer(asked, [&](const auto& marker, const auto& topic, partition_id p) {
    return write(c, marker, topic, p);
  });
}

write_txn_markers_response refuse(
  const write_txn_markers_request& asked, std::int16_t, error_code why) {
  return answer(asked, [why](const auto&, const auto&, partition_id) { return why; });
}

} // namespace cafka::testing
