// Logins at a real Kafka, whose listeners `scripts/kafka up --sasl` has.
#include "login_kafka.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace cafka;
using namespace cafka::testing;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using steady = std::chrono::steady_clock;

namespace {

/// By when a failure must be told: brokers wait 0.1 to 0.3 s before they refuse a login.
constexpr milliseconds soon{5'000};

/// Why no worker can log in, which is told soon.
error refusal(client& c) {
  const auto began = steady::now();
  const auto worker = c.app->create_worker("w", {}, test_timeout);
  REQUIRE_FALSE(worker);
  INFO(to_string(worker.error()));
  CHECK(steady::now() - began < soon);
  return worker.error();
}

} // namespace

TEST_CASE("each mechanism logs in, over TCP and TLS", "[sasl_kafka]") {
  struct way {
    std::string listener;
    sasl_options login;
    std::string mechanism;
    bool tls = false;
  };
  using enum sasl_mechanism;
  for (const auto& w : std::vector<way>{
         {"plain", alice(plain), "PLAIN"},
         {"plain", by_password({plain}, "bob", "se:cr et%+,="), "PLAIN"},
         {"scram", alice(scram_sha_256), "SCRAM-SHA-256"},
         {"scram", alice(scram_sha_512), "SCRAM-SHA-512"},
         {"scram", by_password({scram_sha_512}, "bob", "se:cr et%+,="), "SCRAM-SHA-512"},
         {"scram", by_password({scram_sha_256}, "o=d d", "odd-secret"), "SCRAM-SHA-256"},
         {"oauthu", unsigned_token(), "OAUTHBEARER"},
         {"oauth", by_provider(), "OAUTHBEARER"},
         {"plain_tls", alice(plain), "PLAIN", true},
         {"scram_tls", alice(scram_sha_512), "SCRAM-SHA-512", true},
         {"all_tls", by_provider(), "OAUTHBEARER", true},
         {"krb", by_keytab("alice"), "GSSAPI"},
         {"krb", by_keytab("bob"), "GSSAPI"},
         {"all_tls", by_keytab("alice"), "GSSAPI", true},
         // Of several the first that the broker has.
         {"plain", by_password({scram_sha_512, plain}, "alice", "alice-secret"), "PLAIN"},
       }) {
    INFO(w.listener << " by " << w.mechanism << " as " << w.login.username);
    client c{w.listener, w.login, w.tls};
    const auto worker = c.app->create_worker("w", {}, test_timeout);
    INFO(to_string(worker.error()));
    REQUIRE(worker);
    write_and_read(*c.app, fresh_topic(*c.app));
    for (const auto& one : status_of(*c.app).connections) {
      if (one.connected)
        CHECK(one.mechanism == w.mechanism);
    }
  }
}

TEST_CASE("a producer and a consumer log in as well", "[sasl_kafka]") {
  client c{"scram", alice(sasl_mechanism::scram_sha_512)};
  REQUIRE(c.app->create_worker("w", {}, test_timeout));
  const auto topic = fresh_topic(*c.app);
  auto producer = c.app->producer("p");
  REQUIRE(producer);
  for (int i = 0; i != 1'000; ++i) {
    const auto value = std::to_string(i);
    REQUIRE(producer->send(topic, {.value = value}));
  }
  REQUIRE(producer->flush(test_timeout));
  auto consumer = c.app->consumer("c");
  REQUIRE(consumer);
  assigned_partition whole;
  whole.topic = topic;
  whole.partition = 0;
  whole.start = protocol::start_at::earliest();
  REQUIRE(consumer->assign({whole}));
  int read = 0;
  for (const auto until = steady::now() + test_timeout;
       read != 1'000 && steady::now() < until;) {
    const auto got = consumer->poll(1s);
    REQUIRE(got);
    for (const auto& batch : got->batches) {
      for (const auto& r : batch)
        CHECK(r.text() == std::to_string(read++));
    }
  }
  CHECK(read == 1'000);
}

TEST_CASE("a login that fails is told soon, with its reason", "[sasl_kafka]") {
  using enum sasl_mechanism;
  SECTION("a wrong password") {
    const auto m = GENERATE(plain, scram_sha_256, scram_sha_512);
    client c{m == plain ? "plain" : "scram", by_password({m}, "alice", "wrong-one")};
    const auto why = refusal(c);
    CHECK(why.code == error_code::sasl_authentication_failed);
    CHECK_THAT(why.detail, !ContainsSubstring("wrong-one"));
  }
  SECTION("an unknown user") {
    client c{"scram", by_password({scram_sha_256}, "nobody", "x")};
    CHECK(refusal(c).code == error_code::sasl_authentication_failed);
  }
  SECTION("a mechanism that the broker does not have") {
    client c{"plain", alice(scram_sha_256)};
    const auto why = refusal(c);
    CHECK(why.code == error_code::unsupported_sasl_mechanism);
    CHECK_THAT(why.detail, ContainsSubstring("PLAIN"));
    CHECK_THAT(why.detail, ContainsSubstring("SCRAM-SHA-256"));
  }
  SECTION("a token that is forged") {
    auto login = unsigned_token();
    client c{"oauth", login};
    CHECK(refusal(c).code == error_code::bearer_token_refused);
  }
  SECTION("a secret that the provider does not know") {
    auto login = by_provider();
    login.oidc.client_secret = "wrong-one";
    client c{"oauth", login};
    const auto why = refusal(c);
    CHECK(why.code == error_code::credentials_unavailable);
    CHECK_THAT(why.detail, ContainsSubstring("HTTP 401"));
    CHECK_THAT(why.detail, !ContainsSubstring("wrong-one"));
  }
  SECTION("a principal that the KDC does not know") {
    client c{"krb", by_keytab("stranger")};
    const auto why = refusal(c);
    CHECK(why.code == error_code::credentials_unavailable);
    CHECK_THAT(why.detail,
      ContainsSubstring("stranger@CAFKA.TEST' not found in Kerberos database"));
  }
  SECTION("a principal whose key is not in the keytab") {
    auto login = by_keytab("alice");
    login.kerberos.principal = "bob";
    client c{"krb", login};
    const auto why = refusal(c);
    CHECK(why.code == error_code::credentials_unavailable);
    CHECK_THAT(why.detail, ContainsSubstring("bob"));
  }
  SECTION("a broker that is dialled by its address") {
    auto options = client::options_for("krb", by_keytab("alice"), false);
    const auto host = options.brokers.endpoints().value().front().host;
    options.brokers =
      "127.0.0.1:" + std::to_string(options.brokers.endpoints().value().front().port);
    client c{std::move(options)};
    const auto why = refusal(c);
    CHECK(host == "localhost");
    CHECK(why.code == error_code::credentials_unavailable);
    CHECK_THAT(why.detail, ContainsSubstring("no Kerberos ticket for kafka/127.0.0.1"));
    CHECK_THAT(why.detail, ContainsSubstring("by its name"));
  }
  SECTION("another service than brokers are") {
    auto login = by_keytab("alice");
    login.kerberos.service_name = "http";
    client c{"krb", login};
    const auto why = refusal(c);
    CHECK(why.code == error_code::credentials_unavailable);
    CHECK_THAT(why.detail, ContainsSubstring("http/localhost"));
  }
  SECTION("a KDC that nobody reaches") {
    const environment_variable other{"KRB5_CONFIG", no_kdc()};
    client c{"krb", by_keytab("alice")};
    const auto why = refusal(c);
    CHECK(why.code == error_code::credentials_unavailable);
    CHECK_THAT(why.detail, ContainsSubstring("Cannot contact any KDC"));
  }
  SECTION("a keytab that is not there") {
    client c{"krb", {}};
    const auto worker =
      c.app->create_worker("w", {.sasl = by_keytab("nobody")}, test_timeout);
    REQUIRE_FALSE(worker);
    CHECK(worker.error().code == error_code::invalid_argument);
    CHECK_THAT(worker.error().detail, ContainsSubstring("sasl.kerberos.keytab"));
  }
  SECTION("no login, where the listener wants one") {
    // Which brokers say only when they are asked for more than their versions.
    client c{"plain", {}};
    REQUIRE(c.app->create_worker("w", {.wait = false}, test_timeout));
    const auto began = steady::now();
    const auto asked = c.app->call(metadata{.deadline = test_timeout}, "w");
    REQUIRE_FALSE(asked);
    CHECK(asked.error().code == error_code::illegal_sasl_state);
    CHECK(steady::now() - began < soon);
  }
  SECTION("a login, where the listener wants none") {
    auto options = client::options_for("plain", alice(plain), false);
    options.brokers = variable("CAFKA_KAFKA");
    client c{std::move(options)};
    CHECK(refusal(c).code == error_code::sasl_not_enabled);
  }
}

TEST_CASE("the tickets of kinit are enough", "[sasl_kafka]") {
  const auto folder = variable("CAFKA_KAFKA_SASL_DIR");
  const environment_variable cache{"KRB5CCNAME", "FILE:" + folder + "/kinit.cache"};
  sasl_options login;
  login.mechanism = {sasl_mechanism::gssapi};
  {
    client c{"krb", login};
    const auto why = refusal(c);
    CHECK(why.code == error_code::credentials_unavailable);
  }
  REQUIRE(std::system(("kinit -k -t " + folder + "/alice.keytab alice").c_str()) == 0);
  client c{"krb", login};
  const auto worker = c.app->create_worker("w", {}, test_timeout);
  INFO(to_string(worker.error()));
  REQUIRE(worker);
  write_and_read(*c.app, fresh_topic(*c.app));
  static_cast<void>(std::remove((folder + "/kinit.cache").c_str()));
}

TEST_CASE("a wrong clock does no harm, or is told", "[sasl_kafka]") {
  const auto folder = variable("CAFKA_KAFKA_SASL_DIR");
  const auto said = folder + "/said";
  const auto run = [&](const std::string& by, const std::string& config) {
    return std::system(("DONT_FAKE_MONOTONIC=1 KRB5_CONFIG=" + config + " faketime -f "
      + by + " " CAFKA_CLI " metadata --timeout 10s --brokers " + at("krb")
      + " --sasl-mechanism GSSAPI --sasl-keytab " + folder + "/alice.keytab >" + said
      + " 2>&1")
                         .c_str());
  };
  const auto strict = folder + "/strict.conf";
  {
    // MIT's library takes the KDC's time, unless it is told not to.
    std::ifstream in{variable("KRB5_CONFIG")};
    std::string line;
    std::ofstream out{strict};
    while (std::getline(in, line))
      out << line << '\n' << (line == "[libdefaults]" ? "kdc_timesync = 0\n" : "");
  }
  for (const auto* by : {"+2h", "-2h"}) {
    INFO(by);
    CHECK(run(by, variable("KRB5_CONFIG")) == 0);
    CHECK(run(by, strict) != 0);
    std::ifstream in{said};
    const std::string text{std::istreambuf_iterator<char>{in}, {}};
    CHECK_THAT(text, ContainsSubstring("Clock skew too great"));
  }
}

TEST_CASE("a password that is right again heals by itself", "[sasl_kafka]") {
  std::atomic<bool> right = false;
  std::atomic<int> asked = 0;
  sasl_options login;
  login.mechanism = {sasl_mechanism::scram_sha_256};
  login.credentials = [&](const sasl_request&) -> result<sasl_credentials> {
    ++asked;
    return sasl_credentials{sasl_password{
      .username = "alice", .password = secret{right ? "alice-secret" : "not yet"}}};
  };
  client c{"scram", login};
  REQUIRE(c.app->create_worker("w", {.wait = false}, test_timeout));
  const auto first = c.app->call(metadata{.deadline = test_timeout}, "w");
  REQUIRE_FALSE(first);
  CHECK(first.error().code == error_code::sasl_authentication_failed);
  right = true;
  std::optional<error> last;
  for (const auto until = steady::now() + test_timeout; steady::now() < until;) {
    const auto again =
      c.app->call(get_status{.wait_connected = true, .deadline = 1s}, "w");
    if (again) {
      last = error{};
      break;
    }
    last = again.error();
  }
  REQUIRE(last);
  INFO(to_string(*last));
  CHECK_FALSE(*last);
  write_and_read(*c.app, fresh_topic(*c.app));
  // After 1 s, 2 s and so on: no storm of logins.
  CHECK(asked < 30);
}

TEST_CASE("sessions of five seconds are renewed in place under load", "[sasl_kafka]") {
  const auto m = GENERATE(sasl_mechanism::plain, sasl_mechanism::scram_sha_512,
    sasl_mechanism::oauthbearer, sasl_mechanism::gssapi);
  client c{"reauth",
    m == sasl_mechanism::oauthbearer ? by_provider()
      : m == sasl_mechanism::gssapi  ? by_keytab("alice")
                                     : alice(m)};
  REQUIRE(c.app->create_worker("w", {}, test_timeout));
  const auto topic = fresh_topic(*c.app);
  std::map<std::string, milliseconds> ends_in;
  int renewed = 0;
  int written = 0;
  // A session that was renewed ends later than before.
  for (const auto until = steady::now() + test_timeout;
       renewed < 6 && steady::now() < until; ++written) {
    write_and_read(*c.app, topic);
    const auto status = status_of(*c.app);
    int at_place = 0;
    for (const auto& one : status.connections) {
      const auto who = to_string(one.address) + '/' + std::to_string(at_place++);
      if (!one.connected || one.mechanism.empty())
        continue;
      CHECK(one.session_ends_in <= 5s);
      const auto before = ends_in.find(who);
      if (before != ends_in.end() && one.session_ends_in > before->second + 1s)
        ++renewed;
      ends_in[who] = one.session_ends_in;
    }
  }
  CHECK(renewed >= 6);
  INFO(written << " records");
  CHECK(written > 20);
}
