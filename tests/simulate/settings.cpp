#include "settings.hpp"

#include <algorithm>

namespace cafka::simulate {

using namespace protocol;
using namespace std::chrono_literals;

namespace {

/// From here on topics go by ids, and a reader notices that a log was cut short.
constexpr kafka_version first_with_ids{2, 8};

milliseconds some(random_source& random, milliseconds least, milliseconds most) {
  return milliseconds{random.between(least.count(), most.count())};
}

client_settings some_client(random_source& random, const chosen& all) {
  client_settings s;
  s.cluster.brokers = {network::bootstrap};
  s.cluster.sasl_mechanisms = all.mechanisms;
  s.cluster.sasl_keys = all.keys;
  s.cluster.socket_timeout = random.chance(300) ? some(random, 1s, 10s) : 10'000ms;
  if (random.chance(200))
    s.cluster.metadata_max_age = some(random, 100ms, 30s);
  if (random.chance(100))
    s.cluster.topic_idle = some(random, 1s, 60s);
  s.connect_timeout = random.between(1s, 10s);
  s.mailbox = random.chance(100) ? random.between(1ms, 20ms) : duration{200us};
  return s;
}

chosen::topic some_topic(random_source& random, std::int32_t brokers, std::size_t n) {
  chosen::topic t;
  t.name = "topic" + std::to_string(n);
  t.partitions = static_cast<std::int32_t>(1 + random.skewed(6));
  t.replicas =
    static_cast<std::int16_t>(random.chance(700) ? brokers : random.between(1, brokers));
  if (random.chance(200))
    t.max_message_bytes = static_cast<std::size_t>(random.between(600, 20'000));
  return t;
}

/// Most bytes of a batch that any topic takes, with what is around it.
std::size_t largest_batch(const chosen& all) {
  std::size_t most = 0;
  for (const auto& t : all.topics)
    most = std::max(
      most, t.max_message_bytes == 0 ? std::size_t{1'048'588} : t.max_message_bytes);
  return most;
}

std::vector<std::string> names(const chosen& all) {
  std::vector<std::string> names;
  for (const auto& t : all.topics)
    names.push_back(t.name);
  return names;
}

codec some_codec(random_source& random) {
  static const std::vector<codec> all{codec::none, codec::none, codec::none, codec::lz4,
    codec::snappy, codec::gzip, codec::zstd};
  return random.pick(all);
}

producer_settings some_producer(random_source& random, const chosen& all) {
  producer_settings s;
  s.client = some_client(random, all);
  s.topics = names(all);
  auto& o = s.options;
  o.name = "producer";
  o.cluster = s.client.cluster;
  o.cluster.metadata_max_age = 0ms;
  o.cluster.max_pending = SIZE_MAX;
  o.idempotence = random.chance(750);
  if (!o.idempotence)
    o.acks = static_cast<std::int16_t>(random.between(-1, 1));
  o.compression = some_codec(random);
  if (o.compression == codec::zstd && all.cluster.kafka_version < kafka_version{2, 1})
    o.compression = codec::lz4;
  o.request_timeout = random.chance(300) ? some(random, 500ms, 30s) : 30'000ms;
  auto& m = o.machine;
  m.idempotence = o.idempotence;
  m.linger = some(random, 0ms, random.chance(100) ? 1'000ms : 20ms);
  m.max_in_flight = static_cast<std::size_t>(random.between(1, 5));
  m.delivery_timeout = random.chance(300) ? some(random, 2s, 30s) : 120'000ms;
  m.metadata_max_age = random.chance(200) ? some(random, 100ms, 30s) : 30'000ms;
  if (random.chance(200))
    m.max_request_size = static_cast<std::size_t>(random.between(2'000, 100'000));
  if (random.chance(100))
    m.topic_idle = some(random, 500ms, 30s);
  auto& b = s.batches;
  b.batch_size =
    static_cast<std::size_t>(random.chance(500) ? random.between(100, 5'000) : 1'000'000);
  if (random.chance(200))
    b.batch_records = static_cast<std::size_t>(random.between(1, 20));
  if (random.chance(300))
    b.sticky_size = static_cast<std::size_t>(random.between(1, 5'000));
  if (random.chance(200))
    b.buffer_memory = static_cast<std::size_t>(random.between(16'384, 300'000));
  b.compression = o.compression;
  b.max_record_size = m.max_request_size;
  s.longest_pause = random.between(10ms, 2s);
  s.most_at_once = 1 + random.skewed(50);
  s.largest_value =
    static_cast<std::size_t>(random.chance(100) ? 50'000 : random.between(0, 1'000));
  s.keyed = static_cast<unsigned>(random.below(1'000));
  s.placed = static_cast<unsigned>(random.below(500));
  return s;
}

consumer_settings some_consumer(random_source& random, const chosen& all) {
  consumer_settings s;
  s.client = some_client(random, all);
  auto& o = s.options;
  o.name = "consumer";
  o.cluster = s.client.cluster;
  o.cluster.metadata_max_age = 0ms;
  o.cluster.max_pending = SIZE_MAX;
  o.request_timeout = random.chance(200) ? some(random, 1s, 30s) : 30'000ms;
  auto& m = o.machine;
  m.fetch_max_wait = some(random, 0ms, 1'000ms);
  if (random.chance(300))
    m.max_partition_fetch_bytes = static_cast<std::size_t>(random.between(100, 10'000));
  if (random.chance(200))
    m.fetch_max_bytes = static_cast<std::size_t>(random.between(1'000, 100'000));
  // More than a partition may have would be waited for each time.
  m.fetch_min_bytes = random.chance(800)
    ? 1
    : static_cast<std::size_t>(random.below(m.max_partition_fetch_bytes / 100 + 1));
  m.metadata_max_age = random.chance(200) ? some(random, 100ms, 30s) : 30'000ms;
  m.unreachable = s.client.cluster.socket_timeout;
  m.stalled_after = random.chance(500) ? 0ms : 10'000ms;
  m.answer_time =
    std::clamp(std::min(o.request_timeout, s.client.cluster.socket_timeout) / 8,
      milliseconds{50}, m.answer_time);
  const auto reset = random.below(10);
  if (reset > 0)
    m.reset = reset > 2 ? start_at::earliest() : start_at::latest();
  s.buffer_memory = static_cast<std::size_t>(
    random.chance(300) ? random.between(4'096, 200'000) : 64 * 1024 * 1024);
  s.largest_batch = largest_batch(all);
  for (const auto& p : all.producers)
    s.largest_content =
      std::max(s.largest_content, p.batches.batch_size + p.largest_value);
  for (const auto& t : all.topics) {
    for (std::int32_t p = 0; p != t.partitions; ++p) {
      if (s.partitions.empty() || random.chance(800))
        s.partitions.emplace_back(t.name, p);
    }
  }
  s.longest_pause = random.between(1ms, random.chance(100) ? 5s : 200ms);
  s.held = static_cast<unsigned>(random.chance(300) ? random.below(800) : 50);
  s.moves = static_cast<unsigned>(random.chance(500) ? random.below(30) : 0);
  return s;
}

worker_settings some_worker(random_source& random, const chosen& all) {
  worker_settings s;
  s.client = some_client(random, all);
  s.options.name = "worker";
  s.options.cluster = s.client.cluster;
  s.topics = names(all);
  for (const auto& t : all.topics) {
    if (t.max_message_bytes > 0) // Five records are one batch.
      s.largest_value = std::min(s.largest_value, t.max_message_bytes / 8);
  }
  s.longest_pause = random.between(10ms, 3s);
  return s;
}

stream_settings some_stream(random_source& random, const chosen& all) {
  stream_settings s;
  const auto& t = random.pick(all.topics);
  auto& o = s.options;
  o.records.topic = t.name;
  o.records.partition =
    static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(t.partitions)));
  o.records.auto_commit = false;
  auto& c = o.cursor;
  c.wait_time = some(random, 0ms, 500ms);
  o.records.wait_time = c.wait_time;
  c.max_bytes = static_cast<std::int32_t>(
    random.chance(300) ? random.between(100, 10'000) : 1'000'000);
  c.deadline = random.chance(300) ? some(random, 1s, 30s) : 30'000ms;
  c.reset = start_at::earliest();
  if (random.chance(600)) {
    c.committed = c.commits = true;
    c.auto_commit_interval = some(random, 100ms, 10s);
    c.commit_threshold = static_cast<std::size_t>(random.between(1, 200));
  } else {
    c.start = start_at::earliest();
  }
  s.longest_pause = random.between(1ms, 500ms);
  return s;
}

/// What a log loses cannot be handled once: those worlds have no members.
void choose_members(random_source random, chosen& all) {
  const auto& t = all.troubles;
  // And an answer of another member's makes two of one partition.
  if (t.truncate + t.trim + t.remake + t.split + t.lie + t.records + t.swap > 0
    || random.chance(200))
    return;
  const auto groups = 1 + random.below(2);
  for (std::uint64_t group = 0; group != groups; ++group) {
    auto shared = random.fork("group" + std::to_string(group));
    const auto session = some(shared, 6s, 12s);
    const auto rebalance = some(shared, 3s, 10s);
    const auto cooperative = shared.chance(600);
    auto topics = names(all);
    if (shared.chance(300))
      topics.resize(1);
    for (auto n = 1 + shared.below(4); n > 0; --n) {
      member_settings s;
      s.client = some_client(shared, all);
      auto& o = s.options;
      o.cluster = s.client.cluster;
      o.cluster.metadata_max_age = 0ms;
      o.cluster.tell_from = log_level::info; // For the story.
      o.metadata_max_age = some(shared, 1s, 30s);
      o.request_timeout = shared.chance(300) ? some(shared, 1s, 30s) : 30'000ms;
      auto& m = o.member;
      m.group = "group" + std::to_string(group);
      m.session_timeout = session;
      m.session_timeout_chosen = true;
      m.heartbeat_interval = some(shared, 200ms, 2s);
      m.rebalance_timeout = rebalance;
      m.request_timeout = o.request_timeout;
      m.assignors = {cooperative ? cooperative_sticky_assignor() : sticky_assignor()};
      if (!cooperative && shared.chance(500))
        m.assignors.push_back(range_assignor());
      o.offsets.group = m.group;
      o.offsets.interval = some(shared, 50ms, 2s);
      o.offsets.threshold = 1 + shared.below(200);
      o.max_poll_interval = 0ms; // Its program always polls.
      s.topics = topics;
      s.longest_pause = shared.between(2ms, 500ms);
      s.moves = static_cast<unsigned>(shared.chance(500) ? shared.below(10) : 0);
      all.members.emplace_back(std::move(s), group);
    }
  }
}

/// Which protocol the groups have: one that is the brokers' own, too.
void choose_protocols(random_source random, chosen& all) {
  const auto session = some(random, 6s, 12s);
  auto& c = all.cluster;
  c.group_consumer_session_timeout = session;
  c.group_consumer_heartbeat_interval = some(random, 200ms, 2s);
  c.group_consumer_assignment_interval = random.chance(500) ? 1s : 0s;
  for (const auto* group : {"group0", "group1"}) {
    auto by = random.chance(300) ? member_protocol::automatic : member_protocol::consumer;
    if (random.chance(300))
      by = member_protocol::classic;
    else if (c.kafka_version < kafka_version{4, 0})
      by = member_protocol::automatic;
    if (by == member_protocol::classic)
      continue;
    all.troubles.consumer_groups = true;
    for (auto& [m, n] : all.members) {
      if (m.options.member.group != group)
        continue;
      m.options.protocol = by;
      m.options.member.session_timeout = session;
    }
  }
}

/// Each fault is left out of some worlds, and frequent in others.
trouble_settings some_troubles(random_source& random, const chosen& all, int edition) {
  trouble_settings t;
  t.topics = names(all);
  t.longest_pause =
    random.chance(200) ? random.between(5ms, 200ms) : random.between(200ms, 5s);
  for (auto* weight :
    {&t.cut, &t.cut_within, &t.answer, &t.refuse, &t.throttle, &t.slow, &t.kill, &t.pause,
      &t.partition, &t.lead, &t.session, &t.jump, &t.stall, &t.crash})
    *weight = static_cast<unsigned>(random.chance(300) ? 0 : random.skewed(20));
  if (all.cluster.kafka_version >= first_with_ids) {
    for (auto* weight : {&t.truncate, &t.trim, &t.remake})
      *weight = static_cast<unsigned>(random.chance(700) ? 0 : random.skewed(5));
  }
  auto more = random.fork("more");
  for (auto* weight : {&t.lie, &t.login})
    *weight = static_cast<unsigned>(more.chance(500) ? 0 : more.skewed(10));
  if (all.mechanisms.empty())
    t.login = 0;
  // Readers of old follow a leader that is over.
  if (all.cluster.kafka_version >= first_with_ids && more.chance(400))
    t.split = static_cast<unsigned>(more.skewed(10));
  ++t.cut;
  if (edition >= 2) {
    auto second = random.fork("second edition");
    for (auto* weight : {&t.records, &t.swap, &t.outdate})
      *weight = static_cast<unsigned>(second.chance(600) ? 0 : second.skewed(10));
  }
  return t;
}

/// Half of the worlds want no logins.
void choose_logins(random_source random, chosen& all) {
  if (random.chance(500))
    return;
  auto& o = all.cluster.sasl;
  o.mechanisms = {"PLAIN", "SCRAM-SHA-256"};
  o.users = {{"user", "password"}};
  if (random.chance(700))
    o.session_lifetime = some(random, 3s, 60s);
  all.mechanisms = {sasl::mechanism::scram_sha_256};
  all.keys = std::make_shared<sasl::scram_keys>();
  if (random.chance(500))
    all.mechanisms.front() = sasl::mechanism::plain;
  else if (random.chance(300)) // Not the first that brokers have.
    all.mechanisms.insert(all.mechanisms.begin(), sasl::mechanism::scram_sha_512);
}

} // namespace

chosen choose(random_source random, int edition) {
  static const std::vector<kafka_version> releases{
    {4, 3}, {4, 3}, {4, 3}, {4, 0}, {3, 7}, {2, 8}, {2, 4}, {1, 1}, {0, 11}};
  chosen all;
  all.cluster.brokers =
    static_cast<std::int32_t>(random.chance(700) ? 3 : random.between(1, 5));
  all.cluster.kafka_version = random.pick(releases);
  choose_logins(random.fork("logins"), all);
  for (auto n = 1 + random.skewed(3); n > 0; --n)
    all.topics.push_back(some_topic(random, all.cluster.brokers, all.topics.size()));
  for (auto n = 1 + random.below(2); n > 0; --n)
    all.producers.push_back(some_producer(random, all));
  for (auto n = 1 + random.below(2); n > 0; --n)
    all.consumers.push_back(some_consumer(random, all));
  for (auto n = 1 + random.below(2); n > 0; --n)
    all.workers.push_back(some_worker(random, all));
  for (auto n = random.below(4); n > 0; --n)
    all.streams.emplace_back(some_stream(random, all),
      static_cast<std::size_t>(random.below(all.workers.size())));
  all.troubles = some_troubles(random, all, edition);
  if (all.troubles.split > 0) {
    // What only a leader has that is over is lost.
    for (auto& p : all.producers) {
      if (p.options.acks == 1)
        p.options.acks = -1;
    }
    for (auto& w : all.workers)
      w.of_leader_alone = 0;
  }
  all.length = random.between(1min, 5min);
  if (edition >= 3) {
    choose_members(random.fork("members"), all);
    auto third = random.fork("third edition");
    if (!all.members.empty() && third.chance(600))
      all.troubles.group = static_cast<unsigned>(third.skewed(10));
  }
  if (edition >= 4)
    choose_protocols(random.fork("fourth edition"), all);
  return all;
}

} // namespace cafka::simulate
