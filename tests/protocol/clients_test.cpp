// Whole clients, connections included, in virtual time and by seed.
#include "driven_worker.hpp"
#include <cafka/protocol/clients/consumer_client.hpp>
#include <cafka/protocol/clients/producer_client.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace cafka;
using namespace std::chrono_literals;
using cafka::testing::fake_cluster;
using protocol::api_key;

namespace {

protocol::time_point batches_opened_at;

protocol::accumulator_options with_clock() {
  protocol::accumulator_options options;
  options.clock = [] { return batches_opened_at; };
  return options;
}

} // namespace

TEST_CASE("a whole worker writes and reads in virtual time", "[clients]") {
  fake_cluster cluster;
  cluster.create_topic("t", 3);
  driven_worker w{cluster};
  for (std::int32_t p = 0; p != 3; ++p) {
    const auto put = w.ask(
      produce{.topic = "t", .partition = p, .records = {{.value = std::to_string(p)}}});
    INFO(put.error());
    REQUIRE(put);
    CHECK(put->base_offset == log_offset{0});
  }
  const auto got = w.ask(fetch{.topic = "t", .partition = 1, .offset = 0});
  REQUIRE(got);
  REQUIRE(got->records.begin() != got->records.end());
  CHECK((*got->records.begin()).copy().value == "1");
  const auto end = w.ask(list_offsets{.topic = "t", .partition = 2});
  REQUIRE(end);
  CHECK(end->offset == log_offset{1});
}

TEST_CASE(
  "a group's fetch goes on where it has committed, in virtual time", "[clients]") {
  fake_cluster cluster;
  cluster.create_topic("t");
  cluster.append("t", 0, {{.value = "a"}, {.value = "b"}});
  driven_worker w{cluster, 1, "g"};
  const auto first = w.ask(fetch{.topic = "t"});
  REQUIRE(first);
  CHECK(first->committed == log_offset{2});
  cluster.append("t", 0, {{.value = "c"}});
  const auto second = w.ask(fetch{.topic = "t"});
  REQUIRE(second);
  CHECK(second->committed == log_offset{3});
  CHECK((*second->records.begin()).copy().value == "c");
}

TEST_CASE("a produce without acknowledgement ends when it has been sent", "[clients]") {
  fake_cluster cluster;
  cluster.create_topic("t");
  driven_worker w{cluster};
  const auto sent = w.ask(produce{
    .topic = "t", .partition = 0, .records = {{.value = "v"}}, .required_acks = 0});
  REQUIRE(sent);
  CHECK_FALSE(sent->base_offset);
  REQUIRE(w.run(1s, [&] { return cluster.log("t", 0).end() == log_offset{1}; }));
}

TEST_CASE("a worker that is shut down answers every request", "[clients]") {
  fake_cluster cluster;
  driven_worker w{cluster};
  std::optional<result<cluster_metadata>> got;
  w.client().submit({w.now(), {}}, metadata{},
    [&](result<cluster_metadata> reply) { got = std::move(reply); });
  w.client().shut_down();
  w.carry_out();
  REQUIRE(got.has_value());
  CHECK(got->error().code == error_code::closed);
}

TEST_CASE("a worker that is to be connected connects, also when nothing else is wanted",
  "[clients]") {
  fake_cluster cluster;
  driven_worker w{cluster};
  REQUIRE(w.ask(get_status{.wait_connected = true}));
  REQUIRE(w.ask(metadata{}));
  // All its connections are let go, and none is wanted again.
  for (protocol::connection_id id = 1; id != 10; ++id)
    w.client().on_outdated(w.now(), id);
  w.carry_out();
  REQUIRE_FALSE(w.ask(get_status{})->connected);
  const auto got = w.ask(get_status{.wait_connected = true, .deadline = 1s});
  INFO(got.error());
  REQUIRE(got);
  CHECK(got->connected);
}

TEST_CASE(
  "a frame that is refused ends its request, or sends it elsewhere", "[clients]") {
  fake_cluster cluster;
  cluster.create_topic("t");
  driven_worker w{cluster};
  REQUIRE(w.ask(list_offsets{.topic = "t"}));
  // As the shell tells it whose transport is full.
  std::optional<result<produced>> got;
  w.client().submit({w.now(), {}},
    produce{
      .topic = "t", .partition = 0, .records = {{.value = "v"}}, .required_acks = 0},
    [&](result<produced> reply) { got = std::move(reply); });
  auto effects = w.client().take_effects();
  for (auto& e : effects) {
    if (auto* frame = std::get_if<protocol::send_frame>(&e))
      w.client().on_refused(w.now(), *frame, false);
  }
  w.client().on_carried_out(w.now());
  w.carry_out();
  REQUIRE(got.has_value());
  CHECK(got->error().code == error_code::queue_full);
}

TEST_CASE("a consumer rests while compressed records wait for memory", "[clients]") {
  fake_cluster cluster;
  cluster.create_topic("t");
  constexpr std::size_t batches = 5;
  const std::string much(100'000, 'a');
  for (std::size_t i = 0; i != batches; ++i)
    cluster.append("t", 0, {{.value = much}}, codec::lz4);
  protocol::consumer_client_options options;
  options.name = "c";
  options.cluster = to(cluster, 1);
  options.cluster.metadata_max_age = 0ms;
  const auto budget = std::make_shared<protocol::byte_budget>(much.size());
  driven_client<protocol::consumer_client> c{cluster, options, budget};
  std::vector<std::shared_ptr<protocol::consumed_content>> held;
  c.on_effect = [&](auto& e) {
    if (auto* arrived = std::get_if<protocol::consumer_client::arrived>(&e))
      for (auto& a : arrived->all)
        held.push_back(std::move(a.content));
  };
  c.client().start(c.now());
  c.client().set(c.now(), 0,
    {1, std::make_shared<const std::string>("t"), 0, protocol::start_at::earliest(),
      false});
  c.client().on_program(c.now());
  for (std::size_t i = 1; i <= batches; ++i) {
    REQUIRE(c.run(10s, [&] { return held.size() == i; }));
    // What it may hold is held: the next one comes when it is released, and not before.
    CHECK_FALSE(c.run(10s, [&] { return held.size() > i; }));
    held.back().reset();
    c.client().on_program(c.now());
  }
  CHECK(cluster.asked(api_key::fetch) < 1'000);
}

TEST_CASE("a whole producer loses nothing while brokers come and go", "[clients]") {
  const auto seed = GENERATE(range(1, 21));
  std::minstd_rand random{static_cast<std::uint32_t>(seed)};
  fake_cluster cluster;
  cluster.create_topic("t", 3);
  protocol::accumulator batches{with_clock()};
  protocol::producer_client_options options;
  options.name = "p";
  options.cluster = to(cluster, static_cast<std::uint64_t>(seed));
  options.cluster.metadata_max_age = 0ms;
  options.cluster.max_pending = SIZE_MAX;
  options.machine.seed = static_cast<std::uint64_t>(seed);
  driven_client<protocol::producer_client> p{cluster, options, batches};
  std::int32_t delivered = 0;
  std::vector<error> failures;
  p.on_effect = [&](auto& e) {
    if (auto* report = std::get_if<protocol::delivery_report>(&e)) {
      delivered += report->count;
      if (report->error)
        failures.push_back(report->error);
    }
  };
  p.client().start(p.now());
  const auto topic = batches.hold("t");
  const auto written = [&] {
    std::int64_t all = 0;
    for (std::int32_t i = 0; i != 3; ++i)
      all += cluster.log("t", i).end().value();
    return all;
  };
  constexpr std::int32_t rounds = 30, each = 20;
  for (int i = 0; i != rounds; ++i) {
    for (int r = 0; r != each; ++r) {
      const auto value = std::to_string(i) + '/' + std::to_string(r);
      batches_opened_at = p.now();
      REQUIRE(
        batches.append(*topic, {.value = protocol::as_bytes(value)}, {}, nullptr).status
        == error_code::none);
    }
    p.client().on_changed(p.now());
    if (random() % 3 == 0) {
      const auto broker = static_cast<std::int32_t>(1 + random() % 3);
      cluster.kill(broker);
      static_cast<void>(
        p.run(std::chrono::milliseconds{random() % 300}, [] { return false; }));
      cluster.restart(broker);
    }
    static_cast<void>(
      p.run(std::chrono::milliseconds{random() % 100}, [] { return false; }));
  }
  p.client().flush(p.now(), p.now() + 1h, false);
  REQUIRE(p.run(1h, [&] { return delivered == rounds * each; }));
  for (const auto& f : failures)
    FAIL_CHECK(f);
  CHECK(written() == rounds * each);
}
