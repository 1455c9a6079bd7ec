#include "dispatcher_fixture.hpp"

#include <algorithm>

using namespace dispatcher_fixture;

namespace {

using lines = bed::lines;

dispatcher_options telling(log_level from) {
  auto options = bed::plain();
  options.tell_from = from;
  return options;
}

/// Lets time pass while broker 1 refuses every connection; how many it refused.
int refuse_for(bed& b, milliseconds time) {
  const auto until = b.now + time;
  int refused = 0;
  while (b.now < until) {
    if (!b.open.empty()) {
      b.refuse(1);
      ++refused;
    } else {
      b.tick();
    }
  }
  return refused;
}

std::size_t count(const lines& all, std::string_view part) {
  return static_cast<std::size_t>(std::ranges::count_if(
    all, [&](const auto& line) { return line.find(part) != std::string::npos; }));
}

} // namespace

TEST_CASE("a broker that refuses is told once, however often it is tried, and once that "
          "it answers again") {
  bed b{telling(log_level::info)};
  b.machine.start(b.now);
  CHECK(refuse_for(b, 60s) > 30);
  CHECK(b.take_told()
    == lines{"warning cannot connect to b1:9092: CONNECTION_FAILED: refused"});
  while (b.open.empty())
    b.tick();
  b.welcome(1);
  // It stands, but has not answered anything that was asked of it.
  CHECK(b.take_told().empty());
  b.answer_metadata(about({1}, {}));
  const auto told = b.take_told();
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("info b1:9092 answers again, after 6"));
}

TEST_CASE("a broker that closes the connection after every first request is reported "
          "once per reason") {
  bed b{telling(log_level::info)};
  b.machine.start(b.now);
  for (int attempt = 0; attempt != 20; ++attempt) {
    while (b.open.empty())
      b.tick();
    b.welcome(1);
    b.down(1, "b1:9092: closed by the peer");
  }
  // The second time it is known what it wants, which is told.
  CHECK(b.take_told()
    == lines{
      "warning connection to b1:9092 lost: DISCONNECTED: closed by the peer, with 1 "
      "request on it",
      "warning connection to b1:9092 lost: ILLEGAL_SASL_STATE: closed by the peer (it "
      "agrees on versions and closes the connection after the next request: it wants a "
      "login by SASL: set sasl.mechanism), "
      "with 1 request on it"});
}

TEST_CASE("a broker that goes while it is asked is told once for all its connections") {
  ready_bed b{telling(log_level::info)};
  auto fetch = asking_leader("t");
  fetch.lane = lane::long_poll;
  const auto asked = b.submit(asking_leader("t"));
  const auto fetched = b.submit(std::move(fetch));
  b.welcome_all(2);
  CHECK(b.take_told().empty());
  b.down(2);
  b.down(2);
  CHECK(b.take_told()
    == lines{
      "warning connection to broker 2 at b2:9092 lost: DISCONNECTED: reset, with 1 "
      "request on it"});
  // What follows has another reason, and that is told, once.
  for (int attempt = 0; attempt != 10; ++attempt) {
    b.tick();
    while (
      std::ranges::any_of(b.open, [](const auto& c) { return c.second == address(2); }))
      b.refuse(2);
  }
  const auto told = b.take_told();
  CHECK(told
    == lines{
      "warning cannot connect to broker 2 at b2:9092: CONNECTION_FAILED: refused"});
}

TEST_CASE("an idle connection that the broker closes is not reported") {
  ready_bed b{telling(log_level::debug)};
  b.take_told();
  b.down(2, "b2:9092: closed by the peer");
  CHECK(b.take_told()
    == lines{"debug connection to broker 2 at b2:9092 lost: DISCONNECTED: closed by the "
             "peer"});
}

TEST_CASE("from debug on each connection is told of, from trace on each request") {
  auto options = telling(log_level::trace);
  options.initial_topics = {"t"};
  bed b{options};
  b.machine.start(b.now);
  CHECK(b.take_told() == lines{"debug connecting to b1:9092"});
  b.welcome(1);
  auto told = b.take_told();
  REQUIRE(told.size() == 2);
  CHECK(told[0].starts_with("trace handshake with b1:9092: "));
  CHECK(told[0].ends_with(" bytes out"));
  CHECK(told[1] == "debug connected to b1:9092");
  const auto asked = b.take(api_key::metadata);
  const auto answer = about({1, 2}, {{"t", {2}}});
  b.now += 12ms;
  b.answer(asked, answer);
  told = b.take_told();
  REQUIRE(told.size() == 1);
  const auto bytes_in =
    encode_response(answer, asked.header.version, asked.header.correlation_id)->size - 4;
  CHECK(told[0]
    == "trace Metadata v" + std::to_string(asked.header.version)
      + " to b1:9092: " + std::to_string(asked.payload.size() + 4) + " bytes out, "
      + std::to_string(bytes_in) + " in, 12.0 ms");
  const auto refused = b.submit(asking_leader("t"), 1s);
  b.welcome(2);
  b.take_told();
  b.answer_offsets(2, error_code::request_timed_out);
  told = b.take_told();
  REQUIRE(told.size() == 1);
  CHECK(told[0].ends_with(" in, 0 us, REQUEST_TIMED_OUT: as the broker says"));
  const auto silent = b.submit(asking_leader("t"), 1s);
  b.pass(1s);
  CHECK(silent->failed_with(error_code::timed_out));
  told = b.take_told();
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("trace ListOffsets v"));
  CHECK(told[0].ends_with(" bytes out, no answer in 1.0 s"));
}

TEST_CASE("a leader that moves is told once, and a first leader is no move") {
  ready_bed b{telling(log_level::info)};
  CHECK(b.take_told().empty());
  const auto moved = b.submit(asking_leader("t"));
  b.answer_offsets(2, error_code::not_leader_or_follower);
  while (b.count(api_key::metadata) == 0)
    b.tick();
  b.answer_metadata(b.usual(3, 1));
  CHECK(b.take_told() == lines{"info leader moved: t/0 from broker 2 to 3"});
  for (int refresh = 0; refresh != 3; ++refresh) {
    while (b.count(api_key::metadata) == 0)
      b.tick();
    b.answer_metadata(b.usual(3, 1));
  }
  CHECK(count(b.take_told(), "leader") == 0);
}

TEST_CASE("a broker that listens elsewhere is told") {
  ready_bed b{telling(log_level::info)};
  auto answer = b.usual();
  answer.brokers[1].host = "other";
  while (b.count(api_key::metadata) == 0)
    b.tick();
  b.answer_metadata(answer);
  CHECK(
    count(b.take_told(), "address changed: broker 2 from b2:9092 to other:9092") == 1);
}

TEST_CASE("a coordinator that moves is told once, and a first one is no move") {
  ready_bed b{telling(log_level::info)};
  const auto first = b.submit(asking_coordinator("g"));
  b.answer_coordinator(1);
  b.answer_offsets(1);
  CHECK(first->succeeded());
  CHECK(b.take_told().empty());
  const auto second = b.submit(asking_coordinator("g"));
  b.answer_offsets(1, error_code::not_coordinator);
  while (b.count(api_key::find_coordinator) == 0)
    b.tick();
  b.answer_coordinator(2);
  CHECK(
    b.take_told() == lines{"info coordinator moved: group g from broker 1 to broker 2"});
}

TEST_CASE("without a level nothing is logged") {
  bed b;
  b.machine.start(b.now);
  refuse_for(b, 5s);
  while (b.open.empty())
    b.tick();
  b.welcome(1);
  b.answer_metadata(about({1, 2}, {{"t", {2}}}));
  CHECK(b.told.empty());
}
