#include "kept_log.hpp"
#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <memory>

using namespace cafka;
using cafka::testing::kept_log;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

application_options nobody_there() {
  application_options options;
  // Nothing listens on this port of the loopback.
  options.brokers = "127.0.0.1:1";
  options.use_ssl = true;
  return options;
}

} // namespace

TEST_CASE("verification that is off is warned of, once per worker, and else nothing is") {
  configuration config;
  caf::actor_system system{config};
  const kept_log log;
  auto options = nobody_there();
  options.disable_default_worker = true;
  options.on_log = log.writer();
  {
    const auto app = application::start(system, options);
    REQUIRE(app);
    // Not reached, but started: its deadline is what passes.
    CHECK_FALSE((*app)->create_worker("careful", {}, 200ms));
    CHECK(log.count("certificate") == 0);
    worker_init careless;
    careless.ssl_options = ssl_options{.verify = ssl_verify::verify_none};
    CHECK_FALSE((*app)->create_worker("careless", careless, 200ms));
    worker_init half;
    half.ssl_options = ssl_options{.verify = ssl_verify::verify_chain};
    CHECK_FALSE((*app)->create_worker("half", half, 200ms));
  }
  CHECK(log.count("warning worker careless: does not check") == 1);
  CHECK(log.count("warning worker half: takes a broker's certificate") == 1);
  CHECK(log.count("verify_") == 2);
}

TEST_CASE("a certificate that cannot be read is told where a worker is created") {
  configuration config;
  caf::actor_system system{config};
  auto options = nobody_there();
  options.ssl_options.certfile = "/no/such/client.crt";
  const auto app = application::start(system, options);
  REQUIRE_FALSE(app);
  CHECK(app.error()
    == error{error_code::invalid_argument,
      "ssl_options.certfile = /no/such/client.crt: cannot be read: no such file or "
      "directory"});
  options.disable_default_worker = true;
  const auto without = application::start(system, options);
  REQUIRE(without);
  const auto worker = (*without)->create_worker("w");
  REQUIRE_FALSE(worker);
  CHECK(worker.error() == app.error());
  CHECK((*without)->workers().empty());
}
