#include "dispatcher_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

// What bytes mean that arrive, or leave, before an answer is whole.

using namespace dispatcher_fixture;
using lines = bed::lines;

namespace {

call::traits once(call::traits what) {
  what.repeatable = false;
  return what;
}

call::traits long_poll(call::traits what) {
  what.lane = lane::long_poll;
  return what;
}

call::traits patient(call::traits what) {
  what.while_arriving = true;
  return what;
}

/// Answers metadata that the dispatcher asks for meanwhile.
void pass(bed& b, milliseconds time) {
  b.pass(time);
  while (b.count(api_key::metadata) > 0)
    b.answer_metadata(ready_bed::usual());
}

std::size_t disconnects(const bed& b) {
  return static_cast<std::size_t>(std::ranges::count(b.log, "disconnect b2:9092"));
}

} // namespace

TEST_CASE("a broker whose bytes arrive is alive, however slowly", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(once(asking_leader("t")), 300s);
  const auto on = b.connection_to(2);
  for (std::size_t i = 1; i <= 20; ++i) {
    pass(b, 9s);
    b.machine.on_progress(b.now, on, i * 100'000, 5'000'000);
  }
  CHECK(disconnects(b) == 0);
  CHECK(f->finished == 0);
  // When no more come it is not.
  pass(b, 10s);
  CHECK(disconnects(b) == 1);
  CHECK(f->failed_with(error_code::outcome_unknown));
}

TEST_CASE("silence begins when the last byte of the request has left", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(once(asking_leader("t")), 300s);
  const auto on = b.connection_to(2);
  for (int i = 0; i < 5; ++i) {
    pass(b, 9s);
    b.machine.on_progress(b.now, on, 0, 0);
  }
  CHECK(f->finished == 0);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("a call that may waits for its answer as long as it arrives", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(patient(long_poll(asking_leader("t"))), 5s);
  b.welcome(2);
  const auto on = b.connection_to(2);
  for (std::size_t i = 1; i <= 5; ++i) {
    pass(b, 4s);
    b.machine.on_progress(b.now, on, i * 1'000, 10'000);
  }
  CHECK(f->finished == 0);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("it does not wait for another call's answer, nor for one that has stopped",
  "[dispatcher]") {
  ready_bed b;
  const auto first = b.submit(patient(long_poll(asking_leader("t"))), 5s);
  b.welcome(2);
  const auto second = b.submit(patient(long_poll(asking_leader("t"))), 5s);
  const auto on = b.connection_to(2);
  pass(b, 4s);
  b.machine.on_progress(b.now, on, 1'000, 10'000);
  pass(b, 1s);
  CHECK(first->finished == 0);
  CHECK(second->failed_with(error_code::timed_out));
  CHECK(second->says("sending another one: 1000 of 10000 bytes"));
  pass(b, 9s);
  CHECK(first->finished == 1);
}

TEST_CASE("a deadline says how much of the answer had arrived", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"), 5s);
  b.machine.on_progress(b.now + 4s, b.connection_to(2), 120'000, 600'000);
  pass(b, 5s);
  CHECK(f->failed_with(error_code::timed_out));
  CHECK(f->says("only 120000 of 600000 bytes of the answer from b2:9092"));
}

TEST_CASE("a large answer that nobody waits for does not keep the next one waiting",
  "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t"), 5s);
  const auto on = b.connection_to(2);
  b.machine.on_progress(b.now + 4s, on, 120'000, 600'000);
  b.log.clear();
  pass(b, 5s);
  CHECK(f->failed_with(error_code::timed_out));
  CHECK(disconnects(b) == 1);
  // No failure of the broker: the next connection is made at once, nothing is refreshed.
  const auto next = b.submit(asking_leader("t"), 5s);
  CHECK(b.log.back() == "connect b2:9092");
  CHECK(b.count(api_key::metadata) == 0);
  b.welcome(2);
  b.answer_offsets(2);
  CHECK(next->succeeded());
}

TEST_CASE("nor does one that begins to arrive only then", "[dispatcher]") {
  ready_bed b;
  b.submit(asking_leader("t"), 1s);
  b.log.clear();
  pass(b, 1s);
  CHECK(disconnects(b) == 0);
  b.machine.on_progress(b.now, b.connection_to(2), 1'000, 10'000);
  CHECK(disconnects(b) == 0);
  b.machine.on_progress(b.now, b.connection_to(2), 2'000, 600'000);
  CHECK(disconnects(b) == 1);
}

TEST_CASE(
  "an answer that is late stays outstanding where others wait, or where it is small",
  "[dispatcher]") {
  const bool others = GENERATE(false, true);
  ready_bed b;
  const auto late = b.submit(asking_leader("t"), 5s);
  const auto other = others ? b.submit(asking_leader("t"), 30s) : nullptr;
  const auto on = b.connection_to(2);
  b.machine.on_progress(b.now + 4s, on, 100, others ? 600'000 : 10'000);
  b.log.clear();
  pass(b, 5s);
  CHECK(late->failed_with(error_code::timed_out));
  CHECK(disconnects(b) == 0);
  b.answer_offsets(2);
  if (others) {
    b.answer_offsets(2);
    CHECK(other->succeeded());
  }
}

TEST_CASE("where requests may rest, an outstanding answer alone is reason enough",
  "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(long_poll(asking_leader("t")), 1s);
  b.welcome(2);
  b.log.clear();
  pass(b, 1s);
  CHECK(f->failed_with(error_code::timed_out));
  CHECK(disconnects(b) == 1);
  CHECK(b.machine.connected());
}

TEST_CASE("bytes of an answer that nobody asked for end the connection", "[dispatcher]") {
  ready_bed b;
  b.machine.on_progress(b.now, b.connection_to(2), 1'000, 2'000'000'000);
  CHECK(disconnects(b) == 1);
  REQUIRE(b.machine.connections().size() == 2);
  CHECK(b.machine.connections()[1].last_error.code == error_code::malformed_response);
}

TEST_CASE(
  "an answer that is too large is its call's error, and no other's", "[dispatcher]") {
  ready_bed b;
  const auto large = b.submit(asking_leader("t"));
  const auto other = b.submit(asking_leader("t"));
  b.requests.clear();
  const auto on = b.connection_to(2);
  b.open.erase(on);
  b.machine.on_down(b.now, on, {error_code::frame_too_large, "b2:9092: 1 byte too many"});
  CHECK(large->failed_with(error_code::frame_too_large));
  CHECK(large->says("1 byte too many"));
  CHECK(other->finished == 0);
  while (other->encoded < 2) {
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
    else if (b.log.back() == "connect b2:9092")
      b.welcome(2);
    else
      b.tick();
  }
  b.answer_offsets(2);
  CHECK(other->succeeded());
}

namespace dispatcher_fixture {} // namespace dispatcher_fixture

TEST_CASE(
  "a link knows which answer arrives, and how much of it is missing", "[machines]") {
  auto now = time_point{} + 1h;
  std::minstd_rand random{1};
  cafka::protocol::broker_connection l{
    {"host", 9092}, 1, lane::normal, "me", kafka_version{0, 9, 0}};
  l.connecting(now, 1);
  REQUIRE(
    std::holds_alternative<cafka::protocol::broker_connection::ready>(l.connected(now)));
  l.on_sent(now, 11, asking(any_broker{}), 0);
  CHECK(std::holds_alternative<cafka::protocol::broker_connection::ignored>(
    l.on_progress(now, 35'000, 100'000)));
  REQUIRE(l.arriving());
  CHECK(l.arriving()->call == 11);
  CHECK(l.arriving()->missing() == 65'000);
  // Another connection may take another way.
  l.down(now, {error_code::disconnected, {}}, {}, random);
  CHECK(l.arriving() == std::nullopt);
}
