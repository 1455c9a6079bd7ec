// docs/testing.md quotes what stands between the marks.

#include <cafka/cafka.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/testing/cluster.hpp>
#include <cafka/testing/fake_worker.hpp>
#include <cafka/testing/records.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <numeric>

using namespace std::chrono_literals;

namespace {

// [service]
/// The sum of all amounts in a batch of orders.
std::int64_t total(const cafka::consumed_batch& orders) {
  std::int64_t sum = 0;
  for (const auto& order : orders)
    sum += std::stoll(std::string{order.text()});
  return sum;
}

/// Writes an order, and says where it is.
cafka::result<cafka::log_offset> place_order(
  cafka::application& app, const std::string& amount) {
  return app.produce("orders", 0, amount).transform([](const cafka::produced& written) {
    return *written.base_offset;
  });
}

/// Answers "end" with the end of the orders' log, for which it asks a worker.
caf::behavior watcher(caf::event_based_actor* self, const cafka::worker_actor& worker) {
  return {[self, worker](const std::string&) {
    auto promise = self->make_response_promise<std::int64_t>();
    cafka::ask(self, worker, caf::infinite, cafka::list_offsets{.topic = "orders"})
      .then(
        [promise](cafka::result<cafka::listed_offset>& end) mutable {
          promise.deliver(end ? end->offset->value() : std::int64_t{-1});
        },
        [promise](caf::error& gone) mutable { promise.deliver(std::move(gone)); });
    return promise;
  }};
}
// [service]

} // namespace

// [handler]
TEST_CASE("orders are added up") {
  CHECK(total(cafka::testing::make_batch({"5", "10", "27"})) == 42);
}
// [handler]

// [fake worker]
TEST_CASE("a watcher says where the log ends, and when it cannot know") {
  cafka::configuration config;
  caf::actor_system system{config};
  cafka::testing::fake_worker worker{system};
  const auto watch = system.spawn(watcher, worker.handle());
  caf::scoped_actor self{system};
  const auto end = [&] {
    std::int64_t said = 0;
    self->request(watch, 10s, std::string{"end"})
      .receive(
        [&](std::int64_t x) { said = x; }, [](caf::error& e) { FAIL(to_string(e)); });
    return said;
  };
  worker.on<cafka::list_offsets>([](const cafka::list_offsets& asked) {
    CHECK(asked.topic == "orders");
    return cafka::listed_offset{.offset = cafka::log_offset{7}};
  });
  CHECK(end() == 7);
  worker.on<cafka::list_offsets>([](const cafka::list_offsets&) {
    return cafka::error{cafka::error_code::timed_out, "no broker"};
  });
  CHECK(end() == -1);
  CHECK(worker.asked<cafka::list_offsets>().size() == 2);
  cafka::post_exit(watch, caf::exit_reason::user_shutdown);
}
// [fake worker]

// [cluster]
TEST_CASE("an order is in the log") {
  cafka::testing::cluster cluster{{.brokers = 3}};
  cafka::configuration config;
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = cluster.bootstrap(), .transports = cluster.transports()})
               .value();

  CHECK(place_order(*app, "42").value() == cafka::log_offset{0});
  const auto log = cluster.log("orders");
  REQUIRE(log.size() == 1);
  CHECK(log[0].record.text() == "42");
}
// [cluster]

// [failures]
TEST_CASE("an order is placed once while brokers fail") {
  cafka::testing::cluster cluster{{.brokers = 3}};
  cluster.create_topic("orders");
  cafka::configuration config;
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = cluster.bootstrap(), .transports = cluster.transports()})
               .value();

  // The leader's broker is gone when the order comes, and another one leads.
  cluster.kill(cluster.leader("orders", 0));
  CHECK(place_order(*app, "1").has_value());

  // The new leader refuses three times.
  cluster.fail<cafka::protocol::produce_request>(
    cafka::error_code::not_enough_replicas, 3);
  CHECK(place_order(*app, "2").has_value());

  // It writes the order, but its answer is lost: nobody can tell.
  cluster.once<cafka::protocol::produce_request>([](auto& asked) { asked.cut_answer(); });
  CHECK(place_order(*app, "3").error().code == cafka::error_code::outcome_unknown);
  CHECK(cluster.log("orders").size() == 3);
}
// [failures]

// [ports]
TEST_CASE("a program reads what is there when it starts, from ports") {
  cafka::testing::cluster cluster;
  cluster.create_topic("orders", 2);
  cluster.append("orders", 1, {cafka::testing::make_record("42", {.key = "anna"})});
  const auto brokers = cluster.listen(); // for kcat, for Java, for another process
  cafka::configuration config;
  caf::actor_system system{config};
  auto app = cafka::application::start(system, {.brokers = brokers}).value();

  auto consumer = app->consumer().value();
  consumer.assign({{"orders", 1, cafka::start_at::earliest()}}).value();
  const auto polled = consumer.poll(10s).value();
  REQUIRE(polled.batches.size() == 1);
  CHECK(total(polled.batches[0]) == 42);
}
// [ports]
