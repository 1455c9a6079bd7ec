// A whole producer with transactions on a cluster that fails, in virtual time and by
// seed.
#include "driven_worker.hpp"
#include <cafka/protocol/clients/producer_client.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace cafka;
using namespace std::chrono_literals;
using cafka::testing::cluster_options;
using cafka::testing::fake_cluster;
using cafka::testing::fate;
using protocol::api_key;
using outcome = protocol::transaction_outcome::state;

namespace {

protocol::time_point batches_opened;

protocol::accumulator_options with_clock() {
  protocol::accumulator_options options;
  options.clock = [] { return batches_opened; };
  return options;
}

/// A program that writes in transactions.
struct program {
  program(fake_cluster& on, std::uint64_t seed, std::string id = "t")
    : cluster(on),
      batches(with_clock()),
      p(on, options_of(on, seed, std::move(id)), batches) {
    p.on_effect = [this](auto& e) {
      if (auto* over = std::get_if<protocol::producer_client::operation_ended>(&e))
        over->tell();
    };
    p.client().start(p.now());
  }

  static protocol::producer_client_options options_of(
    fake_cluster& on, std::uint64_t seed, std::string id) {
    protocol::producer_client_options options;
    options.name = "p";
    options.transactional_id = std::move(id);
    options.cluster = to(on, seed);
    options.cluster.max_pending = SIZE_MAX;
    options.machine.seed = seed;
    return options;
  }

  error begin(std::chrono::milliseconds deadline = 60s) {
    std::optional<error> got;
    p.client().begin(p.now(), p.now() + deadline, [&](const error& e) { got = e; });
    REQUIRE(p.run(2 * deadline, [&] { return got.has_value(); }));
    return *got;
  }
  void send(const std::string& topic, std::int32_t partition, const std::string& value) {
    batches_opened = p.now();
    REQUIRE(batches
              .append(batches.topic(topic),
                {.value = protocol::as_bytes(value), .partition = partition}, {}, nullptr)
              .status
      == error_code::none);
    p.client().on_changed(p.now());
  }
  protocol::transaction_outcome end(
    bool commit, std::chrono::milliseconds deadline = 60s) {
    std::optional<protocol::transaction_outcome> got;
    p.client().end(p.now(), commit, p.now() + deadline,
      [&](const protocol::transaction_outcome& o) { got = o; });
    REQUIRE(p.run(2 * deadline, [&] { return got.has_value(); }));
    return *got;
  }
  void pass(std::chrono::milliseconds time) {
    static_cast<void>(p.run(time, [] { return false; }));
  }

  fake_cluster& cluster;
  protocol::accumulator batches;
  driven_client<protocol::producer_client> p;
};

/// What a reader of committed records is given of a partition.
std::vector<std::string> committed(
  fake_cluster& cluster, const std::string& topic, std::int32_t partition) {
  driven_worker w{cluster, 99};
  std::vector<std::string> values;
  log_offset at = 0;
  while (true) {
    const auto got = w.ask(fetch{.topic = topic,
      .partition = partition,
      .offset = at,
      .wait_time = 0ms,
      .isolation = isolation_level::read_committed});
    REQUIRE(got);
    for (const auto& r : got->records)
      values.push_back(*r.copy().value);
    if (got->records.next_offset() == at)
      return values;
    at = got->records.next_offset();
  }
}

} // namespace

TEST_CASE("a whole producer commits and aborts, with all generations of brokers",
  "[clients][transactions]") {
  const auto release = GENERATE(protocol::kafka_version{4, 3},
    protocol::kafka_version{3, 9}, protocol::kafka_version{2, 8},
    protocol::kafka_version{1, 1}, protocol::kafka_version{0, 11});
  INFO(to_string(release));
  cluster_options options;
  options.kafka_version = release;
  fake_cluster cluster{options};
  cluster.create_topic("in", 1);
  cluster.create_topic("out", 2);
  program a{cluster, 1};
  const auto started = a.begin();
  INFO(started);
  REQUIRE_FALSE(started);
  CHECK(
    a.p.client().transaction()->is_v2() == (release >= protocol::kafka_version{4, 0}));
  a.send("out", 0, "a");
  a.send("out", 1, "b");
  std::optional<error> offsets;
  a.p.client().send_offsets(a.p.now(), {"g", -1, {}, {}}, {{{"in", 0}, 17, -1}},
    a.p.now() + 10s, [&](const error& e) { offsets = e; });
  auto ended = a.end(true);
  INFO(ended.why);
  REQUIRE(ended.what == outcome::committed);
  REQUIRE(offsets);
  CHECK_FALSE(*offsets);
  a.pass(1s);
  CHECK(cluster.committed("g", "in", 0) == log_offset{17});

  REQUIRE_FALSE(a.begin());
  a.send("out", 0, "c");
  a.pass(100ms); // It is in the log.
  a.send("out", 1, "d");
  CHECK(a.end(false).what == outcome::aborted);

  REQUIRE_FALSE(a.begin());
  CHECK(a.end(true).what == outcome::committed); // Nothing was in it.

  REQUIRE_FALSE(a.begin());
  a.send("out", 0, "e");
  CHECK(a.end(true).what == outcome::committed);
  a.pass(1s);
  CHECK(committed(cluster, "out", 0) == std::vector<std::string>{"a", "e"});
  CHECK(committed(cluster, "out", 1) == std::vector<std::string>{"b"});
}

TEST_CASE("of two producers with one transactional id the first ends",
  "[clients][transactions]") {
  fake_cluster cluster;
  cluster.create_topic("out", 1);
  program old{cluster, 1};
  REQUIRE_FALSE(old.begin());
  old.send("out", 0, "old");
  old.pass(1s);
  program fresh{cluster, 2};
  REQUIRE_FALSE(fresh.begin());
  const auto ended = old.end(true);
  CHECK(ended.what == outcome::aborted);
  CHECK(ended.why);
  fresh.send("out", 0, "new");
  CHECK(fresh.end(true).what == outcome::committed);
  fresh.pass(1s);
  CHECK(committed(cluster, "out", 0) == std::vector<std::string>{"new"});
}

TEST_CASE("what is told of transactions is what a reader of committed records sees",
  "[clients][transactions]") {
  const auto seed = static_cast<std::uint64_t>(GENERATE(range(1, 41)));
  INFO("seed " << seed);
  std::minstd_rand random{static_cast<std::uint32_t>(seed)};
  const auto draw = [&](std::uint32_t below) { return random() / 7 % below; };
  cluster_options options;
  options.kafka_version =
    seed % 2 == 0 ? protocol::kafka_version{4, 3} : protocol::kafka_version{2, 8};
  fake_cluster cluster{options};
  cluster.create_topic("out", 3);
  program a{cluster, seed};
  std::map<int, outcome> told;
  std::map<int, std::map<std::int32_t, int>> sent;
  const api_key apis[] = {api_key::end_txn, api_key::produce, api_key::init_producer_id,
    api_key::add_partitions_to_txn};
  constexpr int rounds = 25;
  for (int i = 0; i != rounds; ++i) {
    const auto faulty = i < rounds - 3;
    if (!faulty)
      cluster.be_well();
    if (const auto e = a.begin(); e) {
      INFO(e);
      REQUIRE(faulty);
      REQUIRE(a.p.client().transaction()->state()
        != protocol::transaction_machine::phase::failed);
      continue;
    }
    if (faulty && draw(3) == 0)
      cluster.fail(apis[draw(4)],
        draw(2) == 0 ? error_code::not_coordinator : error_code::request_timed_out, 1);
    if (faulty && draw(4) == 0)
      cluster.treat(apis[draw(4)], {draw(2) == 0 ? fate::answer_lost : fate::cut}, 1);
    for (auto n = draw(20); n > 0; --n) {
      const auto partition = static_cast<std::int32_t>(draw(3));
      a.send(
        "out", partition, std::to_string(i) + '/' + std::to_string(sent[i][partition]++));
      a.pass(std::chrono::milliseconds{draw(10)});
    }
    std::optional<std::int32_t> killed;
    if (faulty && draw(3) == 0) {
      killed = static_cast<std::int32_t>(1 + draw(3));
      cluster.kill(*killed);
    }
    const auto commit = draw(4) != 0;
    const auto hurries = draw(3) == 0 && faulty;
    // An answer that was lost before may be waited for.
    const auto ended = a.end(commit, hurries ? 300ms : faulty ? 20s : 60s);
    told[i] = ended.what;
    if (killed)
      cluster.restart(*killed);
    a.pass(std::chrono::milliseconds{draw(200)});
    if (!faulty) {
      INFO(ended.why);
      CHECK(ended.what == (commit ? outcome::committed : outcome::aborted));
    }
  }
  a.pass(90s);
  for (std::int32_t p = 0; p != 3; ++p) {
    std::map<int, int> seen;
    auto last = -1;
    for (const auto& value : committed(cluster, "out", p)) {
      const auto i = std::stoi(value);
      CHECK(i >= last);
      last = i;
      // Once, and in order.
      CHECK(value == std::to_string(i) + '/' + std::to_string(seen[i]++));
    }
    for (const auto& [i, what] : told) {
      INFO("transaction " << i << " in partition " << p);
      const auto all = sent[i].contains(p) ? sent[i].at(p) : 0;
      if (what == outcome::committed)
        CHECK(seen[i] == all);
      else if (what == outcome::aborted)
        CHECK(seen[i] == 0);
      else
        CHECK((seen[i] == 0 || seen[i] == all));
    }
  }
}
