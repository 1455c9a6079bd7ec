#include "login_fixture.hpp"

// The first login of each connection.

using namespace dispatcher_fixture;

TEST_CASE("a login comes after the versions and before every other request", "[login]") {
  login_bed b;
  const auto f = b.submit(asking(any_broker{}));
  b.reach(1);
  CHECK(b.requests.empty());
  REQUIRE(b.asks.size() == 1);
  CHECK(b.asks.front().broker == address(1));
  CHECK(b.asks.front().mechanism == mechanism::plain);
  CHECK_FALSE(b.asks.front().refused);
  CHECK_FALSE(b.machine.connected());
  b.give();
  CHECK(b.take_handshake() == "PLAIN");
  CHECK(b.requests.size() == 1);
  using namespace std::string_literals;
  CHECK(b.take_token(login_bed::session(0ms)) == "\0alice\0secret"s);
  CHECK(b.machine.connected());
  b.answer_metadata(about({1}, {}));
  b.answer_offsets(1);
  CHECK(f->succeeded());
  CHECK(b.machine.logins_so_far().authentications == 1);
  CHECK(b.machine.logins_so_far().failures == 0);
  CHECK(b.connection().mechanism == mechanism::plain);
  CHECK_FALSE(b.connection().session_ends);
  CHECK(b.tells("logged in by PLAIN"));
  for (const auto& line : b.told)
    CHECK(line.find("secret") == std::string::npos);
}

TEST_CASE("a broker that wants a login is asked nothing before it, however slow it is",
  "[login]") {
  login_bed b;
  const auto f = b.submit(asking(any_broker{}), 60s);
  b.machine.on_up(b.now, b.connection_to(1));
  b.pass(5s);
  CHECK(b.requests.size() == 1);
  b.answer(b.take(api_key::api_versions), sasl_versions());
  b.give();
  b.take_handshake();
  b.take_token();
  b.answer_metadata(about({1}, {}));
  b.answer_offsets(1);
  CHECK(f->succeeded());
}

TEST_CASE("a wrong password is told at once, and tried again with growing pauses, with "
          "credentials that are asked for anew",
  "[login]") {
  login_bed b;
  const auto f = b.submit(asking(any_broker{}), 300s);
  const auto begun = b.now;
  b.be_refused(1);
  CHECK(b.now == begun);
  CHECK(f->failed_with(error_code::sasl_authentication_failed));
  INFO(f->outcome.detail);
  CHECK(f->says("b1:9092"));
  CHECK(f->says("Invalid username or password"));
  CHECK(f->says("PLAIN"));
  CHECK_FALSE(f->says("wrong"));
  CHECK(b.tells("warning cannot log in to b1:9092: SASL_AUTHENTICATION_FAILED"));
  CHECK(b.machine.unreachable());
  // A call that comes meanwhile is told at the next attempt.
  std::vector<milliseconds> pauses;
  for (int i = 0; i != 6; ++i) {
    const auto next = b.submit(asking(any_broker{}), 300s);
    const auto failed_at = b.now;
    b.reach(1);
    pauses.push_back(std::chrono::duration_cast<milliseconds>(b.now - failed_at));
    CHECK(b.asks.front().refused);
    b.give(login_bed::alice("wrong"));
    b.take_handshake();
    b.take_token(login_bed::refusing());
    CHECK(next->failed_with(error_code::sasl_authentication_failed));
  }
  CHECK(pauses == std::vector<milliseconds>{1s, 2s, 4s, 8s, 10s, 10s});
  CHECK(b.machine.logins_so_far().failures == 7);
  // The password is right again.
  const auto last = b.submit(asking(any_broker{}), 300s);
  b.log_in(1);
  b.answer_metadata(about({1}, {}));
  b.answer_offsets(1);
  CHECK(last->succeeded());
  // The same reason is told once.
  CHECK(std::ranges::count_if(b.told, [](const auto& line) {
    return line.starts_with("warning");
  }) == 1);
}

TEST_CASE("a login that fails at one broker is told to those who wait for that broker",
  "[login]") {
  login_bed b;
  b.log_in(1);
  b.answer_metadata(about({1, 2}, {}, 1));
  const auto at_2 = b.submit(asking(broker_id{2}), 60s);
  b.be_refused(2);
  CHECK(at_2->failed_with(error_code::sasl_authentication_failed));
  const auto at_1 = b.submit(asking(broker_id{1}), 60s);
  b.answer_offsets(1);
  CHECK(at_1->succeeded());
}

TEST_CASE("the first mechanism that both sides know is found without a word", "[login]") {
  login_bed b{{mechanism::scram_sha_512, mechanism::plain}};
  const auto f = b.submit(asking(any_broker{}));
  const auto begun = b.now;
  b.reach(1);
  CHECK(b.asks.front().mechanism == mechanism::scram_sha_512);
  b.give();
  CHECK(b.take_handshake(error_code::unsupported_sasl_mechanism, {"GSSAPI", "PLAIN"})
    == "SCRAM-SHA-512");
  CHECK(f->finished == 0);
  b.reach(1);
  CHECK(b.asks.front().mechanism == mechanism::plain);
  b.give();
  CHECK(b.take_handshake() == "PLAIN");
  b.take_token();
  CHECK(b.now == begun);
  b.answer_metadata(about({1}, {}));
  b.answer_offsets(1);
  CHECK(f->succeeded());
  CHECK(b.machine.logins_so_far().failures == 0);
  // The next connection knows.
  b.down(1);
  const auto again = b.submit(asking(any_broker{}));
  b.reach(1);
  CHECK(b.asks.front().mechanism == mechanism::plain);
}

TEST_CASE(
  "a broker that changes its mind about mechanisms is not asked in a loop", "[login]") {
  login_bed b{{mechanism::scram_sha_512, mechanism::plain}};
  const auto f = b.submit(asking(any_broker{}), 60s);
  const auto begun = b.now;
  int attempts = 0;
  while (b.now - begun < 30s && attempts < 100) {
    b.reach(1);
    const auto plain = b.asks.front().mechanism == mechanism::plain;
    b.give();
    b.take_handshake(
      error_code::unsupported_sasl_mechanism, {plain ? "SCRAM-SHA-512" : "PLAIN"});
    ++attempts;
  }
  CHECK(f->failed_with(error_code::unsupported_sasl_mechanism));
  CHECK(attempts < 15);
}

TEST_CASE("without a mechanism in common both lists are told", "[login]") {
  login_bed b{{mechanism::scram_sha_512, mechanism::plain}};
  const auto f = b.submit(asking(any_broker{}), 60s);
  b.reach(1);
  b.give();
  b.take_handshake(error_code::unsupported_sasl_mechanism, {"GSSAPI", "OAUTHBEARER"});
  CHECK(f->failed_with(error_code::unsupported_sasl_mechanism));
  INFO(f->outcome.detail);
  CHECK(f->says("GSSAPI, OAUTHBEARER"));
  CHECK(f->says("SCRAM-SHA-512, PLAIN"));
}

TEST_CASE(
  "a listener that wants no login, and one older than logins, are told", "[login]") {
  SECTION("a plain one") {
    login_bed b;
    const auto f = b.submit(asking(any_broker{}), 60s);
    b.reach(1);
    b.give();
    b.take_handshake(error_code::illegal_sasl_state, {});
    CHECK(f->failed_with(error_code::sasl_not_enabled));
    CHECK(f->says("no login"));
  }
  SECTION("a 0.9") {
    auto options = bed::plain();
    options.kafka_version = kafka_version{0, 9, 0};
    login_bed b{{mechanism::plain}, std::move(options)};
    const auto f = b.submit(asking(any_broker{}), 60s);
    b.machine.on_up(b.now, b.connection_to(1));
    CHECK(f->failed_with(error_code::unsupported_sasl_mechanism));
    CHECK(f->says("0.10"));
  }
}

TEST_CASE("a token that is refused is replaced once at once", "[login]") {
  login_bed b{{mechanism::oauthbearer}};
  const auto f = b.submit(asking(any_broker{}), 60s);
  const auto begun = b.now;
  const auto be_refused = [&] {
    b.reach(1);
    b.give(login_bed::token());
    b.take_handshake(error_code::none, {"OAUTHBEARER"});
    CHECK(b.take_token(login_bed::saying(R"({"status":"invalid_token"})"))
      == "n,,\x01"
         "auth=Bearer tok\x01\x01");
    CHECK(b.take_token(login_bed::refusing("no")) == "\x01");
  };
  be_refused();
  CHECK(f->finished == 0);
  b.reach(1);
  CHECK(b.now == begun);
  CHECK(b.asks.front().refused);
  SECTION("by one that holds") {
    b.give(login_bed::token());
    b.take_handshake(error_code::none, {"OAUTHBEARER"});
    b.take_token(login_bed::session(60s));
    b.answer_metadata(about({1}, {}));
    b.answer_offsets(1);
    CHECK(f->succeeded());
  }
  SECTION("by one that is refused, too") {
    b.give(login_bed::token());
    b.take_handshake(error_code::none, {"OAUTHBEARER"});
    b.take_token(login_bed::saying(R"({"status":"invalid_token"})"));
    b.take_token(login_bed::refusing("no"));
    CHECK(f->failed_with(error_code::bearer_token_refused));
    INFO(f->outcome.detail);
    CHECK(f->says("invalid_token"));
    // From now on there are pauses.
    b.reach(1);
    CHECK(b.now - begun == 1s);
    b.give(login_bed::token());
    b.take_handshake(error_code::none, {"OAUTHBEARER"});
    b.take_token(login_bed::saying(R"({"status":"invalid_token"})"));
    b.take_token(login_bed::refusing("no"));
    b.reach(1);
    CHECK(b.now - begun == 3s);
  }
}

TEST_CASE("credentials that cannot be got are told", "[login]") {
  login_bed b;
  const auto f = b.submit(asking(any_broker{}), 120s);
  b.reach(1);
  const auto begun = b.now;
  SECTION("with the reason") {
    b.give(error{error_code::credentials_unavailable, "/run/secret: not there"});
    CHECK(f->says("/run/secret: not there"));
  }
  SECTION("with a reason of their own code") {
    b.give(error{error_code::not_found, "no such user"});
    CHECK(f->says("NOT_FOUND: no such user"));
  }
  SECTION("where they are of no use") {
    b.give(login_bed::token());
    CHECK(f->says("PLAIN needs a name and a password"));
  }
  SECTION("when they do not come") {
    const auto late = b.take_ask();
    while (f->finished == 0)
      b.tick();
    CHECK(b.now - begun == 30s);
    // What comes now belongs to a connection that is gone.
    b.machine.on_credentials(b.now, late.id, login_bed::alice());
    CHECK(b.requests.empty());
  }
  CHECK(f->failed_with(error_code::credentials_unavailable));
  CHECK(b.logged("disconnect b1:9092"));
}

TEST_CASE("a broker that does not prove itself is told of, and left", "[login]") {
  login_bed b{{mechanism::scram_sha_256}};
  const auto f = b.submit(asking(any_broker{}), 60s);
  b.reach(1);
  b.give();
  b.take_handshake(error_code::none, {"SCRAM-SHA-256"});
  const std::string challenge = "r=0123456789abcdefghijklmnX,s=c2FsdA==,i=";
  SECTION("with few iterations") {
    b.take_token(login_bed::saying(challenge + "1"));
  }
  SECTION("with a wrong signature") {
    b.take_token(login_bed::saying(challenge + "4096"));
    b.take_token(login_bed::saying("v=" + std::string(43, 'A') + '='));
  }
  SECTION("with challenges that do not end") {
    b.take_token(login_bed::saying(challenge + "4096"));
    b.take_token(login_bed::saying(challenge + "4096"));
  }
  SECTION("with a megabyte") {
    b.take_token(login_bed::saying(std::string(1024 * 1024, 'x')));
  }
  CHECK(f->failed_with(error_code::broker_not_authenticated));
  CHECK(b.count(api_key::sasl_authenticate) == 0);
  CHECK(b.logged("disconnect b1:9092"));
}

TEST_CASE("a request that ends while credentials are waited for says so", "[login]") {
  login_bed b;
  const auto f = b.submit(asking(any_broker{}), 5s);
  b.reach(1);
  while (f->finished == 0)
    b.tick();
  CHECK(f->failed_with(error_code::timed_out));
  CHECK(f->says("the login at b1:9092 by PLAIN waits for credentials"));
}

// -- brokers before 1.0
// ------------------------------------------------------------------

TEST_CASE("brokers before 1.0 have the exchange in frames of its own", "[login]") {
  using namespace std::string_literals;
  SECTION("PLAIN") {
    bare_bed b;
    const auto f = b.submit(asking(any_broker{}), 60s);
    b.begin();
    CHECK(b.tokens.at(0) == "\0alice\0secret"s);
    b.bare = false;
    b.say("");
    CHECK(b.machine.connected());
    b.answer_metadata(about({1}, {}));
    b.answer_offsets(1);
    CHECK(f->succeeded());
  }
  SECTION("several messages") {
    bare_bed b{{mechanism::scram_sha_256}};
    b.begin();
    b.say("r=0123456789abcdefghijklmnX,s=c2FsdA==,i=4096");
    REQUIRE(b.tokens.size() == 2);
    CHECK(b.tokens.at(1).starts_with("c=biws,r=0123456789abcdefghijklmnX,p="));
    b.say("v=" + std::string(43, 'A') + '=');
    CHECK_FALSE(b.machine.connected());
  }
  SECTION("a hang-up is a refusal") {
    bare_bed b;
    const auto f = b.submit(asking(any_broker{}), 60s);
    b.begin();
    b.down(1, "b1:9092: closed by the peer");
    CHECK(f->failed_with(error_code::sasl_authentication_failed));
    CHECK(f->says("PLAIN"));
    CHECK(b.machine.logins_so_far().failures == 1);
  }
  SECTION("silence is not") {
    bare_bed b;
    const auto f = b.submit(asking(any_broker{}), 60s);
    b.begin();
    const auto begun = b.now;
    while (!b.logged("disconnect"))
      b.tick();
    CHECK(b.now - begun == 10s);
    CHECK(f->finished == 0);
  }
}

TEST_CASE("a client that is shut down while it logs in or waits for credentials ends",
  "[login]") {
  login_bed b;
  const auto f = b.submit(asking(any_broker{}), 60s);
  b.reach(1);
  const auto ask = b.take_ask();
  b.machine.shut_down({error_code::closed, {}});
  CHECK(f->failed_with(error_code::closed));
  CHECK(b.logged("disconnect b1:9092"));
  b.machine.on_credentials(b.now, ask.id, login_bed::alice());
  CHECK(b.requests.empty());
}
