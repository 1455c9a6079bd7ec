#include "kept_log.hpp"
#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>

using namespace cafka;
using namespace std::chrono_literals;
using cafka::testing::kept_log;
using Catch::Matchers::ContainsSubstring;

namespace {

/// Nothing listens on this port of the loopback.
application_options nobody_there() {
  application_options options;
  options.brokers = "127.0.0.1:1";
  options.default_worker = "w";
  return options;
}

constexpr auto refused = "warning worker w: cannot connect to 127.0.0.1:1: ";

} // namespace

TEST_CASE("applications of one process log each for itself") {
  configuration config;
  caf::actor_system system{config};
  const kept_log first;
  const kept_log second;
  auto options = nobody_there();
  options.on_log = first.writer();
  const auto one = application::start(system, options);
  options.on_log = second.writer();
  options.default_worker = "v";
  const auto two = application::start(system, options);
  REQUIRE(one);
  REQUIRE(two);
  CHECK(first.wait_for(refused));
  CHECK(second.wait_for("warning worker v: cannot connect to 127.0.0.1:1: "));
  CHECK(first.count("worker v") == 0);
  CHECK(second.count("worker w") == 0);
}

TEST_CASE("a logger that the program has registered as cafka takes the lines") {
  std::ostringstream text;
  auto logger = std::make_shared<spdlog::logger>(
    "cafka", std::make_shared<spdlog::sinks::ostream_sink_mt>(text));
  logger->set_pattern("%l %n %v");
  spdlog::register_logger(logger);
  {
    configuration config;
    caf::actor_system system{config};
    const kept_log events;
    const auto app = application::start(system, nobody_there());
    spdlog::drop("cafka");
    REQUIRE(app);
    CHECK_FALSE((*app)->status("w", 200ms)->connected);
    CHECK_FALSE((*app)->create_worker("v", {}, 200ms));
  }
  CHECK_THAT(text.str(),
    ContainsSubstring("warning cafka worker w: cannot connect to 127.0.0.1:1: "));
}

TEST_CASE("an application leaves spdlog's default logger and its table alone") {
  const auto before = spdlog::default_logger();
  configuration config;
  caf::actor_system system{config};
  const auto app = application::start(system, nobody_there());
  REQUIRE(app);
  CHECK(spdlog::default_logger() == before);
  CHECK(spdlog::get("cafka") == nullptr);
}

TEST_CASE("a level for a component that does not exist is refused") {
  configuration config;
  caf::actor_system system{config};
  auto options = nobody_there();
  options.log_levels = {{"workers", log_level::debug}};
  const auto app = application::start(system, options);
  REQUIRE_FALSE(app);
  CHECK(app.error()
    == error{error_code::invalid_argument,
      "log_levels: \"workers\" is no component; there are: worker, producer, consumer, "
      "group, stream, token, supervisor"});
}
