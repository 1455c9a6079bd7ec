// A service with an actor system of its own embeds cafka.
//
// The service has its own configuration and its own message types. It starts and stops
// workers by name while it runs, and an actor of its own, in clerk.hpp, talks to them by
// typed messages. embed_test.cpp tests that actor without a cluster, and with one in
// memory.
//
//   example_embed --brokers localhost:9092 --topic example-embed

#include "clerk.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>

#include <cstdlib>
#include <iostream>

using namespace std::chrono_literals;

// -- the service's own configuration ----------------------------------------------------

struct shop_config : caf::actor_system_config {
  std::string brokers;
  std::string topic = "example-embed";

  shop_config() {
    // Where the tests run, this names the cluster.
    if (const auto* from_environment = std::getenv("CAFKA_KAFKA"))
      brokers = from_environment;
    opt_group{custom_options_, "global"}
      .add(brokers, "brokers", "brokers to ask first, as host:port,host:port")
      .add(topic, "topic", "the topic of the orders");
    // cafka's messages are answered soonest with this policy.
    set("caf.scheduler.policy", "sharing");
  }

  // What --dump-config prints: no passwords.
  caf::settings dump_content() const override {
    return cafka::redacted(actor_system_config::dump_content());
  }
};

// -- the service ------------------------------------------------------------------------

int run(caf::actor_system& system, const shop_config& config) {
  // cafka lives in our actor system. Workers are ours to start.
  auto started = cafka::application::start(
    system, {.brokers = config.brokers, .disable_default_worker = true});
  if (!started) {
    std::cerr << "cafka does not start: " << to_string(started.error()) << '\n';
    return 1;
  }
  auto& kafka = **started;

  int failures = 0;
  for (const std::string name : {"morning", "evening"}) {
    // A worker for as long as it is needed.
    const auto worker =
      kafka.create_worker(name, {.initial_topics = {config.topic}}, 10s);
    if (!worker) {
      std::cerr << name << " does not start: " << to_string(worker.error()) << '\n';
      return 1;
    }
    const auto at_the_desk = system.spawn(clerk, *worker, config.topic);
    caf::scoped_actor customer{system};
    cafka::ask(
      customer, at_the_desk, caf::infinite, place_order{"ada", "the " + name + " paper"})
      .receive(
        [&](const std::string& text) {
          std::cout << name << ": " << text << '\n';
          failures += text != "ada ordered the " + name + " paper";
        },
        [&](const caf::error& e) {
          std::cerr << name << ": " << to_string(e) << '\n';
          ++failures;
        });
    // The clerk holds a worker's handle: it goes first.
    cafka::post_exit(at_the_desk, caf::exit_reason::user_shutdown);
    if (const auto stopped = kafka.stop_worker(name); !stopped) {
      std::cerr << name << " does not stop: " << to_string(stopped.error()) << '\n';
      ++failures;
    }
  }
  std::cout << "workers left: " << kafka.workers().size() << '\n';
  failures += !kafka.workers().empty();
  return failures == 0 ? 0 : 1;
}

int main(int argc, char** argv) {
  // Both before the actor system is made.
  cafka::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::shop>();
  shop_config config;
  if (const auto wrong = config.parse(argc, argv); !wrong.empty()) {
    std::cerr << to_string(wrong) << '\n';
    return 2;
  }
  if (config.brokers.empty()) {
    std::cerr << "Which cluster? Say --brokers=host:port, or set CAFKA_KAFKA.\n";
    return 2;
  }
  caf::actor_system system{config};
  return run(system, config);
}
