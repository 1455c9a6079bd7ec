// docs/testing.md quotes what stands between the marks.

#if __has_include(<caf/scheduler/abstract_coordinator.hpp>) // CAF 0.18
#include <cafka/cafka.hpp>
#include <cafka/testing/clock.hpp>
#include <cafka/testing/cluster.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <optional>
#include <string>
#include <thread>

using namespace std::chrono_literals;

namespace {

struct hour_result {
  cafka::error why;
  std::chrono::nanoseconds passed{0};
  std::size_t requests = 0;
};

// [virtual time]
/// Asks a broker that says nothing, for an hour.
hour_result wait_an_hour() {
  cafka::testing::cluster cluster{{.brokers = 1}};
  cluster.create_topic("orders");
  auto& time = cluster.clock();
  cafka::configuration config;
  time.set_in(config);
  caf::actor_system system{config};
  cafka::actors::connection_options how;
  how.brokers = {cluster.address(1)};
  const auto worker = cafka::actors::spawn_worker(system, how, cluster.transports());
  time.settle();

  cluster.pause(1);
  const auto began = time.now();
  std::optional<cafka::error> said;
  system.spawn([&](caf::event_based_actor* self) {
    cafka::ask(
      self, worker, caf::infinite, cafka::list_offsets{.topic = "orders", .deadline = 1h})
      .then([&](cafka::result<cafka::listed_offset>& end) { said = end.error(); },
        [](caf::error& gone) { FAIL(to_string(gone)); });
  });
  REQUIRE(time.run_until([&] { return said.has_value(); }, 2h));
  hour_result result{said.value(), time.now() - began, cluster.asked()};
  cafka::post_exit(worker, caf::exit_reason::user_shutdown);
  time.settle();
  return result;
}
// [virtual time]

} // namespace

TEST_CASE("an hour passes at once, the same each time") {
  const auto first = wait_an_hour(), second = wait_an_hour();
  CHECK(first.why.code == cafka::error_code::timed_out);
  CHECK(first.passed >= 1h);
  CHECK(first.passed < 1h + 1s);
  CHECK(first.requests > 1);
  CHECK(second.why == first.why);
  CHECK(second.passed == first.passed);
  CHECK(second.requests == first.requests);
}

// [virtual application]
TEST_CASE("an order that waits for its leader is given up after ten minutes") {
  cafka::testing::cluster cluster{{.brokers = 3}};
  cluster.create_topic("orders");
  auto& time = cluster.clock();
  const auto flow = time.flowing(); // ends last, for the application's end may need it
  cafka::configuration config;
  time.set_in(config);
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = cluster.bootstrap(), .transports = cluster.transports()})
               .value();
  CHECK(app->produce("orders", 0, "1").has_value());

  cluster.move_leader("orders", 0, -1);
  const auto began = time.now();
  cafka::produce order{
    .topic = "orders", .partition = 0, .records = {{.value = "2"}}, .deadline = 10min};
  CHECK(app->produce(order).error().code == cafka::error_code::timed_out);
  CHECK(time.now() - began >= 10min);
}
// [virtual application]

TEST_CASE("a producer and a consumer live through an hour of failures at once") {
  cafka::testing::cluster cluster{{.brokers = 3}};
  cluster.create_topic("orders", 3);
  auto& time = cluster.clock();
  const auto flow = time.flowing();
  cafka::configuration config;
  time.set_in(config);
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = cluster.bootstrap(), .transports = cluster.transports()})
               .value();
  auto producer = app->producer({.delivery_timeout = 1h}).value();
  auto consumer = app->consumer().value();
  consumer
    .assign({{"orders", 0, cafka::start_at::earliest()},
      {"orders", 1, cafka::start_at::earliest()},
      {"orders", 2, cafka::start_at::earliest()}})
    .value();
  const auto began = time.now();
  std::size_t sent = 0;
  for (std::int32_t broker = 1; broker <= 3; ++broker) {
    cluster.partition({broker}, {1 + broker % 3, 1 + (broker + 1) % 3});
    for (int i = 0; i != 100; ++i, ++sent)
      REQUIRE(producer.send("orders",
        {.value = std::to_string(sent), .partition = cafka::partition_id{i % 3}}));
    // For so long the network stays as it is, in an instant.
    const auto until = time.now() + 20min;
    REQUIRE(cluster.wait([&] { return time.now() >= until; }));
    cluster.heal();
    REQUIRE(producer.flush(1h));
  }
  CHECK(time.now() - began >= 1h);
  std::size_t read = 0;
  while (read != sent) {
    const auto polled = consumer.poll(10s).value();
    REQUIRE_FALSE(polled.batches.empty());
    for (const auto& batch : polled.batches)
      read += batch.size();
  }
  CHECK(read == sent);
}

TEST_CASE("alarms ring in their order, and only when time goes on") {
  cafka::testing::clock time;
  cafka::configuration config;
  time.set_in(config);
  caf::actor_system system{config};
  std::string rung;
  std::atomic<std::size_t> rings = 0;
  const auto began = time.now();
  const auto bell = system.spawn([&](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, 2h, std::string{"c"});
    self->delayed_send(self, 1h, std::string{"a"});
    self->delayed_send(self, 1h, std::string{"b"});
    return {[&, self](const std::string& which) {
      rung += which;
      ++rings;
      if (which == "c")
        self->delayed_send(self, 30min, std::string{"d"});
    }};
  });
  time.settle();
  CHECK(rung.empty());
  time.advance(59min);
  CHECK(rung.empty());
  time.advance(1min);
  CHECK(rung == "ab");
  CHECK(time.now() - began == 1h);
  // What follows from an alarm is due within the same time.
  time.advance(2h);
  CHECK(rung == "abcd");
  CHECK_FALSE(time.run_until([&] { return rung == "abcde"; }, 24h));
  CHECK(time.now() - began == 3h);
  {
    const auto flow = time.flowing();
    caf::anon_send(bell, std::string{"c"});
    while (rings != 6)
      std::this_thread::yield();
  }
  time.settle();
  CHECK(rung == "abcdcd");
  CHECK(time.now() - began == 3h + 30min);
  caf::anon_send_exit(bell, caf::exit_reason::user_shutdown);
  time.settle();
}
#endif
