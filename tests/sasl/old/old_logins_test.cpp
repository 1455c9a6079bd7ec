// The logins that any one Kafka has, from 0.9 on.
#include "../login_kafka.hpp"
#include <cafka/protocol/schema/kafka_version.hpp>

#include <catch2/generators/catch_generators.hpp>

#include <set>

using namespace cafka;
using namespace cafka::testing;

namespace {

protocol::kafka_version release() {
  return protocol::parse_kafka_version(variable("CAFKA_KAFKA_VERSION")).value();
}

/// Its listeners, by name.
std::set<std::string> listeners() {
  std::set<std::string> all;
  const auto text = ',' + variable("CAFKA_KAFKA_SASL");
  for (auto comma = text.find(','); comma != text.npos; comma = text.find(',', comma + 1))
    all.insert(text.substr(comma + 1, text.find('=', comma) - comma - 1));
  return all;
}

/// The logins at a listener; an empty list for those that the other program tries.
std::vector<sasl_options> logins_at(const std::string& listener) {
  using enum sasl_mechanism;
  const auto name = listener.substr(0, listener.find('_'));
  const auto has_scram = release() >= protocol::kafka_version{0, 10, 2}
    && (release() < protocol::kafka_version{3, 0, 0}
      || release() >= protocol::kafka_version{3, 5, 0});
  if (name == "plain")
    return {alice(plain)};
  if (name == "scram" && has_scram)
    return {alice(scram_sha_256), alice(scram_sha_512)};
  if (name == "krb" || name == "all")
    return {by_keytab("alice")};
  if (name == "oauthu")
    return {unsigned_token()};
  return {};
}

} // namespace

TEST_CASE("each mechanism that this Kafka has logs in", "[old_logins]") {
  const auto guesses = release() < protocol::kafka_version{0, 10, 0};
  std::set<sasl_mechanism> tried;
  for (const auto& listener : listeners()) {
    for (const auto& login : logins_at(listener)) {
      // Whether it is told which release it is, or finds out by itself.
      for (const auto told : guesses ? std::vector{true, false} : std::vector{false}) {
        INFO(listener << " by " << to_string(login.mechanism.front()) << ", release "
                      << (told ? "told" : "not told"));
        auto options = client::options_for(
          listener, login, listener.find("_tls") != std::string::npos);
        if (told)
          options.kafka_version = release();
        client c{std::move(options)};
        const auto worker = c.app->create_worker("w", {}, test_timeout);
        INFO(to_string(worker.error()));
        REQUIRE(worker);
        const auto one = c.app->call(metadata{.deadline = test_timeout}, "w");
        INFO(to_string(one.error()));
        REQUIRE(one);
        CHECK(one->brokers.size() == 1);
        for (const auto& connection : status_of(*c.app).connections) {
          if (connection.connected)
            CHECK(connection.mechanism == to_string(login.mechanism.front()));
        }
        tried.insert(login.mechanism.front());
      }
    }
  }
  CHECK(tried.contains(sasl_mechanism::gssapi));
  CHECK(tried.contains(sasl_mechanism::plain) == !guesses);
}

TEST_CASE("a wrong password is told soon by this Kafka", "[old_logins]") {
  if (!listeners().contains("plain"))
    return; // Kafka 0.9 has no passwords.
  auto login = alice(sasl_mechanism::plain);
  login.password = "wrong-one";
  client c{"plain", login};
  const auto began = std::chrono::steady_clock::now();
  const auto worker = c.app->create_worker("w", {}, test_timeout);
  REQUIRE_FALSE(worker);
  INFO(to_string(worker.error()));
  CHECK(worker.error().code == error_code::sasl_authentication_failed);
  CHECK(std::chrono::steady_clock::now() - began < 5s);
}
