#include "fake_cluster.hpp"

#include <algorithm>
#include <stdexcept>

// What tests do to a fake cluster. A control takes effect at once; what follows from it
// is among the effects when it has been used, or the next time that the cluster is asked.

namespace cafka::testing {

using namespace protocol;

namespace {

/// What `handle` knows, in the versions that a release and our descriptions share.
template <class... Requests>
version_table spoken(
  kafka_version release, const std::map<api_key, version_range>& limits) {
  const auto table = versions_of(release);
  std::vector<version_table::entry> all;
  const auto add = [&](api_key key, version_range ours) {
    const auto theirs = table.find(key);
    if (!theirs)
      return;
    auto both = common(*theirs, ours);
    if (const auto limited = limits.find(key); limited != limits.end())
      both = common(both, limited->second);
    if (!both.empty())
      all.push_back({key, both});
  };
  (add(Requests::key, Requests::versions), ...);
  return version_table{std::move(all)};
}

} // namespace

// -- what happens to requests and answers
// ---------------------------------------------------

void fake_cluster::treat(std::optional<api_key> key,
  std::function<treatment(const seen_request&)> how, int times) {
  hooks_.push_back({key, std::move(how), times});
}

void fake_cluster::treat(api_key key, treatment how, int times) {
  hooks_.push_back({key, [how](const seen_request&) { return how; }, times});
}

void fake_cluster::change_bytes(
  std::function<void(const seen_request&, std::vector<std::byte>&)> how) {
  bytes_.push_back(std::move(how));
}

void fake_cluster::fail(api_key key, error_code why, int times) {
  failing_[key] = {why, {}, times};
}

void fake_cluster::throttle(api_key key, std::chrono::milliseconds time, int times) {
  throttled_[key] = {{}, time, times};
}

void fake_cluster::be_well() {
  exchanges_.clear();
  hooks_.clear();
  answers_.clear();
  changes_.clear();
  bytes_.clear();
  failing_.clear();
  throttled_.clear();
  for (auto& [id, b] : state_.brokers)
    b.slow = std::chrono::milliseconds{0};
}

// -- brokers
// --------------------------------------------------------------------------------

void fake_cluster::set_versions(fake_broker& b) {
  b.versions =
    spoken<api_versions_request, metadata_request, produce_request, fetch_request,
      list_offsets_request, init_producer_id_request, find_coordinator_request,
      offset_commit_request, offset_fetch_request, create_topics_request,
      delete_topics_request, join_group_request, sync_group_request, heartbeat_request,
      leave_group_request, sasl_handshake_request, sasl_authenticate_request>(
      b.release, limits_);
}

void fake_cluster::kill(std::int32_t broker) {
  auto& b = state_.brokers.at(broker);
  b.alive = b.paused = false;
  b.sessions.clear();
  cut_all(broker);
  for (auto& [name, topic] : state_.topics) {
    for (auto& p : topic.partitions) {
      if (p.leader != broker)
        continue;
      const auto others = state_.alive_of(p.replicas);
      state_.lead(p, others.empty() ? -1 : others.front());
    }
  }
  if (state_.controller == broker) {
    const auto others = state_.alive_of(brokers());
    state_.controller = others.empty() ? -1 : others.front();
  }
  ++state_.changes;
}

void fake_cluster::restart(std::int32_t broker) {
  auto& b = state_.brokers.at(broker);
  cut_all(broker);
  b.alive = true;
  b.paused = false;
  b.sessions.clear();
  for (auto& [name, topic] : state_.topics) {
    for (auto& p : topic.partitions) {
      const auto mine = p.producers.find(broker);
      if (mine == p.producers.end())
        continue;
      mine->second.keep_last();
      if (p.leader < 0)
        state_.lead(p, broker);
    }
  }
  if (state_.controller < 0)
    state_.controller = broker;
  ++state_.changes;
}

void fake_cluster::pause(std::int32_t broker) {
  state_.brokers.at(broker).paused = true;
}

void fake_cluster::resume(std::int32_t broker) {
  state_.brokers.at(broker).paused = false;
  ++state_.changes;
}

void fake_cluster::slow(std::int32_t broker, std::chrono::milliseconds by) {
  state_.brokers.at(broker).slow = by;
}

void fake_cluster::cut(connection_id id) {
  if (connections_.erase(id) > 0)
    effects_.push_back({id, {}});
}

void fake_cluster::cut_all(std::int32_t broker) {
  for (auto at = connections_.begin(); at != connections_.end();) {
    const auto id = at->first;
    const auto hers = at->second.broker == broker;
    ++at;
    if (hers)
      cut(id);
  }
}

void fake_cluster::set_address(std::int32_t broker, endpoint where) {
  state_.brokers.at(broker).address = std::move(where);
}

void fake_cluster::set_rack(
  std::int32_t broker, std::optional<std::string> rack, std::int64_t behind) {
  auto& b = state_.brokers.at(broker);
  b.rack = std::move(rack);
  b.behind = behind;
}

void fake_cluster::set_release(std::int32_t broker, kafka_version release) {
  auto& b = state_.brokers.at(broker);
  b.release = release;
  set_versions(b);
}

void fake_cluster::limit(api_key key, version_range versions) {
  limits_[key] = versions;
  for (auto& [id, b] : state_.brokers)
    set_versions(b);
}

std::string fake_cluster::user_of(connection_id id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? std::string{} : found->second.login.user();
}

endpoint fake_cluster::address(std::int32_t broker) const {
  return state_.brokers.at(broker).address;
}

std::vector<std::int32_t> fake_cluster::brokers() const {
  std::vector<std::int32_t> all;
  for (const auto& [id, b] : state_.brokers)
    all.push_back(id);
  return all;
}

std::optional<std::int32_t> fake_cluster::broker_at(const endpoint& where) const {
  for (const auto& [id, b] : state_.brokers) {
    if (b.address == where)
      return id;
  }
  return std::nullopt;
}

std::size_t fake_cluster::sessions(std::int32_t broker) const {
  return state_.brokers.at(broker).sessions.size();
}

void fake_cluster::forget_sessions(std::int32_t broker) {
  state_.brokers.at(broker).sessions.clear();
}

// -- topics and logs
// ------------------------------------------------------------------------

void fake_cluster::create_topic(const std::string& name, std::int32_t partitions,
  std::int16_t replication_factor, std::map<std::string, std::string> configs) {
  state_.create(name, partitions, replication_factor, std::move(configs));
}

void fake_cluster::delete_topic(const std::string& name) {
  state_.remove(name);
}

void fake_cluster::remake_topic(const std::string& name) {
  const auto* topic = state_.find(name);
  if (topic == nullptr)
    throw std::invalid_argument{"there is no topic " + name};
  std::vector<std::vector<std::int32_t>> replicas;
  for (const auto& p : topic->partitions)
    replicas.push_back(p.replicas);
  auto configs = topic->configs;
  state_.remove(name);
  state_.create(name, replicas, std::move(configs));
}

uuid fake_cluster::topic_id(const std::string& name) {
  const auto* topic = state_.find(name);
  return topic == nullptr ? uuid{} : topic->id;
}

std::int32_t fake_cluster::partitions(const std::string& name) {
  const auto* topic = state_.find(name);
  return topic == nullptr ? 0 : static_cast<std::int32_t>(topic->partitions.size());
}

fake_partition& fake_cluster::partition(
  const std::string& topic, std::int32_t partition) {
  auto* const p = fake_state::find(state_.find(topic), partition);
  if (p == nullptr)
    throw std::invalid_argument{
      "there is no partition " + topic + '/' + std::to_string(partition)};
  return *p;
}

void fake_cluster::move_leader(
  const std::string& topic, std::int32_t p, std::int32_t broker) {
  auto& mine = partition(topic, p);
  if (broker >= 0 && !mine.producers.contains(broker)) {
    const auto& known = mine.leader >= 0 ? mine.producers[mine.leader]
                                         : mine.producers[mine.replicas.front()];
    mine.replicas.push_back(broker);
    mine.producers[broker] = known;
  }
  state_.lead(mine, broker);
}

std::int32_t fake_cluster::leader(const std::string& topic, std::int32_t p) {
  return partition(topic, p).leader;
}

std::int32_t fake_cluster::epoch(const std::string& topic, std::int32_t p) {
  return partition(topic, p).epoch;
}

void fake_cluster::set_epoch(
  const std::string& topic, std::int32_t p, std::int32_t epoch) {
  partition(topic, p).epoch = epoch;
  ++state_.changes;
}

const fake_log& fake_cluster::log(const std::string& topic, std::int32_t p) {
  return partition(topic, p).log;
}

log_offset fake_cluster::append_to(fake_partition& p, const shared_bytes& bytes) {
  batch_reader in{bytes};
  record_batch batch;
  if (!in.next(batch))
    throw std::invalid_argument{"these bytes are no batch: " + to_string(in.error())};
  const auto& info = batch.info();
  const auto base = p.log.append(bytes, info, p.epoch, std::nullopt);
  if (info.producer_id >= 0) {
    for (auto& [broker, table] : p.producers)
      table.note(info, base, info.max_timestamp);
  }
  ++state_.changes;
  return base;
}

log_offset fake_cluster::append(const std::string& topic, std::int32_t p,
  const std::vector<record>& records, codec compression) {
  const auto now = now_ == time_point::min() ? time_point{} : now_;
  return append_to(
    partition(topic, p), batch_of(records, state_.time_of_day(now), compression));
}

log_offset fake_cluster::append_batch(
  const std::string& topic, std::int32_t p, const shared_bytes& batch) {
  return append_to(partition(topic, p), batch);
}

void fake_cluster::truncate(const std::string& topic, std::int32_t p, log_offset end) {
  auto& mine = partition(topic, p);
  mine.log.truncate(end);
  for (auto& [broker, table] : mine.producers)
    table.truncate(mine.log.end());
  ++state_.changes;
}

void fake_cluster::trim(const std::string& topic, std::int32_t p, log_offset start) {
  partition(topic, p).log.trim(start);
  ++state_.changes;
}

void fake_cluster::skip(const std::string& topic, std::int32_t p, log_offset offset) {
  partition(topic, p).log.skip(offset);
  ++state_.changes;
}

void fake_cluster::forget_producers() {
  for (auto& [name, topic] : state_.topics) {
    for (auto& p : topic.partitions) {
      for (auto& [broker, table] : p.producers)
        table.forget();
    }
  }
}

void fake_cluster::forget_all_but_last() {
  for (auto& [name, topic] : state_.topics) {
    for (auto& p : topic.partitions) {
      for (auto& [broker, table] : p.producers)
        table.keep_last();
    }
  }
}

void fake_cluster::forget_batches() {
  for (auto& [name, topic] : state_.topics) {
    for (auto& p : topic.partitions) {
      for (auto& [broker, table] : p.producers)
        table.forget_batches();
    }
  }
}

std::vector<std::string> fake_cluster::topics() const {
  std::vector<std::string> all;
  for (const auto& [name, topic] : state_.topics)
    all.push_back(name);
  return all;
}

std::optional<log_offset> fake_cluster::committed(
  const std::string& group, const std::string& topic, std::int32_t p) const {
  const auto mine = state_.groups.find(group);
  if (mine == state_.groups.end())
    return std::nullopt;
  const auto found = mine->second.find({topic, p});
  return found == mine->second.end() ? std::nullopt : std::optional{found->second.offset};
}

std::optional<std::int32_t> fake_cluster::broker_of(connection_id id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? std::nullopt : std::optional{found->second.broker};
}

void fake_cluster::set_time_of_day(time_point now, timestamp time) {
  state_.options.epoch =
    time - std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch());
}

std::size_t fake_cluster::asked(api_key key) const {
  const auto found = asked_by_key_.find(key);
  return found == asked_by_key_.end() ? 0 : found->second;
}

} // namespace cafka::testing
