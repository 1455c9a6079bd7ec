// Ends that come from above, from outside and from where nobody expects them.

#include "fixture.hpp"

#include <caf/actor_proxy.hpp>
#include <caf/forwarding_actor_proxy.hpp>
#include <caf/make_actor.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace cafka;
using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

namespace {

// All supervisors in it tell the same log of their events.
struct endings_fixture : fixture {
  endings_fixture() : fixture({10, 60s}, strategy::one_for_one) {}

  supervisor_options options(std::string name, std::vector<child_spec> children) {
    return {.name = std::move(name),
      .children = std::move(children),
      .names = names,
      .observer = log.observer()};
  }

  static child_spec worker(std::string id) {
    return {.id = id, .start = start_of(obedient), .name = id};
  }

  supervision_event end_of(const std::string& child) {
    REQUIRE(log.wait_for(event_kind::exited, 1, child));
    const auto all = log.events();
    return *std::ranges::find_if(all,
      [&](const auto& e) { return e.kind == event_kind::exited && e.child == child; });
  }

  caf::error stop_reason_of(const std::string& name) {
    REQUIRE(log.wait_for(event_kind::stopped, 1));
    for (const auto& e : log.events())
      if (e.kind == event_kind::stopped && e.supervisor == name)
        return e.reason;
    return {};
  }
};

// As many supervisors below each other as wanted, and a child below the last.
supervisor_options storeys(endings_fixture& f, std::size_t n, const child_spec& leaf) {
  auto result = f.options("s" + std::to_string(n), {leaf});
  result.intensity.max_restarts = 0;
  for (auto i = n; i-- > 1;) {
    result = f.options("s" + std::to_string(i),
      {supervisor_spec("s" + std::to_string(i + 1), std::move(result))});
    result.intensity.max_restarts = 0;
  }
  return result;
}

} // namespace

TEST_CASE_METHOD(endings_fixture,
  "when a supervisor is killed, those below end their children in order, as in OTP") {
  std::atomic<int> told = 0;
  caf::error why;
  std::promise<void> stubborn_told;
  child_spec trapping{.id = "trapping",
    .start = start_of([&](caf::event_based_actor* me) {
      return stubborn_that_tells(me, [&] {
        if (++told == 1)
          stubborn_told.set_value();
      });
    }),
    .shutdown = shutdown::infinity()};
  auto root = start_supervisor(*sys,
    options("root",
      {worker("plain"), trapping,
        supervisor_spec("middle",
          options("middle",
            {worker("a"), worker("b"),
              supervisor_spec("low", options("low", {worker("c"), worker("d")}))}))}));
  REQUIRE(root);
  const auto find = [&](const std::string& id) {
    caf::strong_actor_ptr found;
    for (const auto& c : request<std::vector<child_info>>(*root, which_children{}).value)
      if (c.id == id)
        found = c.handle;
    return found;
  };
  const auto plain = names->look_up("plain");
  const auto stubborn_one = find("trapping");
  std::promise<caf::error> middle_end;
  find("middle")->get()->attach_functor(
    [&](const caf::error& reason) { middle_end.set_value(reason); });
  std::promise<caf::error> plain_end;
  plain->get()->attach_functor(
    [&](const caf::error& reason) { plain_end.set_value(reason); });
  SECTION("when it is sent a kill") {
    post_exit(*root, caf::exit_reason::kill);
  }
  SECTION("when nobody refers to it any more") {
    root = caf::make_error(caf::sec::none);
  }
  // The reason can be trapped, and is known as a kill.
  CHECK(plain_end.get_future().get() == errc::killed);
  CHECK(middle_end.get_future().get() == errc::killed);
  CHECK(classify(errc::killed) == exit_class::killed);
  stubborn_told.get_future().wait();
  CHECK(answers(stubborn_one));
  // Nobody else refers to the supervisors below.
  for (const auto* id : {"a", "b", "c", "d"})
    CHECK(classify(end_of(id).reason) == exit_class::shutdown);
  CHECK(log.children(event_kind::exited)
    == std::vector<std::string>{"d", "c", "low", "b", "a"});
  CHECK(names->size() == 0);
  post(stubborn_one, release_atom_v);
  supervisor = nullptr;
  CHECK(all_gone());
}

TEST_CASE_METHOD(
  endings_fixture, "a stop's deadline ends all levels, whatever their shutdown") {
  std::vector<start_later> never;
  const child_spec leaves[] = {
    {.id = "x", .start = start_of(stubborn), .shutdown = shutdown::infinity()},
    // A start without end, and without an actor that could be ended.
    {.id = "x",
      .start = [&](const start_context& c) -> start_result {
        never.push_back(c.later());
        return starting{};
      },
      .shutdown = shutdown::infinity()}};
  for (const auto& leaf : leaves) {
    auto root = spawn_supervisor(*sys, storeys(*this, 4, leaf));
    while (!request<supervisor_info>(root, get_info{}).ok)
      std::this_thread::yield();
    CHECK(request<bool>(root, stop{.within = 20ms}).ok);
    root = nullptr;
    // The fixture's own is left.
    while (running_actors(*sys) > 2)
      std::this_thread::yield();
  }
  CHECK(request<bool>(supervisor, stop{.within = caf::timespan::min()}).ok);
}

TEST_CASE_METHOD(endings_fixture,
  "an escalation through any number of levels says the path and what began it, in "
  "short") {
  const auto n = GENERATE(1, 3, 22, 1000);
  INFO(n << " storeys");
  const auto root =
    start_supervisor(*sys, storeys(*this, static_cast<std::size_t>(n), worker("leaf")));
  REQUIRE(root);
  std::promise<caf::error> end;
  caf::actor_cast<caf::strong_actor_ptr>(*root)->get()->attach_functor(
    [&](const caf::error& reason) { end.set_value(reason); });
  post(names->look_up("leaf"), crash_atom_v);
  auto ended = end.get_future();
  REQUIRE(ended.wait_for(test_timeout) == std::future_status::ready);
  const auto reason = ended.get();
  CHECK(reason == errc::shutdown);
  const auto text = to_string(reason);
  INFO(text);
  CHECK(text.size() < 1000);
  CHECK(text.find("told to crash") != std::string::npos);
  CHECK(text.find("more than 0 restarts within 5 s") != std::string::npos);
  CHECK(text.find("leaf\"") != std::string::npos);
  if (n == 3)
    CHECK(text.find("\"s2/s3/leaf\"") != std::string::npos);
  if (n == 1000)
    CHECK(text.find("\"s2/s3/s4/") != std::string::npos);
}

TEST_CASE_METHOD(endings_fixture,
  "a start that fails many levels below says the path and why, in short") {
  const std::string huge(1'000'000, 'x');
  const auto root = start_supervisor(*sys,
    storeys(*this, 22, {.id = "leaf", .start = [&](const start_context&) -> start_result {
                          return caf::make_error(caf::sec::cannot_open_file, huge);
                        }}));
  REQUIRE_FALSE(root);
  CHECK(root.error() == errc::shutdown);
  const auto text = to_string(root.error());
  CHECK(text.size() < 2000);
  CHECK(text.find("s21/s22/leaf\"") != std::string::npos);
  CHECK(text.find("failed to start") != std::string::npos);
  CHECK(text.find("cannot_open_file") != std::string::npos);
}

TEST_CASE_METHOD(
  endings_fixture, "a start function that returns its supervisor has failed") {
  const auto self_start = [&](const start_context&) -> start_result {
    return caf::actor_cast<caf::strong_actor_ptr>(supervisor);
  };
  for (const auto& wrong : {start_function{self_start},
         start_function{[&](const start_context&) -> start_result {
           return starting{caf::actor_cast<caf::strong_actor_ptr>(supervisor)};
         }}}) {
    const auto refused = try_start({.id = "a", .start = wrong});
    CHECK(refused.error == errc::start_failed);
    CHECK(to_string(refused.error).find("the supervisor itself") != std::string::npos);
  }
  CHECK(answers(start("b")));
}

TEST_CASE_METHOD(endings_fixture, "what an observer throws ends nothing, and is told") {
  std::atomic<int> seen = 0;
  auto throwing = options("throwing", {worker("a")});
  throwing.observer = [&](const supervision_event&) {
    ++seen;
    throw std::runtime_error("no disk");
  };
  auto root = start_supervisor(*sys, throwing);
  REQUIRE(root);
  CHECK(seen == 1);
  REQUIRE(request<bool>(*root, subscribe{}).ok);
  const auto first = names->look_up("a");
  post(first, crash_atom_v);
  CHECK(answers(names->wait_for("a", first, registry::clock::now() + test_timeout)));
  std::vector<event_kind> heard;
  for (int i = 0; i < 4; ++i)
    (*self)->receive([&](const supervision_event& e) {
      heard.push_back(e.kind);
      if (e.kind == event_kind::observer_failed)
        CHECK(to_string(e.reason).find("no disk") != std::string::npos);
    });
  CHECK(heard
    == std::vector<event_kind>{event_kind::observer_failed, event_kind::exited,
      event_kind::observer_failed, event_kind::restarted});
  CHECK(request<bool>(*root, stop{}).ok);
}

TEST_CASE_METHOD(
  endings_fixture, "a child on another node that hangs is not waited for without end") {
  // Another node, as CAF's middleman shows it: nothing that is sent there comes back.
  std::atomic<int> sent = 0;
  const auto wire = sys->spawn([&](caf::event_based_actor* me) -> caf::behavior {
    pass_on(me, [&](const envelope&) { ++sent; });
    return {[](release_atom) {}};
  });
  const auto elsewhere = caf::make_node_id(1, std::string(40, 'a'));
  REQUIRE(elsewhere);
  caf::actor_config config;
  const auto far = caf::make_actor<caf::forwarding_actor_proxy, caf::strong_actor_ptr>(
    caf::actor_id{17}, *elsewhere, &*sys, config, wire);
  auto with_far = options("top",
    {{.id = "far",
      .start = [far](const start_context&) -> start_result { return far; },
      .shutdown = shutdown::timeout(1ms)}});
  with_far.kill_timeout = 1ms;
  const auto root = start_supervisor(*sys, with_far);
  REQUIRE(root);
  SECTION("when it is ended") {
    CHECK(request<bool>(*root, terminate_child{.id = "far"}).ok);
  }
  SECTION("when all are") {
    CHECK(request<bool>(*root, stop{}).ok);
  }
  CHECK(log.count(event_kind::killed, "far") == 1);
  CHECK(end_of("far").reason == caf::exit_reason::remote_link_unreachable);
  CHECK(sent > 0);
  log.forget();
  post_exit(wire, caf::exit_reason::kill);
  post_exit(*root, caf::exit_reason::kill);
}
