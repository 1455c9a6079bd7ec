// Starts and stops an application; whether it gets so far depends on its type ids.
#include <cafka/cafka.hpp>

#include <caf/actor_system.hpp>

int main() {
  cafka::configuration config;
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = "127.0.0.1:1", .disable_default_worker = true});
  return app && (*app)->stop() ? 0 : 1;
}
