#include "login_fixture.hpp"

#include <set>

// Sessions that end, and logins that renew them.

using namespace dispatcher_fixture;

TEST_CASE("a session is renewed in place, before it ends", "[login]") {
  login_bed b;
  b.settle(10s);
  const auto begun = b.now;
  CHECK(b.connection().session_ends == begun + 10s);
  while (b.asks.empty())
    b.tick();
  CHECK(b.now - begun >= 8'500ms);
  CHECK(b.now - begun <= 9'500ms);
  // Requests go on until there are credentials.
  const auto before = b.submit(asking_leader("t"));
  CHECK(b.count(api_key::list_offsets) == 1);
  b.give();
  const auto during = b.submit(asking_leader("t"), 5s);
  const auto any = b.submit(asking(any_broker{}), 5s);
  // What was sent is answered first; what comes waits, and makes no other connection.
  b.answer_offsets(1);
  CHECK(before->succeeded());
  CHECK(b.take_handshake() == "PLAIN");
  b.take_token(login_bed::session(10s));
  CHECK(b.count(api_key::list_offsets) == 2);
  b.answer_offsets(1);
  b.answer_offsets(1);
  CHECK(during->succeeded());
  CHECK(any->succeeded());
  CHECK_FALSE(b.logged("connect"));
  CHECK(b.machine.logins_so_far().reauthentications == 1);
  CHECK(b.machine.logins_so_far().authentications == 1);
  CHECK(b.tells("renewed"));
  // And again.
  const auto renewed = b.now;
  CHECK(b.connection().session_ends == renewed + 10s);
  while (b.asks.empty()) {
    b.tick();
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(about({1}, {{"t", {1}}}, 1));
  }
  CHECK(b.now - renewed >= 8'500ms);
  CHECK(b.now - renewed <= 9'500ms);
}

TEST_CASE("why a call waits while a login is renewed is told", "[login]") {
  login_bed b;
  b.settle(10s);
  while (b.asks.empty())
    b.tick();
  b.give();
  const auto f = b.submit(asking_leader("t"), 2s);
  b.pass(2s);
  CHECK(f->failed_with(error_code::timed_out));
  INFO(f->outcome.detail);
  CHECK(f->says("renewed"));
}

TEST_CASE("connections renew at moments of their own", "[login]") {
  std::set<milliseconds> moments;
  for (std::uint64_t seed = 1; seed != 9; ++seed) {
    auto options = bed::plain();
    options.seed = seed;
    login_bed b{{mechanism::plain}, std::move(options)};
    b.settle(20s);
    const auto begun = b.now;
    while (b.asks.empty())
      b.tick();
    moments.insert(std::chrono::duration_cast<milliseconds>(b.now - begun));
  }
  CHECK(moments.size() > 5);
}

TEST_CASE("a session is not renewed within a second of its beginning", "[login]") {
  login_bed b;
  b.settle(300ms);
  const auto begun = b.now;
  const auto early = b.submit(asking_leader("t"), 5s);
  b.answer_offsets(1);
  CHECK(early->succeeded());
  // After its end the broker takes no request but a login.
  b.pass(400ms);
  const auto late = b.submit(asking_leader("t"), 5s);
  CHECK(b.count(api_key::list_offsets) == 0);
  while (b.asks.empty())
    b.tick();
  CHECK(b.now - begun == 1s);
  b.give();
  b.take_handshake();
  b.take_token(login_bed::session(300ms));
  b.answer_offsets(1);
  CHECK(late->succeeded());
  CHECK_FALSE(b.logged("connect"));
}

TEST_CASE(
  "a request that rests across the session's end has it renewed earlier", "[login]") {
  login_bed b;
  b.settle(20s);
  auto what = asking_leader("t");
  what.lane = lane::long_poll;
  what.answer_timeout = 5s;
  const auto f = b.submit(what, 60s);
  b.log_in(1, 20s);
  const auto begun = b.now;
  std::vector<std::uint64_t> connections;
  while (b.asks.empty())
    b.tick();
  CHECK(b.now - begun >= 12s);
  CHECK(b.now - begun <= 14s);
  b.give();
  // The broker reads on when the fetch is answered.
  CHECK(b.count(api_key::sasl_handshake) == 1);
  b.answer_offsets(1);
  CHECK(f->succeeded());
  b.take_handshake();
  b.take_token(login_bed::session(20s));
  CHECK(b.machine.logins_so_far().reauthentications == 1);
}

TEST_CASE(
  "a renewal that the broker refuses leads to a new connection, and fails no call",
  "[login]") {
  login_bed b;
  b.settle(10s);
  while (b.asks.empty())
    b.tick();
  b.give();
  const auto f = b.submit(asking_leader("t"), 5s);
  const auto when = b.now;
  SECTION("another principal") {
    b.take_handshake();
    b.take_token(
      login_bed::refusing("Cannot change principals during re-authentication"));
    CHECK(b.tells("Cannot change principals"));
  }
  SECTION("another mechanism") {
    b.take_handshake(error_code::unsupported_sasl_mechanism, {"PLAIN"});
  }
  SECTION("too early") {
    b.take_handshake(error_code::illegal_sasl_state, {});
  }
  SECTION("it hangs up") {
    b.down(1, "closed by the peer");
  }
  CHECK(f->finished == 0);
  // Another one asks for metadata, as the leader may be another now.
  while (f->finished == 0) {
    if (b.count(api_key::list_offsets) > 0)
      b.answer_offsets(1);
    else if (b.count(api_key::metadata) > 0)
      b.answer_metadata(about({1}, {{"t", {1}}}, 1));
    else
      b.log_in(1, 10s);
  }
  CHECK(b.now - when < 100ms);
  CHECK(f->succeeded());
}

TEST_CASE("without credentials for it a session lasts until its end", "[login]") {
  login_bed b;
  b.settle(20s);
  const auto begun = b.now;
  const auto give_none = [&] {
    b.give(error{error_code::credentials_unavailable, "the server is away"});
  };
  while (b.asks.empty())
    b.tick();
  give_none();
  CHECK(b.tells("warning cannot renew the login at"));
  CHECK(b.tells("the server is away"));
  const auto f = b.submit(asking_leader("t"));
  b.answer_offsets(1);
  CHECK(f->succeeded());
  SECTION("and is renewed when they come") {
    while (b.asks.empty())
      b.tick();
    CHECK(b.now - begun < 20s);
    b.give();
    b.take_handshake();
    b.take_token(login_bed::session(20s));
    CHECK(b.machine.logins_so_far().reauthentications == 1);
    CHECK_FALSE(b.logged("connect"));
  }
  SECTION("and then the connection ends, once nothing is on it") {
    const auto on_it = b.submit(asking_leader("t"), 60s);
    int asked = 0;
    while (b.now - begun < 22s) {
      b.tick();
      for (; !b.asks.empty(); ++asked)
        give_none();
      if (b.count(api_key::metadata) > 0)
        b.answer_metadata(about({1}, {{"t", {1}}}, 1));
    }
    CHECK(asked >= 1);
    CHECK(asked <= 5);
    CHECK_FALSE(b.logged("disconnect"));
    const auto late = b.submit(asking_leader("t"), 60s);
    CHECK(b.count(api_key::list_offsets) == 1);
    b.answer_offsets(1);
    CHECK(on_it->succeeded());
    b.pass(0ms);
    CHECK(b.logged("disconnect"));
    CHECK(late->finished == 0);
    b.reach(1);
    give_none();
    CHECK(late->failed_with(error_code::credentials_unavailable));
  }
}
