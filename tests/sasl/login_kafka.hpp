#pragma once

// What logs in at the listeners of `scripts/kafka up --sasl`.

#include "variable.hpp"
#include <cafka/cafka.hpp>
#include <cafka/protocol/sasl/crypto.hpp>

#include <caf/actor_system.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace cafka::testing {

using namespace std::chrono_literals;

inline constexpr milliseconds test_timeout{60'000};
/// Where a listener is.
inline std::string at(const std::string& listener) {
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

inline sasl_options by_password(
  std::vector<sasl_mechanism> m, std::string name, std::string_view password) {
  sasl_options o;
  o.mechanism = std::move(m);
  o.username = std::move(name);
  o.password = secret{password};
  return o;
}

inline sasl_options alice(sasl_mechanism m) {
  return by_password({m}, "alice", "alice-secret");
}

/// A token without a signature, as the listener OAUTHU takes it.
inline sasl_options unsigned_token() {
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
    return sasl_credentials{sasl_token{.token = secret{token}}};
  };
  return o;
}

inline sasl_options by_provider() {
  sasl_options o;
  o.mechanism = {sasl_mechanism::oauthbearer};
  o.oidc.token_endpoint_url = variable("CAFKA_KAFKA_TOKENS") + "/token";
  // Both with every character that forms encode.
  o.oidc.client_id = "o:d d%+&=";
  o.oidc.client_secret = "se:cr et%+,=";
  o.oidc.scope = "kafka";
  return o;
}

inline sasl_options by_keytab(const std::string& user) {
  sasl_options o;
  o.mechanism = {sasl_mechanism::gssapi};
  o.kerberos.keytab = variable("CAFKA_KAFKA_SASL_DIR") + '/' + user + ".keytab";
  return o;
}

/// Where Kerberos is said to be somewhere that nobody answers, for KRB5_CONFIG.
inline std::string no_kdc() {
  const auto file = variable("CAFKA_KAFKA_SASL_DIR") + "/nowhere.conf";
  std::ofstream{file} << "[libdefaults]\n default_realm = CAFKA.TEST\n"
                         " dns_lookup_kdc = false\n udp_preference_limit = 1\n"
                         "[realms]\n CAFKA.TEST = {\n  kdc = 127.0.0.1:1\n }\n";
  return file;
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

inline std::string fresh_topic(application& app) {
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

inline void write_and_read(application& app, const std::string& topic) {
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

inline worker_status status_of(application& app) {
  const auto status = app.call(get_status{.deadline = test_timeout}, "w");
  INFO(to_string(status.error()));
  REQUIRE(status);
  return *status;
}

} // namespace cafka::testing
