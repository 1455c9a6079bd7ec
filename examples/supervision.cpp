// Supervises actors that know nothing of Kafka: a tree of two supervisors, a crash, a
// restart, a child that is started while the program runs, and the end of all of it.

#include <cafka/cafka.hpp>
#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/proxy.hpp>
#include <cafka/supervision/tree.hpp>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/scoped_actor.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>

using namespace cafka::supervision;
using namespace std::chrono_literals;

namespace {

/// Counts what it is told; a negative number is more than it can bear.
caf::behavior counter(caf::event_based_actor* self) {
#ifdef CAF_ENABLE_EXCEPTIONS
  // CAF's own handler prints; ours leaves that to the supervisor's observer.
  self->set_exception_handler([](std::exception_ptr&) {
    return caf::make_error(caf::sec::runtime_error, std::string{"a negative number"});
  });
#endif
  return {[sum = 0](int x) mutable {
    if (x < 0)
      throw std::runtime_error("a negative number");
    return sum += x;
  }};
}

/// How a counter is started, restarted and found.
child_spec counter_spec(std::string name) {
  child_spec spec;
  spec.id = name;
  spec.name = name;
  spec.start = [](const start_context& c) {
    return start_result{
      caf::actor_cast<caf::strong_actor_ptr>(c.system().spawn(counter))};
  };
  return spec;
}

int run(caf::actor_system& system) {
  const auto names = std::make_shared<registry>();
  const auto say = [](const supervision_event& e) { std::cout << to_string(e) << '\n'; };
  // Below: counters that belong together, so that all are started anew with one of them.
  supervisor_options pair{.name = "pair",
    .strategy = strategy::one_for_all,
    .children = {counter_spec("left"), counter_spec("right")},
    .names = names,
    .observer = say};
  supervisor_options top{.name = "top",
    .children = {counter_spec("single"), supervisor_spec("pair", pair)},
    .names = names,
    .observer = say};
  const auto root = start_supervisor(system, top);
  if (!root) {
    std::cerr << to_string(root.error()) << '\n';
    return 1;
  }

  caf::scoped_actor self{system};
  auto failed = false;
  const auto on_error = [&](const caf::error& e) {
    std::cerr << to_string(e) << '\n';
    failed = true;
  };
  // A handle that follows the name: it reaches the child that has it now.
  auto left = spawn_proxy(system, names, "left");
  const auto tell_left = [&](int x) {
    cafka::ask(self, left, 10s, x)
      .receive([](int sum) { std::cout << "left has " << sum << '\n'; }, on_error);
  };
  tell_left(1);
  tell_left(2);

  std::cout << "-- a crash\n";
  const auto before = names->look_up("left");
  cafka::post(left, -1);
  if (names->wait_for("left", before, registry::clock::now() + 10s) == nullptr)
    return 1;
  tell_left(3);

  std::cout << "-- one more child\n";
  cafka::ask(self, *root, 10s, start_child{counter_spec("late")})
    .receive([](const caf::strong_actor_ptr&) {}, on_error);
  if (const auto tree = tree_of(system, *root, 10s))
    std::cout << to_string(*tree);

  std::cout << "-- the end\n";
  cafka::ask(self, *root, 10s, stop{}).receive([] {}, on_error);
  return failed ? 1 : 0;
}

} // namespace

int main() {
  cafka::configuration config;
  caf::actor_system system{config};
  return run(system);
}
