#include <cafka/protocol/machines/consumer_machine.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

using machine = consumer_machine;
using time_point = machine::time_point;

/// A cluster with fetch sessions as Kafka has them, a program that takes what it is
/// handed when it likes, and whatever can go wrong between them. Records are numbers; a
/// record's bytes are its offset.
struct simulation {
  static constexpr int brokers = 3;
  static constexpr int partitions = 6;
  static constexpr std::int64_t records_each = 400;

  struct log {
    int leader = 0;
    int epoch = 0;
    int leader_before = 0; // As brokers say that are behind.
    int epoch_before = 0;
    std::int64_t end = 0;
    std::int64_t start = 0;
  };
  /// Where a partition is read from.
  struct place {
    std::int64_t offset = 0;
    int epoch = -1;
  };
  struct session {
    int epoch = 0;
    std::map<int, place> partitions;
  };
  /// What the program has of a partition.
  struct reader {
    std::uint64_t generation = 0;
    std::int64_t position = 0;
    bool known = false;
    /// Not handed out: where it begins, where it ends, and its bytes.
    struct lying {
      std::int64_t from = 0;
      std::int64_t next = 0;
    };
    std::deque<lying> queue;
    std::int64_t handed = 0;
  };

  explicit simulation(unsigned seed) : random(seed), m(options(seed), budget) {
    id.bytes[0] = 1;
    for (int p = 0; p != partitions; ++p)
      logs[at(p)].leader = p % brokers;
  }

  static consumer_machine_options options(unsigned seed) {
    consumer_machine_options o;
    o.max_partition_fetch_bytes = 40;
    o.fetch_max_bytes = 100;
    o.reset = start_at::earliest();
    o.seed = seed;
    // In every other one leaders name replicas close by.
    if (seed % 2 == 0)
      o.client_rack = "near";
    o.replica_pause = std::chrono::milliseconds{300};
    o.replica_lifetime = std::chrono::milliseconds{2'000};
    return o;
  }

  static std::size_t at(int p) { return static_cast<std::size_t>(p); }
  bool chance(double p) {
    return faulty && std::uniform_real_distribution<double>{0, 1}(random) < p;
  }
  std::chrono::milliseconds some(int from, int to) {
    return std::chrono::milliseconds{
      std::uniform_int_distribution<int>{from, to}(random)};
  }
  void later(std::chrono::milliseconds delay, std::function<void()> what) {
    agenda.emplace(now + delay, std::move(what));
  }

  // -- the brokers ----------------------------------------------------------------------

  fetch_response serve(int broker, const fetch_request& q) {
    fetch_response r;
    auto& mine = sessions[at(broker)];
    const auto known = mine.find(q.session_id);
    std::map<int, place> all;
    if (q.session_epoch > 0) {
      if (known == mine.end()) {
        r.error_code = error_code::fetch_session_id_not_found;
        return r;
      }
      if (known->second.epoch != q.session_epoch) {
        r.error_code = error_code::invalid_fetch_session_epoch;
        return r;
      }
      ++known->second.epoch;
      all = known->second.partitions;
    } else if (known != mine.end()) {
      mine.erase(known);
    }
    for (const auto& t : q.topics) {
      REQUIRE(t.topic_id == id);
      for (const auto& p : t.partitions)
        all[p.partition.value()] = {
          p.fetch_offset.value(), p.current_leader_epoch.value()};
    }
    for (const auto& t : q.forgotten_topics_data) {
      for (const auto p : t.partitions)
        all.erase(p.value());
    }
    if (q.session_epoch > 0) {
      known->second.partitions = all;
      r.session_id = q.session_id;
    } else if (!chance(0.1)) {
      r.session_id = ++last_session;
      mine[r.session_id] = {1, all};
    }
    auto& answered = r.responses.emplace_back();
    answered.topic_id = id;
    std::int64_t room = q.max_bytes;
    for (const auto& [p, asked] : all) {
      auto l = logs[at(p)];
      const auto from = asked.offset;
      const auto follows =
        l.leader != broker && !q.rack_id.empty() && asked.epoch == l.epoch;
      if (follows) { // And is behind.
        l.end = std::max<std::int64_t>(l.end - 5, 0);
        ++served_by_followers;
      }
      fetch_partition_data x;
      x.partition_index = p;
      x.high_watermark = l.end;
      if (l.leader != broker && !follows) {
        x.error_code = error_code::not_leader_or_follower;
        if (chance(0.5))
          x.current_leader = {l.leader, l.epoch};
      } else if (!follows && asked.epoch >= 0 && asked.epoch != l.epoch) {
        x.error_code = asked.epoch < l.epoch ? error_code::fenced_leader_epoch
                                             : error_code::unknown_leader_epoch;
      } else if (!follows && !q.rack_id.empty() && chance(0.2)) {
        x.preferred_read_replica = (broker + 1) % brokers;
      } else if (from > l.end || from < l.start) {
        x.error_code = error_code::offset_out_of_range;
      } else if (chance(0.01)) {
        x.error_code = error_code::kafka_storage_error;
      } else {
        const auto count =
          std::min<std::int64_t>({l.end - from, 10, std::max<std::int64_t>(room, 0)});
        room -= count;
        if (count > 0)
          x.records =
            shared_bytes::copy_of(std::string(static_cast<std::size_t>(count), 'x'));
      }
      if (x.error_code != error_code::none || x.records || q.session_epoch <= 0
        || x.preferred_read_replica.value() >= 0)
        answered.partitions.push_back(std::move(x));
    }
    return r;
  }

  // -- the way to them ------------------------------------------------------------------

  void act(const machine::send_fetch& s) {
    const auto request = s.request;
    const auto broker = s.broker.value();
    REQUIRE(under_way.insert(broker).second); // One at a time.
    if (chance(0.03)) {
      later(some(1, 400), [=, this] {
        under_way.erase(broker);
        m.on_failure(now, request, {error_code::disconnected, "no way"});
      });
      return;
    }
    later(some(0, 3), [=, this] {
      const auto q = m.fill(now, request, 17);
      if (!q) {
        under_way.erase(broker);
        m.on_failure(now, request, {error_code::not_found, "nothing"});
        return;
      }
      const auto fate =
        faulty ? std::uniform_real_distribution<double>{0, 1}(random) : 1.0;
      if (fate < 0.04) { // Lost, before or after the broker saw it.
        if (fate < 0.02)
          static_cast<void>(serve(broker, *q));
        later(some(1, 50), [=, this] {
          under_way.erase(broker);
          m.on_failure(now, request, {error_code::disconnected, "cut"});
        });
        return;
      }
      const auto slow = fate < 0.06 ? some(500, 3'000) : 0ms;
      later(slow + some(1, 20), [=, this] {
        auto r = serve(broker, *q);
        under_way.erase(broker);
        for (const auto& f : m.on_answer(now, request, std::move(r)))
          read(f);
      });
    });
  }

  void read(const machine::fetched& f) {
    const auto count = static_cast<std::int64_t>(f.records.size());
    auto& mine = readers[f.slot];
    if (chance(0.02)) {
      static_cast<void>(
        m.on_read(now, f, f.from, 0, {error_code::corrupt_message, "damaged"}));
      return;
    }
    // As the core does: an earlier generation's is nobody's.
    if (f.generation == mine.generation)
      mine.queue.push_back({f.from.value(), f.from.value() + count});
    m.on_read(now, f, f.from + count, f.records.size(), {});
  }

  void act(const machine::send_list_offsets& s) {
    later(some(1, 20), [=, this] {
      const auto q = m.fill_offsets(now, s.request);
      if (!q || chance(0.1)) {
        m.on_failure(now, s.request, {error_code::disconnected, "cut"});
        return;
      }
      list_offsets_response r;
      auto& t = r.topics.emplace_back();
      t.name = "t";
      for (const auto& p : q->topics[0].partitions) {
        auto& x = t.partitions.emplace_back();
        x.partition_index = p.partition_index;
        const auto& l = logs[at(p.partition_index.value())];
        if (l.leader != s.broker.value())
          x.error_code = error_code::not_leader_or_follower;
        else
          x.offset = p.timestamp == -2 ? l.start : l.end;
      }
      m.on_offsets(now, s.request, r);
    });
  }

  void act(const machine::ask_metadata&) {
    later(some(1, 20), [this] {
      if (chance(0.1)) {
        m.on_metadata_failed(now, {error_code::disconnected, "cut"});
        return;
      }
      metadata_response r;
      auto& t = r.topics.emplace_back();
      t.name = "t";
      t.topic_id = id;
      for (int p = 0; p != partitions; ++p) {
        auto& x = t.partitions.emplace_back();
        x.partition_index = p;
        const auto& l = logs[at(p)];
        const auto behind = chance(0.1);
        x.leader_id = behind ? l.leader_before : l.leader;
        x.leader_epoch = behind ? l.epoch_before : l.epoch;
        if (chance(0.05)) {
          x.leader_id = -1;
          x.leader_epoch = chance(0.5) ? -1 : x.leader_epoch;
        }
      }
      m.on_metadata(now, r);
    });
  }

  void act(const machine::positioned& x) {
    auto& mine = readers[x.slot];
    if (mine.generation != x.generation)
      return;
    if (mine.queue.empty())
      mine.position = x.where.value();
    mine.known = true;
    moved.insert({static_cast<int>(x.slot), x.where.value()});
  }

  void act(const machine::stray&) { FAIL("no broker answers what it was not asked"); }

  void act(const machine::report& x) {
    // Once it is read again, that is told as well.
    if (x.why.code == error_code::none)
      return;
    // Damage three times in a row: the program tries again.
    REQUIRE(x.why.code == error_code::corrupt_message);
    ++reports;
    if (readers[x.slot].generation == x.generation)
      seek(static_cast<int>(x.slot), readers[x.slot].position);
  }

  // -- the program ----------------------------------------------------------------------

  void seek(int p, std::int64_t where) {
    auto& mine = readers[at(p)];
    mine.queue.clear();
    mine.position = where;
    m.set(now, static_cast<std::uint32_t>(p),
      {++mine.generation, topic, p, start_at::offset(where), false});
  }

  void set_paused(int p, bool paused) {
    auto& mine = readers[at(p)];
    mine.queue.clear();
    m.set(now, static_cast<std::uint32_t>(p),
      {++mine.generation, topic, p, start_at::offset(mine.position), paused});
  }

  // As `unassign` does; whatever comes of it is nobody's.
  void remove(int p) {
    auto& mine = readers[at(p)];
    mine.queue.clear();
    ++mine.generation;
    m.remove(static_cast<std::uint32_t>(p));
  }

  void take() {
    for (int p = 0; p != partitions; ++p) {
      auto& mine = readers[at(p)];
      while (!mine.queue.empty() && !chance(0.3)) {
        const auto l = mine.queue.front();
        mine.queue.pop_front();
        // In order, without a gap, and nothing twice.
        if (l.from != mine.position)
          REQUIRE(moved.contains({p, l.from}));
        mine.position = l.next;
        mine.handed += l.next - l.from;
        m.on_taken(static_cast<std::uint32_t>(p), mine.generation,
          static_cast<std::size_t>(l.next - l.from));
      }
    }
    later(some(1, 60), [this] { take(); });
  }

  void step() {
    m.on_time(now);
    while (m.has_actions()) {
      for (auto& a : m.take_actions())
        std::visit([this](auto& x) { act(x); }, a);
      m.on_time(now);
    }
    REQUIRE(!agenda.empty());
    if (m.next_time() < agenda.begin()->first) {
      now = std::max(now, m.next_time());
      return;
    }
    auto first = agenda.extract(agenda.begin());
    now = std::max(now, first.key());
    first.mapped()();
  }

  [[nodiscard]] bool done() const {
    for (int p = 0; p != partitions; ++p) {
      if (logs[at(p)].end < records_each || readers[at(p)].position < records_each)
        return false;
    }
    return true;
  }

  void elect(log& l, int epoch) {
    l.leader_before = l.leader;
    l.epoch_before = l.epoch;
    l.leader = static_cast<int>(some(0, brokers - 1).count());
    l.epoch = epoch;
  }

  /// Epochs do: the cluster's metadata was restored, or an unclean election ended badly.
  void go_back() {
    for (auto& l : logs) {
      if (l.epoch == 0)
        continue;
      elect(l, std::max(0, l.epoch - static_cast<int>(some(1, 5).count())));
      ++gone_back;
    }
  }

  void run() {
    for (int p = 0; p != partitions; ++p)
      seek(p, 0);
    for (int n = 0; n != records_each / 4; ++n) {
      for (int p = 0; p != partitions; ++p)
        later(std::chrono::milliseconds{n * 20} + some(0, 20),
          [=, this] { logs[at(p)].end += 4; });
    }
    for (int i = 0; i != 30 && faulty; ++i) {
      const auto p = static_cast<int>(some(0, partitions - 1).count());
      later(some(0, 2'500), [=, this] { elect(logs[at(p)], logs[at(p)].epoch + 1); });
      later(some(0, 2'500), [=, this] { sessions[at(p % brokers)].clear(); });
      later(some(0, 2'500), [=, this] {
        // Back a bit, as a program does that has failed; or the same place once more.
        seek(p, std::max<std::int64_t>(readers[at(p)].position - some(0, 5).count(), 0));
        ++seeks;
      });
      const auto pauses = i % 2 == 0;
      later(some(0, 2'500), [=, this] {
        if (pauses)
          set_paused(p, true);
        else
          remove(p);
        later(some(0, 300), [=, this] { set_paused(p, false); });
      });
    }
    for (int i = 0; i != 3 && faulty; ++i)
      later(some(0, 2'500), [this] { go_back(); });
    later(1ms, [this] { take(); });
    for (int steps = 0; !done(); ++steps) {
      REQUIRE(steps < 200'000);
      step();
    }
    finished = now;
  }

  std::mt19937 random;
  bool faulty = true;
  uuid id;
  const std::shared_ptr<const std::string> topic =
    std::make_shared<const std::string>("t");
  time_point now = time_point{} + 1h;
  time_point finished;
  std::array<log, partitions> logs;
  std::array<std::map<std::int32_t, session>, brokers> sessions;
  std::array<reader, partitions> readers;
  std::int32_t last_session = 0;
  std::multimap<time_point, std::function<void()>> agenda;
  std::set<int> under_way;
  std::set<std::pair<int, std::int64_t>> moved;
  std::size_t reports = 0;
  std::size_t served_by_followers = 0;
  std::size_t seeks = 0;
  std::size_t gone_back = 0; ///< Partitions whose epoch was an earlier one.
  byte_budget budget{10'000};
  machine m;
};

} // namespace

TEST_CASE("a consumer without faults reads all once, in few sessions") {
  simulation s{1};
  s.faulty = false;
  s.run();
  for (const auto& r : s.readers)
    CHECK(r.handed == simulation::records_each);
  CHECK(s.m.totals().sessions == 3);
  CHECK(s.m.totals().errors == 0);
  CHECK(s.finished - (time_point{} + 1h) < 4s);
}

TEST_CASE("whatever goes wrong, each partition is read in order, without gap or repeat") {
  std::uint64_t sessions = 0;
  std::uint64_t errors = 0;
  std::size_t seeks = 0;
  std::size_t served_by_followers = 0;
  std::size_t gone_back = 0;
  for (unsigned seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    simulation s{seed};
    s.run();
    sessions += s.m.totals().sessions;
    errors += s.m.totals().errors;
    seeks += s.seeks;
    served_by_followers += s.served_by_followers;
    gone_back += s.gone_back;
    // It did not take long, for what went wrong.
    CHECK(s.finished - (time_point{} + 1h) < 60s);
  }
  CHECK(sessions > 2'000);
  CHECK(errors > 5'000);
  CHECK(seeks > 1'000);
  CHECK(served_by_followers > 1'000);
  CHECK(gone_back > 1'000);
}

TEST_CASE("a log cut short is read again as the reset policy says") {
  simulation s{3};
  s.faulty = false;
  s.later(1s, [&] {
    // An unclean election: what was read has gone, and is written anew.
    s.logs[0].end -= 30;
    ++s.logs[0].epoch;
  });
  for (int n = 0; n != 10; ++n)
    s.later(std::chrono::milliseconds{1'500 + n}, [&] { s.logs[0].end += 3; });
  s.run();
  CHECK(s.readers[0].position >= simulation::records_each);
}
