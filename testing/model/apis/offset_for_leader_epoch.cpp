#include "api.hpp"

// OffsetForLeaderEpoch, versions 0 to 4.
//
// The leader tells the last epoch that is not above the one asked for, and where it ends;
// -1 and -1 for an epoch to come or before all that it has. Epochs of the leader itself,
// which it compares, since 2 (KIP-320). Which replica asks, since 3, makes no difference
// here, where all of a log can be read.

namespace cafka::testing {

using namespace protocol;

namespace {

offset_for_leader_partition_result failed(
  const offset_for_leader_partition& asked, error_code why) {
  offset_for_leader_partition_result out;
  out.partition = asked.partition;
  out.error_code = why;
  return out;
}

} // namespace

outcome<offset_for_leader_epoch_response> handle(
  const request_context& c, const offset_for_leader_epoch_request& asked) {
  offset_for_leader_epoch_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.topic = t.topic;
    auto* topic = c.cluster.find(t.topic);
    for (const auto& p : t.partitions) {
      const auto* there = fake_state::find(topic, p.partition);
      const auto why = there == nullptr ? error_code::unknown_topic_or_partition
                                        : may_serve(c, *there, p.current_leader_epoch);
      auto& x = out.partitions.emplace_back(failed(p, why));
      if (why != error_code::none)
        continue;
      const auto end = there->log.end_of(p.leader_epoch, there->epoch);
      x.leader_epoch = end.epoch;
      x.end_offset = end.end;
    }
  }
  return response;
}

offset_for_leader_epoch_response refuse(
  const offset_for_leader_epoch_request& asked, std::int16_t, error_code why) {
  offset_for_leader_epoch_response response;
  for (const auto& t : asked.topics) {
    auto& out = response.topics.emplace_back();
    out.topic = t.topic;
    for (const auto& p : t.partitions)
      out.partitions.push_back(failed(p, why));
  }
  return response;
}

} // namespace cafka::testing
