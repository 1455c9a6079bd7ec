// GSSAPI: the exchange of RFC 4752 on a context that a test plays.
#include "login_fixture.hpp"
#include <cafka/protocol/sasl/exchange.hpp>
#include <cafka/protocol/sasl/security_context.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <optional>

using namespace dispatcher_fixture;
using namespace cafka::protocol::sasl;
using namespace std::string_literals;

namespace {

/// A context that holds after the broker's first token; what is wrapped is in brackets.
class played_context : public security_context {
public:
  explicit played_context(std::string last_token = {})
    : last_token_(std::move(last_token)) {}

  result<step> begin() override { return step{secret{"ticket"s}, false}; }
  result<step> next(std::string_view token) override {
    if (token != "proof")
      return error{error_code::broker_not_authenticated, "Kerberos: no such key"};
    return step{secret{last_token_}, true};
  }
  std::string principal() const override { return "alice@TEST"; }
  result<secret> wrap(std::string_view message) override {
    return secret{'[' + std::string{message} + ']'};
  }
  result<secret> unwrap(std::string_view token) override {
    if (token.size() < 2 || token.front() != '[' || token.back() != ']')
      return error{error_code::broker_not_authenticated, "Kerberos: damaged"};
    return secret{token.substr(1, token.size() - 2)};
  }

private:
  std::string last_token_;
};

login with_ticket(std::string last_token = {}) {
  return {kerberos_login{std::make_shared<played_context>(std::move(last_token))}, {},
    "alice@TEST"};
}

std::unique_ptr<exchange> begun(std::string last_token = {}) {
  static scram_keys keys;
  auto made = make_exchange(mechanism::gssapi, with_ticket(std::move(last_token)), keys);
  REQUIRE(made);
  CHECK((*made)->mechanism() == "GSSAPI");
  CHECK((*made)->first()->reveal() == "ticket");
  return *std::move(made);
}

std::string answered(exchange& e, std::string_view token) {
  const auto next = e.next(token);
  INFO(to_string(next.error()));
  REQUIRE(next);
  REQUIRE(*next);
  return std::string{(*next)->reveal()};
}

/// The layers that a broker offers, and the largest message that it takes.
std::string offer(char layers) {
  return "["s + layers + "\0\0\0]"s;
}

} // namespace

TEST_CASE("GSSAPI proves both sides, and takes no security layer", "[sasl]") {
  SECTION("the context ends with the broker's token") {
    const auto e = begun();
    CHECK(answered(*e, "proof").empty());
  }
  SECTION("the context ends with the client's token") {
    const auto e = begun("more");
    CHECK(answered(*e, "proof") == "more");
  }
  SECTION("all layers are offered, or none alone") {
    for (const char layers : {'\x01', '\x07'}) {
      const auto e = begun();
      answered(*e, "proof");
      CHECK_FALSE(e->is_complete());
      CHECK(answered(*e, offer(layers)) == "[\x01\0\0\0]"s);
      CHECK(e->is_complete());
      const auto verdict = e->next("");
      REQUIRE(verdict);
      CHECK_FALSE(*verdict);
    }
  }
}

TEST_CASE("a broker that does not prove itself in GSSAPI is refused", "[sasl]") {
  CHECK(begun()->next("no proof").error().code == error_code::broker_not_authenticated);
  const auto e = begun();
  answered(*e, "proof");
  SECTION("nothing but layers") {
    const auto why = e->next(offer('\x06')).error();
    CHECK(why.code == error_code::malformed_response);
    CHECK(why.detail.find("security layer") != std::string::npos);
  }
  SECTION("an offer of another size") {
    CHECK(e->next("[\x01\0\0]"s).error().code == error_code::malformed_response);
  }
  SECTION("an offer that is not wrapped") {
    CHECK(e->next("\x01\0\0\0"s).error().code == error_code::broker_not_authenticated);
  }
  SECTION("an offer without end") {
    CHECK(e->next(std::string(longest_challenge + 1, 'x')).error().code
      == error_code::malformed_response);
  }
}

TEST_CASE("each mechanism wants its kind of credentials", "[sasl]") {
  scram_keys keys;
  const auto wrong = [&](mechanism m, login with, std::string_view words) {
    const auto why = make_exchange(m, std::move(with), keys).error();
    CHECK(why.code == error_code::invalid_argument);
    INFO(why.detail);
    CHECK(why.detail.find(words) != std::string::npos);
  };
  wrong(mechanism::gssapi, *login_bed::alice(),
    "GSSAPI needs a Kerberos ticket, and is given a name and a password");
  wrong(mechanism::plain, with_ticket(),
    "PLAIN needs a name and a password, and is given a Kerberos ticket");
  wrong(mechanism::gssapi, {kerberos_login{}, {}}, "no Kerberos ticket");
}

TEST_CASE("a connection logs in by GSSAPI", "[login]") {
  login_bed b{{mechanism::gssapi}};
  const auto f = b.submit(asking(any_broker{}), 60s);
  b.reach(1);
  CHECK(b.asks.front().broker.host == "b1");
  SECTION("and is good for requests") {
    b.give(with_ticket());
    CHECK(b.take_handshake(error_code::none, {"GSSAPI"}) == "GSSAPI");
    CHECK(b.take_token(login_bed::saying("proof")) == "ticket");
    CHECK(b.take_token(login_bed::saying(offer('\x01'))).empty());
    CHECK(b.take_token(login_bed::session(60s)) == "[\x01\0\0\0]"s);
    CHECK(b.machine.connected());
    CHECK(b.connection().mechanism == mechanism::gssapi);
    CHECK(b.connection().principal == "alice@TEST");
    b.answer_metadata(about({1}, {}));
    b.answer_offsets(1);
    CHECK(f->succeeded());
  }
  SECTION("and gets another ticket at once where the broker refuses one") {
    b.give(with_ticket());
    b.take_handshake(error_code::none, {"GSSAPI"});
    b.take_token(login_bed::refusing("Authentication failed"));
    b.reach(1);
    CHECK(b.asks.front().refused);
    CHECK(f->finished == 0);
    b.give(with_ticket());
    b.take_handshake(error_code::none, {"GSSAPI"});
    b.take_token(login_bed::refusing("Authentication failed"));
    CHECK(f->failed_with(error_code::sasl_authentication_failed));
    CHECK(f->says("clocks"));
  }
}

TEST_CASE("brokers before 1.0 say nothing to the last message of GSSAPI", "[login]") {
  bare_bed b{{mechanism::gssapi}};
  const auto f = b.submit(asking(any_broker{}), 60s);
  b.begin(with_ticket());
  CHECK(b.tokens.at(0) == "ticket");
  b.say("proof");
  REQUIRE(b.tokens.size() == 2);
  CHECK(b.tokens.at(1).empty());
  CHECK_FALSE(b.machine.connected());
  b.say(offer('\x01'));
  REQUIRE(b.tokens.size() >= 3);
  CHECK(b.tokens.at(2) == "[\x01\0\0\0]"s);
  CHECK(b.machine.connected());
}

TEST_CASE("Kafka 0.9 takes GSSAPI without a handshake", "[login]") {
  auto options = login_bed::plain();
  const auto told = GENERATE(true, false);
  CAPTURE(told);
  if (told)
    options.kafka_version = kafka_version{0, 9, 0};
  bare_bed b{{mechanism::gssapi}, std::move(options)};
  const auto connected = [&] {
    while (b.open.empty())
      b.tick();
    b.machine.on_up(b.now, b.connection_to(1));
  };
  connected();
  if (!told) {
    // It takes ApiVersions for a token, and refuses that.
    b.take(api_key::api_versions);
    b.down(1, "b1:9092: closed by the peer");
    connected();
  }
  b.bare = true;
  b.give(with_ticket());
  REQUIRE(b.tokens.size() == 1);
  CHECK(b.tokens.at(0) == "ticket");
  b.say("proof");
  b.say(offer('\x01'));
  CHECK(b.machine.connected());
  CHECK(b.connection().mechanism == mechanism::gssapi);
}

TEST_CASE("a broker that hangs up is no Kafka 0.9 for other mechanisms", "[login]") {
  login_bed b;
  while (b.open.empty())
    b.tick();
  b.machine.on_up(b.now, b.connection_to(1));
  b.take(api_key::api_versions);
  b.down(1, "b1:9092: closed by the peer");
  b.reach(1);
  b.give();
  CHECK(b.take_handshake() == "PLAIN");
}
