// docs/testing.md quotes what stands between the marks.

#if __has_include(<caf/scheduler/test_coordinator.hpp>) // CAF 0.18
#include <cafka/cafka.hpp>
#include <cafka/testing/cluster.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <catch2/catch_test_macros.hpp>

#include <optional>

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
  cafka::configuration config;
  config.set("caf.scheduler.policy", "testing");
  caf::actor_system system{config};
  auto& by_hand = dynamic_cast<caf::scheduler::test_coordinator&>(system.scheduler());
  cafka::actors::connection_options how;
  how.brokers = {cluster.address(1)};
  const auto worker = cafka::actors::spawn_worker(system, how, cluster.transports());
  by_hand.run();

  cluster.pause(1);
  const auto began = system.clock().now();
  std::optional<cafka::error> said;
  system.spawn([&](caf::event_based_actor* self) {
    cafka::ask(
      self, worker, caf::infinite, cafka::list_offsets{.topic = "orders", .deadline = 1h})
      .then([&](cafka::result<cafka::listed_offset>& end) { said = end.error(); },
        [](caf::error& gone) { FAIL(to_string(gone)); });
  });
  while (!said) {
    by_hand.run();
    if (!said && !by_hand.trigger_timeout()) // to the next alarm
      break;
  }
  hour_result result{said.value(), system.clock().now() - began, cluster.asked()};
  cafka::post_exit(worker, caf::exit_reason::user_shutdown);
  by_hand.run();
  return result;
}
// [virtual time]

} // namespace

TEST_CASE("an hour passes at once with CAF's scheduler for tests, the same each time") {
  const auto first = wait_an_hour(), second = wait_an_hour();
  CHECK(first.why.code == cafka::error_code::timed_out);
  CHECK(first.passed >= 1h);
  CHECK(first.passed < 1h + 1s);
  CHECK(first.requests > 1);
  CHECK(second.why == first.why);
  CHECK(second.passed == first.passed);
  CHECK(second.requests == first.requests);
}
#endif
