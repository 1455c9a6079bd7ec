#include "fixture.hpp"
#include <cafka/supervision/run_here.hpp>

using namespace cafka;
using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

TEST_CASE_METHOD(fixture, "an actor that is spawned here has begun when that returns") {
  std::thread::id begun;
  const auto adds = [&](caf::event_based_actor*, int more) -> caf::behavior {
    begun = std::this_thread::get_id();
    return {[more](int x) { return x + more; }};
  };
  const auto actor = spawn_here(*sys, adds, 3);
#if CAFKA_CAF_HAS_EXECUTION_UNIT
  CHECK(begun == std::this_thread::get_id());
#endif
  CHECK(request<int>(actor, 4).value == 7);
}

TEST_CASE_METHOD(
  fixture, "an actor that cannot begin is dead, and its supervisor hears") {
  std::atomic<int> attempts = 0;
  const auto begins_late = [&](caf::event_based_actor* me) -> caf::behavior {
    if (++attempts < 3)
      throw std::runtime_error("no luck");
    return obedient(me);
  };
  supervisor = spawn({.strategy = strategy::one_for_one, .intensity = {2, 60s}});
  start({.id = "a", .start = [&](const start_context& c) -> start_result {
           return caf::actor_cast<caf::strong_actor_ptr>(
             spawn_here(c.system(), begins_late));
         }});
  REQUIRE(log.wait_for(event_kind::restarted, 2, "a"));
  CHECK(answers(names->look_up("a")));
  CHECK(attempts == 3);
  CHECK(log.count(event_kind::exited, "a") == 2);
}
