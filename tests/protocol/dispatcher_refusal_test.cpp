#include "dispatcher_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

// What is said at once because waiting does not mend it.

using namespace dispatcher_fixture;

namespace {

bool has(const bed::lines& log, const std::string& line) {
  return std::ranges::find(log, line) != log.end();
}

/// The next connection to the broker agrees on versions, and ends at the next request.
void want_login(bed& b, std::int32_t broker) {
  const auto place = "connect " + to_string(address(broker));
  while (!has(b.log, place))
    b.tick();
  std::erase(b.log, place);
  b.welcome(broker);
  b.down(broker, to_string(address(broker)) + ": closed by the peer");
}

} // namespace

TEST_CASE(
  "a broker that wants a login is told of after the second hang-up", "[dispatcher]") {
  bed b;
  b.machine.start(b.now);
  const auto any = b.submit(asking(any_broker{}), 60s);
  const auto led = b.submit(asking_leader("t"), 60s);
  want_login(b, 1);
  CHECK(any->finished + led->finished == 0);
  CHECK_FALSE(b.machine.unreachable());
  want_login(b, 1);
  CHECK(b.machine.unreachable());
  for (const auto& f : {any, led}) {
    CHECK(f->failed_with(error_code::illegal_sasl_state));
    INFO(f->outcome.detail);
    CHECK(f->says("b1:9092"));
    CHECK(f->says("SASL"));
  }
  CHECK(b.now - time_point{} - 1h < 1s);
  // Attempts go on, with the pauses of logins; each tells those who wait by then.
  const auto later = b.submit(asking_leader("t"), 60s);
  const auto begun = b.now;
  want_login(b, 1);
  CHECK(b.now - begun >= 1'600ms);
  CHECK(later->failed_with(error_code::illegal_sasl_state));
  for (int i = 0; i < 10; ++i) {
    const auto before = b.now;
    want_login(b, 1);
    CHECK(b.now - before >= 3'200ms);
    CHECK(b.now - before < 12'500ms);
  }
  // It may be another broker one day.
  const auto last = b.submit(asking_leader("t"), 60s);
  while (!has(b.log, "connect b1:9092"))
    b.tick();
  b.welcome(1);
  b.answer_metadata(about({1}, {{"t", {1}}}));
  if (b.count(api_key::metadata) > 0)
    b.answer_metadata(about({1}, {{"t", {1}}}));
  b.answer_offsets(1);
  CHECK(last->succeeded());
}

TEST_CASE("while another broker may answer, one that wants a login fails no call",
  "[dispatcher]") {
  auto options = bed::plain();
  options.brokers = {address(1), address(2)};
  bed b{options};
  b.machine.start(b.now);
  const auto f = b.submit(asking_leader("t"), 60s);
  want_login(b, 1);
  while (!has(b.log, "connect b2:9092"))
    b.tick();
  b.refuse(2);
  std::erase(b.log, "connect b2:9092");
  want_login(b, 1);
  CHECK(f->finished == 0);
  while (!has(b.log, "connect b2:9092"))
    b.tick();
  b.welcome(2);
  b.answer_metadata(about({2}, {{"t", {2}}}));
  if (b.count(api_key::metadata) > 0)
    b.answer_metadata(about({2}, {{"t", {2}}}));
  b.answer_offsets(2);
  CHECK(f->succeeded());
}

TEST_CASE("addresses that all refuse are told of once each has done so", "[dispatcher]") {
  auto options = bed::plain();
  options.brokers = {address(1), address(2), address(1)};
  bed b{options};
  b.machine.start(b.now);
  CHECK_FALSE(b.machine.unreachable());
  b.refuse(1);
  CHECK_FALSE(b.machine.unreachable());
  SECTION("refused") {
    b.refuse(2);
    CHECK(b.machine.unreachable());
    CHECK(b.machine.why_disconnected().find("b2:9092: refused") != std::string::npos);
    // Until one of them answers.
    while (b.open.empty())
      b.tick();
    b.welcome(b.open.begin()->second == address(1) ? 1 : 2);
    CHECK_FALSE(b.machine.unreachable());
  }
  SECTION("one that says nothing may be there in a moment") {
    const auto connection = b.connection_to(2);
    b.open.erase(connection);
    b.machine.on_down(b.now, connection, {error_code::timed_out, "not connected"});
    CHECK_FALSE(b.machine.unreachable());
  }
}

TEST_CASE("one fresh answer decides that a topic has no such partition", "[dispatcher]") {
  ready_bed b;
  const auto f = b.submit(asking_leader("t", 7));
  const auto begun = b.now;
  while (b.count(api_key::metadata) == 0)
    b.tick();
  CHECK(f->finished == 0);
  SECTION("that has been so all the time") {
    b.answer_metadata(ready_bed::usual());
    CHECK(f->failed_with(error_code::unknown_topic_or_partition));
    CHECK(f->says("topic t has no partition 7"));
  }
  SECTION("unless it has it since") {
    b.answer_metadata(about({1, 2}, {{"t", std::vector<std::int32_t>(8, 2)}}));
    b.answer_offsets(2);
    CHECK(f->succeeded());
  }
  CHECK(b.now - begun <= 100ms);
}

TEST_CASE("a version that cafka does not have is refused before anything is asked",
  "[dispatcher]") {
  ready_bed b;
  auto what = asking_leader("never heard of");
  what.pinned = list_offsets_request::versions.max + 1;
  const auto f = b.submit(what);
  CHECK(f->failed_with(error_code::unsupported_api_version));
  INFO(f->outcome.detail);
  CHECK(f->says("ListOffsets v"));
  CHECK(f->says("cafka knows"));
  CHECK(b.log.empty());
}

// -- what grows
// ---------------------------------------------------------------------------

TEST_CASE("twenty thousand brokers that refuse are tried without delay", "[dispatcher]") {
  constexpr int count = 20'000;
  bed b;
  std::vector<std::int32_t> all;
  for (int i = 1; i <= count; ++i)
    all.push_back(i);
  b.start(about(all, {}));
  const auto f = b.submit(asking(any_broker{}), 3s);
  const auto begun = std::chrono::steady_clock::now();
  b.down(1);
  int tried = 0;
  while (f->finished == 0 && tried < count) {
    if (b.open.empty()) {
      b.now = b.machine.next_time();
      b.machine.on_time(b.now);
      continue;
    }
    const auto [connection, place] = *b.open.begin();
    b.open.clear();
    b.log.clear();
    ++tried;
    b.machine.on_down(b.now, connection, {error_code::connection_failed, "refused"});
  }
  CHECK(tried == count);
  // It was quadratic, and took minutes.
  CHECK(std::chrono::steady_clock::now() - begun < 5s);
  CHECK(b.machine.why_disconnected().size() < 1'000);
}

TEST_CASE("topics that nobody asked for are not kept, and unused ones are released",
  "[dispatcher]") {
  ready_bed b;
  std::vector<led_topic> many{{"t", {2}}};
  for (int i = 0; i < 1'000; ++i)
    many.push_back({"x" + std::to_string(i), {2}});
  const auto f = b.submit(asking_leader("x7"));
  while (b.count(api_key::metadata) == 0)
    b.tick();
  b.answer_metadata(about({1, 2, 3}, many));
  b.answer_offsets(2);
  CHECK(f->succeeded());
  CHECK(b.machine.known().topic_count() == 2);
  const auto begun = b.now;
  while (b.now - begun < 7min) {
    b.tick();
    if (b.count(api_key::metadata) > 0)
      b.answer_metadata(ready_bed::usual());
  }
  // A topic to be asked about from the start stays.
  CHECK(b.machine.known().topic_count() == 1);
}

TEST_CASE(
  "a broker of a cluster that has served wants no login, however often it hangs up",
  "[dispatcher]") {
  ready_bed b;
  b.down(2, "closed by the peer");
  const auto f = b.submit(asking_leader("t"), 30s);
  b.welcome(2);
  // Each connection agrees on versions and ends at its first request, as when something
  // between cuts it before an overloaded broker could answer.
  for (int i = 0; i != 4; ++i) {
    b.down(2, "closed by the peer");
    while (
      std::ranges::none_of(b.open, [](const auto& c) { return c.second == address(2); }))
      b.tick();
    b.welcome(2);
  }
  CHECK(f->finished == 0);
  b.answer_offsets(2);
  CHECK(f->succeeded());
}
