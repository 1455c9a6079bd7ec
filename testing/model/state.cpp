#include "state.hpp"

#include <algorithm>
#include <charconv>
#include <functional>

namespace cafka::testing {

using namespace protocol;

namespace {

/// A number that is spread over all 64 bits. Source: Steele and others, SplitMix64.
std::uint64_t spread(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

} // namespace

std::int64_t fake_topic::number(const std::string& config, std::int64_t otherwise) const {
  const auto found = configs.find(config);
  if (found == configs.end())
    return otherwise;
  std::int64_t value = otherwise;
  const auto& text = found->second;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool fake_topic::says(const std::string& config, std::string_view value) const {
  const auto found = configs.find(config);
  return found != configs.end() && found->second == value;
}

fake_topic* fake_state::find(const std::string& topic) {
  const auto found = topics.find(topic);
  return found == topics.end() ? nullptr : &found->second;
}

fake_topic* fake_state::find(const uuid& id) {
  const auto found = names.find(id);
  return found == names.end() ? nullptr : find(found->second);
}

fake_partition* fake_state::find(fake_topic* topic, partition_id p) {
  if (topic == nullptr || p.value() < 0
    || static_cast<std::size_t>(p.value()) >= topic->partitions.size())
    return nullptr;
  return &topic->partitions[static_cast<std::size_t>(p.value())];
}

bool fake_state::alive(std::int32_t broker) const {
  const auto found = brokers.find(broker);
  return found != brokers.end() && found->second.alive;
}

std::vector<std::int32_t> fake_state::alive_of(
  const std::vector<std::int32_t>& replicas) const {
  std::vector<std::int32_t> all;
  std::ranges::copy_if(
    replicas, std::back_inserter(all), [this](std::int32_t b) { return alive(b); });
  return all;
}

std::int32_t fake_state::coordinator(std::int8_t type, const std::string& key) const {
  if (const auto moved = coordinators.find({type, key}); moved != coordinators.end())
    return alive(moved->second) ? moved->second : -1;
  std::vector<std::int32_t> all;
  for (const auto& [id, b] : brokers) {
    if (b.alive)
      all.push_back(id);
  }
  if (all.empty())
    return -1;
  std::uint64_t sum = static_cast<std::uint64_t>(type);
  for (const auto c : key)
    sum = spread(sum ^ static_cast<std::uint8_t>(c));
  // Another number makes it the next broker.
  return all[(sum + hashing) % all.size()];
}

bool fake_state::misses_replicas(const fake_partition& p) const {
  return apart() && std::ranges::any_of(p.replicas, [this](std::int32_t b) {
    return !cut_off.contains(b) && alive(b);
  });
}

classic_group* fake_state::group(const std::string& id) {
  const auto found = members.find(id);
  return found == members.end() ? nullptr : &found->second;
}

classic_group& fake_state::make_group(const std::string& id) {
  consumers.erase(id);
  return members.try_emplace(id, options.group_initial_rebalance_delay).first->second;
}

consumer_group* fake_state::consumers_of(const std::string& id) {
  const auto found = consumers.find(id);
  return found == consumers.end() ? nullptr : &found->second;
}

consumer_group fake_state::fresh_consumers() const {
  consumer_group_settings settings;
  settings.session_timeout = options.group_consumer_session_timeout;
  settings.heartbeat_interval = options.group_consumer_heartbeat_interval;
  settings.assignment_interval = options.group_consumer_assignment_interval;
  settings.max_size = static_cast<std::size_t>(options.group_consumer_max_size);
  return consumer_group{settings};
}

bool fake_state::has_group(const std::string& id) const {
  return members.contains(id) || consumers.contains(id) || groups.contains(id);
}

void fake_state::remove_group(const std::string& id) {
  members.erase(id);
  consumers.erase(id);
  groups.erase(id);
  ++changes;
}

known_topics fake_state::topics_for_groups() const {
  known_topics all;
  for (const auto& [name, topic] : topics)
    all[name] = {topic.id, static_cast<std::int32_t>(topic.partitions.size())};
  return all;
}

void fake_state::on_time(time_point now) {
  for (auto& [id, g] : members) {
    if (g.next_time() <= now && g.on_time(now))
      ++changes;
  }
  for (auto& [id, g] : consumers) {
    if (g.next_time() <= now && g.on_time(now))
      ++changes;
  }
  if (apart())
    return;
  for (auto& [id, t] : transactional_ids) {
    if (t.on_time(now, transaction_version() >= 2) || t.decided())
      write_markers(now, t);
  }
}

time_point fake_state::next_time() const {
  auto next = time_point::max();
  if (!apart()) {
    for (const auto& [id, t] : transactional_ids)
      next = std::min(next, t.next_time());
  }
  for (const auto& [id, g] : members)
    next = std::min(next, g.next_time());
  for (const auto& [id, g] : consumers)
    next = std::min(next, g.next_time());
  return next;
}

std::int16_t fake_state::transaction_version() const {
  constexpr kafka_version first_with_two{4, 0};
  const std::int16_t otherwise = options.kafka_version >= first_with_two ? 2 : 0;
  return std::min(options.transaction_version.value_or(otherwise),
    options.kafka_version >= first_with_two ? std::int16_t{2} : std::int16_t{1});
}

error_code fake_state::admit(time_point now, const std::string& id,
  transactional_id::producer who, const std::string& place,
  std::optional<std::int32_t> partition, bool adds) {
  const auto found = transactional_ids.find(id);
  if (found == transactional_ids.end())
    return error_code::invalid_producer_id_mapping;
  auto& t = found->second;
  const auto why = t.may_add(who);
  // To those who write, brokers say it in the words of old.
  if (why == error_code::producer_fenced)
    return error_code::invalid_producer_epoch;
  if (why != error_code::none)
    return why;
  if (adds && partition)
    t.add(now, place, *partition);
  else if (adds)
    t.add(now, place);
  return (partition ? t.has(place, *partition) : t.has(place))
    ? error_code::none
    : error_code::transaction_abortable;
}

bool fake_state::write_marker(time_point now, const std::string& topic,
  std::int32_t partition, transactional_id::producer who, bool commit) {
  auto* const p = find(find(topic), partition);
  if (p == nullptr)
    return true; // It was removed meanwhile.
  if (p->leader < 0)
    return false;
  const auto marker = transaction_marker(who.id, who.epoch, commit, time_of_day(now));
  batch_reader in{marker};
  record_batch batch;
  if (!in.next(batch))
    return false;
  const auto offset = p->log.append(marker, batch.info(), p->epoch, std::nullopt);
  for (auto& [broker, table] : p->producers)
    table.note(batch.info(), offset, batch.info().max_timestamp);
  ++changes;
  return true;
}

void fake_state::write_markers(time_point now, transactional_id& t) {
  const auto who = t.marks_as();
  const auto commit = t.state() == transactional_id::phase::prepare_commit;
  std::erase_if(t.partitions, [&](const auto& place) {
    return write_marker(now, place.first, place.second, who, commit);
  });
  for (const auto& group : std::exchange(t.groups, {})) {
    auto& pending = pending_offsets[group];
    if (const auto mine = pending.find(who.id); mine != pending.end()) {
      for (const auto& [place, offset] : mine->second) {
        if (commit)
          groups[group][place] = offset;
      }
      pending.erase(mine);
    }
    if (pending.empty())
      pending_offsets.erase(group);
    ++changes;
  }
  if (t.decided() && t.partitions.empty())
    t.complete();
}

uuid fake_state::fresh_id() {
  uuid id;
  do {
    const std::uint64_t half[2]{
      spread(options.seed + (++ids << 32U)), spread(options.seed ^ spread(ids))};
    std::memcpy(id.bytes.data(), half, sizeof half);
    // Kafka's ids are of version 4 and never begin with a dash.
    id.bytes[6] = static_cast<std::uint8_t>((id.bytes[6] & 0x0FU) | 0x40U);
    id.bytes[8] = static_cast<std::uint8_t>((id.bytes[8] & 0x3FU) | 0x80U);
  } while (names.contains(id));
  return id;
}

fake_topic& fake_state::create(const std::string& name, std::int32_t partitions,
  std::int16_t replication_factor, std::map<std::string, std::string> configs) {
  if (partitions <= 0)
    partitions = options.partitions;
  std::size_t factor = static_cast<std::size_t>(std::max<std::int16_t>(
    replication_factor > 0 ? replication_factor : options.replication_factor, 0));
  std::vector<std::int32_t> all;
  for (const auto& [id, b] : brokers)
    all.push_back(id);
  if (factor == 0 || factor > all.size())
    factor = all.size();
  std::vector<std::vector<std::int32_t>> replicas(static_cast<std::size_t>(partitions));
  for (std::size_t p = 0; p != replicas.size(); ++p) {
    for (std::size_t r = 0; r != factor; ++r)
      replicas[p].push_back(all[(p + r) % all.size()]);
  }
  return create(name, replicas, std::move(configs));
}

fake_topic& fake_state::create(const std::string& name,
  const std::vector<std::vector<std::int32_t>>& replicas,
  std::map<std::string, std::string> configs) {
  auto& topic = topics[name];
  topic.name = name;
  topic.id = fresh_id();
  topic.configs = std::move(configs);
  names[topic.id] = name;
  for (const auto& mine : replicas) {
    auto& p = topic.partitions.emplace_back();
    p.replicas = mine;
    const auto could = alive_of(mine);
    p.leader = could.empty() ? -1 : could.front();
    for (const auto b : mine)
      p.producers[b];
  }
  ++changes;
  return topic;
}

bool fake_state::remove(const std::string& name) {
  const auto found = topics.find(name);
  if (found == topics.end())
    return false;
  names.erase(found->second.id);
  topics.erase(found);
  for (auto& [group, offsets] : groups)
    std::erase_if(offsets, [&](const auto& o) { return o.first.first == name; });
  ++changes;
  return true;
}

void fake_state::lead(fake_partition& p, std::int32_t leader) {
  p.leader = leader;
  ++p.epoch;
  ++changes;
}

timestamp fake_state::time_of_day(time_point now) const {
  return *options.epoch
    + std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch());
}

bool fake_state::knows_kraft() const {
  return options.kafka_version >= kafka_version{3, 0};
}

bool legal_topic_name(const std::string& name) {
  constexpr std::size_t longest = 249;
  return !name.empty() && name.size() <= longest && name != "." && name != ".."
    && std::ranges::all_of(name, [](char c) {
         return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
           || c == '.' || c == '_' || c == '-';
       });
}

} // namespace cafka::testing
