#include <cafka/protocol/machines/stream_cursor.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace cafka::protocol;
using namespace std::chrono_literals;

namespace {

using ask_committed = stream_cursor::ask_committed;
using ask_offset = stream_cursor::ask_offset;
using ask_records = stream_cursor::ask_records;

constexpr auto latest = start_at::latest();
constexpr auto earliest = start_at::earliest();

constexpr start_at at_time(std::int64_t ms) {
  return timestamp{std::chrono::milliseconds{ms}};
}

stream_cursor_options from(std::int64_t offset) {
  stream_cursor_options options;
  options.start = offset;
  options.retry_backoff.jitter = 0;
  return options;
}

stream_cursor_options in_group() {
  stream_cursor_options options;
  options.committed = true;
  options.commits = true;
  options.retry_backoff.jitter = 0;
  return options;
}

/// A stream, its clock, and what it says, shortened.
struct reading {
  explicit reading(const stream_cursor_options& options, std::uint32_t credit = 1)
    : cursor(options) {
    cursor.grant(credit);
  }

  time_point now = time_point{} + 1h;
  stream_cursor cursor;

  /// The open question as `fetch 5`, `offset -1`, `committed` or `group`; `-` for none.
  std::string asks() {
    const auto q = cursor.next_question(now);
    if (!q)
      return "-";
    if (std::holds_alternative<stream_cursor::ask_group>(*q))
      return "group";
    if (std::holds_alternative<ask_committed>(*q))
      return "committed";
    if (const auto* o = std::get_if<ask_offset>(&*q))
      return "offset " + std::to_string(o->time);
    return "fetch " + std::to_string(std::get<ask_records>(*q).from.value());
  }

  /// Answers a fetch with records up to `next`.
  void records(std::int64_t next, std::int64_t log_end) {
    cursor.on_records(now, {true, next, log_end, -1});
  }

  void no_records(std::int64_t next, std::int64_t log_end) {
    cursor.on_records(now, {false, next, log_end, -1});
  }

  void hand_over() {
    REQUIRE(cursor.may_hand_over());
    cursor.handed_over();
  }

  /// Reads up to `next` and hands it over.
  void read(std::int64_t next, std::int64_t log_end) {
    const auto question = asks();
    INFO(question);
    REQUIRE(question.starts_with("fetch"));
    records(next, log_end);
    hand_over();
  }

  void fail(error_code e) { cursor.on_failure(now, {e, {}}); }

  /// What is to be committed; -1 for nothing.
  std::int64_t commits() { return cursor.next_commit(now).value_or(-1).value(); }

  void answer_commit(error_code e = error_code::none) { cursor.on_commit(now, {e, {}}); }
};

} // namespace

// -- where it starts --------------------------------------------------------------------

TEST_CASE("a stream asks nothing before somebody wants a batch", "[machines]") {
  reading r{from(5), 0};
  CHECK(r.asks() == "-");
  r.cursor.grant(1);
  CHECK(r.asks() == "fetch 5");
  CHECK(r.asks() == "-"); // It is open.
}

TEST_CASE("a stream without offset and group starts by the reset policy", "[machines]") {
  const auto [reset, asked] = GENERATE(table<std::optional<start_at>, std::string>(
    {{std::nullopt, "offset -2"}, {earliest, "offset -2"}, {latest, "offset -1"}}));
  stream_cursor_options options;
  options.reset = reset;
  reading r{options};
  CHECK(r.asks() == asked);
  CHECK_FALSE(r.cursor.start());
  r.cursor.on_offset(r.now, 17);
  CHECK(r.cursor.start() == log_offset{17});
  CHECK(r.asks() == "fetch 17");
}

TEST_CASE("a stream that does not know its group asks, and goes on with it or without",
  "[machines]") {
  auto options = in_group();
  options.asks_group = true;
  reading without{options};
  CHECK(without.asks() == "group");
  without.cursor.on_group(without.now, false);
  CHECK(without.asks() == "offset -2");
  without.cursor.on_offset(without.now, 3);
  without.read(5, 5);
  without.cursor.acknowledge(without.now, 5);
  without.cursor.stop(without.now, {error_code::closed, {}});
  CHECK(without.commits() == -1);
  CHECK(without.cursor.finished());

  reading with{options};
  CHECK(with.asks() == "group");
  with.fail(error_code::worker_down); // For a moment.
  with.now += 1s;
  CHECK(with.asks() == "group");
  with.cursor.on_group(with.now, true);
  CHECK(with.asks() == "committed");
  with.cursor.on_committed(with.now, 3);
  with.read(5, 5);
  with.cursor.acknowledge(with.now, 5);
  with.cursor.stop(with.now, {error_code::closed, {}});
  CHECK(with.commits() == 5);
}

TEST_CASE("an offset that is told goes before the group, which is asked about to commit",
  "[machines]") {
  auto options = in_group();
  options.asks_group = true;
  options.start = 2;
  reading r{options};
  CHECK(r.asks() == "group");
  r.cursor.on_group(r.now, true);
  CHECK(r.asks() == "fetch 2");
}

TEST_CASE(
  "a stream starts at a moment, or at the end if no record is that late", "[machines]") {
  stream_cursor_options options;
  options.start = at_time(1'000);
  reading r{options};
  CHECK(r.asks() == "offset 1000");
  r.cursor.on_offset(r.now, std::nullopt);
  CHECK(r.asks() == "offset -1");
  r.cursor.on_offset(r.now, 9);
  CHECK(r.asks() == "fetch 9");
}

TEST_CASE("a stream that is not told where the log ends is over", "[machines]") {
  stream_cursor_options options;
  options.reset = latest;
  reading r{options};
  CHECK(r.asks() == "offset -1");
  r.cursor.on_offset(r.now, std::nullopt);
  CHECK(r.cursor.over());
  CHECK(r.cursor.outcome().code == error_code::offset_not_available);
}

TEST_CASE("a stream of a group starts where the group has committed", "[machines]") {
  reading r{in_group()};
  CHECK(r.asks() == "committed");
  r.cursor.on_committed(r.now, 40);
  CHECK(r.asks() == "fetch 40");
}

TEST_CASE("a group that has committed nothing starts by the reset policy", "[machines]") {
  auto options = in_group();
  const auto [reset, asked] = GENERATE(table<std::optional<start_at>, std::string>(
    {{std::nullopt, "offset -2"}, {earliest, "offset -2"}, {latest, "offset -1"}}));
  options.reset = reset;
  reading r{options};
  CHECK(r.asks() == "committed");
  r.cursor.on_committed(r.now, std::nullopt);
  CHECK(r.asks() == asked);
  r.cursor.on_offset(r.now, 3);
  CHECK(r.asks() == "fetch 3");
}

TEST_CASE("an offset or a moment that is told goes before the group", "[machines]") {
  auto options = in_group();
  options.start = at_time(7);
  CHECK(reading{options}.asks() == "offset 7");
  options.start = 8;
  CHECK(reading{options}.asks() == "fetch 8");
}

// -- handing over -----------------------------------------------------------------------

TEST_CASE("the next batch is fetched while the consumer has one, and no more than that",
  "[machines]") {
  reading r{from(0)};
  r.read(10, 100);
  CHECK(r.asks() == "fetch 10");
  r.records(20, 100);
  CHECK_FALSE(r.cursor.may_hand_over());
  CHECK(r.asks() == "-");
  r.cursor.grant(1);
  r.hand_over();
  CHECK(r.asks() == "fetch 20");
}

TEST_CASE("batches go out for as long as there is credit", "[machines]") {
  reading r{from(0), 3};
  r.read(10, 100);
  r.read(20, 100);
  r.read(30, 100);
  CHECK(r.asks() == "fetch 30");
  r.records(40, 100);
  CHECK_FALSE(r.cursor.may_hand_over());
}

TEST_CASE("what has no record for the consumer is passed over", "[machines]") {
  reading r{from(0)};
  CHECK(r.asks() == "fetch 0");
  r.no_records(5, 100);
  CHECK_FALSE(r.cursor.may_hand_over());
  CHECK(r.asks() == "fetch 5");
}

// -- the end of the log -----------------------------------------------------------------

TEST_CASE("a stream waits at the log's end by asking again", "[machines]") {
  reading r{from(3)};
  for (int i = 0; i != 5; ++i) {
    CHECK(r.asks() == "fetch 3");
    r.no_records(3, 3);
    r.now = std::max(r.now, r.cursor.next_time());
  }
  CHECK_FALSE(r.cursor.over());
  r.read(4, 4);
}

TEST_CASE("a stream that does not wait ends with the last record", "[machines]") {
  auto options = from(0);
  options.no_wait_at_logend = true;
  reading r{options};
  CHECK(r.asks() == "fetch 0");
  r.records(2, 3);
  CHECK_FALSE(r.cursor.over());
  r.hand_over();
  CHECK(r.asks() == "fetch 2");
  r.records(3, 3);
  CHECK(r.asks() == "-");
  CHECK_FALSE(r.cursor.over()); // The last batch waits for credit.
  r.cursor.grant(1);
  r.hand_over();
  CHECK(r.cursor.over());
  CHECK(r.cursor.outcome() == error{});
}

TEST_CASE("a stream of committed records ends at the last stable offset", "[machines]") {
  auto options = from(0);
  options.no_wait_at_logend = true;
  options.read_committed = GENERATE(true, false);
  reading r{options};
  CHECK(r.asks() == "fetch 0");
  r.cursor.on_records(r.now, {false, 3, 10, 3});
  CHECK(r.cursor.over() == options.read_committed);
}

TEST_CASE(
  "a gap before the log's end is asked about a few times, with pauses", "[machines]") {
  auto options = from(6);
  options.no_wait_at_logend = GENERATE(true, false);
  reading r{options};
  for (int i = 0; i != 3; ++i) {
    CHECK_FALSE(r.cursor.over());
    CHECK(r.asks() == "fetch 6");
    r.no_records(6, 10);
    CHECK(r.asks() == "-");
    r.now = std::max(r.now, std::min(r.cursor.next_time(), r.now + 1h));
  }
  CHECK(r.cursor.over() == options.no_wait_at_logend);
  CHECK(r.asks() == (options.no_wait_at_logend ? "-" : "fetch 6"));
}

// -- errors -----------------------------------------------------------------------------

TEST_CASE(
  "an offset out of range ends the stream where no policy says more", "[machines]") {
  reading r{from(50)};
  CHECK(r.asks() == "fetch 50");
  r.fail(error_code::offset_out_of_range);
  CHECK(r.cursor.over());
  CHECK(r.cursor.outcome().code == error_code::offset_out_of_range);
}

TEST_CASE("an offset out of range is left for where the policy says", "[machines]") {
  auto options = from(50);
  options.reset = GENERATE(earliest, latest);
  reading r{options};
  CHECK(r.asks() == "fetch 50");
  r.fail(error_code::offset_out_of_range);
  CHECK(r.asks() == "offset " + std::to_string(options.reset->value()));
  r.cursor.on_offset(r.now, 70);
  CHECK(r.asks() == "fetch 70");
  CHECK(r.cursor.start() == log_offset{50}); // The same stream again starts the same.
}

TEST_CASE("a reset that never helps is the end", "[machines]") {
  auto options = from(50);
  options.reset = earliest;
  reading r{options};
  for (int i = 0; i != 3; ++i) {
    CHECK(r.asks().starts_with("fetch"));
    r.fail(error_code::offset_out_of_range);
    r.now = std::max(r.now, r.cursor.next_time());
    CHECK(r.asks() == "offset -2");
    r.cursor.on_offset(r.now, 60);
  }
  CHECK(r.asks() == "fetch 60");
  r.fail(error_code::offset_out_of_range);
  CHECK(r.cursor.outcome().code == error_code::offset_out_of_range);
}

TEST_CASE("what passes is waited for, up to the deadline", "[machines]") {
  auto options = from(0);
  options.deadline = 10s;
  reading r{options};
  const auto e = GENERATE(error_code::disconnected, error_code::worker_down,
    error_code::not_leader_or_follower, error_code::queue_full);
  const auto began = r.now;
  while (!r.cursor.over()) {
    CHECK(r.asks() == "fetch 0");
    r.fail(e);
    r.now = std::min(r.cursor.next_time(), r.now + 1min);
  }
  CHECK(r.cursor.outcome().code == e);
  CHECK(r.now - began > 8s);
  CHECK(r.now - began < 10s + 1min);
}

TEST_CASE("each question has what is left of the deadline, and a success renews it",
  "[machines]") {
  auto options = from(0);
  options.deadline = 10s;
  reading r{options};
  const auto left = [&] {
    return std::get<ask_records>(r.cursor.next_question(r.now).value()).deadline;
  };
  CHECK(left() == 10s);
  r.now += 4s;
  r.fail(error_code::disconnected);
  r.now += 1s;
  CHECK(left() == 5s);
  r.no_records(1, 1);
  CHECK(left() == 10s);
}

TEST_CASE("a worker that does not come back is not waited for", "[machines]") {
  auto options = from(0);
  options.worker_returns = false;
  reading r{options};
  CHECK(r.asks() == "fetch 0");
  r.fail(error_code::worker_down);
  CHECK(r.cursor.outcome().code == error_code::worker_down);
}

TEST_CASE("what no waiting mends ends the stream at once", "[machines]") {
  const auto e = GENERATE(error_code::topic_authorization_failed,
    error_code::corrupt_message, error_code::unknown_topic_or_partition,
    error_code::invalid_argument, error_code::closed);
  reading r{from(0)};
  CHECK(r.asks() == "fetch 0");
  r.fail(e);
  CHECK(r.cursor.over());
  CHECK(r.cursor.outcome().code == e);
}

TEST_CASE("a topic that was there is asked for again when a broker does not know it",
  "[machines]") {
  reading r{from(0)};
  r.read(1, 9);
  CHECK(r.asks() == "fetch 1");
  r.fail(error_code::unknown_topic_or_partition);
  CHECK_FALSE(r.cursor.over());
}

// -- commits ----------------------------------------------------------------------------

namespace {

/// A stream of a group that has committed 0 and was handed the records 0 to 9, of 1000.
struct group_reading : reading {
  explicit group_reading(stream_cursor_options options = in_group()) : reading(options) {
    CHECK(asks() == "committed");
    cursor.on_committed(now, 0);
    read(10, 1'000);
  }
};

} // namespace

TEST_CASE("nothing is committed that the consumer is not done with", "[machines]") {
  group_reading r;
  r.now += 1h;
  CHECK(r.commits() == -1);
  r.cursor.stop(r.now, {error_code::closed, {}});
  CHECK(r.commits() == -1);
  CHECK(r.cursor.finished());
  CHECK_FALSE(r.cursor.committed());
}

TEST_CASE(
  "the interval commits, counted from the first record that is new", "[machines]") {
  group_reading r;
  r.cursor.acknowledge(r.now, 2);
  CHECK(r.commits() == -1);
  CHECK(r.asks() == "fetch 10");
  CHECK(r.cursor.next_time() == r.now + 5s);
  r.now += 4s;
  r.cursor.acknowledge(r.now, 3);
  CHECK(r.commits() == -1);
  r.now += 1s;
  CHECK(r.commits() == 3);
  CHECK(r.commits() == -1); // One at a time.
  r.answer_commit();
  CHECK(r.cursor.committed() == log_offset{3});
  r.now += 1h;
  CHECK(r.commits() == -1); // Nothing is new.
}

TEST_CASE("the threshold commits, whatever the time", "[machines]") {
  auto options = in_group();
  options.commit_threshold = 4;
  options.auto_commit_interval = 0ms;
  group_reading r{options};
  r.cursor.acknowledge(r.now, 3);
  CHECK(r.commits() == -1);
  r.cursor.acknowledge(r.now, 4);
  CHECK(r.commits() == 4);
  r.cursor.acknowledge(r.now, 9);
  CHECK(r.commits() == -1); // One is on its way.
  r.answer_commit();
  CHECK(r.commits() == 9);
}

TEST_CASE("what the consumer was not handed cannot be acknowledged", "[machines]") {
  group_reading r;
  r.cursor.acknowledge(r.now, 500);
  r.cursor.stop(r.now, {});
  CHECK(r.commits() == 10);
}

TEST_CASE("an acknowledgement never goes back", "[machines]") {
  group_reading r;
  r.cursor.acknowledge(r.now, 7);
  r.cursor.acknowledge(r.now, 3);
  r.cursor.stop(r.now, {});
  CHECK(r.commits() == 7);
}

TEST_CASE("without auto commit nothing is committed", "[machines]") {
  auto options = in_group();
  options.commits = false;
  group_reading r{options};
  r.cursor.acknowledge(r.now, 10);
  r.cursor.stop(r.now, {});
  CHECK(r.commits() == -1);
  CHECK(r.cursor.finished());
}

TEST_CASE("the end commits what is left, and only then is all finished", "[machines]") {
  group_reading r;
  r.cursor.acknowledge(r.now, 2);
  r.cursor.stop(r.now, {error_code::closed, {}});
  CHECK_FALSE(r.cursor.finished());
  CHECK(r.commits() == 2);
  CHECK_FALSE(r.cursor.finished());
  r.answer_commit();
  CHECK(r.cursor.finished());
  CHECK(r.cursor.outcome().code == error_code::closed);
}

TEST_CASE("a batch that waits for credit when the stream is stopped is not handed over",
  "[machines]") {
  group_reading r;
  CHECK(r.asks() == "fetch 10");
  r.records(20, 1'000);
  r.cursor.stop(r.now, {error_code::closed, {}});
  r.cursor.grant(1);
  CHECK_FALSE(r.cursor.may_hand_over());
  CHECK(r.cursor.over());
  r.cursor.acknowledge(r.now, 20);
  CHECK(r.commits() == 10);
}

TEST_CASE("what is acknowledged after the log's end is committed, too", "[machines]") {
  auto options = in_group();
  options.no_wait_at_logend = true;
  reading r{options};
  CHECK(r.asks() == "committed");
  r.cursor.on_committed(r.now, 0);
  r.read(10, 10);
  CHECK(r.cursor.over());
  r.cursor.acknowledge(r.now, 10);
  r.cursor.stop(r.now, {error_code::closed, {}});
  CHECK(r.cursor.outcome() == error{}); // It had ended before.
  CHECK(r.commits() == 10);
}

TEST_CASE(
  "a commit that fails is reported and tried again, and records go on", "[machines]") {
  group_reading r;
  r.cursor.acknowledge(r.now, 5);
  r.now += 5s;
  CHECK(r.commits() == 5);
  r.answer_commit(error_code::coordinator_not_available);
  CHECK(r.cursor.commit_error().code == error_code::coordinator_not_available);
  CHECK_FALSE(r.cursor.over());
  CHECK(r.commits() == -1);
  r.now += 5s;
  CHECK(r.commits() == 5);
  r.answer_commit();
  CHECK(r.cursor.commit_error() == error{});
}

TEST_CASE(
  "the last commit is tried up to the deadline if it may yet succeed", "[machines]") {
  group_reading r;
  r.cursor.acknowledge(r.now, 5);
  r.cursor.stop(r.now, {});
  const auto began = r.now;
  while (!r.cursor.finished()) {
    CHECK(r.commits() == 5);
    CHECK(r.cursor.commit_deadline(r.now) <= 30s - (r.now - began));
    r.answer_commit(error_code::coordinator_not_available);
    r.now = std::min(r.cursor.next_time(), r.now + 1min);
  }
  CHECK(r.now - began > 28s);
  CHECK(r.cursor.commit_error().code == error_code::coordinator_not_available);
}

TEST_CASE("the last commit is given up at once if no waiting mends it", "[machines]") {
  group_reading r;
  r.cursor.acknowledge(r.now, 5);
  r.cursor.stop(r.now, {});
  CHECK(r.commits() == 5);
  r.answer_commit(error_code::group_authorization_failed);
  CHECK(r.cursor.finished());
  CHECK(r.cursor.commit_error().code == error_code::group_authorization_failed);
}

TEST_CASE("markers and gaps behind the last record are committed with it", "[machines]") {
  group_reading r;
  CHECK(r.asks() == "fetch 10");
  r.no_records(12, 12);
  r.cursor.acknowledge(r.now, 9);
  r.cursor.stop(r.now, {});
  CHECK(r.commits() == 9); // Record 9 is not dealt with.
  r.answer_commit();
  group_reading again;
  CHECK(again.asks() == "fetch 10");
  again.no_records(12, 12);
  again.cursor.acknowledge(again.now, 10);
  again.cursor.stop(again.now, {});
  CHECK(again.commits() == 12);
}

TEST_CASE(
  "records lost to retention do not commit what the consumer still has", "[machines]") {
  auto options = in_group();
  options.reset = earliest;
  group_reading r{options};
  CHECK(r.asks() == "fetch 10");
  r.fail(error_code::offset_out_of_range);
  CHECK(r.asks() == "offset -2");
  r.cursor.on_offset(r.now, 500);
  r.now += 1h;
  CHECK(r.commits() == -1);
  r.cursor.acknowledge(r.now, 10);
  r.now += 1h;
  CHECK(r.commits() == 500);
}

TEST_CASE("a log that has become shorter takes the group back with it", "[machines]") {
  auto options = in_group();
  options.reset = latest;
  group_reading r{options};
  r.cursor.acknowledge(r.now, 10);
  r.now += 5s;
  CHECK(r.commits() == 10);
  r.answer_commit();
  CHECK(r.asks() == "fetch 10");
  r.fail(error_code::offset_out_of_range);
  CHECK(r.asks() == "offset -1");
  r.cursor.on_offset(r.now, 4);
  CHECK(r.commits() == 4);
}

// -- brokers that answer too fast -------------------------------------------------------

TEST_CASE("a broker that says at once that nothing is there is not asked at once again",
  "[machines]") {
  auto options = from(5);
  options.wait_time = GENERATE(0ms, 50ms, 30'000ms);
  const auto pause = std::clamp<std::chrono::milliseconds>(options.wait_time, 5ms, 100ms);
  reading r{options};
  for (int i = 0; i != 5; ++i) {
    CHECK(r.asks() == "fetch 5");
    r.no_records(5, 5);
    CHECK(r.asks() == "-");
    CHECK(r.cursor.next_time() == r.now + pause);
    r.now += pause;
  }
}

TEST_CASE(
  "a broker that has waited at the log's end is asked again at once", "[machines]") {
  auto options = from(5);
  options.wait_time = 50ms;
  reading r{options};
  CHECK(r.asks() == "fetch 5");
  r.now += 50ms;
  r.no_records(5, 5);
  CHECK(r.asks() == "fetch 5");
}

TEST_CASE("fetches that work and bring nothing do not excuse more resets", "[machines]") {
  auto options = from(5);
  options.reset = earliest;
  reading r{options};
  int asked = 0;
  while (!r.cursor.over()) {
    REQUIRE(++asked < 20);
    r.now = std::max(r.now, r.cursor.next_time());
    const auto question = r.asks();
    if (question.starts_with("offset"))
      r.cursor.on_offset(r.now, 3);
    else if (asked % 2 == 1)
      r.fail(error_code::offset_out_of_range);
    else
      r.no_records(3, 3);
  }
  CHECK(r.cursor.outcome().code == error_code::offset_out_of_range);
}

TEST_CASE("the second reset in a row comes after a pause", "[machines]") {
  auto options = from(5);
  options.reset = earliest;
  reading r{options};
  CHECK(r.asks() == "fetch 5");
  r.fail(error_code::offset_out_of_range);
  CHECK(r.asks() == "offset -2");
  r.cursor.on_offset(r.now, 3);
  CHECK(r.asks() == "fetch 3");
  r.fail(error_code::offset_out_of_range);
  CHECK(r.asks() == "-");
  r.now += 20ms;
  CHECK(r.asks() == "offset -2");
}
