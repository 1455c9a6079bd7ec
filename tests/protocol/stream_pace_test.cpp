#include <cafka/protocol/machines/stream_cursor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

// How much a stream asks for, as the link's pace and what fails let it.

using namespace cafka::protocol;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

constexpr std::int32_t most = 1'000'000;
constexpr std::int32_t least = 16 * 1024;

/// A stream on a link of so many bytes per second, whose batches have one size.
struct slow_link {
  explicit slow_link(double bytes_per_second, std::size_t size)
    : pace(bytes_per_second), batch(size) {}

  static stream_cursor_options options() {
    stream_cursor_options all;
    all.start = 0;
    all.max_bytes = most;
    all.retry_backoff.jitter = 0;
    return all;
  }

  double pace;
  std::size_t batch;
  time_point now = time_point{} + 1h;
  std::int64_t read = 0;
  stream_cursor cursor{options()};

  /// What the next question asks for.
  std::int32_t asks() {
    cursor.grant(1);
    now = std::max(now, cursor.next_time());
    const auto q = cursor.next_question(now);
    REQUIRE(q);
    return std::get<stream_cursor::ask_records>(*q).max_bytes;
  }

  /// Answers as a broker does: all that fits, cut where the limit is, one batch at least.
  void answer(std::int32_t max_bytes) {
    const auto bytes = std::max(static_cast<std::size_t>(max_bytes), batch);
    now += std::chrono::duration_cast<time_point::duration>(
      std::chrono::duration<double>(static_cast<double>(bytes) / pace));
    read += static_cast<std::int64_t>(std::max<std::size_t>(bytes / batch, 1));
    cursor.on_records(now, {true, read, 1'000'000, -1, bytes});
    cursor.handed_over();
  }

  void fail(error_code e) { cursor.on_failure(now, {e, {}}); }
};

} // namespace

TEST_CASE("a stream on a slow link asks for as much as comes in seconds", "[machines]") {
  slow_link l{30'000, 600'000};
  const auto begun = l.now;
  CHECK(l.asks() == most);
  l.answer(most);
  // What is above one batch would be thrown away.
  CHECK(l.asks() < 200'000);
  l.answer(150'000);
  l.asks();
  l.answer(150'000);
  CHECK(l.read == 3);
  CHECK(l.now - begun < 80s);
}

TEST_CASE("a stream on a quick link always asks for all it may", "[machines]") {
  slow_link l{10e6, 1'000};
  for (int i = 0; i < 10; ++i) {
    CHECK(l.asks() == most);
    l.answer(most);
  }
}

TEST_CASE("a stream whose link gets quicker asks for more again", "[machines]") {
  slow_link l{5'000, 1'000};
  l.answer(l.asks());
  l.answer(l.asks());
  CHECK(l.asks() < 50'000);
  l.answer(50'000);
  l.pace = 10e6;
  std::int32_t last = 0;
  for (int i = 0; i < 12; ++i) {
    const auto now = l.asks();
    CHECK(now >= last);
    last = now;
    l.answer(now);
  }
  CHECK(last == most);
}

TEST_CASE(
  "what did not come whole is asked for smaller, down to one batch", "[machines]") {
  const auto code = GENERATE(
    error_code::timed_out, error_code::disconnected, error_code::outcome_unknown);
  slow_link l{30'000, 600'000};
  auto last = l.asks();
  for (int i = 0; i < 3; ++i) {
    l.fail(code);
    const auto next = l.asks();
    CHECK(next == last / 2);
    last = next;
  }
  for (int i = 0; i < 5; ++i) {
    l.fail(code);
    last = l.asks();
  }
  CHECK(last == least);
}

TEST_CASE("what failed for another reason is asked for as it was", "[machines]") {
  slow_link l{30'000, 600'000};
  l.asks();
  l.fail(error_code::not_leader_or_follower);
  CHECK(l.asks() == most);
}

TEST_CASE("an old broker that sends no batch above the limit is asked for all again",
  "[machines]") {
  slow_link l{30'000, 600'000};
  l.asks();
  for (int i = 0; i < 3; ++i) {
    l.fail(error_code::timed_out);
    l.asks();
  }
  l.fail(error_code::message_too_large);
  CHECK_FALSE(l.cursor.over());
  CHECK(l.asks() == most);
  // Then less would bring nothing.
  l.fail(error_code::timed_out);
  CHECK(l.asks() == most);
  l.fail(error_code::message_too_large);
  CHECK(l.cursor.over());
  CHECK(l.cursor.outcome().code == error_code::message_too_large);
}
