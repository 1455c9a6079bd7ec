// What a member does with either protocol.

#include "member_fixture.hpp"

#include <catch2/catch_template_test_macros.hpp>

using namespace member_fixture;

TEMPLATE_TEST_CASE("a session without a sign of life is over, and not before", "[groups]",
  classic_play, consumer_play) {
  TestType p;
  p.be_member();
  p.keep_alive();
  const auto heard = p.now;
  while (p.now < heard + 43s) {
    p.fail_beat({error_code::timed_out, {}});
    p.pass(500ms);
  }
  CHECK_FALSE(p.template took<group_member::lost>());
  CHECK(p.words().size() == 1); // What it waits for.
  p.pass(3s);
  const auto lost = p.template take<group_member::lost>();
  CHECK(lost.partitions.size() == 2);
  CHECK(lost.why.code == error_code::timed_out);
  p.pass(2s);
  CHECK(p.joins());
}

TEMPLATE_TEST_CASE("a revocation ends when the program is through, or at its deadline",
  "[groups]", classic_play, consumer_play) {
  TestType p;
  p.be_member(of("orders", {0, 1, 2}));
  p.shrink(of("orders", {1}));
  CHECK(p.member.state() == phase::revoking);
  const auto asked = p.template take<group_member::revoke>();
  CHECK(asked.partitions == of("orders", {0, 2}));
  CHECK(asked.deadline > p.now + 4min);
  CHECK(p.member.may_commit());
  CHECK_FALSE(p.template took<group_member::released>());
  SECTION("when the program is through") {
    p.keep_alive(); // Heartbeats go on.
    CHECK(p.member.may_commit());
    p.member.on_revoked(p.now);
  }
  SECTION("at the deadline") {
    while (p.member.state() == phase::revoking && p.now < asked.deadline + 10s) {
      p.keep_alive();
      p.pass(1s);
    }
    CHECK(p.now < asked.deadline + 2s);
    CHECK_FALSE(p.words().empty());
  }
  CHECK(p.template take<group_member::released>().partitions == of("orders", {0, 2}));
  CHECK(p.member.membership().owned == of("orders", {1}));
}

TEMPLATE_TEST_CASE(
  "losing the session overtakes a revocation", "[groups]", classic_play, consumer_play) {
  TestType p;
  p.be_member();
  p.shrink(of("orders", {0}));
  static_cast<void>(p.template take<group_member::revoke>());
  p.throw_out();
  CHECK(p.template take<group_member::lost>().partitions == of("orders", {0, 1}));
  p.member.on_revoked(p.now); // Too late: it means nothing.
  CHECK_FALSE(p.template took<group_member::released>());
  CHECK(p.member.state() == phase::waiting);
  CHECK_FALSE(p.member.may_commit());
  p.pass(2s);
  CHECK(p.joins());
}

TEMPLATE_TEST_CASE(
  "a member leaves by its deadline", "[groups]", classic_play, consumer_play) {
  TestType p;
  SECTION("before it has subscribed, without a word") {
    p.member.leave(p.now, p.now + 5s, "closed", false);
    CHECK_FALSE(p.farewell());
  }
  SECTION("when its program is through") {
    p.be_member();
    p.member.leave(p.now, p.now + 5s, "closed", false);
    CHECK(p.template take<group_member::revoke>().partitions.size() == 2);
    CHECK_FALSE(p.farewell());
    p.member.on_revoked(p.now);
    const auto sent = p.farewell();
    REQUIRE(sent);
    CHECK_FALSE(p.template took<group_member::ended>());
    p.answer_farewell(*sent, error_code::unknown_member_id); // It has left as well.
    CHECK(p.words().empty());
  }
  SECTION("with records in hand that nobody finishes, and without an answer") {
    p.be_member();
    p.member.leave(p.now, p.now + 5s, "closed", false);
    p.pass(4'600ms);
    CHECK(p.farewell());
    p.pass(500ms);
  }
  SECTION("while it waits to join again") {
    p.be_member();
    p.throw_out();
    CHECK(p.member.state() == phase::waiting);
    p.member.leave(p.now, p.now + 5s, "closed", false);
    if (const auto sent = p.farewell())
      p.answer_farewell(*sent);
  }
  SECTION("and does not join again where it is thrown out meanwhile") {
    p.be_member();
    p.member.leave(p.now, p.now + 60s, "closed", false);
    p.throw_out();
    CHECK(p.template take<group_member::lost>().partitions.size() == 2);
    if (const auto sent = p.farewell())
      p.answer_farewell(*sent);
  }
  SECTION("on its way out already, when it was to come back") {
    p.be_member();
    p.member.subscribe(p.now, {});
    p.member.on_revoked(p.now);
    const auto sent = p.farewell();
    REQUIRE(sent);
    p.member.leave(p.now, p.now + 5s, "closed", false);
    p.answer_farewell(*sent);
  }
  SECTION("whatever it subscribes to meanwhile") {
    p.be_member();
    p.member.leave(p.now, p.now + 5s, "closed", false);
    p.member.subscribe(p.now, {});
    p.member.on_revoked(p.now);
    const auto sent = p.farewell();
    REQUIRE(sent);
    p.answer_farewell(*sent);
  }
  CHECK(p.template take<group_member::ended>().why.code == error_code::none);
  CHECK(p.member.state() == phase::ended);
  CHECK(p.member.next_time() == time_point::max());
}

TEMPLATE_TEST_CASE("who subscribes again before it has left joins anew", "[groups]",
  classic_play, consumer_play) {
  TestType p;
  p.be_member();
  p.member.subscribe(p.now, {});
  CHECK(p.template take<group_member::revoke>().partitions.size() == 2);
  p.member.subscribe(p.now, {"orders"});
  CHECK(p.member.state() == phase::revoking);
  p.member.on_revoked(p.now);
  CHECK(p.template take<group_member::released>().partitions.size() == 2);
  const auto sent = p.farewell();
  REQUIRE(sent);
  CHECK_FALSE(p.joins());
  p.answer_farewell(*sent);
  CHECK(p.joins());
}

TEMPLATE_TEST_CASE("a session is not longer for that its member's actor crashes",
  "[groups]", classic_play, consumer_play) {
  TestType before;
  before.be_member();
  before.keep_alive();
  auto p = TestType::after(before.member.membership());
  p.now = before.now + 40s;
  p.member.subscribe(p.now, {"orders"});
  CHECK(p.member.state() == phase::stable);
  p.fail_beat({error_code::disconnected, {}});
  p.pass(6s);
  CHECK(p.template take<group_member::lost>().partitions.size() == 2);
}

TEMPLATE_TEST_CASE("an incarnation whose program reads nothing any more leaves the group",
  "[groups]", classic_play, consumer_play) {
  TestType before;
  before.be_member();
  before.member.subscribe(before.now, {});
  CHECK(before.member.state() == phase::revoking);
  auto p = TestType::after(before.member.membership());
  p.member.subscribe(p.now, {});
  CHECK(p.template take<group_member::revoke>().partitions.size() == 2);
  p.member.on_revoked(p.now);
  const auto sent = p.farewell();
  REQUIRE(sent);
  p.answer_farewell(*sent);
  CHECK(p.member.state() == phase::idle);
  CHECK(p.member.next_time() == time_point::max());
}

TEMPLATE_TEST_CASE("a member leaves while its program does not poll, and joins when it "
                   "does",
  "[groups]", classic_play, consumer_play) {
  TestType p;
  p.be_member();
  p.member.step_out(p.now, {error_code::timed_out, "the program has not polled"});
  CHECK(p.template take<group_member::lost>().partitions.size() == 2);
  const auto sent = p.farewell();
  REQUIRE(sent);
  p.answer_farewell(*sent);
  CHECK(p.member.state() == phase::idle);
  p.member.subscribe(p.now, {"orders"});
  CHECK(p.joins());
}

TEMPLATE_TEST_CASE("what has not worked for long is told once, and when it is over",
  "[groups]", classic_play, consumer_play) {
  TestType p;
  p.be_member();
  const auto began = p.now;
  while (p.now < began + 14s) {
    p.fail_beat({error_code::disconnected, "broker 1 is down"});
    CHECK(p.member.look().last_error.code == error_code::disconnected);
    p.pass(100ms);
  }
  const auto told = p.words();
  REQUIRE(told.size() == 1);
  CHECK(told[0].find("broker 1 is down") != std::string::npos);
  CHECK(told[0].find("billing") != std::string::npos);
  p.keep_alive();
  CHECK(p.words().size() == 1);
  CHECK(p.member.look().last_error.code == error_code::none);
  CHECK(p.member.membership().owned.size() == 2);
}
