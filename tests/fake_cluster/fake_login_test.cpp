#include "fixture.hpp"

using namespace fake_fixture;

namespace {

cluster_options wanting_passwords(milliseconds session = 0ms) {
  cluster_options options;
  options.sasl.mechanisms = {"PLAIN", "SCRAM-SHA-256"};
  options.sasl.users = {{"alice", "secret"}, {"bob", "sesame"}};
  options.sasl.session_lifetime = session;
  return options;
}

sasl_authenticate_request plain_token(
  const std::string& user, const std::string& password) {
  sasl_authenticate_request request;
  request.auth_bytes.value =
    shared_bytes::copy_of(std::string(1, '\0') + user + std::string(1, '\0') + password);
  return request;
}

struct guarded : fixture {
  explicit guarded(milliseconds session = 0ms) : fixture(wanting_passwords(session)) {}

  sasl_handshake_response shake_hands(
    const std::string& mechanism = "PLAIN", std::uint64_t connection = 1) {
    return ask(sasl_handshake_request{mechanism}, 1, 1, connection);
  }
  /// The answer leaves a moment later where it refuses.
  sasl_authenticate_response log_in(const std::string& user = "alice",
    const std::string& password = "secret", std::uint64_t connection = 1) {
    send(plain_token(user, password), 2, 1, connection);
    auto said = answer<sasl_authenticate_response>(2, connection);
    if (!said) {
      pass(100ms);
      said = answer<sasl_authenticate_response>(2, connection);
    }
    REQUIRE(said);
    return *said;
  }
  [[nodiscard]] bool has_ended(std::uint64_t connection = 1) const {
    return std::find(ended.begin(), ended.end(), connection) != ended.end();
  }
};

} // namespace

TEST_CASE("a broker that wants a login takes nothing else before it", "[fake]") {
  guarded f;
  CHECK(f.ask(api_versions_request{}, 2).error_code == error_code::none);
  SECTION("a request ends the connection without a word") {
    f.send(metadata_request{}, 1);
    CHECK(f.has_ended());
    CHECK_FALSE(f.answer<metadata_response>(1));
  }
  SECTION("and so does one within the login") {
    CHECK(f.shake_hands().error_code == error_code::none);
    f.send(metadata_request{}, 1);
    CHECK(f.has_ended());
  }
  SECTION("afterwards it is served") {
    CHECK(
      f.shake_hands().mechanisms == std::vector<std::string>{"PLAIN", "SCRAM-SHA-256"});
    const auto said = f.log_in();
    CHECK(said.error_code == error_code::none);
    CHECK(said.session_lifetime_ms == 0);
    CHECK(f.cluster.user_of(1) == "alice");
    CHECK(f.ask(metadata_request{}, 1).brokers.size() == 3);
    CHECK_FALSE(f.has_ended());
  }
}

TEST_CASE("a login that is refused is answered late, and ends the connection", "[fake]") {
  guarded f;
  SECTION("for its mechanism") {
    const auto said = f.shake_hands("GSSAPI");
    CHECK(said.error_code == error_code::unsupported_sasl_mechanism);
    CHECK(said.mechanisms.size() == 2);
  }
  SECTION("for its password") {
    CHECK(f.shake_hands().error_code == error_code::none);
    const auto begun = f.now;
    CHECK(
      f.log_in("alice", "sesame").error_code == error_code::sasl_authentication_failed);
    CHECK(f.now - begun == 100ms);
  }
  SECTION("for its user") {
    CHECK(f.shake_hands().error_code == error_code::none);
    CHECK(f.log_in("carol").error_code == error_code::sasl_authentication_failed);
  }
  CHECK(f.has_ended());
}

TEST_CASE("a session ends, unless it is renewed", "[fake]") {
  guarded f{5s};
  CHECK(f.shake_hands().error_code == error_code::none);
  CHECK(f.log_in().session_lifetime_ms == 5'000);
  f.pass(4s);
  CHECK(f.ask(metadata_request{}, 1).brokers.size() == 3);
  SECTION("it is over") {
    f.pass(1s);
    f.send(metadata_request{}, 1);
    CHECK(f.has_ended());
  }
  SECTION("it is renewed") {
    CHECK(f.shake_hands().error_code == error_code::none);
    CHECK(f.log_in().error_code == error_code::none);
    f.pass(4s);
    CHECK(f.ask(metadata_request{}, 1).brokers.size() == 3);
  }
  SECTION("it can be renewed behind its end") {
    f.pass(10s);
    CHECK(f.shake_hands().error_code == error_code::none);
    CHECK(f.log_in().error_code == error_code::none);
    CHECK(f.ask(metadata_request{}, 1).brokers.size() == 3);
  }
  SECTION("it is not renewed twice within a second") {
    CHECK(f.shake_hands().error_code == error_code::none);
    CHECK(f.log_in().error_code == error_code::none);
    f.pass(900ms);
    CHECK(f.shake_hands().error_code == error_code::illegal_sasl_state);
    CHECK(f.has_ended());
  }
  SECTION("it stays the same user's") {
    CHECK(f.shake_hands().error_code == error_code::none);
    const auto said = f.log_in("bob", "sesame");
    CHECK(said.error_code == error_code::sasl_authentication_failed);
    CHECK(said.error_message.value_or("").find("Cannot change principals") == 0);
    CHECK(f.has_ended());
  }
  SECTION("it stays the same mechanism's") {
    CHECK(f.shake_hands("SCRAM-SHA-256").error_code == error_code::none);
    CHECK(f.has_ended());
  }
}

TEST_CASE("a cluster without logins refuses them in words", "[fake]") {
  fixture f;
  CHECK(f.ask(sasl_handshake_request{"PLAIN"}, 1).error_code
    == error_code::illegal_sasl_state);
  CHECK(f.ask(plain_token("alice", "secret"), 2).error_code
    == error_code::illegal_sasl_state);
  CHECK(f.ask(metadata_request{}, 1).brokers.size() == 3);
}
