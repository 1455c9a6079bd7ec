#include "fixture_mock.hpp"

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
  CHECK(names == std::vector<std::string>{"workers", "streams", "producers"});
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
  "workers that crash more often than allowed end the application, which says so") {
  mock_cluster cluster;
  auto options = service::quiet();
  options.max_restarts = 2;
  options.max_seconds = std::chrono::seconds{3600};
  service s{cluster.brokers(), options};
  s.connect("v");
  s.connect("w");
  for (std::size_t crashes = 1; crashes <= 2; ++crashes) {
    post_exit(REQUIRE_VALUE(s.app->worker("w")), caf::exit_reason::kill);
    REQUIRE(s.events.wait_for(event_kind::restarted, "w", crashes));
  }
  CHECK(s.events.count(event_kind::escalated, "w") == 0);
  CHECK(REQUIRE_VALUE(s.app->tree()).children[0].supervisor.restarts == 2);
  post_exit(REQUIRE_VALUE(s.app->worker("w")), caf::exit_reason::kill);
  // The workers' supervisor gives up, and the root has nobody to restart it.
  REQUIRE(s.events.wait_for(event_kind::escalated, "w", 1));
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
}
