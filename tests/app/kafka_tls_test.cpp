#include "fixture_kafka.hpp"
#include "kept_log.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace cafka;
using namespace cafka::testing;
using Catch::Matchers::ContainsSubstring;

namespace {

ssl_options trusting() {
  return {.cacertfile = kafka_cluster::certificate("ca.crt")};
}

ssl_options as_client() {
  auto options = trusting();
  options.certfile = kafka_cluster::certificate("client.crt");
  options.keyfile = kafka_cluster::certificate("client.key");
  return options;
}

worker_init over_tls(ssl_options options) {
  return {.use_ssl = true, .ssl_options = std::move(options)};
}

/// A worker that some broker has answered takes and gives records.
void check_round_trip(service& s, const std::string& topic) {
  const std::string large(900'000, 'x');
  for (const auto& value : {std::string{"small"}, large}) {
    const auto put = s.app->produce(topic, 0, value, {.worker = "w"});
    INFO(why(put));
    CHECK(put);
  }
  const auto all = read_all(*s.app, topic, 0, "w");
  REQUIRE(all.size() == 2);
  CHECK(all[0].second.value == "small");
  CHECK(all[1].second.value == large);
}

/// Why no broker of this listener takes a worker, or is taken by it.
std::string refusal(const std::string& listener, ssl_options options) {
  service s{kafka_cluster::brokers(listener)};
  const auto worker = s.app->create_worker("w", over_tls(std::move(options)), 3s);
  REQUIRE_FALSE(worker);
  CHECK(worker.error().code == error_code::disconnected);
  CHECK_THAT(worker.error().detail, ContainsSubstring("TLS_FAILED: 127.0.0.1:"));
  return worker.error().detail;
}

} // namespace

TEST_CASE("records go over TLS and come back, with a client certificate or without") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("tls");
  std::string listener = "TLS";
  auto options = trusting();
  SECTION("a file of CAs") {
  }
  SECTION("a directory of CAs") {
    options = {.cacertdir = kafka_cluster::certificate("ca-dir")};
  }
  SECTION("TLS 1.3 alone") {
    options.min_version = tls_version::tls_1_3;
  }
  SECTION("a client certificate") {
    listener = "MTLS";
    options = as_client();
  }
  SECTION("a client certificate whose key is encrypted") {
    listener = "MTLS";
    options = as_client();
    options.keyfile = kafka_cluster::certificate("client-encrypted.key");
    std::ifstream file{kafka_cluster::certificate("password")};
    std::string password;
    std::getline(file, password);
    options.password = password;
  }
  SECTION("verification of the chain alone, and another host") {
    listener = "WRONG_HOST";
    options.verify = ssl_verify::verify_chain;
  }
  SECTION("the host that the certificate is for by name") {
    listener = "WRONG_HOST";
    options.server_name = "elsewhere.example";
  }
  SECTION("verification off, and a certificate out of its time") {
    listener = "EXPIRED";
    options = {.verify = ssl_verify::verify_none};
  }
  service s{kafka_cluster::brokers(listener)};
  s.connect("w", over_tls(options));
  check_round_trip(s, topic);
}

TEST_CASE("a Kafka that TLS does not come about with is told, with what to do") {
  kafka_cluster kafka;
  CHECK_THAT(refusal("WRONG_HOST", trusting()),
    ContainsSubstring("its certificate is for elsewhere.example and not for 127.0.0.1"));
  CHECK_THAT(
    refusal("EXPIRED", trusting()), ContainsSubstring(" expired on 2020-01-02 "));
  CHECK_THAT(refusal("TLS", {.cacertfile = kafka_cluster::certificate("other-ca.crt")}),
    ContainsSubstring("is signed by an unknown CA"));
  CHECK_THAT(refusal("TLS", {}), ContainsSubstring("is signed by an unknown CA"));
  CHECK_THAT(refusal("MTLS", trusting()),
    ContainsSubstring(
      "a client certificate, and there is none: set certfile and keyfile"));
  auto stranger = as_client();
  stranger.certfile = kafka_cluster::certificate("other-client.crt");
  stranger.keyfile = kafka_cluster::certificate("other-client.key");
  CHECK_THAT(refusal("MTLS", stranger), ContainsSubstring(stranger.certfile));
  CHECK_THAT(refusal("PLAINTEXT", trusting()),
    ContainsSubstring("during the TLS handshake: see that it speaks TLS on this port"));
}

TEST_CASE("a Kafka that speaks TLS where plaintext is expected is told") {
  kafka_cluster kafka;
  service s{kafka_cluster::brokers("TLS")};
  const auto worker = s.app->create_worker("w", {}, 3s);
  REQUIRE_FALSE(worker);
  CHECK_THAT(worker.error().detail, ContainsSubstring("set use_ssl"));
}

TEST_CASE("files of TLS are replaced under load, and no request fails") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("tls-renewed", 3);
  const auto folder = std::filesystem::temp_directory_path()
    / ("cafka-renewed-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto certificate = folder / "client.crt";
  // As tools do it: another file in its place, all at once.
  const auto replace = [&] {
    std::filesystem::copy_file(kafka_cluster::certificate("client.crt"),
      folder / "new.crt", std::filesystem::copy_options::overwrite_existing);
    std::filesystem::rename(folder / "new.crt", certificate);
  };
  replace();
  auto options = service::quiet();
  options.use_ssl = true;
  options.ssl_options = as_client();
  options.ssl_options.certfile = certificate.string();
  options.ssl_options.renewal_interval = 20ms;
  std::atomic<int> replaced = 0;
  options.log_level = log_level::debug;
  options.on_log = [&](log_level, std::string_view, std::string_view,
                     std::string_view text) {
    if (text.find("the files of TLS have changed") != std::string_view::npos)
      ++replaced;
  };
  std::atomic<int> failed = 0;
  service s{kafka_cluster::brokers("MTLS"), std::move(options)};
  auto producer = REQUIRE_VALUE(
    s.app->producer({.name = "p", .linger = 1ms, .on_delivery = [&](const delivery& d) {
                       if (d.error)
                         ++failed;
                     }}));
  constexpr int count = 20'000;
  for (int i = 0; i != count; ++i) {
    const auto value = std::to_string(i);
    REQUIRE(producer.send(topic, {.value = value}));
    if (i % 2'000 == 1'000) {
      replace();
      REQUIRE_VALUE(producer.flush(test_timeout));
    }
  }
  REQUIRE_VALUE(producer.flush(test_timeout));
  CHECK(failed == 0);
  CHECK(replaced > 0);
  s.connect("w");
  std::size_t read = 0;
  for (int p = 0; p != 3; ++p)
    read += read_all(*s.app, topic, p, "w").size();
  CHECK(read == count);
  std::filesystem::remove_all(folder);
}

TEST_CASE("files of TLS that cannot be used are told once, and what is up stays up") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("tls-unusable");
  const auto folder = std::filesystem::temp_directory_path()
    / ("cafka-unusable-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto certificate = folder / "client.crt";
  std::filesystem::copy_file(kafka_cluster::certificate("client.crt"), certificate);
  const kept_log log;
  auto options = service::quiet();
  options.log_level = log_level::info;
  options.on_log = log.writer();
  options.use_ssl = true;
  options.ssl_options = as_client();
  options.ssl_options.certfile = certificate.string();
  options.ssl_options.renewal_interval = 20ms;
  service s{kafka_cluster::brokers("MTLS"), std::move(options)};
  s.connect("w");
  REQUIRE_VALUE(s.app->produce(topic, 0, "before", {.worker = "w"}));
  const auto aside = folder / "aside";
  std::filesystem::rename(certificate, aside);
  const auto why = "ssl_options.certfile = " + certificate.string()
    + ": cannot be read: no such file or directory";
  REQUIRE(log.wait_for("warning worker w: the files of TLS have changed and cannot be "
                       "used: "
    + why));
  for (int i = 0; i != 100; ++i)
    REQUIRE_VALUE(s.app->produce(topic, 0, "meanwhile", {.worker = "w"}));
  CHECK(log.count(why) == 1);
  std::filesystem::rename(aside, certificate);
  REQUIRE(log.wait_for("info worker w: the files of TLS can be used again"));
  REQUIRE_VALUE(s.app->produce(topic, 0, "after", {.worker = "w"}));
  INFO(log.text());
  CHECK(log.count("files of TLS") == 2);
  CHECK(log.count("cannot connect") == 0);
  std::filesystem::remove_all(folder);
}

TEST_CASE("TLS outlives a broker's death, and the leader's move") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("tls-death");
  service s{kafka_cluster::brokers("MTLS")};
  s.connect("w", over_tls(as_client()));
  REQUIRE_VALUE(s.app->produce(topic, 0, "before", {.worker = "w"}));
  const auto leader = kafka_cluster::first_leader(0);
  kafka.kill(leader);
  CHECK(eventually([&] {
    return s.app->produce(topic, 0, "between", {.deadline = 10s, .worker = "w"})
      .has_value();
  }));
  kafka.start(leader);
  const auto all = read_all(*s.app, topic, 0, "w");
  CHECK(all.size() >= 2);
  CHECK(all.front().second.value == "before");
  CHECK(all.back().second.value == "between");
}
