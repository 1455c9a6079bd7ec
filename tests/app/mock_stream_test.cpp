#include "fixture_mock.hpp"
#include "fixture_stream.hpp"

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>
#include <caf/byte_buffer.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <future>

using namespace cafka;
using namespace cafka::testing;
using protocol::api_key;
namespace views = std::views;

static_assert(std::ranges::input_range<cafka::stream>);
static_assert(std::ranges::input_range<const cafka::stream>);
static_assert(std::ranges::view<cafka::stream>);

namespace {

application_options with_default_worker(application_options options = {}) {
  options.request_timeout = test_timeout;
  return options;
}

struct streaming {
  mock_cluster cluster{1};
  service local;
  application& app = *local.app;
  std::string topic = cluster.create_topic("topic");

  explicit streaming(application_options options = {})
    : local(cluster.brokers(), with_default_worker(std::move(options))) {}

  /// Writes `Msg 1` and so on, `per_batch` at a time.
  void fill(int count, int per_batch = 100) {
    for (int i = 1; i <= count; i += per_batch)
      write(app, topic, numbered("Msg ", i, std::min(i + per_batch - 1, count)));
  }

  cafka::stream stream(stream_options options = {}) {
    return app.stream(topic, 0, std::move(options));
  }

  /// All there is, from the first record on.
  cafka::stream all() { return stream({.no_wait_at_logend = true, .offset = 0}); }
};

/// Reads a stream to its end in a thread of its own.
struct background {
  explicit background(cafka::stream records)
    : thread([this, records] {
        for (const auto& r : records) {
          const std::lock_guard lock{mutex};
          seen.push_back(value_of(r));
          changed.notify_all();
        }
        ended.set_value();
      }) {}

  ~background() { thread.join(); }

  bool wait_for(std::size_t count) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, test_timeout, [&] { return seen.size() >= count; });
  }

  bool ends(milliseconds within = test_timeout) {
    return ended.get_future().wait_for(within) == std::future_status::ready;
  }

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> seen;
  std::promise<void> ended;
  std::thread thread;
};

void check_well(const cafka::stream& s) {
  const auto outcome = s.outcome();
  INFO(why(outcome));
  CHECK(outcome.has_value());
}

} // namespace

// -- the range --------------------------------------------------------------------------

TEST_CASE("a stream that does not wait at the log's end yields all there is") {
  streaming s;
  s.fill(3);
  const auto records = s.all();
  CHECK(values(records) == numbered("Msg ", 1, 3));
  check_well(records);
  CHECK(records.start() == log_offset{0});
}

TEST_CASE("a stream over many batches loses nothing and keeps the order") {
  streaming s;
  s.fill(500, 7);
  const auto records =
    s.stream({.no_wait_at_logend = true, .offset = 0, .max_bytes = 2'000});
  CHECK(values(records) == numbered("Msg ", 1, 500));
  check_well(records);
}

TEST_CASE("an empty partition is an empty stream") {
  streaming s;
  const auto records = s.all();
  CHECK(values(records).empty());
  check_well(records);
}

TEST_CASE("a stream goes with views and algorithms") {
  streaming s;
  s.fill(10);
  const auto records = s.all();
  const auto even = [](const stream_record& r) { return r.offset.value() % 2 == 0; };
  std::vector<std::string> some;
  for (const auto& text : records | views::filter(even) | views::transform(value_of)
      | views::drop(1) | views::take(2))
    some.push_back(text);
  CHECK(some == std::vector<std::string>{"Msg 3", "Msg 5"});
  std::size_t count = 0;
  std::ranges::for_each(records, [&](const auto&) { ++count; });
  CHECK(count == 10);
  CHECK(std::ranges::find(records, log_offset{4}, &stream_record::offset)->offset
    == log_offset{4});
  check_well(records);
}

TEST_CASE("taking two records does not wait for a third") {
  streaming s;
  s.fill(2);
  const auto records = s.stream({.offset = 0});
  CHECK(values(records | views::take(2)) == numbered("Msg ", 1, 2));
  check_well(records);
}

TEST_CASE("the same stream yields the same records each time") {
  streaming s;
  s.fill(4);
  const auto records = s.stream({.offset = 0});
  std::vector<stream_record> pair;
  std::ranges::copy(records | views::take(2), std::back_inserter(pair));
  CHECK(values(pair) == numbered("Msg ", 1, 2));
  CHECK(values(records | views::take(2)) == numbered("Msg ", 1, 2));
  const auto rest = records.from(pair[1].offset + 1);
  CHECK(values(rest | views::take(2)) == numbered("Msg ", 3, 4));
}

TEST_CASE("a stream from the log's end begins behind the last record, for good") {
  streaming s;
  s.fill(2);
  const auto records = s.stream({.offset = start_at::latest()});
  std::vector<std::string> seen;
  std::thread reader{[&] { seen = values(records | views::take(1)); }};
  // There is a start only once the stream has asked for it.
  auto last = 2;
  while (!records.start()) {
    ++last;
    write(s.app, s.topic, {"Msg " + std::to_string(last)});
  }
  reader.join();
  const auto first = *records.start();
  CHECK(first >= log_offset{2});
  CHECK(seen == std::vector{"Msg " + std::to_string(first.value() + 1)});
  CHECK(values(records | views::take(1)) == seen);
}

TEST_CASE("records and their bytes stay as long as somebody has them") {
  std::vector<stream_record> kept;
  {
    streaming s;
    produce request;
    request.topic = s.topic;
    request.partition = 0;
    request.compression = codec::lz4;
    request.records.push_back({.key = "key",
      .value = std::string(5'000, 'v'),
      .headers = {{"name", "header"}},
      .time = timestamp{1'700'000'000'000ms}});
    static_cast<void>(REQUIRE_VALUE(s.app.produce(request)));
    std::ranges::copy(s.all(), std::back_inserter(kept));
  }
  REQUIRE(kept.size() == 1);
  CHECK(protocol::as_text(*kept[0].key) == "key");
  CHECK(protocol::as_text(*kept[0].value) == std::string(5'000, 'v'));
  CHECK(kept[0].time == timestamp{1'700'000'000'000ms});
  REQUIRE(kept[0].headers.size() == 1);
  CHECK(protocol::as_text(*kept[0].headers.begin()->value) == "header");
}

TEST_CASE("nothing is asked before the first record is wanted") {
  streaming s;
  const auto records = s.app.stream("no-such-topic", 0, {.offset = 0});
  const auto place = records.begin();
  check_well(records);
}

TEST_CASE("an iterator that nobody asks whether it is at the end still goes on") {
  streaming s;
  s.fill(3);
  auto i = s.all().begin();
  ++i;
  CHECK(value_of(*i) == "Msg 2");
  i++;
  CHECK(i->offset == log_offset{2});
  ++i;
  CHECK(i == std::default_sentinel);
  ++i; // Harmless.
  CHECK(i == std::default_sentinel);
}

// -- waiting ----------------------------------------------------------------------------

TEST_CASE("a stream waits at the log's end and follows what is written") {
  streaming s;
  s.fill(2);
  const auto records = s.stream({.offset = 0});
  background reader{records};
  REQUIRE(reader.wait_for(2));
  for (int i = 3; i <= 20; ++i) {
    write(s.app, s.topic, {"Msg " + std::to_string(i)});
    REQUIRE(reader.wait_for(static_cast<std::size_t>(i)));
  }
  CHECK(records.outcome().has_value());
  records.cancel();
  CHECK(reader.ends());
  CHECK(reader.seen == numbered("Msg ", 1, 20));
  CHECK(records.outcome().error().code == error_code::closed);
}

TEST_CASE("a cancelled stream ends soon, and stays cancelled") {
  streaming s;
  s.fill(3);
  const auto records = s.stream({.offset = 0, .wait_time = 60'000ms});
  background reader{records};
  REQUIRE(reader.wait_for(3));
  const auto began = steady_clock::now();
  records.cancel();
  CHECK(reader.ends());
  CHECK(steady_clock::now() - began < lateness);
  CHECK(values(records).empty());
  CHECK(records.outcome().error().code == error_code::closed);
}

TEST_CASE("a stream cancelled in the midst of a batch hands over no more of it") {
  streaming s;
  s.fill(100);
  const auto records = s.stream({.offset = 0});
  std::size_t count = 0;
  for (const auto& r : records) {
    if (++count == 5)
      records.cancel();
    static_cast<void>(r);
  }
  CHECK(count == 5);
  CHECK(values(records.from(1) | views::take(1)) == numbered("Msg ", 2, 2));
}

TEST_CASE("a stream ends with the application, and then it is closed") {
  streaming s;
  s.fill(3);
  const auto records = s.stream({.offset = 0});
  background reader{records};
  REQUIRE(reader.wait_for(3));
  static_cast<void>(REQUIRE_VALUE(s.app.stop()));
  CHECK(reader.ends());
  CHECK(records.outcome().error().code == error_code::closed);
  CHECK(values(records).empty());
  CHECK(records.outcome().error().code == error_code::closed);
}

TEST_CASE("a stream that is left leaves no actor behind") {
  streaming s;
  s.fill(10);
  const auto before = running_actors(s.local.system);
  for (int i = 0; i != 3; ++i) {
    static_cast<void>(values(s.all()));
    static_cast<void>(values(s.stream({.offset = 0}) | views::take(1)));
  }
  CHECK(eventually([&] { return running_actors(s.local.system) == before; }));
}

// -- errors -----------------------------------------------------------------------------

TEST_CASE("options that make no sense end a stream with words before it begins") {
  streaming s;
  const auto code_of = [&](const std::string& topic, partition_id p, stream_options o) {
    const auto records = s.app.stream(topic, p, std::move(o));
    CHECK(values(records).empty());
    const auto e = records.outcome().error();
    CHECK_FALSE(e.detail.empty());
    return e.code;
  };
  const auto invalid = error_code::invalid_argument;
  CHECK(code_of("", 0, {}) == invalid);
  CHECK(code_of("t", -1, {}) == invalid);
  CHECK(code_of("t", 0, {.offset = -5}) == invalid);
  CHECK(code_of("t", 0, {.wait_time = -1ms}) == invalid);
  CHECK(code_of("t", 0, {.min_bytes = -1}) == invalid);
  CHECK(code_of("t", 0, {.max_bytes = 0}) == invalid);
  CHECK(code_of("t", 0, {.deadline = -1ms}) == invalid);
  CHECK(code_of("t", 0, {.consumer_group = ""}) == error_code::invalid_group_id);
  CHECK(code_of("t", 0, {.worker = "nobody"}) == error_code::not_found);
}

TEST_CASE("an offset out of range is the end, or where the policy says") {
  streaming s;
  s.fill(3);
  const auto records = s.stream({.no_wait_at_logend = true, .offset = 50});
  CHECK(values(records).empty());
  CHECK(records.outcome().error().code == error_code::offset_out_of_range);
  const auto earliest = s.stream({.no_wait_at_logend = true,
    .offset = 50,
    .auto_offset_reset = actors::offset_reset::earliest});
  CHECK(values(earliest) == numbered("Msg ", 1, 3));
  check_well(earliest);
  const auto latest = s.stream({.no_wait_at_logend = true,
    .offset = 50,
    .auto_offset_reset = actors::offset_reset::latest});
  CHECK(values(latest).empty());
  check_well(latest);
}

TEST_CASE("a partition that does not exist ends a stream with an error") {
  streaming s;
  const auto records = s.app.stream(s.topic, 7, {.offset = 0});
  CHECK(values(records).empty());
  CHECK(records.outcome().error().code == error_code::unknown_topic_or_partition);
}

TEST_CASE("a stream rides out errors that pass") {
  streaming s;
  s.fill(3);
  s.cluster.push_errors(api_key::fetch,
    {error_code::not_leader_or_follower, error_code::leader_not_available,
      error_code::kafka_storage_error});
  const auto records = s.all();
  CHECK(values(records) == numbered("Msg ", 1, 3));
  check_well(records);
}

TEST_CASE("brokers that are away longer than the deadline are the end") {
  streaming s;
  s.fill(3);
  const auto records = s.stream({.offset = 0, .deadline = 2'000ms});
  background reader{records};
  REQUIRE(reader.wait_for(3));
  s.cluster.set_down(1);
  CHECK(reader.ends());
  const auto e = records.outcome().error();
  INFO(to_string(e));
  CHECK(e.code != error_code::none);
  CHECK(e.code != error_code::closed);
}

TEST_CASE("brokers that come back within the deadline are not") {
  streaming s;
  s.fill(3);
  const auto records = s.stream({.offset = 0});
  background reader{records};
  REQUIRE(reader.wait_for(3));
  s.cluster.set_down(1);
  REQUIRE(eventually([&] { return !REQUIRE_VALUE(s.app.status()).connected; }));
  s.cluster.set_up(1);
  write(s.app, s.topic, {"Msg 4"});
  REQUIRE(reader.wait_for(4));
  records.cancel();
  CHECK(reader.seen == numbered("Msg ", 1, 4));
}

TEST_CASE(
  "a stream follows its worker's name through restarts, and a handle to its end") {
  streaming s;
  s.fill(3);
  const auto worker = REQUIRE_VALUE(s.app.worker());
  const auto by_name = s.stream({.offset = 0});
  const auto by_handle = s.stream({.worker = worker, .offset = 0});
  background name_reader{by_name};
  background handle_reader{by_handle};
  REQUIRE(name_reader.wait_for(3));
  REQUIRE(handle_reader.wait_for(3));
  post_exit(worker, caf::exit_reason::kill);
  CHECK(handle_reader.ends());
  CHECK(by_handle.outcome().error().code == error_code::worker_down);
  write(s.app, s.topic, {"Msg 4"});
  REQUIRE(name_reader.wait_for(4));
  by_name.cancel();
}

// -- groups -----------------------------------------------------------------------------

TEST_CASE("a group goes on behind the records that were taken") {
  streaming s;
  s.fill(10);
  const stream_options options{.consumer_group = "g"};
  const auto records = s.stream(options);
  CHECK(values(records | views::take(2)) == numbered("Msg ", 1, 2));
  CHECK(committed(s.app, "g", s.topic) == 2);
  CHECK(values(records | views::take(2)) == numbered("Msg ", 1, 2));
  CHECK(values(s.stream(options) | views::take(1)) == numbered("Msg ", 3, 3));
  CHECK(committed(s.app, "g", s.topic) == 3);
}

TEST_CASE("a record that the loop is left in is not committed") {
  streaming s;
  s.fill(10);
  const auto records = s.stream({.consumer_group = "g"});
  for (const auto& r : records) {
    if (value_of(r) == "Msg 4")
      break;
  }
  check_well(records);
  CHECK(committed(s.app, "g", s.topic) == 3);
}

TEST_CASE("without auto commit a group's stream commits nothing") {
  streaming s;
  s.fill(3);
  const auto records =
    s.stream({.no_wait_at_logend = true, .consumer_group = "g", .auto_commit = false});
  CHECK(values(records).size() == 3);
  CHECK(committed(s.app, "g", s.topic) == -1);
}

TEST_CASE("a stream commits while it is read, by count and by time") {
  application_options settings;
  const bool by_count = GENERATE(true, false);
  settings.commit_threshold = by_count ? 5 : 0;
  settings.auto_commit_interval = by_count ? 0ms : 50ms;
  streaming s{settings};
  s.fill(2'000);
  const auto records = s.stream({.consumer_group = "g"});
  auto place = records.begin();
  int moved = 0;
  // Time is looked at when the place moves on.
  CHECK(eventually([&] {
    if (moved < (by_count ? 12 : 2'000)) {
      ++place;
      ++moved;
    }
    return committed(s.app, "g", s.topic) >= (by_count ? 10 : 1);
  }));
  CHECK(committed(s.app, "g", s.topic) <= moved);
}

TEST_CASE("a commit that fails for good is the outcome, and no record is lost for it") {
  streaming s;
  s.fill(10);
  s.cluster.push_errors(
    api_key::offset_commit, std::vector(20, error_code::group_authorization_failed));
  const auto records = s.stream({.no_wait_at_logend = true, .consumer_group = "g"});
  CHECK(values(records) == numbered("Msg ", 1, 10));
  const auto e = records.outcome().error();
  CHECK(e.code == error_code::group_authorization_failed);
  CHECK(e.detail.find("commit") != std::string::npos);
}

TEST_CASE("a cancelled stream commits what was handed over") {
  streaming s;
  s.fill(3);
  const auto records = s.stream({.consumer_group = "g"});
  background reader{records};
  REQUIRE(reader.wait_for(3));
  records.cancel();
  CHECK(reader.ends());
  CHECK(committed(s.app, "g", s.topic) == 3);
}

// -- actors -----------------------------------------------------------------------------

TEST_CASE("an actor gets as many batches as it grants") {
  streaming s;
  s.fill(50, 10);
  stream_consumer consumer{s.local.system};
  const auto stream = REQUIRE_VALUE(s.app.stream_to(consumer.address(), s.topic, 0,
    {.no_wait_at_logend = true, .offset = 0, .max_bytes = 100}));
  post(stream, stream_credit{2});
  REQUIRE(consumer.wait_for_batches(2));
  post(stream, stream_credit{3});
  REQUIRE(consumer.wait_for_batches(5));
  std::vector<std::string> all;
  log_offset next = 0;
  for (const auto& b : consumer.batches()) {
    CHECK(b.topic == s.topic);
    CHECK(b.start == log_offset{0});
    CHECK(b.log_end == log_offset{50});
    CHECK(b.records.begin()->offset == next);
    next = b.next();
    for (auto& v : values(b.records))
      all.push_back(std::move(v));
  }
  CHECK(all == numbered("Msg ", 1, 50));
  const auto end = consumer.end();
  CHECK(end.outcome == error{});
  CHECK(end.start == log_offset{0});
}

TEST_CASE("a batch travels to another node as it is") {
  streaming s;
  s.fill(5);
  stream_consumer consumer{s.local.system};
  const auto stream =
    REQUIRE_VALUE(s.app.stream_to(consumer.address(), s.topic, 0, {.offset = 2}));
  post(stream, stream_credit{1});
  REQUIRE(consumer.wait_for_batches(1));
  auto sent = consumer.batches()[0];
  caf::byte_buffer bytes;
  caf::binary_serializer out{s.local.system, bytes};
  REQUIRE(out.apply(sent));
  stream_batch got;
  caf::binary_deserializer in{s.local.system, bytes};
  REQUIRE(in.apply(got));
  CHECK(values(got.records) == numbered("Msg ", 3, 5));
  CHECK(got.topic == s.topic);
  CHECK(got.start == log_offset{2});
  CHECK(got.next() == log_offset{5});
  CHECK(got.log_end == log_offset{5});
}

TEST_CASE("an actor's stream commits what the actor is done with, and no more") {
  streaming s;
  s.fill(30, 10);
  stream_consumer consumer{s.local.system};
  const auto stream = REQUIRE_VALUE(s.app.stream_to(
    consumer.address(), s.topic, 0, {.consumer_group = "g", .max_bytes = 100}));
  post(stream, stream_credit{2});
  REQUIRE(consumer.wait_for_batches(2));
  const auto answer = consumer.stop(stream, log_offset{7});
  CHECK(answer.outcome.code == error_code::closed);
  CHECK(answer.committed == log_offset{7});
  CHECK(answer.commit_error == error{});
  CHECK(consumer.end().outcome.code == error_code::closed);
  CHECK(consumer.batches().size() == 2); // The third was fetched, but not granted.
  CHECK(committed(s.app, "g", s.topic) == 7);
}

TEST_CASE("a stream ends with its consumer, having committed what that was done with") {
  streaming s;
  s.fill(30, 10);
  const auto before = running_actors(s.local.system);
  stream_consumer consumer{s.local.system};
  const auto stream = REQUIRE_VALUE(s.app.stream_to(
    consumer.address(), s.topic, 0, {.consumer_group = "g", .max_bytes = 100}));
  post(stream, stream_credit{1});
  REQUIRE(consumer.wait_for_batches(1));
  post(stream, stream_credit{1, consumer.batches()[0].next()});
  REQUIRE(consumer.wait_for_batches(2));
  consumer.kill();
  CHECK(eventually([&] { return running_actors(s.local.system) <= before; }));
  CHECK(committed(s.app, "g", s.topic) == 10);
}

TEST_CASE("an actor's stream tells why it cannot go on") {
  streaming s;
  s.fill(3);
  stream_consumer consumer{s.local.system};
  const auto stream =
    REQUIRE_VALUE(s.app.stream_to(consumer.address(), s.topic, 0, {.offset = 50}));
  post(stream, stream_credit{1});
  CHECK(consumer.end().outcome.code == error_code::offset_out_of_range);
  const auto answer = consumer.stop(stream);
  CHECK(answer.outcome.code == error_code::offset_out_of_range);
  CHECK(
    s.app.stream_to(nullptr, s.topic, 0).error().code == error_code::invalid_argument);
  CHECK(s.app.stream_to(consumer.address(), "", 0).error().code
    == error_code::invalid_argument);
}

TEST_CASE("an actor's stream ends with the application") {
  streaming s;
  stream_consumer consumer{s.local.system};
  const auto stream =
    REQUIRE_VALUE(s.app.stream_to(consumer.address(), s.topic, 0, {.offset = 0}));
  post(stream, stream_credit{1});
  static_cast<void>(REQUIRE_VALUE(s.app.stop()));
  CHECK(consumer.end().outcome.code == error_code::closed);
  CHECK(
    s.app.stream_to(consumer.address(), s.topic, 0).error().code == error_code::closed);
}
