#include "fixture_mock.hpp"

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

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

/// What is logged while it lives, as the program's own log would have it.
class kept_log {
public:
  kept_log() {
    auto logger = std::make_shared<spdlog::logger>(
      "kept", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_pattern("%l %v");
    logger->set_level(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
  }
  ~kept_log() { spdlog::set_default_logger(before_); }

  /// Once nobody logs any more.
  [[nodiscard]] std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

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
    == std::vector<std::string>{"workers", "streams", "producers", "consumers"});
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
  const kept_log log;
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
  // The log had it coming, each crash and restart with how many were left.
  const auto text = log.text();
  INFO(text);
  std::size_t at = 0;
  for (const auto* line : {"debug cafka: cafka.workers: child 'w' started\n",
         "debug cafka: cafka.workers: child 'w' exited (killed): ",
         "warning cafka: cafka.workers: child 'w' restarted [restart 1 of 2]\n",
         "warning cafka: cafka.workers: child 'w' restarted [restart 2 of 2]\n",
         "critical cafka: cafka.workers: child 'w' escalated: ", "[restart 3 of 2]\n",
         "debug cafka: cafka.workers: child 'v' exited (shutdown): ",
         "debug cafka: cafka.workers: stopped: ",
         "critical cafka: cafka: child 'workers' escalated: "}) {
    at = text.find(line, at);
    INFO(line);
    REQUIRE(at != std::string::npos);
  }
}
