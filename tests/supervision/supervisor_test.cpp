#include "fixture.hpp"

using namespace cafka;
using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

namespace {

// One whose children are ended one by one.
struct static_fixture : fixture {
  static_fixture() : fixture({10, 60s}, strategy::one_for_one) {}
};

// A start function that fails when told to and counts its calls.
struct start_control {
  std::atomic<int> failures_ahead = 0;
  std::atomic<int> calls = 0;

  start_function function() {
    return [this](caf::actor_system& sys) -> start_result {
      ++calls;
      if (failures_ahead > 0) {
        --failures_ahead;
        return caf::make_error(caf::sec::cannot_open_file);
      }
      return start_of(obedient)(sys);
    };
  }
};

} // namespace

TEST_CASE_METHOD(
  fixture, "a child that was started is found by its name, listed and counted") {
  auto a = start("a");
  auto b = start("b", restart_type::temporary);
  CHECK(a != b);
  CHECK(answers(a));
  CHECK(names->look_up("a") == a);
  CHECK(names->look_up("b") == b);
  auto children = request<std::vector<child_info>>(supervisor, which_children{}).value;
  REQUIRE(children.size() == 2);
  CHECK(children[0].id == "a");
  CHECK(children[0].handle == a);
  CHECK(children[0].restart == restart_type::permanent);
  CHECK(children[1].id == "b");
  CHECK(children[1].restart == restart_type::temporary);
  auto counts = request<child_counts>(supervisor, count_children{}).value;
  CHECK(counts.specs == 2);
  CHECK(counts.active == 2);
  CHECK(log.children(event_kind::started) == std::vector<std::string>{"a", "b"});
}

TEST_CASE_METHOD(
  fixture, "a name that is taken is refused, and the error yields the child") {
  auto a = start("a");
  auto again = try_start({.id = "a", .start = start_of(obedient)});
  CHECK(again.error == errc::already_started);
  CHECK(already_started_child(again.error) == a);
  CHECK(already_started_child(caf::make_error(errc::not_found)) == nullptr);
  CHECK(names->look_up("a") == a);

  // Also when another supervisor that shares the registry has it.
  auto other = spawn({});
  auto elsewhere = request<caf::strong_actor_ptr>(
    other, start_child{{.id = "a", .start = start_of(obedient), .name = "a"}});
  CHECK(elsewhere.error == errc::already_started);
  CHECK(already_started_child(elsewhere.error) == a);
  CHECK(request<bool>(other, stop{}).value);
  CHECK(names->look_up("a") == a);
}

TEST_CASE_METHOD(
  fixture, "a specification without an id or a start function is refused") {
  CHECK(try_start({.id = "a", .start = nullptr}).error == errc::invalid_child_spec);
  supervisor = spawn({});
  CHECK(
    try_start({.id = "", .start = start_of(obedient)}).error == errc::invalid_child_spec);
  CHECK(names->size() == 0);
}

TEST_CASE_METHOD(
  fixture, "a start that fails is an error that says why, and leaves nothing") {
  auto fails = [&](start_function f, const std::string& why) {
    auto result = try_start({.id = "a", .start = std::move(f)});
    CHECK(result.error == errc::start_failed);
    INFO(to_string(result.error));
    CHECK(to_string(result.error).find(why) != std::string::npos);
    CHECK_FALSE(names->contains("a"));
  };
  fails([](caf::actor_system&) -> start_result { throw std::runtime_error("no room"); },
    "no room");
  fails([](caf::actor_system&) -> start_result { throw 1; }, "unknown type");
  fails(
    [](caf::actor_system&) -> start_result {
      return caf::make_error(caf::sec::cannot_open_file);
    },
    "cannot_open_file");
  fails([](caf::actor_system&) -> start_result { return caf::strong_actor_ptr{}; },
    "no actor was started");
  auto taken = start("b");
  fails([taken](caf::actor_system&) -> start_result { return taken; }, "a child already");
  CHECK(log.count(event_kind::start_failed, "a") == 5);
  CHECK(log.count(event_kind::started, "a") == 0);
  // The name is free, and the child that was nearly taken over is well.
  CHECK(answers(start("a")));
  CHECK(answers(taken));
}

TEST_CASE_METHOD(fixture, "a child that crashes is restarted under its name") {
  auto first = start("a");
  auto bystander = start("b");
  post(first, crash_atom_v);
  auto second = names->wait_for("a", first, registry::clock::now() + test_timeout);
  REQUIRE(second != nullptr);
  CHECK(second != first);
  CHECK(answers(second));
  CHECK_FALSE(answers(first));
  CHECK(names->look_up("b") == bystander);
  REQUIRE(log.wait_for(event_kind::restarted, 1, "a"));
  auto exited = log.first(event_kind::exited);
  CHECK(exited.handle == first);
  CHECK(classify(exited.reason) == exit_class::error);
  CHECK(to_string(exited.reason).find("told to crash") != std::string::npos);
  auto restarted = log.first(event_kind::restarted);
  CHECK(restarted.handle == second);
  CHECK(restarted.restarts == 1);
  CHECK(restarted.max_restarts == 10);
  CHECK(log.count(event_kind::exited) == 1);
}

TEST_CASE(
  "each restart type is restarted after just those ends that OTP restarts it after") {
  const std::pair<caf::error, exit_class> ends[] = {
    {caf::error{}, exit_class::normal},
    {caf::make_error(caf::exit_reason::user_shutdown), exit_class::shutdown},
    {caf::make_error(errc::shutdown), exit_class::shutdown},
    {caf::make_error(caf::exit_reason::kill), exit_class::killed},
    {caf::make_error(caf::exit_reason::remote_link_unreachable), exit_class::error},
    {caf::make_error(caf::sec::runtime_error), exit_class::error},
  };
  fixture f{{.max_restarts = 100}};
  int n = 0;
  for (auto type :
    {restart_type::permanent, restart_type::transient, restart_type::temporary}) {
    for (const auto& [reason, how] : ends) {
      INFO(to_string(type) << ", " << to_string(reason));
      CHECK(classify(reason) == how);
      auto id = "child-" + std::to_string(n++);
      auto first = f.start(id, type);
      if (how == exit_class::killed)
        post_exit(first, caf::exit_reason::kill);
      else
        post(first, quit_atom_v, reason);
      const bool restarts = type == restart_type::permanent
        || (type == restart_type::transient
          && (how == exit_class::killed || how == exit_class::error));
      REQUIRE(
        f.log.wait_for(restarts ? event_kind::restarted : event_kind::removed, 1, id));
      CHECK(f.log.count(event_kind::restarted, id) == (restarts ? 1 : 0));
      CHECK(f.log.count(event_kind::removed, id) == (restarts ? 0 : 1));
      CHECK(f.names->contains(id) == restarts);
    }
  }
}

TEST_CASE(
  "beyond the restart intensity a supervisor ends its children and itself, and says so") {
  fixture f{{.max_restarts = 3, .max_seconds = 3600s}};
  REQUIRE(f.request<bool>(f.supervisor, subscribe{}).ok);
  std::optional<caf::error> end;
  std::mutex mutex;
  std::condition_variable ended;
  caf::actor_cast<caf::strong_actor_ptr>(f.supervisor)
    ->get()
    ->attach_functor([&](const caf::error& reason) {
      std::lock_guard guard{mutex};
      end = reason;
      ended.notify_all();
    });
  auto bystander = f.start("b");
  auto child = f.start("a");
  for (int i = 1; i <= 3; ++i) {
    post(child, crash_atom_v);
    child = f.names->wait_for("a", child, registry::clock::now() + test_timeout);
    REQUIRE(child != nullptr);
    REQUIRE(f.log.wait_for(event_kind::restarted, static_cast<std::size_t>(i), "a"));
  }
  CHECK(f.log.count(event_kind::escalated) == 0);
  CHECK(f.answers(bystander));

  post(child, crash_atom_v);
  std::optional<supervision_event> told;
  while (!told)
    (*f.self)->receive([&](supervision_event& e) {
      if (e.kind == event_kind::escalated)
        told = std::move(e);
    });
  CHECK(told->supervisor == "top");
  CHECK(told->child == "a");
  CHECK(told->restarts == 4);
  CHECK(to_string(told->reason).find("told to crash") != std::string::npos);
  {
    std::unique_lock guard{mutex};
    REQUIRE(ended.wait_for(guard, test_timeout, [&] { return end.has_value(); }));
  }
  CHECK(*end == errc::shutdown);
  CHECK(classify(*end) == exit_class::shutdown);
  CHECK(to_string(*end).find("more than 3 restarts within 3600 s") != std::string::npos);
  CHECK(f.log.count(event_kind::restarted, "a") == 3);
  CHECK(f.log.count(event_kind::escalated, "a") == 1);
  CHECK(f.log.count(event_kind::stopped) == 1);
  CHECK(f.names->size() == 0);
  CHECK_FALSE(f.answers(bystander));
}

TEST_CASE("a stop during an escalation is answered and does not hide the escalation") {
  fixture f{{.max_restarts = 0}};
  auto slow =
    f.start({.id = "b", .start = start_of(stubborn), .shutdown = shutdown::infinity()});
  post(f.start("a"), crash_atom_v);
  REQUIRE(f.log.wait_for(event_kind::escalated, 1, "a"));
  auto stopping = ask(*f.self, f.supervisor, test_timeout, stop{});
  CHECK(f.request<child_counts>(f.supervisor, count_children{}).value.active == 1);
  post(slow, release_atom_v);
  bool stopped = false;
  std::move(stopping).receive([&] { stopped = true; }, [](const caf::error&) {});
  CHECK(stopped);
  CHECK(f.log.first(event_kind::stopped).reason == errc::shutdown);
}

TEST_CASE("an escalation says why its own child ended, whatever ended since") {
  fixture f{{1, 60s}, strategy::rest_for_one};
  const auto a = f.start("a");
  const auto b = f.start("b");
  const auto c =
    f.start({.id = "c", .start = start_of(stubborn), .shutdown = shutdown::infinity()});
  // The end of a has to wait until the group of b and c is there again.
  post(b, crash_atom_v);
  REQUIRE(f.log.wait_for(event_kind::exited, 1, "b"));
  post(a, crash_atom_v);
  REQUIRE(f.log.wait_for(event_kind::exited, 1, "a"));
  post(c, release_atom_v);
  REQUIRE(f.log.wait_for(event_kind::restarted, 1, "c"));
  REQUIRE(f.log.wait_for(event_kind::escalated, 1, "a"));
  const auto why = f.log.first(event_kind::escalated);
  CHECK(to_string(why.reason).find("told to crash") != std::string::npos);
  CHECK(why.restarts == 2);
  // The new one is as stubborn.
  post(f.names->look_up("c"), release_atom_v);
  REQUIRE(f.log.wait_for(event_kind::stopped, 1));
  CHECK(to_string(f.log.first(event_kind::stopped).reason).find("told to crash")
    != std::string::npos);
}

TEST_CASE("with no restart allowed the first crash escalates") {
  fixture f{{.max_restarts = 0}};
  post(f.start("a"), crash_atom_v);
  REQUIRE(f.log.wait_for(event_kind::stopped, 1));
  CHECK(f.log.count(event_kind::escalated, "a") == 1);
  CHECK(f.log.count(event_kind::restarted) == 0);
  CHECK(f.all_gone());
}

TEST_CASE("a restart that fails is tried again, and each try counts") {
  fixture f{{.max_restarts = 3}};
  start_control control;
  auto first = f.start({.id = "a", .start = control.function()});
  SECTION("until it succeeds") {
    control.failures_ahead = 2;
    post(first, crash_atom_v);
    REQUIRE(f.log.wait_for(event_kind::restarted, 1));
    CHECK(f.log.count(event_kind::restart_failed) == 2);
    CHECK(f.log.first(event_kind::restarted).restarts == 3);
    CHECK(f.answers(f.names->look_up("a")));
    CHECK(control.calls == 4);
  }
  SECTION("until the intensity is exceeded") {
    control.failures_ahead = 1000;
    post(first, crash_atom_v);
    REQUIRE(f.log.wait_for(event_kind::stopped, 1));
    CHECK(f.log.count(event_kind::restart_failed) == 3);
    CHECK(f.log.first(event_kind::escalated).reason == errc::start_failed);
    CHECK(control.calls == 4);
    CHECK(f.all_gone());
  }
}

TEST_CASE("a supervisor answers while a restart fails again and again") {
  fixture f{{.max_restarts = 1'000'000'000}};
  start_control control;
  auto first = f.start({.id = "a", .start = control.function()});
  control.failures_ahead = 1'000'000'000;
  post(first, crash_atom_v);
  REQUIRE(f.log.wait_for(event_kind::restart_failed, 10));
  auto counts = f.request<child_counts>(f.supervisor, count_children{}).value;
  CHECK(counts.specs == 1);
  CHECK(counts.active == 0);
  CHECK(f.names->contains("a"));
  CHECK(f.names->look_up("a") == nullptr);
  SECTION("and a child in that state can be terminated") {
    CHECK(f.request<bool>(f.supervisor, terminate_child{.name = "a"}).value);
    CHECK_FALSE(f.names->contains("a"));
    auto calls = control.calls.load();
    // A new child of that name is not mistaken for the old one.
    CHECK(f.answers(f.start("a")));
    CHECK(f.request<child_counts>(f.supervisor, count_children{}).value.active == 1);
    CHECK(control.calls == calls);
  }
  SECTION("and the supervisor can be stopped") {
    CHECK(f.request<bool>(f.supervisor, stop{}).value);
    CHECK(f.all_gone());
  }
}

TEST_CASE(
  "a restart that keeps failing is given up when the supervisor is told to stop") {
  fixture f{{.max_restarts = 1'000'000'000}, strategy::one_for_one};
  start_control control;
  auto first = f.start({.id = "a", .start = control.function()});
  auto slow =
    f.start({.id = "b", .start = start_of(stubborn), .shutdown = shutdown::infinity()});
  control.failures_ahead = 1'000'000'000;
  post(first, crash_atom_v);
  REQUIRE(f.log.wait_for(event_kind::restart_failed, 10));
  auto stopping = ask(*f.self, f.supervisor, test_timeout, stop{});
  auto look = [&] {
    CHECK(f.request<child_counts>(f.supervisor, count_children{}).value.specs == 2);
    return control.calls.load();
  };
  auto calls = look();
  for (int i = 0; i < 10; ++i)
    CHECK(look() == calls);
  post(slow, release_atom_v);
  bool stopped = false;
  std::move(stopping).receive([&] { stopped = true; }, [](const caf::error&) {});
  CHECK(stopped);
  CHECK(f.log.count(event_kind::restarted) == 0);
}

TEST_CASE("a child that is dead when it is started uses up the intensity") {
  fixture f{{.max_restarts = 3}};
  auto dead = f.sys->spawn(obedient);
  post_exit(dead, caf::exit_reason::kill);
  CHECK(f.request<ping_atom>(dead, ping_atom_v).ok == false);
  auto corpse = caf::actor_cast<caf::strong_actor_ptr>(dead);
  CHECK(f.try_start({.id = "a", .start = [corpse](caf::actor_system&) { return corpse; }})
          .ok);
  REQUIRE(f.log.wait_for(event_kind::stopped, 1));
  CHECK(f.log.count(event_kind::restarted) == 3);
  CHECK(f.log.count(event_kind::escalated) == 1);
}

TEST_CASE_METHOD(fixture, "a child that is terminated ends and is forgotten") {
  auto a = start("a");
  auto b = start("b");
  CHECK(request<bool>(supervisor, terminate_child{.name = "a"}).value);
  CHECK(request<bool>(supervisor, terminate_child{.child = b}).value);
  CHECK_FALSE(answers(a));
  CHECK_FALSE(answers(b));
  CHECK(names->size() == 0);
  CHECK(request<child_counts>(supervisor, count_children{}).value.specs == 0);
  CHECK(log.count(event_kind::restarted) == 0);
  CHECK(log.children(event_kind::removed) == std::vector<std::string>{"a", "b"});
  CHECK(request<bool>(supervisor, terminate_child{.name = "a"}).error == errc::not_found);
  CHECK(request<bool>(supervisor, terminate_child{.child = b}).error == errc::not_found);
}

TEST_CASE_METHOD(
  fixture, "everyone who terminates a child is answered when it has ended") {
  auto a =
    start({.id = "a", .start = start_of(stubborn), .shutdown = shutdown::infinity()});
  auto one = ask(*self, supervisor, test_timeout, terminate_child{.name = "a"});
  auto two = ask(*self, supervisor, test_timeout, terminate_child{.child = a});
  // Asked to end, it does not; nobody kills it.
  CHECK(answers(a));
  // Its name is taken until it has ended; who wants it waits for that.
  auto next = ask(*self, supervisor, test_timeout,
    start_child{{.id = "a", .start = start_of(obedient), .name = "a"}});
  CHECK(request<child_counts>(supervisor, count_children{}).value.active == 1);
  CHECK(log.count(event_kind::exited) == 0);
  post(a, release_atom_v);
  int answered = 0;
  auto failed = [](const caf::error& e) { FAIL(to_string(e)); };
  std::move(one).receive([&] { ++answered; }, failed);
  // As in OTP, the second finds that the child is gone.
  std::move(two).receive([] { FAIL("it was ended twice"); },
    [&](const caf::error& e) { answered += e == errc::not_found ? 1 : 0; });
  std::move(next).receive(
    [&](const caf::strong_actor_ptr& b) { answered += b != nullptr && b != a ? 1 : 0; },
    failed);
  CHECK(answered == 3);
  CHECK(log.count(event_kind::killed) == 0);
  CHECK(log.count(event_kind::removed) == 1);
}

TEST_CASE_METHOD(
  fixture, "a child that does not end within its shutdown time is killed") {
  start({.id = "a", .start = start_of(stubborn), .shutdown = shutdown::timeout(20ms)});
  CHECK(request<bool>(supervisor, terminate_child{.name = "a"}).value);
  CHECK(log.count(event_kind::killed, "a") == 1);
  CHECK(classify(log.first(event_kind::exited).reason) == exit_class::killed);
  // One that ends in time is not, though its timer is still to come.
  start("b");
  CHECK(request<bool>(supervisor, terminate_child{.name = "b"}).value);
  CHECK(log.count(event_kind::killed, "b") == 0);
}

TEST_CASE_METHOD(fixture, "the shutdown time of an ended child is not its successor's") {
  start({.id = "a", .start = start_of(obedient), .shutdown = shutdown::timeout(20ms)});
  CHECK(request<bool>(supervisor, terminate_child{.name = "a"}).value);
  auto next = start({.id = "a", .start = start_of(obedient)});
  // Sent later than the first child's timer, from the same clock.
  tell_after(*self, caf::actor_cast<caf::strong_actor_ptr>(*self), 40ms, ping_atom_v);
  (*self)->receive([](ping_atom) {});
  CHECK(request<child_counts>(supervisor, count_children{}).value.active == 1);
  CHECK(answers(next));
  CHECK(log.count(event_kind::killed) == 0);
}

TEST_CASE_METHOD(
  fixture, "brutal_kill does not ask, no time at all does, and kills at once") {
  std::atomic<int> told = 0;
  const auto stubborn_start = start_of(
    [&](caf::event_based_actor* me) { return stubborn_that_tells(me, [&] { ++told; }); });
  start({.id = "a", .start = stubborn_start, .shutdown = shutdown::brutal_kill()});
  start({.id = "b", .start = stubborn_start, .shutdown = shutdown::timeout(0s)});
  start({.id = "c", .start = start_of(obedient), .shutdown = shutdown::timeout(0s)});
  CHECK(request<bool>(supervisor, terminate_child{.name = "a"}).value);
  CHECK(told == 0);
  CHECK(request<bool>(supervisor, terminate_child{.name = "b"}).value);
  CHECK(told == 1);
  CHECK(request<bool>(supervisor, terminate_child{.name = "c"}).value);
  std::vector<exit_class> ends;
  for (const auto& e : log.events())
    if (e.kind == event_kind::exited)
      ends.push_back(classify(e.reason));
  CHECK(ends
    == std::vector<exit_class>{
      exit_class::killed, exit_class::killed, exit_class::shutdown});
}

TEST_CASE_METHOD(
  static_fixture, "a supervisor that is stopped ends its children in reverse order") {
  for (auto id : {"a", "b", "c", "d"})
    start(id);
  CHECK(request<bool>(supervisor, stop{}).value);
  CHECK(log.children(event_kind::exited) == std::vector<std::string>{"d", "c", "b", "a"});
  CHECK(log.count(event_kind::restarted) == 0);
  CHECK(log.events().back().kind == event_kind::stopped);
  CHECK(names->size() == 0);
  CHECK(all_gone());
  CHECK_FALSE(try_start({.id = "a", .start = start_of(obedient)}).error.empty());
}

TEST_CASE_METHOD(static_fixture, "a stop waits for one child before it tells the next") {
  start("a");
  auto slow =
    start({.id = "b", .start = start_of(stubborn), .shutdown = shutdown::infinity()});
  auto stopping = ask(*self, supervisor, test_timeout, stop{});
  auto twice = ask(*self, supervisor, test_timeout, stop{});
  // While it stops it answers, and takes in nobody.
  CHECK(request<child_counts>(supervisor, count_children{}).value.active == 2);
  CHECK(try_start({.id = "c", .start = start_of(obedient)}).error == errc::shutdown);
  CHECK(answers(names->look_up("a")));
  SECTION("and refuses to do anything else") {
    CHECK(
      request<bool>(supervisor, terminate_child{.name = "b"}).error == errc::shutdown);
    CHECK(request<bool>(supervisor, delete_child{"b"}).error == errc::shutdown);
    post(slow, release_atom_v);
  }
  SECTION("and a child that crashes meanwhile is not restarted") {
    post(names->look_up("a"), crash_atom_v);
    REQUIRE(log.wait_for(event_kind::removed, 1, "a"));
    post(slow, release_atom_v);
  }
  int answered = 0;
  auto failed = [](const caf::error& e) { FAIL(to_string(e)); };
  std::move(stopping).receive([&] { ++answered; }, failed);
  std::move(twice).receive([&] { ++answered; }, failed);
  CHECK(answered == 2);
  CHECK(log.count(event_kind::restarted) == 0);
  CHECK(all_gone());
}

TEST_CASE_METHOD(
  fixture, "when the time to stop is over the children that are left are killed") {
  for (auto id : {"a", "b", "c"})
    start({.id = id, .start = start_of(stubborn), .shutdown = shutdown::infinity()});
  CHECK(request<bool>(supervisor, stop{.within = 20ms}).value);
  CHECK(log.count(event_kind::killed) == 3);
  CHECK(log.count(event_kind::exited) == 3);
  CHECK(all_gone());
}

TEST_CASE_METHOD(fixture, "a supervisor can be a child of another") {
  auto inner_log = std::make_shared<event_log>();
  auto inner_names = std::make_shared<registry>();
  auto spec = supervisor_spec("inner",
    {.name = "inner",
      .intensity = {.max_restarts = 0},
      .names = inner_names,
      .observer = inner_log->observer()});
  auto inner = start(spec);
  auto add_child = [&](const caf::strong_actor_ptr& to) {
    auto result = request<caf::strong_actor_ptr>(caf::actor_cast<supervisor_actor>(to),
      start_child{{.id = "leaf", .start = start_of(obedient), .name = "leaf"}});
    REQUIRE(result.ok);
    return result.value;
  };
  SECTION("its escalation is a child's end, and it is restarted, empty") {
    post(add_child(inner), crash_atom_v);
    auto next = names->wait_for("inner", inner, registry::clock::now() + test_timeout);
    REQUIRE(next != nullptr);
    CHECK(inner_log->count(event_kind::escalated) == 1);
    CHECK(inner_log->count(event_kind::stopped) == 1);
    add_child(next);
    CHECK(inner_names->size() == 1);
  }
  SECTION("it ends its children when it is ended") {
    add_child(inner);
    CHECK(request<bool>(supervisor, stop{}).value);
    CHECK(inner_log->count(event_kind::exited, "leaf") == 1);
    CHECK(classify(inner_log->first(event_kind::exited).reason) == exit_class::shutdown);
    CHECK(inner_log->count(event_kind::stopped) == 1);
  }
  if (names->contains("inner"))
    CHECK(request<bool>(supervisor, stop{}).value);
  CHECK(all_gone());
}

TEST_CASE("a thousand children that are killed are all back under their names") {
  constexpr std::size_t n = 1000;
  fixture f{{.max_restarts = n, .max_seconds = 3600s}};
  std::vector<caf::strong_actor_ptr> before;
  for (std::size_t i = 0; i < n; ++i)
    before.push_back(f.start("child-" + std::to_string(i)));
  for (const auto& child : before)
    post_exit(child, caf::exit_reason::kill);
  for (std::size_t i = 0; i < n; ++i) {
    auto name = "child-" + std::to_string(i);
    auto next = f.names->wait_for(name, before[i], registry::clock::now() + test_timeout);
    REQUIRE(next != nullptr);
    REQUIRE(f.answers(next));
  }
  CHECK(f.log.count(event_kind::exited) == n);
  CHECK(f.log.count(event_kind::restarted) == n);
  CHECK(f.request<bool>(f.supervisor, stop{}).value);
  CHECK(f.all_gone());
}

TEST_CASE("an event is one line for the log") {
  init_types();
  supervision_event e{event_kind::exited, "top", "a", {}, {}, 0, 10};
  CHECK(to_string(e) == "top: child 'a' exited (normal)");
  e.reason = caf::make_error(caf::exit_reason::kill);
  CHECK(to_string(e).find("top: child 'a' exited (killed): ") == 0);
  e = {event_kind::restarted, "top", "a", {}, {}, 2, 10};
  CHECK(to_string(e) == "top: child 'a' restarted [restart 2 of 10]");
  e = {event_kind::stopped, "top", {}, {}, {}, 0, 10};
  CHECK(to_string(e) == "top: stopped");
}
