#include "fixture_kafka.hpp"
#include "fixture_stream.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

using namespace cafka;
using namespace cafka::testing;
namespace views = std::views;

namespace {

struct kafka_streaming {
  kafka_cluster kafka;
  service local;
  application& app = *local.app;
  std::string topic;

  explicit kafka_streaming(
    application_options options = {}, std::map<std::string, std::string> settings = {})
    : local(kafka.brokers(), std::move(options)),
      topic(kafka.create_topic("stream", 1, settings)) {}

  void put(const std::string& value) {
    produce_options options;
    options.deadline = test_timeout;
    static_cast<void>(REQUIRE_VALUE(app.produce(topic, 0, value, options)));
  }

  /// What Kafka's own tool says that the group has committed; -1 where it says nothing.
  std::int64_t seen_by_kafka(const std::string& group) {
    const auto done = kafka.tool({"kafka-consumer-groups", "--bootstrap-server",
      kafka.brokers(), "--describe", "--group", group});
    INFO(done.out << done.err);
    for (const auto& line : lines(done.out)) {
      std::istringstream words{line};
      std::string of_group, of_topic;
      std::int64_t partition = -1, offset = -1;
      if (words >> of_group >> of_topic >> partition >> offset && of_topic == topic)
        return offset;
    }
    return -1;
  }
};

std::vector<stream_record> some(const cafka::stream& records, int count) {
  std::vector<stream_record> all;
  std::ranges::copy(records | views::take(count), std::back_inserter(all));
  return all;
}

} // namespace

// -- what the KafkaEx page shows --------------------------------------------------------

// KafkaEx.stream("foo", 0); its options say that it starts at the log's end, and its
// examples and its code begin with what is there.
TEST_CASE("the page: two records are produced and taken") {
  kafka_streaming k;
  k.put("hey");
  k.put("hi");
  const auto stream = k.app.stream(k.topic, 0);
  const auto two = some(stream, 2);
  REQUIRE(two.size() == 2);
  CHECK(two[0].offset == log_offset{0});
  CHECK(value_of(two[0]) == "hey");
  CHECK(two[1].offset == log_offset{1});
  CHECK(value_of(two[1]) == "hi");
}

TEST_CASE("the page: a stream is used again, from another offset") {
  kafka_streaming k;
  write(k.app, k.topic, numbered("Msg ", 1, 4));
  auto stream = k.app.stream(k.topic, 0);
  auto two = some(stream, 2);
  CHECK(values(two) == numbered("Msg ", 1, 2));
  two = some(stream, 2);
  CHECK(values(two) == numbered("Msg ", 1, 2));
  stream = stream.from(two[1].offset + 1);
  CHECK(values(some(stream, 2)) == numbered("Msg ", 3, 4));
}

TEST_CASE("the page: a stream halts at the log's end") {
  kafka_streaming k;
  for (int i = 1; i <= 3; ++i)
    k.put("Msg " + std::to_string(i));
  const auto stream = k.app.stream(k.topic, 0, {.no_wait_at_logend = true, .offset = 0});
  CHECK(values(stream) == numbered("Msg ", 1, 3));
  std::vector<std::string> ten;
  for (auto text : stream | views::transform(value_of) | views::take(10))
    ten.push_back(std::move(text));
  CHECK(ten == numbered("Msg ", 1, 3));
  CHECK(stream.outcome().has_value());
}

TEST_CASE("the page: a group's second stream gets the next offset") {
  kafka_streaming k;
  write(k.app, k.topic, numbered("Msg ", 1, 10));
  const auto group = unique_name("my_consumer");
  const auto stream =
    k.app.stream(k.topic, 0, {.consumer_group = group, .auto_commit = true});
  CHECK(values(some(stream, 2)) == numbered("Msg ", 1, 2));
  CHECK(k.seen_by_kafka(group) == 2);
  CHECK(values(some(stream, 2)) == numbered("Msg ", 1, 2));
  const auto stream2 =
    k.app.stream(k.topic, 0, {.consumer_group = group, .auto_commit = true});
  CHECK(values(some(stream2, 1)) == numbered("Msg ", 3, 3));
  CHECK(k.seen_by_kafka(group) == 3);
}

TEST_CASE("the page: versions are pinned") {
  kafka_streaming k;
  write(k.app, k.topic, numbered("Msg ", 1, 3));
  const auto group = unique_name("pinned");
  const stream_api_versions pinned{.fetch = 4, .offset_fetch = 3, .offset_commit = 3};
  const auto stream = k.app.stream(k.topic, 0,
    {.no_wait_at_logend = true, .consumer_group = group, .api_versions = pinned});
  CHECK(values(stream) == numbered("Msg ", 1, 3));
  INFO(why(stream.outcome()));
  CHECK(stream.outcome().has_value());
  CHECK(committed(k.app, group, k.topic) == 3);
  const auto old = k.app.stream(k.topic, 0, {.offset = 0, .api_versions = {.fetch = 0}});
  CHECK(values(old).empty());
  CHECK(old.outcome().error().code == error_code::unsupported_api_version);
}

// -- where it starts --------------------------------------------------------------------

TEST_CASE("a stream starts at a time, at either end, and at the end for good") {
  kafka_streaming k;
  const timestamp then{1'700'000'000'000ms};
  for (int i = 1; i <= 5; ++i) {
    produce_options options;
    options.timestamp = then + i * 1s;
    static_cast<void>(
      REQUIRE_VALUE(k.app.produce(k.topic, 0, "Msg " + std::to_string(i), options)));
  }
  const auto at = [&](start_at where) {
    return k.app.stream(k.topic, 0, {.no_wait_at_logend = true, .offset = where});
  };
  CHECK(values(at(then + 3s)) == numbered("Msg ", 3, 5));
  CHECK(values(at(then + 2'500ms)) == numbered("Msg ", 3, 5));
  CHECK(values(at(start_at::earliest())) == numbered("Msg ", 1, 5));
  CHECK(values(at(then + 1h)).empty());
  const auto end = at(start_at::latest());
  CHECK(values(end).empty());
  CHECK(end.start() == log_offset{5});
  k.put("Msg 6");
  CHECK(values(end) == numbered("Msg ", 6, 6));
  const auto by_default = k.app.stream(k.topic, 0, {.no_wait_at_logend = true});
  CHECK(values(by_default) == numbered("Msg ", 1, 6));
  CHECK(by_default.start() == log_offset{0});
  const auto by_policy = k.app.stream(k.topic, 0,
    {.no_wait_at_logend = true, .auto_offset_reset = actors::offset_reset::latest});
  CHECK(values(by_policy).empty());
  CHECK(by_policy.start() == log_offset{6});
}

TEST_CASE("a stream reads for its worker's group unless it is told") {
  kafka_streaming k;
  write(k.app, k.topic, numbered("Msg ", 1, 5));
  const auto group = unique_name("of_worker");
  k.local.connect("pr", {.consumer_group = group});
  const auto read = [&](stream_options options) {
    options.no_wait_at_logend = true;
    options.worker = "pr";
    const auto stream = k.app.stream(k.topic, 0, options);
    auto all = values(stream);
    INFO(why(stream.outcome()));
    CHECK(stream.outcome().has_value());
    return all;
  };
  const auto first = k.app.stream(k.topic, 0, {.worker = "pr"});
  CHECK(values(some(first, 2)) == numbered("Msg ", 1, 2));
  CHECK(committed(k.app, group, k.topic) == 2);
  CHECK(read({}) == numbered("Msg ", 3, 5));
  CHECK(k.seen_by_kafka(group) == 5);
  CHECK(read({}).empty());
  CHECK(read({.consumer_group = no_consumer_group}) == numbered("Msg ", 1, 5));
  CHECK(read({.consumer_group = unique_name("another")}) == numbered("Msg ", 1, 5));
  // It commits where an offset is told, too, unless it is not to.
  CHECK(read({.offset = 4, .auto_commit = false}) == numbered("Msg ", 5, 5));
  CHECK(committed(k.app, group, k.topic) == 5);
  const auto back = k.app.stream(k.topic, 0, {.worker = "pr", .offset = 1});
  CHECK(values(some(back, 2)) == numbered("Msg ", 2, 3));
  CHECK(committed(k.app, group, k.topic) == 3);
}

TEST_CASE("records deleted before a stream's offset are an error, or skipped by policy") {
  kafka_streaming k;
  write(k.app, k.topic, numbered("Msg ", 1, 9));
  const auto path =
    std::string{std::getenv("CAFKA_KAFKA_DIR")} + '/' + unique_name("delete") + ".json";
  std::ofstream{path} << R"({"partitions": [{"topic": ")" << k.topic
                      << R"(", "partition": 0, "offset": 6}], "version": 1})";
  const auto done = k.kafka.tool({"kafka-delete-records", "--bootstrap-server",
    k.kafka.brokers(), "--offset-json-file", path});
  std::filesystem::remove(path);
  INFO(done.out << done.err);
  REQUIRE(done.status == 0);
  const auto strict = k.app.stream(k.topic, 0, {.no_wait_at_logend = true, .offset = 0});
  CHECK(values(strict).empty());
  CHECK(strict.outcome().error().code == error_code::offset_out_of_range);
  const auto lenient = k.app.stream(k.topic, 0,
    {.no_wait_at_logend = true,
      .offset = 0,
      .auto_offset_reset = actors::offset_reset::earliest});
  CHECK(values(lenient) == numbered("Msg ", 7, 9));
  CHECK(lenient.outcome().has_value());
}

TEST_CASE("a topic that does not exist is an error, soon") {
  kafka_streaming k;
  const auto stream = k.app.stream(unique_name("nowhere"), 0, {.offset = 0});
  const auto began = steady_clock::now();
  CHECK(values(stream).empty());
  CHECK(steady_clock::now() - began < 2'000ms + lateness);
  INFO(why(stream.outcome()));
  CHECK(stream.outcome().error().code == error_code::unknown_topic_or_partition);
}

// -- waiting and trouble ----------------------------------------------------------------

TEST_CASE("a stream follows a log that others write, and is cancelled at its end") {
  kafka_streaming k;
  const auto stream =
    k.app.stream(k.topic, 0, {.offset = 0, .wait_time = 5'000ms, .max_bytes = 20'000});
  constexpr int count = 3'000;
  std::atomic<bool> written = false;
  std::thread writer{[&] {
    k.local.connect("writer");
    for (int i = 1; i <= count; i += 30)
      write(k.app, k.topic, numbered("Msg ", i, i + 29), "writer");
    written = true;
  }};
  std::vector<std::string> seen;
  std::atomic<int> so_far = 0;
  bool all_seen = false;
  std::thread canceller{[&] {
    all_seen = eventually([&] { return so_far == count; });
    stream.cancel();
  }};
  for (const auto& r : stream) {
    seen.push_back(value_of(r));
    ++so_far;
  }
  writer.join();
  canceller.join();
  CHECK(all_seen);
  CHECK(written);
  CHECK(seen == numbered("Msg ", 1, count));
  CHECK(stream.outcome().error().code == error_code::closed);
}

namespace {

/// Whether the default worker has a connection to a broker, as far as it knows.
bool is_connected(application& app, broker_id broker) {
  const auto now = REQUIRE_VALUE(app.call(get_status{.deadline = test_timeout}));
  return std::ranges::any_of(now.connections,
    [&](const connection_status& c) { return c.broker == broker && c.connected; });
}

} // namespace

TEST_CASE("a stream goes on when the leader is killed, without a loss or a double") {
  kafka_streaming k;
  const auto group = unique_name("killed");
  const auto stream = k.app.stream(k.topic, 0, {.consumer_group = group});
  write(k.app, k.topic, numbered("Msg ", 1, 100));
  std::vector<std::string> seen;
  std::atomic<int> so_far = 0;
  std::thread reader{[&] {
    for (const auto& r : stream | views::take(300)) {
      seen.push_back(value_of(r));
      ++so_far;
    }
  }};
  const auto first = eventually([&] { return so_far == 100; });
  const auto killed = kafka_cluster::first_leader(0);
  k.kafka.kill(killed);
  // Whether what is sent while the connection ends was written, nobody could say.
  REQUIRE(eventually([&] { return !is_connected(k.app, killed); }));
  write(k.app, k.topic, numbered("Msg ", 101, 200));
  const auto second = eventually([&] { return so_far == 200; });
  k.kafka.start(kafka_cluster::first_leader(0));
  write(k.app, k.topic, numbered("Msg ", 201, 300));
  reader.join();
  CHECK(first);
  CHECK(second);
  CHECK(seen == numbered("Msg ", 1, 300));
  INFO(why(stream.outcome()));
  CHECK(stream.outcome().has_value());
  CHECK(committed(k.app, group, k.topic) == 300);
}

// -- what the log holds -----------------------------------------------------------------

TEST_CASE("a long log of large batches is read to its end, and twice alike") {
  kafka_streaming k;
  for (int i = 1; i <= 20'000; i += 500) {
    produce request;
    request.topic = k.topic;
    request.partition = 0;
    request.compression = i % 1'000 == 1 ? codec::zstd : codec::none;
    for (auto& value : numbered("Msg ", i, i + 499))
      request.records.push_back({.value = std::move(value)});
    static_cast<void>(REQUIRE_VALUE(k.app.produce(request)));
  }
  const auto stream = k.app.stream(
    k.topic, 0, {.no_wait_at_logend = true, .offset = 0, .max_bytes = 50'000});
  const auto expected = numbered("Msg ", 1, 20'000);
  CHECK(values(stream) == expected);
  CHECK(values(stream) == expected);
}

TEST_CASE("gaps that compaction leaves are stepped over") {
  kafka_streaming k{{},
    {{"cleanup.policy", "compact"}, {"segment.ms", "100"}, {"delete.retention.ms", "0"},
      {"min.cleanable.dirty.ratio", "0.001"}, {"max.compaction.lag.ms", "100"}}};
  const auto stream = k.app.stream(k.topic, 0, {.no_wait_at_logend = true, .offset = 0});
  const auto put = [&](const std::string& key, std::optional<std::string> value) {
    produce_options options;
    options.key = key;
    static_cast<void>(
      REQUIRE_VALUE(k.app.produce(k.topic, 0, std::move(value), options)));
  };
  for (int i = 1; i <= 20; ++i)
    put("a", "a" + std::to_string(i));
  put("b", "b1");
  std::vector<std::string> seen;
  // Each write may roll a segment, which can be cleaned then.
  CHECK(eventually([&] {
    put("c", "c");
    seen = values(stream);
    CHECK(stream.outcome().has_value());
    return std::ranges::count(seen, "a1") == 0;
  }));
  CHECK(std::ranges::count(seen, "a20") == 1);
  CHECK(std::ranges::count(seen, "b1") == 1);
}

TEST_CASE("transactions are read to the log's end, behind their markers") {
  kafka_streaming k;
  const auto done = k.kafka.tool(
    {"kafka-producer-perf-test", "--bootstrap-server", k.kafka.brokers(), "--topic",
      k.topic, "--num-records", "50", "--record-size", "100", "--throughput", "500",
      "--transactional-id", unique_name("perf"), "--transaction-duration-ms", "20"});
  INFO(done.out << done.err);
  REQUIRE(done.status == 0);
  const auto end = *REQUIRE_VALUE(k.app.latest_offset(k.topic, 0)).offset;
  REQUIRE(end > log_offset{50}); // Markers take offsets.
  const auto group = unique_name("transactions");
  const auto stream = k.app.stream(k.topic, 0,
    {.no_wait_at_logend = true,
      .consumer_group = group,
      .isolation = isolation_level::read_committed});
  CHECK(values(stream).size() == 50);
  INFO(why(stream.outcome()));
  CHECK(stream.outcome().has_value());
  CHECK(committed(k.app, group, k.topic) == end.value());
}

// -- actors -----------------------------------------------------------------------------

TEST_CASE("an actor reads a partition by credit and commits batch by batch") {
  kafka_streaming k;
  for (int i = 1; i <= 100; i += 10)
    write(k.app, k.topic, numbered("Msg ", i, i + 9));
  const auto group = unique_name("actor");
  std::vector<std::string> seen;
  log_offset next = 0;
  {
    stream_consumer consumer{k.local.system};
    const auto stream = REQUIRE_VALUE(k.app.stream_to(
      consumer.address(), k.topic, 0, {.consumer_group = group, .max_bytes = 300}));
    for (std::size_t i = 1; i <= 3; ++i) {
      post(stream, stream_credit{1, next});
      REQUIRE(consumer.wait_for_batches(i));
      const auto batch = consumer.batches().back();
      for (auto& v : values(batch.records))
        seen.push_back(std::move(v));
      next = batch.next();
    }
    const auto end = consumer.stop(stream, next);
    CHECK(end.outcome.code == error_code::closed);
    CHECK(end.committed == next);
    CHECK(consumer.batches().size() == 3);
  }
  CHECK(k.seen_by_kafka(group) == next.value());
  const auto rest =
    k.app.stream(k.topic, 0, {.no_wait_at_logend = true, .consumer_group = group});
  for (auto& v : values(rest))
    seen.push_back(std::move(v));
  CHECK(seen == numbered("Msg ", 1, 100));
}

TEST_CASE(
  "a stream whose consumer dies ends, and the group goes on behind what was done") {
  kafka_streaming k;
  for (int i = 1; i <= 30; i += 10)
    write(k.app, k.topic, numbered("Msg ", i, i + 9));
  const auto group = unique_name("dies");
  const auto before = running_actors(k.local.system);
  log_offset done = -1;
  {
    stream_consumer consumer{k.local.system};
    const auto stream = REQUIRE_VALUE(k.app.stream_to(
      consumer.address(), k.topic, 0, {.consumer_group = group, .max_bytes = 300}));
    post(stream, stream_credit{1});
    REQUIRE(consumer.wait_for_batches(1));
    done = consumer.batches()[0].next();
    post(stream, stream_credit{1, done});
    REQUIRE(consumer.wait_for_batches(2));
  }
  CHECK(eventually([&] { return running_actors(k.local.system) <= before; }));
  CHECK(committed(k.app, group, k.topic) == done.value());
}
