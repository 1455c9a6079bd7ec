#include "fixture.hpp"
#include <cafka/supervision/proxy.hpp>
#include <cafka/supervision/tree.hpp>

using namespace cafka;
using namespace cafka::supervision;
using namespace cafka::supervision::test;
using namespace std::chrono_literals;

namespace {

child_spec worker(std::string id, restart_type restart = restart_type::permanent) {
  return {.id = id, .start = start_of(obedient), .restart = restart, .name = id};
}

struct tree_fixture : fixture {
  supervisor_options options() {
    return {.name = "top", .names = names, .observer = log.observer()};
  }
};

} // namespace

TEST_CASE_METHOD(tree_fixture, "a supervisor's children are there when it has started") {
  auto below = options();
  below.name = "left";
  below.strategy = strategy::rest_for_one;
  below.children = {worker("b"), worker("c")};
  auto top = options();
  top.children = {worker("a"), supervisor_spec("left", below)};
  top.children[1].name = "left";
  auto root = start_supervisor(*sys, top);
  REQUIRE(root);
  CHECK(
    log.children(event_kind::started) == std::vector<std::string>{"a", "b", "c", "left"});
  for (const auto* name : {"a", "b", "c"})
    CHECK(answers(names->look_up(name)));
  auto tree = tree_of(*sys, *root, test_timeout);
  REQUIRE(tree);
  CHECK(to_string(*tree)
    == "top: supervisor, one_for_one, 0 of 3 restarts in 5 s\n"
       "├─ a: worker, permanent\n"
       "└─ left: supervisor, rest_for_one, 0 of 3 restarts in 5 s\n"
       "   ├─ b: worker, permanent\n"
       "   └─ c: worker, permanent\n");
  const auto before = names->look_up("c");
  post(names->look_up("b"), crash_atom_v);
  REQUIRE(names->wait_for("c", before, registry::clock::now() + test_timeout) != nullptr);
  tree = tree_of(*sys, *root, test_timeout);
  REQUIRE(tree);
  CHECK(tree->children[1].supervisor.restarts == 1);
  CHECK(tree->children[1].children[1].child.restarts == 1);
  CHECK(to_string(*tree).find("c: worker, permanent, restarted 1 time\n")
    != std::string::npos);
  REQUIRE(request<bool>(*root, stop{}).ok);
  CHECK(
    log.children(event_kind::removed) == std::vector<std::string>{"c", "b", "left", "a"});
  CHECK(names->size() == 0);
  CHECK_FALSE(tree_of(*sys, *root, test_timeout));
}

TEST_CASE_METHOD(
  tree_fixture, "a supervisor that cannot start says why and leaves nothing") {
  auto top = options();
  SECTION("because a child of a child fails") {
    auto below = options();
    below.name = "left";
    below.children = {
      worker("b"), {.id = "c", .start = [](const start_context&) -> start_result {
                      throw std::runtime_error("no luck");
                    }}};
    top.children = {worker("a"), supervisor_spec("left", below)};
    const auto root = start_supervisor(*sys, top);
    REQUIRE_FALSE(root);
    CHECK(root.error() == errc::shutdown);
    const auto text = to_string(root.error());
    for (const auto* part : {"\"left/c\"", "failed to start", "no luck"})
      CHECK(text.find(part) != std::string::npos);
    CHECK(log.children(event_kind::removed).back() == "a");
  }
  SECTION("because its options make no sense") {
    top.intensity.max_seconds = 0s;
    CHECK(start_supervisor(*sys, top).error() == errc::invalid_options);
    top.intensity.max_seconds = 1s;
    top.max_children = 1;
    CHECK(start_supervisor(*sys, top).error() == errc::invalid_options);
    top.strategy = strategy::simple_one_for_one;
    top.children = {worker("a")};
    CHECK(start_supervisor(*sys, top).error() == errc::invalid_options);
    // As OTP since 26.
    top.children.clear();
    for (const auto when :
      {auto_shutdown::any_significant, auto_shutdown::all_significant}) {
      top.auto_shutdown = when;
      CHECK(start_supervisor(*sys, top).error() == errc::bad_combination);
    }
  }
  SECTION("because its specifications make no sense") {
    top.children = {worker("a"), worker("a")};
    CHECK(start_supervisor(*sys, top).error() == errc::duplicate_child_name);
    top.children = {worker("a", restart_type::transient)};
    top.children[0].significant = true;
    CHECK(start_supervisor(*sys, top).error() == errc::bad_combination);
    top.auto_shutdown = auto_shutdown::any_significant;
    top.children[0].restart = restart_type::permanent;
    CHECK(start_supervisor(*sys, top).error() == errc::bad_combination);
  }
  CHECK(names->size() == 0);
  supervisor = nullptr;
  CHECK(all_gone());
}

TEST_CASE("specifications are checked one by one and all together") {
  init_types();
  const auto good = worker("a");
  CHECK(check_childspec(good).empty());
  CHECK(check_childspecs({good, worker("b")}).empty());
  CHECK(check_childspecs({}).empty());
  auto wrong = good;
  wrong.id.clear();
  CHECK(check_childspec(wrong) == errc::invalid_child_spec);
  // It has no ids.
  CHECK(
    check_childspec(wrong, auto_shutdown::never, strategy::simple_one_for_one).empty());
  wrong = good;
  wrong.start = {};
  CHECK(check_childspecs({good, wrong}) == errc::invalid_child_spec);
  CHECK(check_childspecs({good, worker("b"), good}) == errc::duplicate_child_name);
  wrong = worker("c", restart_type::transient);
  wrong.significant = true;
  CHECK(check_childspec(wrong) == errc::bad_combination);
  for (const auto when :
    {auto_shutdown::any_significant, auto_shutdown::all_significant}) {
    CHECK(check_childspec(wrong, when).empty());
    wrong.restart = restart_type::temporary;
    CHECK(check_childspecs({good, wrong}, when).empty());
  }
  wrong.restart = restart_type::permanent;
  CHECK(check_childspec(wrong, auto_shutdown::any_significant) == errc::bad_combination);
}

TEST_CASE_METHOD(tree_fixture, "a name of a group is known all through its restart") {
  auto top = options();
  top.strategy = strategy::one_for_all;
  top.children = {worker("a"), worker("b")};
  top.children[1].start = start_of(stubborn);
  top.children[1].shutdown = shutdown::infinity();
  auto root = start_supervisor(*sys, top);
  REQUIRE(root);
  const auto a = names->look_up("a");
  const auto b = names->look_up("b");
  post(a, crash_atom_v);
  REQUIRE(log.wait_for(event_kind::exited, 1, "a"));
  CHECK(names->contains("a"));
  CHECK(request<supervisor_info>(*root, get_info{}).value.quiescent == false);
  post(b, release_atom_v);
  CHECK(answers(names->wait_for("a", a, registry::clock::now() + test_timeout)));
  CHECK(answers(names->wait_for("b", b, registry::clock::now() + test_timeout)));
  post(names->look_up("b"), release_atom_v);
  REQUIRE(log.wait_for(event_kind::restarted, 2, "b"));
  post(*root, stop{caf::timespan::zero()});
}

TEST_CASE_METHOD(
  tree_fixture, "what has to wait for a group is done in the order in which it came") {
  supervisor = spawn({.strategy = strategy::one_for_all});
  const auto a = start("a");
  const auto b =
    start({.id = "b", .start = start_of(stubborn), .shutdown = shutdown::infinity()});
  post(a, crash_atom_v);
  REQUIRE(log.wait_for(event_kind::exited, 1, "a"));
  auto started = ask(*self, supervisor, test_timeout, start_child{worker("c")});
  auto ended = ask(*self, supervisor, test_timeout, terminate_child{.id = "c"});
  auto forgotten = ask(*self, supervisor, test_timeout, delete_child{"c"});
  auto unknown = ask(*self, supervisor, test_timeout, terminate_child{.id = "c"});
  CHECK(children().size() == 2);
  post(b, release_atom_v);
  const auto failed = [](const caf::error& e) { FAIL(to_string(e)); };
  std::move(started).receive([](const caf::strong_actor_ptr&) {}, failed);
  std::move(ended).receive([] {}, failed);
  std::move(forgotten).receive([] {}, failed);
  caf::error error;
  std::move(unknown).receive([] {}, [&](caf::error& e) { error = e; });
  CHECK(error == errc::not_found);
  CHECK(children().size() == 2);
}

TEST_CASE_METHOD(
  tree_fixture, "a restart that is given up frees the names of its whole group") {
  supervisor = spawn({.strategy = strategy::one_for_all, .intensity = {1'000'000, 60s}});
  std::atomic<bool> fails = false;
  const auto a = start("a");
  start({.id = "b", .start = [&](const start_context& c) -> start_result {
           if (fails)
             return caf::make_error(caf::sec::cannot_open_file);
           return start_of(obedient)(c);
         }});
  start("c");
  fails = true;
  post(a, crash_atom_v);
  REQUIRE(log.wait_for(event_kind::restart_failed, 1, "b"));
  CHECK(names->contains("c"));
  REQUIRE(request<bool>(supervisor, terminate_child{.name = "b"}).ok);
  // It was not to be started before b, and whoever waits for it need not.
  CHECK_FALSE(names->contains("b"));
  CHECK_FALSE(names->contains("c"));
  CHECK(answers(names->look_up("a")));
  REQUIRE(request<caf::strong_actor_ptr>(supervisor, restart_child{"c"}).ok);
  CHECK(answers(names->look_up("c")));
}

TEST_CASE_METHOD(
  tree_fixture, "subscribers are told what happens until they have enough") {
  REQUIRE(request<bool>(supervisor, subscribe{}).ok);
  const auto a = start("a");
  supervision_event heard;
  (*self)->receive([&](const supervision_event& e) { heard = e; });
  CHECK(heard.kind == event_kind::started);
  CHECK(heard.child == "a");
  CHECK(heard.handle == a);
  post(a, crash_atom_v);
  (*self)->receive([&](const supervision_event& e) { heard = e; });
  CHECK(heard.kind == event_kind::exited);
  CHECK(heard.restarts == 0);
  (*self)->receive([&](const supervision_event& e) { heard = e; });
  CHECK(heard.kind == event_kind::restarted);
  CHECK(heard.restarts == 1);
  CHECK(heard.max_restarts == 10);
  REQUIRE(request<bool>(supervisor, unsubscribe{}).ok);
  start("b");
  CHECK((*self)->mailbox().empty());
}

TEST_CASE_METHOD(tree_fixture, "subscribers that have ended are forgotten") {
  const auto quiet = [](caf::event_based_actor*) -> caf::behavior {
    return {[](const supervision_event&) {}};
  };
  const auto subscribed = [&] {
    const auto who = caf::actor_cast<caf::strong_actor_ptr>(sys->spawn(quiet));
    REQUIRE(request<bool>(supervisor, subscribe{who}).ok);
    return caf::actor_cast<caf::weak_actor_ptr>(who);
  };
  auto one = subscribed();
  const auto known = [](const caf::weak_actor_ptr& who) { return who->weak_refs > 1; };
  // Nobody but the supervisor knows it: it ends, and with the next event that is seen.
  while (one.lock() != nullptr)
    std::this_thread::yield();
  CHECK(known(one));
  start("a");
  CHECK_FALSE(known(one));
  // Or with the next subscriber.
  auto two = subscribed();
  while (two.lock() != nullptr)
    std::this_thread::yield();
  REQUIRE(request<bool>(supervisor, subscribe{}).ok);
  CHECK_FALSE(known(two));
}

TEST_CASE_METHOD(tree_fixture, "a proxy that ends answers those who wait at it") {
  supervisor = spawn({.strategy = strategy::one_for_one, .intensity = {1'000'000, 60s}});
  std::atomic<bool> fails = false;
  start({.id = "a", .start = [&](const start_context& c) -> start_result {
           if (fails)
             return caf::make_error(caf::sec::cannot_open_file);
           return start_of(obedient)(c);
         }});
  auto proxy = spawn_proxy(*sys, names, "a");
  fails = true;
  post(proxy, crash_atom_v);
  REQUIRE(log.wait_for(event_kind::restart_failed, 1, "a"));
  auto pending = ask(*self, proxy, test_timeout, ping_atom_v);
  SECTION("because nobody refers to it any more") {
    proxy = nullptr;
  }
  SECTION("because it was told to") {
    post_exit(proxy, caf::exit_reason::user_shutdown);
  }
  caf::error error;
  std::move(pending).receive([](ping_atom) {}, [&](caf::error& e) { error = e; });
  CHECK(error == caf::sec::request_receiver_down);
}

TEST_CASE_METHOD(tree_fixture, "a proxy follows the name, and waits for who comes next") {
  supervisor = spawn({.strategy = strategy::one_for_one, .intensity = {1'000'000, 60s}});
  std::atomic<bool> fails = false;
  const auto first =
    start({.id = "a", .start = [&](const start_context& c) -> start_result {
             if (fails)
               return caf::make_error(caf::sec::cannot_open_file);
             return start_of(obedient)(c);
           }});
  auto proxy = spawn_proxy(*sys, names, "a");
  const auto asked = [&] { return request<ping_atom>(proxy, ping_atom_v); };
  CHECK(asked().ok);
  fails = true;
  post(proxy, crash_atom_v);
  REQUIRE(log.wait_for(event_kind::restart_failed, 1, "a"));
  auto pending = ask(*self, proxy, test_timeout, ping_atom_v);
  auto another = ask(*self, proxy, test_timeout, ping_atom_v);
  fails = false;
  int answered = 0;
  const auto failed = [](const caf::error& e) { FAIL(to_string(e)); };
  std::move(pending).receive([&](ping_atom) { ++answered; }, failed);
  std::move(another).receive([&](ping_atom) { ++answered; }, failed);
  CHECK(answered == 2);
  CHECK(asked().ok);
  REQUIRE(request<bool>(supervisor, terminate_child{.id = "a"}).ok);
  CHECK(asked().error == errc::not_found);
  // It comes back with the name.
  REQUIRE(request<caf::strong_actor_ptr>(supervisor, restart_child{"a"}).ok);
  CHECK(asked().ok);
  // What waits when the name goes is refused; messages beyond the most are, too.
  fails = true;
  proxy = spawn_proxy(*sys, names, "a", 1);
  const auto failures = log.count(event_kind::restart_failed, "a");
  post(proxy, crash_atom_v);
  REQUIRE(log.wait_for(event_kind::restart_failed, failures + 1, "a"));
  auto waiting = ask(*self, proxy, test_timeout, ping_atom_v);
  CHECK(asked().error == errc::not_found);
  REQUIRE(request<bool>(supervisor, terminate_child{.id = "a"}).ok);
  caf::error refused;
  std::move(waiting).receive([](ping_atom) {}, [&](caf::error& e) { refused = e; });
  CHECK(refused == errc::not_found);
}

TEST_CASE_METHOD(tree_fixture, "children without a name are stopped by their handles") {
  const auto without_name = [&] {
    return request<caf::strong_actor_ptr>(
      supervisor, start_child{{.start = start_of(obedient)}})
      .value;
  };
  const auto one = without_name();
  const auto two = without_name();
  REQUIRE(one != two);
  CHECK(names->size() == 0);
  CHECK(request<child_spec>(supervisor, get_childspec{.child = one}).ok);
  CHECK(request<bool>(supervisor, terminate_child{.child = one}).ok);
  CHECK(
    request<bool>(supervisor, terminate_child{.child = one}).error == errc::not_found);
  CHECK(answers(two));
  CHECK(request<bool>(supervisor, terminate_child{.id = "a"}).error
    == errc::simple_one_for_one);
  CHECK(request<bool>(supervisor, delete_child{"a"}).error == errc::simple_one_for_one);
  CHECK(request<caf::strong_actor_ptr>(supervisor, restart_child{"a"}).error
    == errc::simple_one_for_one);
  CHECK(request<child_spec>(supervisor, get_childspec{.id = "a"}).error
    == errc::simple_one_for_one);
}
