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
  lies_.clear();
  for (const auto broker : brokers())
    at(broker).slow = std::chrono::milliseconds{0};
}

// -- brokers
// --------------------------------------------------------------------------------

void fake_cluster::set_versions(fake_broker& b) {
  b.versions = spoken<api_versions_request, metadata_request, produce_request,
    fetch_request, list_offsets_request, init_producer_id_request,
    find_coordinator_request, offset_commit_request, offset_fetch_request,
    create_topics_request, delete_topics_request, join_group_request, sync_group_request,
    heartbeat_request, leave_group_request, consumer_group_heartbeat_request,
    consumer_group_describe_request, describe_groups_request, list_groups_request,
    delete_groups_request, offset_delete_request, offset_for_leader_epoch_request,
    add_offsets_to_txn_request, add_partitions_to_txn_request, end_txn_request,
    write_txn_markers_request, txn_offset_commit_request, describe_producers_request,
    describe_transactions_request, list_transactions_request, sasl_handshake_request,
    sasl_authenticate_request>(b.release, limits_);
}

void fake_cluster::kill(std::int32_t broker) {
  auto& b = at(broker);
  b.alive = b.paused = false;
  b.sessions.clear();
  cut_all(broker);
  if (!is_apart(broker))
    lose(broker);
}

/// A broker is not there any more, for the others.
void fake_cluster::lose(std::int32_t broker) {
  state_.brokers.at(broker).alive = false;
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
  auto& b = at(broker);
  cut_all(broker);
  b.alive = true;
  b.paused = false;
  b.sessions.clear();
  for (auto& [name, topic] : state_of(broker).topics) {
    for (auto& p : topic.partitions) {
      if (const auto mine = p.producers.find(broker); mine != p.producers.end())
        mine->second.keep_last();
    }
  }
  if (!is_apart(broker))
    regain(broker);
}

/// A broker is there again: it leads what nobody else leads.
void fake_cluster::regain(std::int32_t broker) {
  for (auto& [name, topic] : state_.topics) {
    for (std::size_t i = 0; i != topic.partitions.size(); ++i) {
      auto& p = topic.partitions[i];
      if (p.leader < 0 && p.producers.contains(broker) && !leads_apart(topic, i))
        state_.lead(p, broker);
    }
  }
  if (state_.controller < 0)
    state_.controller = broker;
  ++state_.changes;
}

/// Whether a broker that is apart goes on with a partition, which needs no other.
bool fake_cluster::leads_apart(const fake_topic& topic, std::size_t partition) const {
  if (!apart_)
    return false;
  const auto found = apart_->topics.find(topic.name);
  if (found == apart_->topics.end() || found->second.id != topic.id
    || partition >= found->second.partitions.size())
    return false;
  const auto& theirs = found->second.partitions[partition];
  return apart_->cut_off.contains(theirs.leader) && !apart_->misses_replicas(theirs);
}

void fake_cluster::partition(
  const std::vector<std::int32_t>& one, const std::vector<std::int32_t>& other) {
  heal();
  const auto one_goes_on = one.size() != other.size()
    ? one.size() > other.size()
    : std::ranges::find(one, state_.controller) != one.end();
  const auto& small = one_goes_on ? other : one;
  if (small.empty())
    return;
  const std::set<std::int32_t> away{small.begin(), small.end()};
  work_anew(away);
  apart_.emplace(state_);
  apart_->cut_off = away;
  // Coordinators cannot do without the others; ids of producers come by the thousand.
  apart_->members.clear();
  apart_->consumers.clear();
  apart_->groups.clear();
  apart_->transactional_ids.clear();
  constexpr std::int64_t block = 1'000'000;
  apart_->next_producer_id += block;
  for (auto& [name, topic] : apart_->topics) {
    for (auto& p : topic.partitions) {
      if (apart_->misses_replicas(p))
        p.high_watermark = p.log.end();
    }
  }
  for (const auto broker : away)
    lose(broker);
}

void fake_cluster::heal() {
  if (!apart_)
    return;
  work_anew(apart_->cut_off);
  for (auto& [name, topic] : state_.topics) {
    for (std::size_t i = 0; i != topic.partitions.size(); ++i) {
      auto& p = topic.partitions[i];
      if (p.leader >= 0 || !leads_apart(topic, i))
        continue;
      auto& theirs = apart_->topics.at(name).partitions[i];
      p.log = std::move(theirs.log);
      p.producers = std::move(theirs.producers);
    }
  }
  const auto were_apart = *std::exchange(apart_, std::nullopt);
  state_.next_producer_id =
    std::max(state_.next_producer_id, were_apart.next_producer_id);
  for (const auto broker : were_apart.cut_off) {
    state_.brokers.at(broker) = were_apart.brokers.at(broker);
    if (state_.alive(broker))
      regain(broker);
  }
  ++state_.changes;
}

/// What waits at these brokers is asked anew, of what they know by then.
void fake_cluster::work_anew(const std::set<std::int32_t>& brokers) {
  for (auto& [id, c] : connections_) {
    if (c.again == nullptr || !brokers.contains(c.broker))
      continue;
    c.again = nullptr;
    c.queue.push_front(std::move(c.waits.payload));
    c.said_before = std::move(c.said);
    --asked_;
    --asked_by_key_[c.waits.header.key];
  }
}

void fake_cluster::rehash_coordinators() {
  ++state_.hashing;
  state_.coordinators.clear();
  ++state_.changes;
}

void fake_cluster::pause(std::int32_t broker) {
  at(broker).paused = true;
}

void fake_cluster::resume(std::int32_t broker) {
  at(broker).paused = false;
  ++state_of(broker).changes;
}

void fake_cluster::slow(std::int32_t broker, std::chrono::milliseconds by) {
  at(broker).slow = by;
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
  if (is_apart(broker)) // They are told its address, and know it.
    state_.brokers.at(broker).address = where;
  at(broker).address = std::move(where);
}

void fake_cluster::set_rack(
  std::int32_t broker, std::optional<std::string> rack, std::int64_t behind) {
  auto& b = at(broker);
  b.rack = std::move(rack);
  b.behind = behind;
}

void fake_cluster::set_release(std::int32_t broker, kafka_version release) {
  auto& b = at(broker);
  b.release = release;
  set_versions(b);
}

void fake_cluster::limit(api_key key, version_range versions) {
  limits_[key] = versions;
  for (const auto broker : brokers())
    set_versions(at(broker));
}

std::string fake_cluster::user_of(connection_id id) const {
  const auto found = connections_.find(id);
  return found == connections_.end() ? std::string{} : found->second.login.user();
}

endpoint fake_cluster::address(std::int32_t broker) const {
  return at(broker).address;
}

std::vector<std::int32_t> fake_cluster::brokers() const {
  std::vector<std::int32_t> all;
  for (const auto& [id, b] : state_.brokers)
    all.push_back(id);
  return all;
}

std::optional<std::int32_t> fake_cluster::broker_at(const endpoint& where) const {
  for (const auto id : brokers()) {
    if (at(id).address == where)
      return id;
  }
  return std::nullopt;
}

std::size_t fake_cluster::sessions(std::int32_t broker) const {
  return at(broker).sessions.size();
}

void fake_cluster::forget_sessions(std::int32_t broker) {
  at(broker).sessions.clear();
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

/// Where a broker that is apart goes on with a partition, that is the partition.
fake_partition& fake_cluster::find_partition(
  const std::string& topic, std::int32_t partition) {
  auto* const known = state_.find(topic);
  auto* const p = fake_state::find(known, partition);
  if (p == nullptr)
    throw std::invalid_argument{
      "there is no partition " + topic + '/' + std::to_string(partition)};
  const auto nth = static_cast<std::size_t>(partition);
  return leads_apart(*known, nth) ? apart_->topics.at(topic).partitions[nth] : *p;
}

void fake_cluster::move_leader(
  const std::string& topic, std::int32_t p, std::int32_t broker) {
  auto& mine = find_partition(topic, p);
  if ((broker >= 0 && is_apart(broker)) || is_apart(mine.leader))
    return;
  if (broker >= 0 && !mine.producers.contains(broker)) {
    const auto& known = mine.leader >= 0 ? mine.producers[mine.leader]
                                         : mine.producers[mine.replicas.front()];
    mine.replicas.push_back(broker);
    mine.producers[broker] = known;
  }
  state_.lead(mine, broker);
}

std::int32_t fake_cluster::leader(const std::string& topic, std::int32_t p) {
  return find_partition(topic, p).leader;
}

std::int32_t fake_cluster::epoch(const std::string& topic, std::int32_t p) {
  return find_partition(topic, p).epoch;
}

void fake_cluster::set_epoch(
  const std::string& topic, std::int32_t p, std::int32_t epoch) {
  find_partition(topic, p).epoch = epoch;
  ++state_.changes;
}

const fake_log& fake_cluster::log(const std::string& topic, std::int32_t p) {
  return find_partition(topic, p).log;
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
    find_partition(topic, p), batch_of(records, state_.time_of_day(now), compression));
}

log_offset fake_cluster::append_batch(
  const std::string& topic, std::int32_t p, const shared_bytes& batch) {
  return append_to(find_partition(topic, p), batch);
}

void fake_cluster::truncate(const std::string& topic, std::int32_t p, log_offset end) {
  auto& mine = find_partition(topic, p);
  mine.log.truncate(end);
  const auto left = mine.log.batches();
  for (auto& [broker, table] : mine.producers)
    table.truncate(mine.log.end(), left);
  ++state_.changes;
}

void fake_cluster::trim(const std::string& topic, std::int32_t p, log_offset start) {
  find_partition(topic, p).log.trim(start);
  ++state_.changes;
}

void fake_cluster::skip(const std::string& topic, std::int32_t p, log_offset offset) {
  find_partition(topic, p).log.skip(offset);
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
