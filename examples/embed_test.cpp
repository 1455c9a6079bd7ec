// The unit tests of the service in embed.cpp: its clerk with a worker that says what the
// test wants, and with a cluster in memory that fails. Neither needs a Kafka, a port or a
// pause.

#include "clerk.hpp"
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/testing/cluster.hpp>
#include <cafka/testing/fake_worker.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <catch2/catch_session.hpp>
#include <catch2/catch_test_macros.hpp>

#include <string>

namespace {

/// What a clerk says to an order for a book by Ada.
std::string said_by(const caf::actor& clerk, caf::actor_system& system) {
  std::string said;
  caf::scoped_actor customer{system};
  cafka::ask(customer, clerk, caf::infinite, place_order{"ada", "a book"})
    .receive([&](const std::string& text) { said = text; },
      [&](const caf::error& why) { said = "refused: " + to_string(why); });
  cafka::post_exit(clerk, caf::exit_reason::user_shutdown);
  return said;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a clerk tells why an order cannot be written") {
  caf::actor_system_config config;
  caf::actor_system system{config};
  cafka::testing::fake_worker worker{system};
  worker.on<cafka::produce>([](const cafka::produce& asked) {
    CHECK(asked.topic == "orders");
    return cafka::error{cafka::error_code::not_enough_replicas, "one of three"};
  });
  const auto said =
    said_by(system.spawn(clerk, worker.handle(), std::string{"orders"}), system);
  INFO(said);
  CHECK(has(said, "NOT_ENOUGH_REPLICAS: one of three"));
  CHECK(worker.asked<cafka::fetch>().empty());
}

TEST_CASE("a clerk confirms what Kafka has, when its leader has moved meanwhile") {
  cafka::testing::cluster kafka{{.brokers = 3}};
  kafka.create_topic("orders");
  caf::actor_system_config config;
  caf::actor_system system{config};
  const auto app = cafka::application::start(
    system, {.brokers = kafka.bootstrap(), .transports = kafka.transports()})
                     .value();
  kafka.once<cafka::protocol::fetch_request>(
    [&](auto& asked) { kafka.move_leader("orders", 0, 1 + asked.broker() % 3); });
  CHECK(said_by(system.spawn(clerk, app->worker().value(), std::string{"orders"}), system)
    == "ada ordered a book");
  CHECK(kafka.log("orders").size() == 1);
}

int main(int argc, char** argv) {
  // As the service does, before its actor system is made.
  cafka::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::shop>();
  return Catch::Session().run(argc, argv);
}
