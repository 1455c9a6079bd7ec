#include "fixture.hpp"

#include <map>
#include <random>

using namespace cafka;
using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

namespace {

constexpr const char* keys[] = {"a", "b", "c", "d", "e", "f"};

/// Asks a supervisor one thing after the other and crashes its children meanwhile.
/// Returns how many requests had no answer in time.
int disturb(fixture& f, std::uint64_t seed) {
  std::mt19937_64 random{seed};
  caf::scoped_actor self{*f.sys};
  auto unanswered = 0;
  const auto ask_for = [&](auto request, auto... answer) {
    ask(self, f.supervisor, test_timeout, std::move(request))
      .receive(answer..., [&](const caf::error& e) {
        unanswered += e == caf::sec::request_timeout ? 1 : 0;
      });
  };
  for (int i = 0; i < 300; ++i) {
    const std::string key = keys[random() % std::size(keys)];
    const auto child = f.names->look_up(key);
    constexpr restart_type types[] = {
      restart_type::permanent, restart_type::transient, restart_type::temporary};
    switch (random() % 8) {
    case 0:
    case 1:
    case 2:
      ask_for(start_child{{.id = key,
                .start = start_of(obedient),
                .restart = types[random() % 3],
                .name = key}},
        [](const caf::strong_actor_ptr&) {});
      break;
    case 3: ask_for(terminate_child{.name = key}, [] {}); break;
    case 4: ask_for(restart_child{key}, [](const caf::strong_actor_ptr&) {}); break;
    case 5: ask_for(delete_child{key}, [] {}); break;
    case 6: post(child, quit_atom_v, caf::make_error(caf::sec::runtime_error)); break;
    default: post_exit(child, caf::exit_reason::kill); break;
    }
  }
  return unanswered;
}

} // namespace

TEST_CASE("children that crash while many ask for them start and end once each") {
  for (const auto how : {strategy::one_for_one, strategy::one_for_all,
         strategy::rest_for_one, strategy::simple_one_for_one}) {
    INFO(to_string(how));
    fixture f{{1'000'000, 60s}, how};
    std::vector<std::future<int>> threads;
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
      threads.push_back(
        std::async(std::launch::async, [&, seed] { return disturb(f, seed); }));
    for (auto& thread : threads)
      CHECK(thread.get() == 0);
    REQUIRE(f.request<bool>(f.supervisor, stop{}).ok);
    std::map<caf::actor_id, int> starts;
    std::map<caf::actor_id, int> ends;
    for (const auto& e : f.log.events()) {
      if (e.kind == event_kind::started || e.kind == event_kind::restarted)
        ++starts[e.handle->id()];
      else if (e.kind == event_kind::exited)
        ++ends[e.handle->id()];
    }
    CHECK(starts.size() > 100);
    CHECK(starts == ends);
    for (const auto& [id, count] : starts)
      CHECK(count == 1);
    CHECK(f.names->size() == 0);
    CHECK(f.all_gone());
  }
}
