#include "cluster.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

std::string to_string(const coordinator_of& what) {
  return (what.type == coordinator_type::group ? "group " : "transactional id ")
    + what.key;
}

void keep_asked(metadata_response& answer, std::vector<std::string> asked) {
  std::ranges::sort(asked);
  std::erase_if(answer.topics, [&](const metadata_response_topic& t) {
    return !t.name || !std::ranges::binary_search(asked, *t.name);
  });
}

cluster::cluster(topic_directory_options options)
  : topics_([&] {
      options.keeps_unused = true;
      return options;
    }()) {
}

void cluster::update_brokers(const metadata_response& answer) {
  controller_ = answer.controller_id;
  if (controller_.value() >= 0 && controller_ != told_controller_)
    changes_.controller = told_controller_ = controller_;
  if (answer.brokers.empty())
    return;
  std::map<broker_id, endpoint> told;
  refused_.clear();
  for (const auto& b : answer.brokers) {
    if (auto address = told_endpoint(b.host, b.port)) {
      told[b.node_id] = *std::move(address);
      unlisted_.erase(b.node_id);
    } else {
      refused_[b.node_id] = address.error().detail;
    }
  }
  if (told == brokers_)
    return;
  for (const auto& [id, now] : told) {
    const auto old = brokers_.find(id);
    if (old != brokers_.end() && old->second != now)
      changes_.brokers.push_back({id, old->second, now});
  }
  brokers_ = std::move(told);
  ++addresses_;
}

void cluster::update(const metadata_response& answer, bool complete) {
  update_brokers(answer);
  static_cast<void>(topics_.learn(now_, answer, complete));
}

cluster::leader_view cluster::leader_of(const std::string& name, partition_id p) const {
  const auto* t = topics_.find(name);
  if (t == nullptr || !t->is_known())
    return {};
  if (t->status() != error_code::none)
    return {leadership::topic_refused, -1, t->status()};
  const auto* at = t->find(p);
  if (at == nullptr)
    return {leadership::no_such_partition, -1, error_code::none};
  if (at->leader.value() < 0)
    return {leadership::no_leader, -1, error_code::none};
  return {leadership::led, at->leader, error_code::none};
}

void cluster::forget_leader(const std::string& name, partition_id p) {
  if (auto* t = topics_.find(name))
    t->forget_leader(p);
}

void cluster::forget_topic(const std::string& name) {
  if (auto* t = topics_.find(name))
    t->forget();
}

std::int32_t cluster::partition_count(const std::string& name) const {
  const auto* t = topics_.find(name);
  return t == nullptr ? 0 : t->partition_count();
}

cluster::changes cluster::take_changes() {
  changes_.leaders = topics_.take_moves();
  return std::exchange(changes_, {});
}

void cluster::learn_coordinator(
  const coordinator_of& what, broker_id id, endpoint address) {
  auto& coordinator = coordinators_.try_emplace(what, -1).first->second;
  if (const auto before = std::exchange(coordinator, id); before != id)
    forget_unlisted(before);
  // It is the newest word on where that broker listens.
  const auto known = brokers_.find(id);
  auto& place = known != brokers_.end() ? known->second : unlisted_[id];
  if (place == address)
    return;
  place = std::move(address);
  ++addresses_;
}

void cluster::forget_coordinator(const coordinator_of& what) {
  const auto found = coordinators_.find(what);
  if (found == coordinators_.end())
    return;
  const auto id = found->second;
  coordinators_.erase(found);
  forget_unlisted(id);
}

// Its address is known for as long as it coordinates anything.
void cluster::forget_unlisted(broker_id id) {
  const auto found = unlisted_.find(id);
  const auto is_its = [id](const auto& c) { return c.second == id; };
  if (found == unlisted_.end() || std::ranges::any_of(coordinators_, is_its))
    return;
  unlisted_.erase(found);
  ++addresses_;
}

broker_id cluster::coordinator(const coordinator_of& what) const {
  const auto found = coordinators_.find(what);
  return found == coordinators_.end() ? broker_id{-1} : found->second;
}

void cluster::forget_coordinators_at(broker_id id) {
  std::erase_if(coordinators_, [&](const auto& c) { return c.second == id; });
  forget_unlisted(id);
}

void cluster::learn_features(const finalized_features& told) {
  if (told.epoch > features_.epoch)
    features_ = told;
}

const endpoint* cluster::address_of(broker_id id) const {
  if (const auto found = brokers_.find(id); found != brokers_.end())
    return &found->second;
  const auto found = unlisted_.find(id);
  return found == unlisted_.end() ? nullptr : &found->second;
}

std::string cluster::why_no_address(broker_id id) const {
  const auto found = refused_.find(id);
  return found == refused_.end() ? std::string{} : found->second;
}

uuid cluster::topic_id(const std::string& name) const {
  const auto* t = topics_.find(name);
  return t == nullptr ? uuid{} : t->id();
}

} // namespace cafka::protocol
