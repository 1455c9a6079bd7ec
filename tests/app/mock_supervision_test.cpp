#include "fixture_consumer.hpp"
#include "fixture_mock.hpp"
#include "kept_log.hpp"
#include <cafka/actors/producer/producer.hpp>

#include <caf/scoped_actor.hpp>

#include <future>

using namespace cafka;
using namespace cafka::testing;
using supervision::event_kind;

namespace {

const supervision::tree_node& below(
  const supervision::tree_node& node, const std::string& name) {
  const auto i = std::ranges::find_if(
    node.children, [&](const auto& next) { return next.child.name == name; });
  REQUIRE(i != node.children.end());
  return *i;
}

} // namespace

TEST_CASE("the tree of an application is data, with who lives in it as of now") {
  mock_cluster cluster;
  service s{cluster.brokers()};
  const auto first = s.connect("w");
  s.connect("v");
  auto tree = REQUIRE_VALUE(s.app->tree());
  CHECK(tree.child.id == "cafka");
  CHECK(tree.supervisor.strategy == supervision::strategy::one_for_one);
  std::vector<std::string> names;
  for (const auto& next : tree.children)
    names.push_back(next.child.name);
  CHECK(names
    == std::vector<std::string>{
      "workers", "streams", "producers", "consumers", "groups"});
  const auto& workers = below(tree, "workers");
  CHECK(workers.child.type == supervision::child_type::supervisor);
  CHECK(workers.supervisor.strategy == supervision::strategy::simple_one_for_one);
  CHECK(workers.supervisor.restarts == 0);
  CHECK(workers.supervisor.max_restarts == application_options{}.max_restarts);
  REQUIRE(workers.children.size() == 2);
  CHECK(caf::actor_cast<worker_actor>(below(workers, "w").child.handle) == first);
  CHECK(below(workers, "v").child.state == supervision::child_state::running);

  post_exit(first, caf::exit_reason::kill);
  REQUIRE(s.events.wait_for(event_kind::restarted, "w", 1));
  tree = REQUIRE_VALUE(s.app->tree());
  CHECK(below(tree, "workers").supervisor.restarts == 1);
  const auto& again = below(below(tree, "workers"), "w").child;
  CHECK(again.restarts == 1);
  CHECK(caf::actor_cast<worker_actor>(again.handle) != first);

  static_cast<void>(REQUIRE_VALUE(s.app->stop_worker("v")));
  tree = REQUIRE_VALUE(s.app->tree());
  CHECK(below(tree, "workers").children.size() == 1);
  static_cast<void>(REQUIRE_VALUE(s.app->stop()));
  CHECK(s.app->tree().error().code == error_code::closed);
}

TEST_CASE(
  "an actor subscribes to an application's supervisors by the handles in its tree") {
  mock_cluster cluster;
  service s{cluster.brokers()};
  const auto worker = s.connect("w");
  const auto tree = REQUIRE_VALUE(s.app->tree());
  caf::scoped_actor self{s.system};
  ask(self,
    caf::actor_cast<supervision::supervisor_actor>(below(tree, "workers").child.handle),
    test_timeout, supervision::subscribe{})
    .receive([] {}, [](const caf::error& e) { FAIL(to_string(e)); });
  post_exit(worker, caf::exit_reason::kill);
  supervision::supervision_event heard;
  const auto hear = [&] {
    self->receive([&](const supervision::supervision_event& e) { heard = e; });
  };
  hear();
  CHECK(heard.kind == event_kind::exited);
  CHECK(heard.child == "w");
  CHECK(heard.handle == caf::actor_cast<caf::strong_actor_ptr>(worker));
  CHECK(heard.reason == caf::exit_reason::kill);
  hear();
  CHECK(heard.kind == event_kind::restarted);
  CHECK(heard.supervisor == "cafka.workers");
  CHECK(heard.restarts == 1);
  CHECK(heard.max_restarts == application_options{}.max_restarts);
}

TEST_CASE("a request by name waits for a worker that is being restarted, in its time") {
  mock_cluster cluster;
  list_offsets request{.topic = cluster.create_topic("waits", 1), .partition = 0};
  request.deadline = test_timeout;
  // The supervisor, which must not be blocked, is: the restart is as long as the test.
  auto gate = std::make_unique<std::promise<void>>();
  std::promise<void> down;
  std::atomic<bool> first = true;
  auto options = service::quiet();
  options.brokers = cluster.brokers();
  options.on_event = [&, opened = gate->get_future().share()](const auto& e) {
    if (e.kind != event_kind::exited || e.child != "w" || !first.exchange(false))
      return;
    down.set_value();
    opened.wait();
  };
  configuration config;
  caf::actor_system system{config};
  auto app = REQUIRE_VALUE(application::start(system, std::move(options)));
  const auto open_at_last = std::move(gate);
  const auto before = REQUIRE_VALUE(app->create_worker("w", {}, test_timeout));
  const auto by_name = REQUIRE_VALUE(app->worker_by_name("w"));
  static_cast<void>(REQUIRE_VALUE(ask_one<listed_offset>(system, by_name, request)));
  post_exit(before, caf::exit_reason::kill);
  down.get_future().wait();
  CHECK(app->worker("w").error().code == error_code::worker_down);
  auto hasty = request;
  hasty.deadline = 100ms;
  const auto began = steady_clock::now();
  const auto late = app->offset(hasty, "w");
  INFO(why(late));
  CHECK(late.error().code == error_code::worker_down);
  CHECK(late.error().detail.find("not restarted in time") != std::string::npos);
  CHECK(steady_clock::now() - began >= 100ms);
  CHECK(steady_clock::now() - began < 100ms + lateness);
  const auto from_actor =
    ask_from_actor<listed_offset>(system, by_name, std::vector{request, request});
  std::promise<void> about_to_ask;
  auto from_thread = std::async(std::launch::async, [&] {
    about_to_ask.set_value();
    return app->offset(request, "w");
  });
  about_to_ask.get_future().wait();
  open_at_last->set_value();
  static_cast<void>(REQUIRE_VALUE(from_thread.get()));
  REQUIRE(from_actor->wait());
  for (const auto& reply : from_actor->all())
    static_cast<void>(REQUIRE_VALUE(reply));
  CHECK(REQUIRE_VALUE(app->worker("w")) != before);
  // It ends with the application, though it is still held.
  static_cast<void>(REQUIRE_VALUE(app->stop(test_timeout)));
  CHECK(eventually([&] { return running_actors(system) == 0; }));
  CHECK(app->worker_by_name("w").error().code == error_code::closed);
}

TEST_CASE("however an application ends, no actor is left and nobody waits any more") {
  mock_cluster cluster;
  const auto topic = cluster.create_topic("ends", 3);
  auto options = service::quiet();
  options.max_restarts = 0;
  service s{cluster.brokers(), options};
  const auto worker = s.connect("w");
  static_cast<void>(REQUIRE_VALUE(s.app->create_worker(no_name, {}, test_timeout)));
  // Records that wait for others, for longer than this test takes.
  std::mutex mutex;
  std::map<error_code, std::int32_t> outcomes;
  producer_options patient;
  patient.linger = milliseconds{60'000};
  patient.on_delivery = [&](const delivery& d) {
    const std::lock_guard lock{mutex};
    outcomes[d.error.code] += d.count;
  };
  auto producer = REQUIRE_VALUE(s.app->producer(std::move(patient)));
  for (int i = 0; i != 100; ++i)
    REQUIRE(producer.send(topic, std::to_string(i)));
  // Readers at the end of the log.
  auto consumer = REQUIRE_VALUE(s.app->consumer());
  static_cast<void>(REQUIRE_VALUE(consumer.assign(all_of(topic, 3))));
  auto records =
    s.app->stream(topic, 0, {.worker = "w", .offset = 0, .wait_time = test_timeout});
  result<fetched> resting;
  std::vector<std::thread> readers;
  readers.emplace_back([&] {
    while (consumer.poll(test_timeout))
      ;
  });
  readers.emplace_back([&] {
    for (const auto& r : records)
      static_cast<void>(r);
  });
  readers.emplace_back([&] {
    cafka::fetch request{.topic = topic, .partition = 1, .offset = 0};
    request.wait_time = request.deadline = 2 * test_timeout;
    resting = s.app->fetch(request, "w");
  });
  const auto all_rest = eventually([&] {
    const auto now = s.app->status("w");
    return now && now->pending >= 2;
  });
  bool ended = false;
  SECTION("by stop") {
    ended = static_cast<bool>(s.app->stop(test_timeout));
  }
  SECTION("by crashes too many") {
    post_exit(worker, caf::exit_reason::kill);
    // Once the workers' supervisor comes back, without them.
    REQUIRE(s.events.wait_for(event_kind::restarted, "workers", 1));
    post_exit(s.connect("w"), caf::exit_reason::kill);
    ended = s.events.wait_for(event_kind::escalated, "workers", 1);
  }
  for (auto& t : readers)
    t.join();
  CHECK(all_rest);
  CHECK(ended);
  CHECK(eventually([&] { return running_actors(s.system) == 0; }));
  CHECK(records.outcome().error().code == error_code::closed);
  INFO(why(resting));
  CHECK((resting.error().code == error_code::closed
    || resting.error().code == error_code::worker_down));
  CHECK(eventually([&] {
    const std::lock_guard lock{mutex};
    return outcomes == std::map<error_code, std::int32_t>{{error_code::closed, 100}};
  }));
  CHECK(producer.send(topic, "late").status == error_code::closed);
  CHECK(consumer.poll(milliseconds{0}).error().code == error_code::closed);
}

namespace {

/// Kills the worker "w" once more than it is restarted.
void crash_too_often(service& s, std::size_t max_restarts, std::size_t before = 0) {
  for (std::size_t crashes = 1; crashes <= max_restarts; ++crashes) {
    post_exit(REQUIRE_VALUE(s.app->worker("w")), caf::exit_reason::kill);
    REQUIRE(s.events.wait_for(event_kind::restarted, "w", before + crashes));
  }
  post_exit(REQUIRE_VALUE(s.app->worker("w")), caf::exit_reason::kill);
}

} // namespace

TEST_CASE("workers that crash too often are ended, and nobody else; the default worker "
          "comes back") {
  mock_cluster cluster;
  const auto topic = cluster.create_topic("goes on");
  auto options = service::quiet();
  options.disable_default_worker = false;
  options.max_restarts = 1;
  options.max_seconds = std::chrono::seconds{3600};
  service s{cluster.brokers(), options};
  auto producer = REQUIRE_VALUE(s.app->producer(producer_options{}));
  auto consumer = REQUIRE_VALUE(s.app->consumer());
  const auto before = REQUIRE_VALUE(s.app->worker());
  s.connect("w");
  crash_too_often(s, 1);
  REQUIRE(s.events.wait_for(event_kind::restarted, "workers", 1));
  // The application's own worker is there again, those of the program are gone.
  list_offsets request{.topic = topic, .partition = 0};
  CHECK(eventually([&] { return static_cast<bool>(s.app->worker()); }));
  CHECK(REQUIRE_VALUE(s.app->worker()) != before);
  static_cast<void>(REQUIRE_VALUE(s.app->offset(request)));
  const auto gone = s.app->offset(request, "w");
  INFO(why(gone));
  CHECK(gone.error().code == error_code::not_found);
  CHECK(gone.error().detail.find("restart 2 of 1") != std::string::npos);
  s.connect("w");
  // Producers and consumers have not noticed.
  REQUIRE(producer.send(topic, "x"));
  CHECK(producer.flush(test_timeout));
  static_cast<void>(REQUIRE_VALUE(consumer.assign({{topic, 0}})));
  CHECK(REQUIRE_VALUE(consumer.poll(test_timeout)).batches.size() == 1);
}

TEST_CASE(
  "a producer or consumer that crashes too often ends alone, and its handles say why") {
  mock_cluster cluster;
  const auto topic = cluster.create_topic("alone");
  auto options = service::quiet();
  options.max_restarts = 1;
  service s{cluster.brokers(), options};
  s.connect("w");
  auto victim = REQUIRE_VALUE(s.app->producer(producer_options{.name = "victim"}));
  auto other = REQUIRE_VALUE(s.app->producer(producer_options{.name = "other"}));
  auto reader = REQUIRE_VALUE(s.app->consumer({.name = "reader"}));
  auto bystander = REQUIRE_VALUE(s.app->consumer({.name = "bystander"}));
  const auto crash_twice = [&](const auto& handle, const std::string& name) {
    post_exit(handle.actor(), caf::exit_reason::kill);
    REQUIRE(s.events.wait_for(event_kind::restarted, name, 1));
    REQUIRE(eventually([&] { return static_cast<bool>(handle.actor()); }));
    post_exit(handle.actor(), caf::exit_reason::kill);
    REQUIRE(s.events.wait_for(event_kind::escalated, name, 1));
  };
  crash_twice(victim, "victim");
  crash_twice(reader, "reader");
  REQUIRE(
    eventually([&] { return victim.send(topic, "x").status == error_code::closed; }));
  const auto refused = victim.flush(test_timeout).error();
  INFO(to_string(refused));
  CHECK(refused.detail.find("restart 2 of 1") != std::string::npos);
  result<polled> last;
  REQUIRE(eventually([&] { return !(last = reader.poll(milliseconds{0})); }));
  INFO(to_string(last.error()));
  CHECK(last.error().code == error_code::closed);
  CHECK(last.error().detail.find("restart 2 of 1") != std::string::npos);
  // All others live, and the names are free.
  REQUIRE(other.send(topic, "x"));
  CHECK(other.flush(test_timeout));
  CHECK(bystander.poll(milliseconds{0}));
  CHECK(s.app->status("w"));
  REQUIRE(eventually([&] {
    return static_cast<bool>(s.app->producer(producer_options{.name = "victim"}))
      && static_cast<bool>(s.app->consumer({.name = "reader"}));
  }));
  const auto tree = REQUIRE_VALUE(s.app->tree());
  CHECK(below(below(tree, "producers"), "other").children.size() == 1);
  CHECK(s.events.count(event_kind::escalated, "producers") == 0);
}

TEST_CASE("isolated workers crash alone, with or without a name") {
  mock_cluster cluster;
  auto options = service::quiet();
  options.max_restarts = 1;
  options.isolate_workers = true;
  service s{cluster.brokers(), options};
  const auto v = s.connect("v");
  s.connect("w");
  const auto nameless = REQUIRE_VALUE(s.app->create_worker(no_name, {}, test_timeout));
  CHECK(s.app->workers() == std::vector<std::string>{"v", "w"});
  CHECK(s.app->create_worker("w").error().code == error_code::already_started);
  crash_too_often(s, 1);
  REQUIRE(s.events.wait_for(event_kind::escalated, "w", 1));
  REQUIRE(
    eventually([&] { return s.app->worker("w").error().code == error_code::not_found; }));
  CHECK(REQUIRE_VALUE(s.app->worker("v")) == v);
  CHECK(s.app->status("v"));
  CHECK(s.app->status(nameless));
  s.connect("w");
  // By handle and by name.
  CHECK(s.app->stop_worker(nameless));
  CHECK(s.app->stop_worker(nameless).error().code == error_code::not_found);
  CHECK(s.app->stop_worker("v"));
  CHECK(s.app->stop_worker("v").error().code == error_code::not_found);
  CHECK(s.app->workers() == std::vector<std::string>{"w"});
  CHECK(eventually(
    [&] { return below(REQUIRE_VALUE(s.app->tree()), "workers").children.size() == 1; }));
}

TEST_CASE("what on_event throws ends no actor") {
  mock_cluster cluster;
  auto options = service::quiet();
  std::atomic<int> told = 0;
  options.on_event = [&](const supervision::supervision_event&) {
    ++told;
    throw std::runtime_error("on purpose");
  };
  options.brokers = cluster.brokers();
  configuration config;
  caf::actor_system system{config};
  auto app = REQUIRE_VALUE(application::start(system, std::move(options)));
  const auto w = REQUIRE_VALUE(app->create_worker("w", {}, test_timeout));
  post_exit(w, caf::exit_reason::kill);
  REQUIRE(eventually([&] {
    const auto next = app->worker("w");
    return next && *next != w;
  }));
  CHECK(app->status("w"));
  CHECK(told >= 3);
}

TEST_CASE(
  "workers that crash too often a second time end the application, which says so") {
  const kept_log log;
  mock_cluster cluster;
  auto options = service::quiet();
  options.max_restarts = 2;
  options.max_seconds = std::chrono::seconds{3600};
  options.restart_delay = milliseconds{1};
  options.log_level = log_level::debug;
  options.on_log = log.writer();
  service s{cluster.brokers(), options};
  s.connect("v");
  s.connect("w");
  crash_too_often(s, 2);
  REQUIRE(s.events.wait_for(event_kind::restarted, "workers", 1));
  s.connect("v");
  s.connect("w");
  CHECK(s.events.count(event_kind::escalated, "w") == 1);
  crash_too_often(s, 2, 2);
  // The workers' supervisor gives up again, which the root does not bear.
  REQUIRE(s.events.wait_for(event_kind::escalated, "w", 2));
  REQUIRE(s.events.wait_for(event_kind::escalated, "workers", 1));
  REQUIRE(eventually([&] { return running_actors(s.system) == 0; }));
  const auto refused = s.app->latest_offset("any", 0, "v");
  INFO(why(refused));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == error_code::closed);
  CHECK(refused.error().detail.find("restart 3 of 2") != std::string::npos);
  CHECK(s.app->create_worker("x").error().code == error_code::closed);
  CHECK(s.app->tree().error().code == error_code::closed);
  CHECK(s.app->workers().empty());
  // The log had it coming, each crash and restart with how many were left.
  const auto text = log.text();
  INFO(text);
  std::size_t at = 0;
  for (const auto* line : {"debug supervisor cafka.workers: child 'w' started\n",
         "debug supervisor cafka.workers: child 'w' exited (killed): ",
         "warning supervisor cafka.workers: child 'w' restarted [restart 1 of 2]\n",
         "warning supervisor cafka.workers: child 'w' restarted [restart 2 of 2]\n",
         "critical supervisor cafka.workers: child 'w' escalated: ", "[restart 3 of 2]\n",
         "debug supervisor cafka.workers: child 'v' exited (shutdown): ",
         "debug supervisor cafka.workers: stopped: ",
         "warning supervisor cafka: child 'workers' restarted [restart 1 of 1]\n",
         "critical supervisor cafka.workers: child 'w' escalated: ", "[restart 3 of 2]\n",
         "critical supervisor cafka: child 'workers' escalated: "}) {
    at = text.find(line, at);
    INFO(line);
    REQUIRE(at != std::string::npos);
  }
}

TEST_CASE("an actor that asks for a worker gets one that a broker has answered") {
  mock_cluster cluster;
  service s{cluster.brokers()};
  caf::scoped_actor self{s.system};
  result<worker_actor> started;
  ask(self, s.app->actor(), test_timeout, start_worker{.name = "w"})
    .receive([&](result<worker_actor>& r) { started = std::move(r); },
      [&](const caf::error& e) { FAIL(to_string(e)); });
  REQUIRE(started);
  CHECK(REQUIRE_VALUE(s.app->status("w")).connected);
  CHECK(REQUIRE_VALUE(s.app->worker("w")) == *started);
}
