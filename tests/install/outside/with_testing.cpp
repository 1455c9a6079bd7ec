// Tests itself with the installed cafka::testing.
#include <cafka/cafka.hpp>
#include <cafka/testing/cluster.hpp>
#include <cafka/testing/fake_worker.hpp>
#include <cafka/testing/records.hpp>

#include <caf/actor_system.hpp>

#include <iostream>

int main() {
  cafka::testing::cluster cluster{{.brokers = 3}};
  cafka::configuration config;
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = cluster.bootstrap(), .transports = cluster.transports()});
  if (!app || !(*app)->produce("orders", 0, "paid"))
    return 1;
  if (cluster.log("orders").at(0).record.text() != "paid"
    || cafka::testing::make_batch({"a", "b"}).size() != 2)
    return 1;
  std::cout << "with_testing: a record went to a cluster in the process\n";
}
