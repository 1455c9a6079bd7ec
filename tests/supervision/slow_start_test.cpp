#include "fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

using namespace cafka;
using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

namespace {

// A start function that leaves the rest to the test.
struct slow_start {
  std::mutex mutex;
  std::vector<start_later> later;
  bool with_actor = true;

  start_function function() {
    return [this](const start_context& c) -> start_result {
      const std::lock_guard guard{mutex};
      later.push_back(c.later());
      if (!with_actor)
        return starting{};
      return starting{std::get<caf::strong_actor_ptr>(start_of(obedient)(c))};
    };
  }

  start_later take(std::size_t n) {
    while (true) {
      const std::lock_guard guard{mutex};
      if (later.size() > n)
        return std::exchange(later[n], {});
    }
  }
};

struct slow_fixture : fixture {
  slow_start slow;
  slow_fixture() : fixture({10, 60s}, strategy::one_for_one) {}

  auto start_slowly() {
    return ask(*self, supervisor, test_timeout,
      start_child{{.id = "slow", .start = slow.function(), .name = "slow"}});
  }

  child_state state_of_slow() {
    const auto all = children();
    REQUIRE_FALSE(all.empty());
    return all.back().state;
  }

  template <class Pending>
  answer<caf::strong_actor_ptr> wait_for(Pending pending) {
    answer<caf::strong_actor_ptr> result;
    std::move(pending).receive(
      [&](caf::strong_actor_ptr& x) {
        result.ok = true;
        result.value = std::move(x);
      },
      [&](caf::error& e) { result.error = std::move(e); });
    return result;
  }
};

} // namespace

TEST_CASE_METHOD(slow_fixture, "a supervisor answers while a child starts slowly") {
  const auto quick = start("quick");
  auto pending = start_slowly();
  const auto later = slow.take(0);
  CHECK(state_of_slow() == child_state::starting);
  CHECK(request<child_counts>(supervisor, count_children{}).value.active == 1);
  CHECK(names->look_up("slow") == nullptr);
  CHECK(names->contains("slow"));
  // It works meanwhile.
  post(quick, crash_atom_v);
  REQUIRE(log.wait_for(event_kind::restarted, 1, "quick"));
  start("another");
  SECTION("until it has started") {
    later.started();
    const auto result = wait_for(std::move(pending));
    REQUIRE(result.ok);
    CHECK(answers(result.value));
    CHECK(names->look_up("slow") == result.value);
  }
  SECTION("until it says that it failed") {
    later.failed(caf::make_error(caf::sec::cannot_open_file));
    const auto result = wait_for(std::move(pending));
    CHECK(result.error == errc::start_failed);
    CHECK(to_string(result.error).find("cannot_open_file") != std::string::npos);
    CHECK_FALSE(names->contains("slow"));
  }
  SECTION("until it says that it is not wanted") {
    later.ignored();
    const auto result = wait_for(std::move(pending));
    CHECK(result.ok);
    CHECK(result.value == nullptr);
  }
  SECTION("until it is ended") {
    CHECK(request<bool>(supervisor, terminate_child{.id = "slow"}).ok);
    CHECK(wait_for(std::move(pending)).error == errc::shutdown);
  }
  SECTION("until the supervisor is stopped") {
    CHECK(request<bool>(supervisor, stop{}).ok);
    CHECK(wait_for(std::move(pending)).error == errc::shutdown);
  }
  // Whatever became of it: too late.
  later.failed(caf::make_error(caf::sec::runtime_error));
  CHECK(request<bool>(supervisor, stop{}).ok == (log.count(event_kind::stopped) == 0));
  CHECK(all_gone());
}

TEST_CASE_METHOD(slow_fixture, "a slow start that is never reported has failed") {
  auto pending = start_slowly();
  slow.take(0);
  const auto result = wait_for(std::move(pending));
  CHECK(result.error == errc::start_failed);
  CHECK(to_string(result.error).find("without a reason") != std::string::npos);
}

TEST_CASE_METHOD(slow_fixture, "a child that dies while it is started has not started") {
  auto pending = start_slowly();
  const auto later = slow.take(0);
  post(children().back().handle, crash_atom_v);
  const auto result = wait_for(std::move(pending));
  CHECK(result.error == errc::start_failed);
  CHECK(to_string(result.error).find("told to crash") != std::string::npos);
  later.started();
  CHECK(children().empty());
}

TEST_CASE_METHOD(slow_fixture, "a child that dies while it is restarted is tried again") {
  auto pending = start_slowly();
  slow.take(0).started();
  const auto first = wait_for(std::move(pending)).value;
  post(first, crash_atom_v);
  const auto second = slow.take(1);
  post(children().back().handle, crash_atom_v);
  slow.take(2).started();
  const auto third =
    names->wait_for("slow", first, registry::clock::now() + test_timeout);
  CHECK(answers(third));
  second.started();
  CHECK(info().restarts == 2);
  CHECK(log.count(event_kind::exited, "slow") == 1);
  CHECK(log.count(event_kind::restart_failed, "slow") == 1);
}

TEST_CASE_METHOD(
  slow_fixture, "an actor that comes up when nobody waits for it any more is killed") {
  slow.with_actor = false;
  auto pending = ask(*self, supervisor, test_timeout,
    start_child{
      {.id = "slow", .start = slow.function(), .shutdown = shutdown::timeout(1ms)}});
  const auto later = slow.take(0);
  auto stray = std::get<caf::strong_actor_ptr>(start_of(stubborn)(*sys));
  SECTION("after it was given up") {
    CHECK(request<bool>(supervisor, terminate_child{.id = "slow"}).ok);
  }
  SECTION("after the supervisor has ended") {
    CHECK(request<bool>(supervisor, stop{}).ok);
    supervisor = nullptr;
  }
  CHECK(wait_for(std::move(pending)).error == errc::shutdown);
  later.started(stray);
  while (answers(stray))
    std::this_thread::yield();
}

TEST_CASE_METHOD(
  slow_fixture, "the actor that is starting may bring up another, which is the child") {
  auto pending = start_slowly();
  const auto later = slow.take(0);
  const auto helper = children().back().handle;
  const auto child = std::get<caf::strong_actor_ptr>(start_of(obedient)(*sys));
  later.started(child);
  CHECK(wait_for(std::move(pending)).value == child);
  // The helper's end is not the child's, whenever it is heard of.
  while (answers(helper))
    std::this_thread::yield();
  start("another");
  CHECK(children().front().handle == child);
  CHECK(answers(child));
  CHECK(log.count(event_kind::exited) == 0);
  post(child, crash_atom_v);
  slow.take(1).started();
  CHECK(answers(names->wait_for("slow", child, registry::clock::now() + test_timeout)));
  CHECK(log.count(event_kind::exited, "slow") == 1);
  CHECK(info().restarts == 1);
}

TEST_CASE_METHOD(slow_fixture, "a child that is told to end is told once") {
  std::atomic<int> told = 0;
  start_later later;
  auto pending = ask(*self, supervisor, test_timeout,
    start_child{{.id = "slow",
      .start = [&](const start_context& c) -> start_result {
        later = c.later();
        const auto child = c.system().spawn([&](caf::event_based_actor* me) {
          return stubborn_that_tells(me, [&] { ++told; });
        });
        return starting{caf::actor_cast<caf::strong_actor_ptr>(child)};
      },
      .shutdown = shutdown::infinity()}});
  const auto child = children().back().handle;
  auto ended = ask(*self, supervisor, test_timeout, terminate_child{.id = "slow"});
  while (told == 0)
    std::this_thread::yield();
  // It had come up by then, and that is heard of only now.
  later.started();
  CHECK(state_of_slow() == child_state::terminating);
  CHECK(answers(child));
  CHECK(told == 1);
  post(child, release_atom_v);
  std::move(ended).receive([] {}, [](const caf::error& e) { FAIL(to_string(e)); });
  CHECK(wait_for(std::move(pending)).error == errc::shutdown);
}

TEST_CASE_METHOD(slow_fixture, "a start elsewhere may block, and may fail") {
  std::promise<void> go;
  auto gone = go.get_future().share();
  auto blocking = [gone](bool good) {
    return start_elsewhere([gone, good](const start_context& c) -> start_result {
      gone.wait();
      if (!good)
        throw std::runtime_error("no luck");
      CHECK(c.arguments().get_as<int>(0) == 7);
      return start_of(obedient)(c);
    });
  };
  auto good = ask(*self, supervisor, test_timeout,
    start_child{
      {.id = "good", .start = blocking(true), .arguments = caf::make_message(7)}});
  auto bad = ask(*self, supervisor, test_timeout,
    start_child{{.id = "bad", .start = blocking(false)}});
  CHECK(answers(start("quick")));
  go.set_value();
  CHECK(answers(wait_for(std::move(good)).value));
  const auto failed = wait_for(std::move(bad));
  CHECK(to_string(failed.error).find("no luck") != std::string::npos);
}

TEST_CASE_METHOD(
  slow_fixture, "a child without a name in a restart loop is ended by its old handle") {
  const auto how = GENERATE(strategy::simple_one_for_one, strategy::one_for_one);
  INFO(to_string(how));
  supervisor = spawn({.strategy = how, .intensity = {1'000'000'000, 3600s}});
  std::atomic<int> starts = 0;
  const auto begin = [&](start_function restart) {
    starts = 0;
    const auto started = request<caf::strong_actor_ptr>(supervisor,
      start_child{{.id = "a", .start = [&starts, restart](const start_context& c) {
                     return ++starts == 1 ? start_of(obedient)(c) : restart(c);
                   }}});
    REQUIRE(started.ok);
    return started.value;
  };
  const auto fails = [](const start_context&) -> start_result {
    return caf::make_error(caf::sec::cannot_open_file);
  };
  const auto is_known = [&](const caf::strong_actor_ptr& child) {
    return request<child_spec>(supervisor, get_childspec{.child = child}).ok;
  };
  SECTION("while it fails again and again") {
    const auto old = begin(fails);
    post(old, crash_atom_v);
    REQUIRE(log.wait_for(event_kind::restart_failed, 3));
    CHECK(is_known(old));
    CHECK(request<bool>(supervisor, terminate_child{.child = old}).ok);
    CHECK_FALSE(is_known(old));
  }
  SECTION("while it hangs") {
    const auto old = begin(slow.function());
    post(old, crash_atom_v);
    const auto later = slow.take(0);
    // The one that is starting is known as well.
    CHECK(is_known(children().front().handle));
    CHECK(is_known(old));
    CHECK(request<bool>(supervisor, terminate_child{.child = old}).ok);
  }
  SECTION("and not once it has another") {
    const auto old = begin(start_of(obedient));
    post(old, crash_atom_v);
    REQUIRE(log.wait_for(event_kind::restarted, 1));
    CHECK_FALSE(is_known(old));
    CHECK(
      request<bool>(supervisor, terminate_child{.child = old}).error == errc::not_found);
    return;
  }
  CHECK(request<child_counts>(supervisor, count_children{}).value.active == 0);
  const auto all = children();
  CHECK(all.size() == (how == strategy::one_for_one ? 1U : 0U));
}

TEST_CASE_METHOD(
  slow_fixture, "a hanging start is ended in the very first start, which goes on") {
  auto root = spawn({.strategy = strategy::rest_for_one,
    .children = {{.id = "slow", .start = slow.function()},
      {.id = "after", .start = start_of(obedient)}}});
  const auto later = slow.take(0);
  CHECK(request<bool>(root, terminate_child{.id = "slow"}).ok);
  CHECK(log.wait_for(event_kind::started, 1, "after"));
  CHECK(request<bool>(root, stop{}).ok);
}
