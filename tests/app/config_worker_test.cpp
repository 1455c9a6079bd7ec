#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>
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

/// Nobody listens on a port below ten.
const worker_init refused{.uris = "127.0.0.1:1,127.0.0.1:2"};

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
