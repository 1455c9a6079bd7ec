#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

// How a worker starts where nobody listens.

using namespace cafka;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

struct nobody {
  nobody() {
    application_options options;
    options.disable_default_worker = true;
    options.request_timeout = 60s;
    auto started = application::start(system, std::move(options));
    REQUIRE(started);
    app = *std::move(started);
  }

  configuration config;
  caf::actor_system system{config};
  std::unique_ptr<application> app;
};

/// What an application's actor answers; a caf::error is the error `worker_down`.
template <class Reply, class Request>
result<Reply> told_by(
  caf::actor_system& system, const application_actor& who, Request what) {
  caf::scoped_actor self{system};
  result<Reply> outcome;
  ask(self, who, 60s, std::move(what))
    .receive([&](result<Reply>& r) { outcome = std::move(r); },
      [&](const caf::error& e) {
        outcome = error{error_code::worker_down, to_string(e)};
      });
  return outcome;
}

/// Nobody listens on a port below ten.
const worker_init refused{.brokers = "127.0.0.1:1,127.0.0.1:2"};

} // namespace

TEST_CASE("create_worker does not wait for brokers that all refuse") {
  nobody n;
  const auto begun = steady_clock::now();
  const auto w = n.app->create_worker("w", refused);
  CHECK(steady_clock::now() - begun < 30s);
  REQUIRE_FALSE(w);
  CHECK(w.error().code == error_code::disconnected);
  CHECK(w.error().detail.find("127.0.0.1:1: connection refused") != std::string::npos);
  CHECK(w.error().detail.find("127.0.0.1:2: connection refused") != std::string::npos);
  CHECK(n.app->workers().empty());
}

TEST_CASE("create_worker waits for as long as it is told, as brokers may come up") {
  nobody n;
  const auto begun = steady_clock::now();
  const auto w = n.app->create_worker("w", refused, 300ms);
  CHECK(steady_clock::now() - begun >= 300ms);
  REQUIRE_FALSE(w);
  CHECK(w.error().code == error_code::disconnected);
}

TEST_CASE("create_worker with wait = false starts a worker that goes on connecting") {
  nobody n;
  auto init = refused;
  init.wait = false;
  const auto w = n.app->create_worker("w", init);
  REQUIRE(w);
  CHECK(n.app->workers() == std::vector<std::string>{"w"});
  const auto told = n.app->status("w");
  REQUIRE(told);
  CHECK_FALSE(told->connected);
}

TEST_CASE("an actor starts and ends workers by messages") {
  nobody n;
  const auto start = [&](start_worker what) {
    return told_by<worker_actor>(n.system, n.app->actor(), std::move(what));
  };
  const auto stop = [&](const worker_ref& which) {
    return told_by<done>(n.system, n.app->actor(), stop_worker{which});
  };
  auto init = refused;
  init.wait = false;
  const auto named = start({"w", init});
  REQUIRE(named);
  CHECK(n.app->worker("w").value() == *named);
  CHECK(start({"w", init}).error().code == error_code::already_started);
  const auto unnamed = start({"", init});
  REQUIRE(unnamed);
  CHECK(n.app->workers() == std::vector<std::string>{"w"});
  CHECK(stop(*unnamed));
  CHECK(stop(*unnamed).error().code == error_code::not_found);
  CHECK(stop("w"));
  CHECK(stop("w").error().code == error_code::not_found);
  CHECK(n.app->workers().empty());
  SECTION("and those that no broker answers do not stay") {
    const auto none = start({"v", refused});
    CHECK(none.error().code == error_code::disconnected);
    CHECK(none.error().detail.find("connection refused") != std::string::npos);
    CHECK(start({"v", {.brokers = "no:port:here"}}).error().code
      == error_code::invalid_argument);
    CHECK(n.app->workers().empty());
  }
  SECTION("until the application ends") {
    const auto actor = n.app->actor();
    REQUIRE(n.app->stop());
    CHECK_FALSE(told_by<worker_actor>(n.system, actor, start_worker{"w", init}));
  }
}

TEST_CASE("braces say which function is meant") {
  nobody n;
  const auto z = n.app->producer({.name = "z"});
  REQUIRE(z);
  CHECK(n.app->producer("z").value().name() == "z");
  CHECK(n.app->producer({.name = "z"}).error().code == error_code::already_started);
  CHECK(n.app->consumer({.name = "z"}));
  // There is no worker.
  CHECK(n.app->fetch("foo", 0, {.offset = 5}).error().code == error_code::not_found);
  CHECK(n.app->fetch({.topic = "foo"}).error().code == error_code::not_found);
}
