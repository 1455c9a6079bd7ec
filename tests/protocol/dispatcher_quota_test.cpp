#include "dispatcher_fixture.hpp"

using namespace dispatcher_fixture;

namespace {

list_offsets_response throttled_by(std::int32_t ms, error_code code = error_code::none) {
  auto answer = offsets(code);
  answer.throttle_time_ms = ms;
  return answer;
}

/// A bed whose broker 2 has just throttled ListOffsets for so long.
struct throttled_bed : ready_bed {
  explicit throttled_bed(std::int32_t ms, dispatcher_options options = plain())
    : ready_bed(std::move(options)) {
    const auto f = submit(asking_leader("t"));
    answer(take(api_key::list_offsets, 2), throttled_by(ms));
    CHECK(f->succeeded());
  }
};

/// The same requests without the versions in which clients are to pause.
api_versions_response old_versions() {
  return versions_up_to(2);
}

} // namespace

TEST_CASE("requests are held back while a broker's quota lasts", "[dispatcher]") {
  throttled_bed b{20'000};
  const auto f = b.submit(asking_leader("t"), 60s);
  b.pass(19'999ms);
  CHECK(f->encoded == 0);
  CHECK(b.open.size() == 2);
  b.pass(1ms);
  REQUIRE(f->encoded == 1);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("a deadline within a quota's time is told with the quota, not earlier",
  "[dispatcher]") {
  throttled_bed b{20'000};
  const auto f = b.submit(asking_leader("t"), 5s);
  b.pass(4'999ms);
  CHECK(f->finished == 0);
  b.pass(1ms);
  CHECK(f->failed_with(error_code::timed_out));
  CHECK(f->encoded == 0);
  CHECK(f->says("throttled by the quota of broker 2 for 20000 ms"));
}

TEST_CASE("a connection that a quota mutes is not considered lost", "[dispatcher]") {
  ready_bed b;
  const auto first = b.submit(asking_leader("t"), 60s);
  auto unrepeatable = asking_leader("t");
  unrepeatable.repeatable = false;
  const auto behind = b.submit(unrepeatable, 60s);
  b.answer(b.take(api_key::list_offsets, 2), throttled_by(20'000));
  CHECK(first->succeeded());
  for (int i = 0; i != 200; ++i)
    b.pass(100ms);
  CHECK(behind->finished == 0);
  CHECK(b.open.size() == 2);
  SECTION("it answers when its time is over") {
    b.answer_offsets(2);
    CHECK(behind->succeeded());
  }
  SECTION("it must answer within the socket timeout after that") {
    b.pass(10s);
    CHECK(behind->failed_with(error_code::outcome_unknown));
  }
}

TEST_CASE("what is behind a muted connection has an unknown outcome at its deadline, "
          "with the quota as the reason",
  "[dispatcher]") {
  ready_bed b;
  const auto first = b.submit(asking_leader("t"));
  auto unrepeatable = asking_leader("t");
  unrepeatable.repeatable = false;
  const auto behind = b.submit(unrepeatable, 5s);
  b.answer(b.take(api_key::list_offsets, 2), throttled_by(20'000));
  b.pass(5s);
  CHECK(behind->failed_with(error_code::outcome_unknown));
  CHECK(behind->says("throttled by the quota of broker 2 for 20000 ms"));
}

TEST_CASE(
  "a deadline that does not count quotas is moved by a quota's time", "[dispatcher]") {
  ready_bed b;
  const auto first = b.submit(asking_leader("t"));
  auto patient = asking_leader("t");
  patient.quota_extends_deadline = true;
  const auto behind = b.submit(patient, 5s);
  b.answer(b.take(api_key::list_offsets, 2), throttled_by(20'000));
  b.pass(24'999ms);
  CHECK(behind->finished == 0);
  b.pass(1ms);
  CHECK(behind->failed_with(error_code::timed_out));
}

TEST_CASE("a new connection does not go round a quota", "[dispatcher]") {
  throttled_bed b{20'000};
  b.down(2);
  const auto f = b.submit(asking_leader("t"), 60s);
  b.welcome(2);
  if (b.count(api_key::metadata) > 0)
    b.answer_metadata(ready_bed::usual());
  b.pass(19'999ms);
  CHECK(f->encoded == 0);
  b.pass(1ms);
  CHECK(f->encoded == 1);
}

TEST_CASE("other brokers, and other requests on another connection, are not held back",
  "[dispatcher]") {
  throttled_bed b{20'000};
  const auto other_broker = b.submit(asking(any_broker{}));
  CHECK(other_broker->encoded == 1);
  auto other_lane = asking_leader("t");
  other_lane.key = find_coordinator_request::key;
  other_lane.versions = {0, 2};
  other_lane.lane = lane::group;
  const auto f = b.submit(other_lane);
  b.welcome(2);
  CHECK(f->encoded == 1);
}

TEST_CASE("the only broker is asked for metadata on another connection while a quota "
          "mutes the first",
  "[dispatcher]") {
  auto options = bed::plain();
  options.initial_topics = {"t"};
  bed b{options};
  b.start(about({1}, {{"t", {1}}}, 1));
  const auto first = b.submit(asking_leader("t"));
  b.answer(b.take(api_key::list_offsets), throttled_by(20'000));
  const auto f = b.submit(asking_leader("new"), 60s);
  b.welcome(1);
  CHECK(b.take(api_key::metadata).topics() == "new,t");
  CHECK(f->encoded == 0);
}

TEST_CASE("a throttle beyond max_throttle is cut, and told", "[dispatcher]") {
  auto options = bed::plain();
  options.max_throttle = 30s;
  throttled_bed b{INT32_MAX, options};
  SECTION("requests go on after it") {
    const auto f = b.submit(asking_leader("t"), 60s);
    b.pass(30s);
    CHECK(f->encoded == 1);
  }
  SECTION("a deadline within it says so") {
    const auto f = b.submit(asking_leader("t"), 5s);
    b.pass(5s);
    CHECK(f->says("for 30000 ms, max_throttle, although it said 2147483647 ms"));
  }
  SECTION("the status shows until when") {
    CHECK(b.machine.connections().back().held_until == b.now + 30s);
  }
}

TEST_CASE("a negative throttle is none", "[dispatcher]") {
  throttled_bed b{INT32_MIN};
  CHECK(b.submit(asking_leader("t"))->encoded == 1);
}

TEST_CASE("without max_throttle nothing is held back", "[dispatcher]") {
  auto options = bed::plain();
  options.max_throttle = 0s;
  throttled_bed b{20'000, options};
  CHECK(b.submit(asking_leader("t"))->encoded == 1);
}

TEST_CASE("a broker that pauses before it answers may do so again", "[dispatcher]") {
  bed b;
  b.machine.start(b.now);
  b.welcome(1, old_versions());
  b.answer_metadata(about({1}, {}, 1));
  const auto first = b.submit(asking(any_broker{}), 120s);
  CHECK(first->version == 2);
  b.answer(b.take(api_key::list_offsets), throttled_by(25'000));
  CHECK(first->succeeded());
  const auto second = b.submit(asking(any_broker{}), 120s);
  CHECK(second->encoded == 1); // It has paused already.
  b.pass(34'999ms);
  CHECK(b.open.size() == 1);
  b.pass(1ms);
  CHECK(b.log.back() == "disconnect b1:9092");
}

TEST_CASE(
  "a deadline that does not count quotas allows for such a pause", "[dispatcher]") {
  auto options = bed::plain();
  options.socket_timeout = 60s;
  bed b{options};
  b.machine.start(b.now);
  b.welcome(1, old_versions());
  b.answer_metadata(about({1}, {}, 1));
  const auto first = b.submit(asking(any_broker{}));
  b.answer(b.take(api_key::list_offsets), throttled_by(25'000));
  auto patient = asking(any_broker{});
  patient.quota_extends_deadline = true;
  const auto f = b.submit(patient, 5s);
  b.pass(29'999ms);
  CHECK(f->finished == 0);
  b.pass(1ms);
  CHECK(f->failed_with(error_code::timed_out));
}

TEST_CASE("an answer that is empty for a quota is waited for until the deadline",
  "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"), 60s);
  for (int i = 0; i != 3; ++i) {
    b.answer(b.take(api_key::list_offsets, 2),
      throttled_by(15'000, error_code::throttling_quota_exceeded));
    b.pass(14'999ms);
    CHECK(b.count(api_key::list_offsets) == 0);
    b.pass(1ms);
  }
  SECTION("and then comes") {
    b.answer_offsets(2);
    CHECK(f->succeeded());
  }
  SECTION("or does not") {
    b.answer(b.take(api_key::list_offsets, 2),
      throttled_by(15'000, error_code::throttling_quota_exceeded));
    b.pass(14'999ms);
    CHECK(f->finished == 0);
    b.pass(1ms);
    CHECK(f->failed_with(error_code::timed_out));
    INFO(f->outcome.detail);
    CHECK(f->says("after 4 attempts, the last: THROTTLING_QUOTA_EXCEEDED"));
  }
}
