// Logins at a real Kafka, whose listeners `scripts/kafka up --sasl` has.
#include "variable.hpp"
#include <cafka/cafka.hpp>
#include <cafka/protocol/sasl/crypto.hpp>

#include <caf/actor_system.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

using namespace cafka;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using steady = std::chrono::steady_clock;

namespace {

constexpr milliseconds test_timeout{60'000};
/// By when a failure must be told: brokers wait 0.1 to 0.3 s before they refuse a login.
constexpr milliseconds soon{5'000};

/// Where a listener is.
std::string at(const std::string& listener) {
  const auto all = variable("CAFKA_KAFKA_SASL");
  std::string::size_type begin = 0;
  while (begin < all.size()) {
    const auto end = std::min(all.find(',', begin), all.size());
    const auto one = all.substr(begin, end - begin);
    const auto equals = one.find('=');
    if (one.substr(0, equals) == listener)
      return one.substr(equals + 1);
    begin = end + 1;
  }
  FAIL("there is no listener " << listener << " in " << all);
  return {};
}

sasl_options by_password(
  std::vector<sasl_mechanism> m, std::string name, std::string_view password) {
  sasl_options o;
  o.mechanism = std::move(m);
  o.username = std::move(name);
  o.password = password;
  return o;
}

sasl_options alice(sasl_mechanism m) {
  return by_password({m}, "alice", "alice-secret");
}

/// A token without a signature, as the listener OAUTHU takes it.
sasl_options unsigned_token() {
  sasl_options o;
  o.mechanism = {sasl_mechanism::oauthbearer};
  o.credentials = [](const sasl_request&) -> result<sasl_credentials> {
    const auto base64url = [](const std::string& text) {
      auto out = protocol::sasl::base64(text);
      std::ranges::replace(out, '+', '-');
      std::ranges::replace(out, '/', '_');
      out.erase(out.find_last_not_of('=') + 1);
      return out;
    };
    const auto now = std::chrono::floor<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch())
                       .count();
    const auto token = base64url(R"({"alg":"none"})") + '.'
      + base64url(R"({"sub":"alice","iat":)" + std::to_string(now - 60) + R"(,"exp":)"
        + std::to_string(now + 60) + "}")
      + '.';
    return sasl_token{.token = secret{token}};
  };
  return o;
}

sasl_options by_provider() {
  sasl_options o;
  o.mechanism = {sasl_mechanism::oauthbearer};
  o.oidc.token_endpoint_url = variable("CAFKA_KAFKA_TOKENS") + "/token";
  // Both with every character that forms encode.
  o.oidc.client_id = "o:d d%+&=";
  o.oidc.client_secret = "se:cr et%+,=";
  o.oidc.scope = "kafka";
  return o;
}

/// An application, and what it has logged.
struct client {
  explicit client(const std::string& listener, sasl_options login, bool tls = false)
    : client(options_for(listener, std::move(login), tls)) {}
  explicit client(application_options options) : system(config) {
    auto started = application::start(system, std::move(options));
    INFO(to_string(started.error()));
    REQUIRE(started);
    app = *std::move(started);
  }

  static application_options options_for(
    const std::string& listener, sasl_options login, bool tls) {
    application_options o;
    o.brokers = at(listener);
    o.sasl = std::move(login);
    o.use_ssl = tls;
    if (tls)
      o.ssl_options.cacertfile = variable("CAFKA_KAFKA_DIR") + "/tls/ca.crt";
    o.disable_default_worker = true;
    o.log_level = log_level::off;
    return o;
  }

  configuration config;
  caf::actor_system system;
  std::unique_ptr<application> app;
};

std::string new_topic(application& app) {
  static std::atomic<int> number = 0;
  const auto name = "sasl-"
    + std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) + '-'
    + std::to_string(++number);
  create_topics asked;
  asked.topics.push_back({.name = name, .partitions = 1, .replication_factor = 1});
  asked.deadline = test_timeout;
  const auto made = app.call(asked, "w");
  INFO(to_string(made.error()));
  REQUIRE(made);
  REQUIRE(made->ok());
  return name;
}

void write_and_read(application& app, const std::string& topic) {
  produce put{.topic = topic, .partition = 0, .records = {{.value = "v"}}};
  put.deadline = test_timeout;
  const auto written = app.produce(put, "w");
  INFO(to_string(written.error()));
  REQUIRE(written);
  fetch get{.topic = topic, .partition = 0, .offset = *written->base_offset};
  get.deadline = test_timeout;
  const auto read = app.fetch(get, "w");
  INFO(to_string(read.error()));
  REQUIRE(read);
  REQUIRE(read->records.begin() != read->records.end());
  CHECK((*read->records.begin()).text() == "v");
}

worker_status status_of(application& app) {
  const auto status = app.call(get_status{.deadline = test_timeout}, "w");
  INFO(to_string(status.error()));
  REQUIRE(status);
  return *status;
}

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
         // Of several the first that the broker has.
         {"plain", by_password({scram_sha_512, plain}, "alice", "alice-secret"), "PLAIN"},
       }) {
    INFO(w.listener << " by " << w.mechanism << " as " << w.login.username);
    client c{w.listener, w.login, w.tls};
    const auto worker = c.app->create_worker("w", {}, test_timeout);
    INFO(to_string(worker.error()));
    REQUIRE(worker);
    write_and_read(*c.app, new_topic(*c.app));
    for (const auto& one : status_of(*c.app).connections) {
      if (one.connected)
        CHECK(one.mechanism == w.mechanism);
    }
  }
}

TEST_CASE("a producer and a consumer log in as well", "[sasl_kafka]") {
  client c{"scram", alice(sasl_mechanism::scram_sha_512)};
  REQUIRE(c.app->create_worker("w", {}, test_timeout));
  const auto topic = new_topic(*c.app);
  auto producer = c.app->producer("p");
  REQUIRE(producer);
  for (int i = 0; i != 1'000; ++i) {
    const auto value = std::to_string(i);
    REQUIRE(producer->send(topic, {.value = value}));
  }
  REQUIRE(producer->flush(test_timeout));
  auto consumer = c.app->consumer("c");
  REQUIRE(consumer);
  REQUIRE(
    consumer->assign(std::vector<assigned_partition>{{topic, 0, start_at::earliest()}}));
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
  SECTION("no login, where the listener wants one") {
    client c{"plain", {}};
    CHECK(refusal(c).code == error_code::illegal_sasl_state);
  }
  SECTION("a login, where the listener wants none") {
    auto options = client::options_for("plain", alice(plain), false);
    options.brokers = variable("CAFKA_KAFKA");
    client c{std::move(options)};
    CHECK(refusal(c).code == error_code::sasl_not_enabled);
  }
}

TEST_CASE("a password that is right again heals by itself", "[sasl_kafka]") {
  std::atomic<bool> right = false;
  std::atomic<int> asked = 0;
  sasl_options login;
  login.mechanism = {sasl_mechanism::scram_sha_256};
  login.credentials = [&](const sasl_request&) -> result<sasl_credentials> {
    ++asked;
    return sasl_password{
      .username = "alice", .password = secret{right ? "alice-secret" : "not yet"}};
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
  write_and_read(*c.app, new_topic(*c.app));
  // After 1 s, 2 s and so on: no storm of logins.
  CHECK(asked < 30);
}

TEST_CASE("sessions of five seconds are renewed in place under load", "[sasl_kafka]") {
  const auto m = GENERATE(
    sasl_mechanism::plain, sasl_mechanism::scram_sha_512, sasl_mechanism::oauthbearer);
  client c{"reauth", m == sasl_mechanism::oauthbearer ? by_provider() : alice(m)};
  REQUIRE(c.app->create_worker("w", {}, test_timeout));
  const auto topic = new_topic(*c.app);
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
