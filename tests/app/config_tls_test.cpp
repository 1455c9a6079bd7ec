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
using Catch::Matchers::ContainsSubstring;

namespace {

/// What the program logs while this lives.
class kept_log {
public:
  kept_log() {
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    auto logger = std::make_shared<spdlog::logger>("kept", sink);
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~kept_log() { spdlog::set_default_logger(before_); }
  kept_log(const kept_log&) = delete;
  kept_log& operator=(const kept_log&) = delete;

  [[nodiscard]] std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

application_options nobody_there() {
  application_options options;
  // Nothing listens on this port of the loopback.
  options.brokers = "127.0.0.1:1";
  options.use_ssl = true;
  return options;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

} // namespace

TEST_CASE("verification that is off is warned of, once per worker, and else nothing is") {
  configuration config;
  caf::actor_system system{config};
  const kept_log log;
  auto options = nobody_there();
  options.disable_default_worker = true;
  {
    const auto app = application::start(system, options);
    REQUIRE(app);
    // Not reached, but started: its deadline is what passes.
    CHECK_FALSE((*app)->create_worker("careful", {}, 200ms));
    CHECK(log.text().find("certificate") == std::string::npos);
    worker_init careless;
    careless.ssl_options = ssl_options{.verify = ssl_verify::verify_none};
    CHECK_FALSE((*app)->create_worker("careless", careless, 200ms));
    worker_init half;
    half.ssl_options = ssl_options{.verify = ssl_verify::verify_chain};
    CHECK_FALSE((*app)->create_worker("half", half, 200ms));
  }
  CHECK(count(log.text(), "warning cafka: worker careless does not check") == 1);
  CHECK(
    count(log.text(), "warning cafka: worker half takes a broker's certificate") == 1);
  CHECK(count(log.text(), "verify_") == 2);
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
