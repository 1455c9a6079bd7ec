#include "fixture_kafka.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <fstream>

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
