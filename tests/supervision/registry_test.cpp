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

  static registry::clock::time_point soon() {
    return registry::clock::now() + test_timeout;
  }
};

} // namespace

TEST_CASE(
  "a name yields the actor behind it, and the next one once that has taken its place") {
  two_actors a;
  CHECK(a.names.look_up("w") == nullptr);
  const auto w = a.names.add("w", a.first);
  REQUIRE(w != registry::nowhere);
  CHECK(a.names.look_up("w") == a.first);
  a.names.replace(w, nullptr);
  CHECK(a.names.look_up("w") == nullptr);
  CHECK(a.names.contains("w"));
  a.names.replace(w, a.second);
  CHECK(a.names.look_up("w") == a.second);
  a.names.remove(w);
  CHECK(a.names.look_up("w") == nullptr);
  CHECK_FALSE(a.names.contains("w"));
}

TEST_CASE("a name that is taken cannot be added, one that was removed can") {
  two_actors a;
  CHECK(a.names.size() == 0);
  const auto w = a.names.add("w", nullptr);
  REQUIRE(w != registry::nowhere);
  CHECK(a.names.add("w", a.first) == registry::nowhere);
  CHECK(a.names.look_up("w") == nullptr);
  CHECK(a.names.add("v", a.second) != registry::nowhere);
  const auto sorted = [&] {
    auto all = a.names.names();
    std::sort(all.begin(), all.end());
    return all;
  };
  CHECK(sorted() == std::vector<std::string>{"v", "w"});
  CHECK(a.names.size() == 2);
  a.names.remove(w);
  CHECK(sorted() == std::vector<std::string>{"v"});
  CHECK(a.names.add("u", a.first) != registry::nowhere);
  CHECK(a.names.add("w", nullptr) != registry::nowhere);
  CHECK(sorted() == std::vector<std::string>{"u", "v", "w"});
  CHECK(a.names.look_up("u") == a.first);
  CHECK(a.names.look_up("w") == nullptr);
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
  const auto w = a.names.add("w", a.first);
  auto next = std::async(std::launch::async,
    [&] { return a.names.wait_for("w", a.first, two_actors::soon()); });
  a.names.replace(w, nullptr);
  a.names.replace(w, a.second);
  CHECK(next.get() == a.second);

  auto none = std::async(std::launch::async,
    [&] { return a.names.wait_for("w", a.second, two_actors::soon()); });
  a.names.remove(w);
  CHECK(none.get() == nullptr);
}

TEST_CASE("threads that wait for many names each get their own") {
  two_actors a;
  constexpr int count = 50;
  std::vector<registry::place> places;
  std::vector<std::future<caf::strong_actor_ptr>> waiting;
  const auto name = [](int i) { return "w" + std::to_string(i); };
  for (int i = 0; i < count; ++i)
    places.push_back(a.names.add(name(i), a.first));
  for (int i = 0; i < count; ++i)
    for (int twice = 0; twice < 2; ++twice)
      waiting.push_back(std::async(std::launch::async,
        [&, i] { return a.names.wait_for(name(i), a.first, two_actors::soon()); }));
  // Some of them bear the name at another place by then.
  for (int i = count; i-- > 0;)
    if (i % 3 == 0) {
      a.names.remove(places[i]);
      a.names.add(name(i), a.second);
    } else {
      a.names.replace(places[i], i % 3 == 1 ? a.second : nullptr);
    }
  for (int i = 2; i < count; i += 3)
    a.names.replace(places[i], a.second);
  for (int i = 0; i < 2 * count; ++i) {
    const auto found = waiting[i].get();
    // Whoever looked while a name was away was told so.
    CHECK((found == a.second || (found == nullptr && i / 2 % 3 == 0)));
  }
}
