#include <cafka/protocol/machines/consumer_machine.hpp>
#include <cafka/protocol/records/record_batch.hpp>
#include <cafka/testing/model/fake_cluster.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <set>

using namespace cafka::protocol;
using namespace cafka::testing;
using namespace std::chrono_literals;

namespace {

using machine = consumer_machine;
using time_point = machine::time_point;

/// A cluster, a program that takes what it is handed when it likes, and whatever can go
/// wrong between them. Each record is a batch of its own.
struct simulation {
  static constexpr int brokers = 3;
  static constexpr int partitions = 6;
  static constexpr std::int64_t records_each = 400;

  /// Bytes of a record, about.
  static constexpr int record_bytes = 70;

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

  explicit simulation(unsigned seed)
    : random(seed), cluster(three_brokers()), m(options(seed), budget) {
    cluster.create_topic("t", partitions);
    // Replicas are read from as well, and follow some records behind.
    for (std::int32_t b = 0; b != brokers; ++b)
      cluster.set_rack(b, "rack " + std::to_string(b), 5);
    cluster.change<fetch_request>(
      [this](const seen_request& seen, const fetch_request& q, fetch_response& r) {
        for (auto& x : r.responses) {
          for (auto& p : x.partitions)
            disturb(seen.broker, q, p);
        }
      });
  }

  static cluster_options three_brokers() {
    cluster_options o;
    o.brokers = brokers;
    o.first_broker = 0;
    return o;
  }

  static consumer_machine_options options(unsigned seed) {
    consumer_machine_options o;
    o.max_partition_fetch_bytes = 10 * record_bytes;
    o.fetch_max_bytes = 100 * record_bytes;
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
    for (const auto& t : q.topics)
      REQUIRE(t.topic_id == cluster.topic_id("t"));
    // Some keep no session.
    cluster.set_session_limit(broker, chance(0.1) ? 0 : 1'000);
    return *cluster.ask(now, broker, q, 17);
  }

  /// What may go wrong with a partition's answer.
  void disturb(int broker, const fetch_request& q, fetch_partition_data& x) {
    const auto leads = cluster.leader("t", x.partition_index.value()) == broker;
    if (x.error_code != error_code::none) {
      if (chance(0.5))
        x.current_leader = {};
      return;
    }
    served_by_followers += leads ? 0 : 1;
    if (leads && !q.rack_id.empty() && chance(0.2)) {
      x.preferred_read_replica = (broker + 1) % brokers;
      x.records = shared_bytes{};
    } else if (chance(0.01)) {
      x.error_code = error_code::kafka_storage_error;
      x.records = shared_bytes{};
    }
  }

  void append(int p, int count) {
    for (int i = 0; i != count; ++i) {
      record r;
      r.value = std::to_string(end_of(p));
      cluster.append("t", p, {r});
    }
  }
  [[nodiscard]] std::int64_t end_of(int p) { return cluster.log("t", p).end().value(); }

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
    std::int64_t count = 0;
    batch_reader in{f.records};
    record_batch batch;
    while (in.next(batch)) {
      REQUIRE(batch.info().base_offset == f.from + count);
      count += batch.info().record_count;
    }
    auto& mine = readers[f.slot];
    if (chance(0.02)) {
      static_cast<void>(
        m.on_read(now, f, f.from, 0, {error_code::corrupt_message, "damaged"}));
      return;
    }
    // As the core does: an earlier generation's is stale.
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
      const auto r = *cluster.ask(now, s.broker.value(), *q, 6);
      m.on_offsets(now, s.request, r);
    });
  }

  void act(const machine::ask_metadata&) {
    later(some(1, 20), [this] {
      if (chance(0.1)) {
        m.on_metadata_failed(now, {error_code::disconnected, "cut"});
        return;
      }
      metadata_request q;
      q.topics->emplace_back().name = "t";
      auto r = *cluster.ask(now, 0, q, 12);
      for (auto& x : r.topics.at(0).partitions) {
        if (chance(0.05))
          x.leader_id = -1;
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

  // As `unassign` does; its result is ignored.
  void remove(int p) {
    auto& mine = readers[at(p)];
    mine.queue.clear();
    ++mine.generation;
    m.remove(now, static_cast<std::uint32_t>(p));
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
        m.on_taken(now, static_cast<std::uint32_t>(p), mine.generation,
          static_cast<std::size_t>(l.next - l.from));
      }
    }
    later(some(1, 60), [this] { take(); });
  }

  void step() {
    if (m.next_time() <= now)
      m.on_time(now);
    while (m.has_effects()) {
      for (auto& a : m.take_effects())
        std::visit([this](auto& x) { act(x); }, a);
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

  [[nodiscard]] bool done() {
    for (int p = 0; p != partitions; ++p) {
      if (end_of(p) < records_each || readers[at(p)].position < records_each)
        return false;
    }
    return true;
  }

  void run() {
    for (int p = 0; p != partitions; ++p)
      seek(p, 0);
    for (int n = 0; n != records_each / 4; ++n) {
      for (int p = 0; p != partitions; ++p)
        later(
          std::chrono::milliseconds{n * 20} + some(0, 20), [=, this] { append(p, 4); });
    }
    for (int i = 0; i != 30 && faulty; ++i) {
      const auto p = static_cast<int>(some(0, partitions - 1).count());
      later(some(0, 2'500), [=, this] {
        cluster.move_leader(
          "t", p, static_cast<std::int32_t>(some(0, brokers - 1).count()));
      });
      later(some(0, 2'500), [=, this] { cluster.forget_sessions(p % brokers); });
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
    later(1ms, [this] { take(); });
    for (int steps = 0; !done(); ++steps) {
      REQUIRE(steps < 200'000);
      step();
    }
    finished = now;
  }

  std::mt19937 random;
  bool faulty = true;
  const std::shared_ptr<const std::string> topic =
    std::make_shared<const std::string>("t");
  time_point now = time_point{} + 1h;
  time_point finished;
  fake_cluster cluster;
  std::array<reader, partitions> readers;
  std::multimap<time_point, std::function<void()>> agenda;
  std::set<int> under_way;
  std::set<std::pair<int, std::int64_t>> moved;
  std::size_t reports = 0;
  std::size_t served_by_followers = 0;
  std::size_t seeks = 0;
  byte_budget budget{10'000 * record_bytes};
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
  for (unsigned seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    simulation s{seed};
    s.run();
    sessions += s.m.totals().sessions;
    errors += s.m.totals().errors;
    seeks += s.seeks;
    served_by_followers += s.served_by_followers;
    // It did not take long, for what went wrong.
    CHECK(s.finished - (time_point{} + 1h) < 60s);
  }
  CHECK(sessions > 2'000);
  CHECK(errors > 5'000);
  CHECK(seeks > 1'000);
  CHECK(served_by_followers > 1'000);
}

TEST_CASE("a log cut short is read again as the reset policy says") {
  simulation s{3};
  s.faulty = false;
  s.later(1s, [&] {
    // An unclean election: what was read has gone, and is written anew.
    s.cluster.truncate("t", 0, s.end_of(0) - 30);
    s.cluster.move_leader("t", 0, s.cluster.leader("t", 0));
  });
  for (int n = 0; n != 10; ++n)
    s.later(std::chrono::milliseconds{1'500 + n}, [&] { s.append(0, 3); });
  s.run();
  CHECK(s.readers[0].position >= simulation::records_each);
}
