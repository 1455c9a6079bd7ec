#include <cafka/protocol/machines/cluster.hpp>

namespace cafka::protocol {

namespace {

/// Partitions are counted from zero without gaps; a broker that claims more than this is
/// not believed.
constexpr std::int32_t max_partitions = 1'000'000;

} // namespace

void cluster::update(const metadata_response& answer, bool complete) {
  if (!answer.brokers.empty()) {
    brokers_.clear();
    for (const auto& b : answer.brokers) {
      if (b.port > 0 && b.port <= 65535)
        brokers_[b.node_id] = {b.host, static_cast<std::uint16_t>(b.port)};
    }
  }
  controller_ = answer.controller_id;
  std::unordered_map<std::string, topic> kept;
  if (complete)
    kept.swap(topics_);
  for (const auto& t : answer.topics) {
    if (!t.name)
      continue;
    auto& known = complete ? kept[*t.name] : topics_[*t.name];
    topic fresh;
    fresh.status = t.error_code;
    fresh.id = t.topic_id;
    // Without ids a topic made anew cannot be told from stale metadata.
    const bool same_topic = known.id == fresh.id && fresh.id != uuid{};
    for (const auto& p : t.partitions) {
      const auto index = p.partition_index.value();
      if (index < 0 || index >= max_partitions)
        continue;
      const auto at = static_cast<std::size_t>(index);
      if (at >= fresh.partitions.size())
        fresh.partitions.resize(at + 1);
      fresh.partitions[at] = {p.leader_id, p.leader_epoch};
      if (same_topic && at < known.partitions.size()
        && known.partitions[at].epoch > p.leader_epoch)
        fresh.partitions[at] = known.partitions[at];
    }
    topics_[*t.name] = std::move(fresh);
  }
}

cluster::leader_view cluster::leader_of(const std::string& name, partition_id p) const {
  const auto found = topics_.find(name);
  if (found == topics_.end())
    return {};
  const auto& t = found->second;
  const auto index = static_cast<std::size_t>(p.value());
  if (t.status != error_code::none && t.partitions.empty())
    return {leadership::topic_refused, -1, t.status};
  if (p.value() < 0 || index >= t.partitions.size())
    return {leadership::no_such_partition, -1, error_code::none};
  if (t.partitions[index].leader.value() < 0)
    return {leadership::no_leader, -1, error_code::none};
  return {leadership::led, t.partitions[index].leader, error_code::none};
}

void cluster::forget_leader(const std::string& name, partition_id p) {
  const auto found = topics_.find(name);
  if (found == topics_.end() || p.value() < 0)
    return;
  const auto index = static_cast<std::size_t>(p.value());
  if (index < found->second.partitions.size())
    found->second.partitions[index].leader = -1;
}

const endpoint* cluster::address_of(broker_id id) const {
  const auto found = brokers_.find(id);
  return found == brokers_.end() ? nullptr : &found->second;
}

uuid cluster::topic_id(const std::string& name) const {
  const auto found = topics_.find(name);
  return found == topics_.end() ? uuid{} : found->second.id;
}

} // namespace cafka::protocol
