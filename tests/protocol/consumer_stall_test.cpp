#include "consumer_fixture.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

using namespace consumer_fixture;
using Catch::Matchers::ContainsSubstring;

namespace {

consumer_machine_options telling() {
  consumer_machine_options o;
  o.stalled_after = 10s;
  o.metadata_max_age = 0ms;
  // Told in another way, where nobody can be reached.
  o.unreachable = 1h;
  return o;
}

struct watched : fixture {
  explicit watched(std::size_t memory = 64 << 20) : fixture(telling(), memory) {}

  /// Goes on for so long, while metadata stays as it is and other questions are left
  /// alone; yields what was told.
  std::vector<machine::report> wait(
    std::chrono::milliseconds d, int partitions = 1, int brokers = 1) {
    std::vector<machine::report> told;
    const auto end = now + d;
    while (now < end) {
      later(100ms);
      for (auto& a : std::exchange(actions, {})) {
        if (const auto* r = std::get_if<machine::report>(&a)) {
          told.push_back(*r);
        } else if (std::holds_alternative<machine::ask_metadata>(a) && !silent) {
          actions.insert(actions.begin(), a);
          metadata(partitions, brokers);
        } else if (std::holds_alternative<machine::ask_metadata>(a)) {
          m.on_metadata_failed(now, {error_code::timed_out, "no way to broker:9092"});
        } else {
          questions.push_back(a);
        }
      }
    }
    return told;
  }

  /// The last question of this kind.
  template <class T>
  T last() {
    for (auto at = questions.rbegin(); at != questions.rend(); ++at) {
      if (const auto* x = std::get_if<T>(&*at))
        return *x;
    }
    FAIL("there is no such question");
    return {};
  }

  /// Of the only partition.
  machine::partition_view seen() {
    const auto all = m.view(now);
    REQUIRE(all.size() == 1);
    return all[0];
  }

  bool silent = false;
  std::vector<machine::effect> questions;
};

void check_told(const std::vector<machine::report>& told, const std::string& why) {
  REQUIRE(told.size() == 1);
  CHECK_FALSE(told[0].halted);
  CHECK(told[0].why.code == error_code::timed_out);
  CHECK_THAT(told[0].why.detail, ContainsSubstring("t/0: no progress for 10"));
  CHECK_THAT(told[0].why.detail, ContainsSubstring(why));
}

} // namespace

TEST_CASE("a leader that cannot be reached is told once, and once more when it can be") {
  watched f;
  f.assign(0, start_at::offset(5));
  CHECK(f.wait(9'800ms).empty());
  CHECK(f.m.stalled() == 0);
  const auto told = f.wait(1h);
  check_told(told, "no connection to broker 0 for");
  CHECK(told[0].about == broker_id{0});
  CHECK(told[0].offset == log_offset{5});
  CHECK(f.m.stalled() == 1);
  CHECK(f.seen().is == machine::condition::waiting);
  CHECK_THAT(f.seen().why, ContainsSubstring("no connection to broker 0"));
  CHECK(f.seen().leader == broker_id{0});

  const auto fetch = f.last<machine::send_fetch>();
  f.fill(fetch);
  auto r = f.answer();
  f.part(r, 0, "records");
  const auto got = f.answered(fetch, r);
  REQUIRE(got.size() == 1);
  f.read(got[0], 15);
  const auto over = f.wait(5s);
  REQUIRE(over.size() == 1);
  CHECK(over[0].why.code == error_code::none);
  CHECK_THAT(over[0].why.detail, ContainsSubstring("read again after 36"));
  CHECK(f.m.stalled() == 0);
}

TEST_CASE("whatever a partition waits for is said") {
  watched f;
  SECTION("who leads it, which no broker answers") {
    f.silent = true;
    f.assign(0, start_at::offset(5));
    const auto told = f.wait(60s);
    check_told(told, "no broker says who leads it: TIMED_OUT: no way to broker:9092");
    CHECK(told[0].about == broker_id{-1});
  }
  SECTION("a leader") {
    f.assign(0, start_at::offset(5));
    check_told(f.wait(60s, 1, 0), "it has no leader");
    CHECK_THAT(f.seen().why, ContainsSubstring("it has no leader"));
  }
  SECTION("where it begins") {
    f.assign(0, start_at::latest());
    f.wait(200ms);
    const auto look = f.last<machine::send_list_offsets>();
    REQUIRE(f.m.fill_offsets(f.now, look.request));
    check_told(f.wait(60s), "broker 0 has not answered where it begins for 9");
    CHECK(f.seen().next == log_offset{-1});
  }
  SECTION("an answer") {
    f.assign(0, start_at::offset(5));
    f.wait(200ms);
    f.fill(f.last<machine::send_fetch>());
    CHECK(f.seen().is == machine::condition::reading);
    check_told(f.wait(60s), "broker 0 has not answered a fetch for 9");
    CHECK(f.seen().is == machine::condition::waiting);
  }
  SECTION("a connection, after one was lost") {
    f.assign(0, start_at::offset(5));
    std::vector<machine::report> told;
    for (int i = 0; i != 300; ++i) {
      for (auto& r : f.wait(100ms))
        told.push_back(r);
      for (auto& q : std::exchange(f.questions, {})) {
        if (const auto* s = std::get_if<machine::send_fetch>(&q))
          f.m.on_failure(
            f.now, s->request, {error_code::tls_failed, "broker:9092: not trusted"});
      }
    }
    check_told(told, "TLS_FAILED: broker:9092: not trusted");
  }
  SECTION("an error to end") {
    f.assign(0, start_at::offset(5));
    std::vector<machine::report> told;
    for (int i = 0; i != 300; ++i) {
      for (auto& r : f.wait(100ms))
        told.push_back(r);
      for (auto& q : std::exchange(f.questions, {})) {
        if (const auto* s = std::get_if<machine::send_fetch>(&q)) {
          f.fill(*s);
          auto r = f.answer();
          f.part(r, 0).error_code = error_code::kafka_storage_error;
          static_cast<void>(f.answered(*s, r));
        }
      }
    }
    check_told(told, "KAFKA_STORAGE_ERROR");
  }
  SECTION("the end of a throttle") {
    f.assign(0, start_at::offset(5));
    f.wait(200ms);
    const auto fetch = f.last<machine::send_fetch>();
    f.fill(fetch);
    fetch_response r;
    r.throttle_time_ms = 30'000;
    static_cast<void>(f.answered(fetch, r));
    check_told(f.wait(25s), "a quota of broker 0 holds it back for");
  }
}

TEST_CASE("a program that holds all memory and wants more is told so") {
  watched f{4'000};
  f.assign(0, start_at::offset(5));
  f.wait(200ms);
  const auto fetch = f.last<machine::send_fetch>();
  f.fill(fetch);
  auto r = f.answer();
  f.part(r, 0, "records");
  const auto got = f.answered(fetch, r);
  REQUIRE(got.size() == 1);
  f.budget.take(4'000);
  f.read(got[0], 15, 4'000);
  SECTION("but not while records wait there that it does not take") {
    CHECK(f.wait(60s).empty());
    CHECK(f.seen().is == machine::condition::full);
  }
  SECTION("once it has taken them") {
    f.m.on_taken(f.now, 0, f.generation, 4'000);
    const auto told = f.wait(60s);
    check_told(told, "buffer_memory is spent: the program holds 4000 of 4000 bytes");
    CHECK_FALSE(told[0].about);
  }
}

TEST_CASE("nothing is told of a partition that is as it should be") {
  watched f;
  f.assign(0, start_at::offset(5));
  f.wait(200ms);
  SECTION("paused") {
    f.m.set(f.now, 0, {++f.generation, topic_t, 0, start_at::offset(5), true});
    CHECK(f.wait(60s).empty());
    CHECK(f.seen().is == machine::condition::paused);
    f.m.set(f.now, 0, {++f.generation, topic_t, 0, start_at::offset(5), false});
    CHECK(f.wait(9s).empty());
  }
  SECTION("at the end of its log, in a session that does not name it") {
    auto fetch = f.last<machine::send_fetch>();
    for (int i = 0; i != 100; ++i) {
      f.fill(fetch);
      CHECK(f.wait(500ms).empty());
      auto r = f.answer();
      if (i == 0)
        f.part(r, 0).high_watermark = 5;
      static_cast<void>(f.answered(fetch, r));
      f.turn();
      fetch = *f.next<machine::send_fetch>();
    }
    CHECK(f.seen().is == machine::condition::reading);
    CHECK(f.seen().log_end == log_offset{5});
  }
  SECTION("while an answer arrives, which may take a minute") {
    f.fill(f.last<machine::send_fetch>());
    for (int i = 0; i != 60; ++i) {
      CHECK(f.wait(1s).empty());
      f.m.on_progress(f.now, 0);
    }
    CHECK(f.seen().is == machine::condition::reading);
    std::size_t told = 0;
    for (int i = 0; i != 60; ++i) {
      told += f.wait(1s).size();
      f.m.on_progress(f.now, 0);
    }
    CHECK(told == 1);
  }
}

TEST_CASE(
  "what was reported of a partition that is sought or taken away counts no more") {
  watched f;
  f.assign(0, start_at::offset(5));
  CHECK(f.wait(11s).size() == 1);
  CHECK(f.m.stalled() == 1);
  SECTION("sought") {
    f.assign(0, start_at::offset(7));
    CHECK(f.m.stalled() == 0);
    CHECK(f.wait(9s).empty());
    CHECK(f.wait(2s).size() == 1);
  }
  SECTION("taken away") {
    f.m.remove(f.now, 0);
    CHECK(f.m.stalled() == 0);
    CHECK(f.m.view(f.now).empty());
    CHECK(f.wait(60s).empty());
  }
}

TEST_CASE("an error that was reported is reported to be over, whatever it was") {
  fixture f;
  f.assign(0, start_at::offset(5));
  f.metadata(1);
  auto fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  f.fill(*fetch);
  auto r = f.answer();
  f.part(r, 0).error_code = error_code::topic_authorization_failed;
  static_cast<void>(f.answered(*fetch, r));
  f.later(1s);
  REQUIRE(f.next<machine::report>());
  fetch = f.next<machine::send_fetch>();
  REQUIRE(fetch);
  f.fill(*fetch);
  auto allowed = f.answer();
  f.part(allowed, 0).high_watermark = 5;
  static_cast<void>(f.answered(*fetch, allowed));
  f.turn();
  const auto over = f.next<machine::report>();
  REQUIRE(over);
  CHECK(over->why.code == error_code::none);
}
