#include "../app/kept_log.hpp"
#include "../app/temporary_file.hpp"
#include <cafka/cafka.hpp>
#include <cafka/testing/cluster.hpp>

#include <caf/actor_system.hpp>
#include <caf/telemetry/counter.hpp>
#include <caf/telemetry/metric_registry.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <fstream>
#include <thread>

using namespace std::chrono_literals;
using namespace cafka;

namespace {

testing::cluster_options wanting_logins(milliseconds session = 0ms) {
  testing::cluster_options options;
  options.sasl.mechanisms = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"};
  options.sasl.users = {{"alice", "sesame-open"}};
  options.sasl.session_lifetime = session;
  return options;
}

sasl_options alice() {
  sasl_options how;
  how.mechanism = {sasl_mechanism::scram_sha_512};
  how.username = "alice";
  how.password = "sesame-open";
  return how;
}

/// An application that logs in to a cluster without sockets.
struct logged_in {
  explicit logged_in(sasl_options how, testing::cluster_options of = wanting_logins())
    : cluster(std::move(of)) {
    cluster.create_topic("t");
    application_options options;
    options.brokers = cluster.bootstrap();
    options.disable_default_worker = true;
    options.request_timeout = 20s;
    options.transports = cluster.transports();
    options.log_level = log_level::trace;
    options.on_log = log.writer();
    options.sasl = std::move(how);
    auto started = application::start(system, std::move(options));
    REQUIRE(started);
    app = *std::move(started);
  }

  testing::kept_log log;
  testing::cluster cluster;
  configuration config;
  caf::actor_system system{config};
  std::unique_ptr<application> app;
};

} // namespace

TEST_CASE("an application logs in, with a password by value, file or function") {
  const temporary_file file{"sesame-open\nthe second line\n"};
  auto how = alice();
  std::atomic<int> called = 0;
  std::atomic<bool> elsewhere = true;
  SECTION("by value") {
  }
  SECTION("by a file") {
    how.password.clear();
    how.password_file = file.path();
  }
  SECTION("by a function, in a thread that it may block") {
    how.password.clear();
    how.username.clear();
    how.credentials = [&, here = std::this_thread::get_id()](
                        const sasl_request& wanted) -> result<sasl_credentials> {
      ++called;
      elsewhere = elsewhere && std::this_thread::get_id() != here;
      CHECK(wanted.mechanism == sasl_mechanism::scram_sha_512);
      std::this_thread::sleep_for(1ms);
      return sasl_credentials{sasl_password{"alice", "sesame-open", false}};
    };
  }
  logged_in f{std::move(how)};
  REQUIRE(f.app->create_worker("w"));
  const auto put = f.app->produce("t", 0, "v", {.worker = "w"});
  INFO(put.error());
  REQUIRE(put);
  auto producer = f.app->producer({.name = "p"}).value();
  REQUIRE(producer.send("t", {.value = "v", .partition = partition_id{0}}));
  CHECK(producer.flush(20s));
  CHECK(elsewhere);
  const auto status = f.app->status("w");
  REQUIRE(status);
  CHECK(status->connections.at(0).mechanism == "SCRAM-SHA-512");
  CHECK(f.app->stop());
  // Of the password nothing stands anywhere.
  CHECK(f.log.count("logged in by SCRAM-SHA-512") >= 2);
  CHECK(f.log.count("sesame") == 0);
}

TEST_CASE("an application is told at once of a password that is wrong") {
  auto how = alice();
  how.password = "sesame-shut";
  logged_in f{std::move(how)};
  const auto begun = std::chrono::steady_clock::now();
  const auto worker = f.app->create_worker("w");
  CHECK(worker.error().code == error_code::sasl_authentication_failed);
  INFO(worker.error());
  CHECK(worker.error().detail.find("Invalid username or password") != std::string::npos);
  CHECK(worker.error().detail.find("sesame") == std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begun < 15s);
  CHECK(f.log.count("sesame") == 0);
}

TEST_CASE("a password that is replaced in its file heals a worker") {
  const temporary_file file{"sesame-shut\n"};
  auto how = alice();
  how.password.clear();
  how.password_file = file.path();
  logged_in f{std::move(how)};
  REQUIRE(f.app->create_worker("w", {.wait = false}));
  CHECK(f.app->produce("t", 0, "v", {.worker = "w"}).error().code
    == error_code::sasl_authentication_failed);
  std::ofstream{file.path()} << "sesame-open\n";
  const auto begun = std::chrono::steady_clock::now();
  while (!f.app->produce("t", 0, "v", {.worker = "w"}))
    REQUIRE(std::chrono::steady_clock::now() - begun < 60s);
  CHECK(f.log.count("sesame") == 0);
}

TEST_CASE("what a function for credentials throws or returns is the login's error") {
  sasl_options how;
  how.mechanism = {sasl_mechanism::plain};
  const auto throws = GENERATE(true, false);
  how.credentials = [throws](const sasl_request&) -> result<sasl_credentials> {
    if (throws)
      throw std::runtime_error{"the vault is shut"};
    return error{error_code::not_found, "the vault is shut"};
  };
  logged_in f{std::move(how)};
  const auto worker = f.app->create_worker("w");
  CHECK(worker.error().code == error_code::credentials_unavailable);
  INFO(worker.error());
  CHECK(worker.error().detail.find("the vault is shut") != std::string::npos);
}

TEST_CASE("logins are renewed while an application works") {
  logged_in f{alice(), wanting_logins(1'500ms)};
  REQUIRE(f.app->create_worker("w"));
  int written = 0;
  while (f.log.count("renewed") < 3) {
    const auto put = f.app->produce("t", 0, "v", {.worker = "w"});
    INFO(put.error());
    REQUIRE(put);
    ++written;
  }
  CHECK(f.cluster.log("t", 0).size() == static_cast<std::size_t>(written));
  CHECK(f.log.count("lost") == 0);
  // Counters have it, too.
  caf::telemetry::int_counter* renewed =
    f.system.metrics()
      .counter_family("cafka.login", "reauthentications", {"client"}, "", "1", true)
      ->get_or_add({{"client", "worker"}});
  CHECK(renewed->value() >= 3);
}
