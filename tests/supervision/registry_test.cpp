#include "fixture.hpp"

#include <future>

using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

namespace {

struct two_actors {
  caf::actor_system_config cfg;
  caf::actor_system sys;
  caf::strong_actor_ptr first;
  caf::strong_actor_ptr second;
  registry names;

  two_actors() : sys((init_types(), cfg)) {
    first = std::get<caf::strong_actor_ptr>(start_of(obedient)(sys));
    second = std::get<caf::strong_actor_ptr>(start_of(obedient)(sys));
  }

  ~two_actors() {
    cafka::post_exit(first, caf::exit_reason::kill);
    cafka::post_exit(second, caf::exit_reason::kill);
  }

  static registry::clock::time_point soon() { return registry::clock::now() + patience; }
};

} // namespace

TEST_CASE(
  "a name yields the actor behind it, and the next one once that has taken its place") {
  two_actors a;
  CHECK(a.names.look_up("w") == nullptr);
  CHECK(a.names.add("w", a.first));
  CHECK(a.names.look_up("w") == a.first);
  CHECK(a.names.replace("w", nullptr));
  CHECK(a.names.look_up("w") == nullptr);
  CHECK(a.names.contains("w"));
  CHECK(a.names.replace("w", a.second));
  CHECK(a.names.look_up("w") == a.second);
  CHECK(a.names.remove("w"));
  CHECK(a.names.look_up("w") == nullptr);
  CHECK_FALSE(a.names.contains("w"));
}

TEST_CASE(
  "a name that is taken cannot be added, an unknown one not replaced or removed") {
  two_actors a;
  CHECK_FALSE(a.names.replace("w", a.first));
  CHECK_FALSE(a.names.remove("w"));
  CHECK(a.names.size() == 0);
  CHECK(a.names.add("w", nullptr));
  CHECK_FALSE(a.names.add("w", a.first));
  CHECK(a.names.look_up("w") == nullptr);
  CHECK(a.names.add("v", a.second));
  auto all = a.names.names();
  std::sort(all.begin(), all.end());
  CHECK(all == std::vector<std::string>{"v", "w"});
  CHECK(a.names.size() == 2);
}

TEST_CASE("waiting for a name ends at once when nothing has to be waited for") {
  two_actors a;
  CHECK(a.names.wait_for("unknown", nullptr, two_actors::soon()) == nullptr);
  a.names.add("w", a.first);
  CHECK(a.names.wait_for("w", nullptr, two_actors::soon()) == a.first);
  CHECK(a.names.wait_for("w", a.second, two_actors::soon()) == a.first);
}

TEST_CASE("waiting for a name ends at the deadline") {
  two_actors a;
  a.names.add("w", a.first);
  a.names.add("v", nullptr);
  CHECK(a.names.wait_for("w", a.first, registry::clock::now()) == nullptr);
  CHECK(a.names.wait_for("v", nullptr, registry::clock::now() + 1ms) == nullptr);
}

TEST_CASE(
  "a thread that waits for a name gets the next incarnation, or is told it is gone") {
  two_actors a;
  a.names.add("w", a.first);
  auto next = std::async(std::launch::async,
    [&] { return a.names.wait_for("w", a.first, two_actors::soon()); });
  a.names.replace("w", nullptr);
  a.names.replace("w", a.second);
  CHECK(next.get() == a.second);

  auto none = std::async(std::launch::async,
    [&] { return a.names.wait_for("w", a.second, two_actors::soon()); });
  a.names.remove("w");
  CHECK(none.get() == nullptr);
}
