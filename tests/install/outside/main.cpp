// Uses the installed rooms, so that each library and what it stands on gets linked.
#include <cafka/cafka.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>

#include <iostream>

using namespace std::chrono_literals;

// Nobody listens on port 1: the worker goes out to its socket and comes back with that.
int main() {
  cafka::init_global_meta_objects();
  caf::actor_system_config config;
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = "127.0.0.1:1", .disable_default_worker = true});
  if (!app) {
    std::cerr << "outside: " << to_string(app.error()) << '\n';
    return 1;
  }
  const auto worker = (*app)->create_worker("outside", {}, 2s);
  const auto stopped = (*app)->stop();
  std::cout << "outside: " << to_string(worker.error()) << '\n';
  if (worker.error().code != cafka::protocol::error_code::disconnected || !stopped)
    return 1;
  std::cout << "outside: every room is linked, of version " CAFKA_VERSION "\n";
}
