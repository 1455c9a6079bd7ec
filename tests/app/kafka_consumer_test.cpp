#include "fixture_consumer.hpp"
#include "fixture_kafka.hpp"
#include <cafka/actors/producer/producer.hpp>

#include <caf/telemetry/metric_registry.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <set>

using namespace cafka;
using namespace cafka::testing;

namespace {

/// A consumer of a topic on the cluster of three, and a writer to it.
struct kafka_consumer {
  kafka_cluster cluster;
  service local{cluster.brokers(), often_asking()};
  std::string topic;
  std::int32_t partitions = 0;
  producer writer;
  consumer handle;
  std::optional<consumed> seen;
  int each = 0;

  explicit kafka_consumer(std::int32_t count = 3, consumer_options options = {},
    const std::map<std::string, std::string>& settings = {})
    : topic(cluster.create_topic("consumed", count, settings)), partitions(count) {
    writer = REQUIRE_VALUE(local.app->producer(producer_options{}));
    handle = REQUIRE_VALUE(local.app->consumer(std::move(options)));
    seen.emplace(handle);
  }

  /// Metadata is asked for often, also where nothing is read.
  static application_options often_asking() {
    auto options = service::quiet();
    options.metadata_max_age = milliseconds{2'000};
    return options;
  }

  ~kafka_consumer() {
    static_cast<void>(handle.close(test_timeout));
    static_cast<void>(writer.close(test_timeout));
  }

  void append(int more) {
    const auto to = writer.to(topic);
    for (int i = each; i != each + more; ++i) {
      const auto text = std::to_string(i);
      for (std::int32_t p = 0; p != partitions; ++p)
        REQUIRE(writer.send(to, {.value = protocol::as_bytes(text), .partition = p}));
    }
    static_cast<void>(REQUIRE_VALUE(writer.flush(test_timeout)));
    each += more;
  }

  void assign(start_at start = {}) {
    static_cast<void>(REQUIRE_VALUE(handle.assign(all_of(topic, partitions, start))));
  }

  void check_all(int from = 0) {
    REQUIRE(seen->poll_until(static_cast<std::size_t>(partitions * (each - from))));
    for (int p = 0; p != partitions; ++p)
      CHECK(seen->values[p] == number_texts(from, each));
    CHECK(seen->disordered == 0);
  }

  std::int64_t counter(const std::string& name) {
    return local.system.metrics()
      .counter_family("cafka.consumer", name, {"consumer"}, "", "1", true)
      ->get_or_add({{"consumer", handle.name()}})
      ->value();
  }
};

} // namespace

TEST_CASE("consumer: fetch sessions name all partitions once to each broker") {
  kafka_consumer c{6, {.fetch_max_wait = milliseconds{50}}};
  c.append(10);
  c.assign();
  c.check_all();
  for (int i = 0; i != 10; ++i) {
    c.append(10);
    c.check_all();
  }
  REQUIRE(eventually([&] { return c.seen->poll() && c.counter("fetches") >= 40; }));
  // Partitions come in two or three steps in the beginning, and then nothing is repeated.
  CHECK(c.counter("full-fetches") >= 3);
  CHECK(c.counter("full-fetches") <= 6);
  CHECK(c.counter("errors") == 0);
}

TEST_CASE("consumer: seek, pause, resume and a time to start at") {
  kafka_consumer c;
  c.append(1'000);
  const auto between =
    std::chrono::floor<milliseconds>(std::chrono::system_clock::now()) + milliseconds{50};
  // The producer's clock is coarse: it may be some milliseconds behind.
  REQUIRE(eventually(
    [&] { return std::chrono::system_clock::now() > between + milliseconds{50}; }));
  c.append(500);
  c.assign(start_at::time(between));
  c.check_all(1'000);
  for (int p = 0; p != 3; ++p)
    static_cast<void>(REQUIRE_VALUE(c.handle.seek(c.topic, p, start_at::earliest())));
  c.seen->forget();
  c.check_all();
  static_cast<void>(REQUIRE_VALUE(c.handle.pause({{c.topic, 1}})));
  c.append(100);
  REQUIRE(eventually([&] {
    return c.seen->poll() && c.seen->values[0].size() == 1'600
      && c.seen->values[2].size() == 1'600;
  }));
  CHECK(c.seen->values[1].size() == 1'500);
  static_cast<void>(REQUIRE_VALUE(c.handle.resume({{c.topic, 1}})));
  c.check_all();
  c.seen->forget();
  static_cast<void>(REQUIRE_VALUE(
    c.handle.seek(c.topic, 0, start_at::time(between + std::chrono::hours{24}))));
  REQUIRE(eventually([&] {
    return c.seen->poll() && c.handle.position(c.topic, 0) == log_offset{1'600};
  }));
}

TEST_CASE("consumer: records that were deleted are passed over, by policy") {
  kafka_consumer c{1, {.auto_offset_reset = offset_reset::earliest}};
  c.append(100);
  const auto deletion = R"({"partitions": [{"topic": ")" + c.topic
    + R"(", "partition": 0, "offset": 60}], "version": 1})";
  const auto said =
    c.cluster.tool({"kafka-delete-records", "--bootstrap-server", c.cluster.brokers(),
                     "--offset-json-file", "/dev/stdin"},
      deletion);
  INFO(said.err);
  REQUIRE(said.status == 0);
  c.assign(start_at::offset(0));
  c.check_all(60);
  const auto strict = REQUIRE_VALUE(
    c.local.app->consumer({.name = "strict", .auto_offset_reset = offset_reset::none}));
  static_cast<void>(REQUIRE_VALUE(strict.assign({{c.topic, 0, start_at::offset(0)}})));
  const auto got = REQUIRE_VALUE(strict.poll(test_timeout));
  REQUIRE(got.errors.size() == 1);
  CHECK(got.errors[0].why.code == error_code::offset_out_of_range);
  CHECK(got.errors[0].halted);
  static_cast<void>(strict.close(test_timeout));
}

TEST_CASE("consumer: a record larger than every limit comes nevertheless, in any codec") {
  kafka_consumer c{1,
    {.fetch_max_bytes = 1'000,
      .max_partition_fetch_bytes = 1'000,
      .buffer_memory = 10'000}};
  c.local.connect("w");
  std::vector<std::string> expected;
  for (const auto& [value, name] : all_codecs()) {
    INFO(name);
    std::string text(500'000, 'x');
    // Does not compress to nothing.
    std::uint32_t random = 7;
    for (auto& x : text) {
      random = random * 1'664'525 + 1'013'904'223;
      x = static_cast<char>('a' + (random >> 28));
    }
    text += name;
    produce batch{.topic = c.topic, .partition = 0, .compression = value};
    batch.records.push_back({.key = "k", .value = text, .headers = {{"h", "v"}}});
    static_cast<void>(REQUIRE_VALUE(c.local.app->produce(batch, "w")));
    expected.push_back(std::move(text));
  }
  c.assign();
  REQUIRE(c.seen->poll_until(expected.size()));
  CHECK(c.seen->values[0] == expected);
}

TEST_CASE("consumer: read_committed hands out what was committed, and nothing else") {
  kafka_cluster cluster;
  const auto topic = cluster.create_topic("transactions");
  constexpr int count = 30;
  const auto jars = lines(run_program({CAFKA_KAFKA_SCRIPT, "fetch"}).out);
  REQUIRE_FALSE(jars.empty());
  const auto written =
    run_program({"java", "-XX:TieredStopAtLevel=1", "-cp", jars.back() + "/*",
      CAFKA_TRANSACTIONS, cluster.brokers(), topic, std::to_string(count)});
  INFO(written.err);
  REQUIRE(written.status == 0);
  std::vector<std::string> committed;
  std::vector<std::string> all;
  for (int t = 0; t != count; ++t) {
    for (int i = 0; i != 10; ++i) {
      const auto what = std::to_string(t) + ' ' + std::to_string(i);
      all.push_back((t % 3 == 2 ? "aborted " : "committed ") + what);
      if (t % 3 != 2)
        committed.push_back(all.back());
    }
    all.push_back("plain " + std::to_string(t));
    committed.push_back(all.back());
  }
  service local{cluster.brokers()};
  for (const auto size : {std::size_t{500}, std::size_t{1} << 20}) {
    for (const auto isolation :
      {isolation_level::read_uncommitted, isolation_level::read_committed}) {
      const auto reader =
        REQUIRE_VALUE(local.app->consumer({.name = unique_name("reader"),
          .max_partition_fetch_bytes = size,
          .isolation = isolation}));
      const auto& expected =
        isolation == isolation_level::read_committed ? committed : all;
      static_cast<void>(REQUIRE_VALUE(reader.assign({{topic, 0}})));
      consumed seen{reader};
      REQUIRE(seen.poll_until(expected.size()));
      CHECK(seen.values[0] == expected);
      static_cast<void>(REQUIRE_VALUE(reader.close(test_timeout)));
    }
  }
}

TEST_CASE("consumer: a leader that is killed costs a second at most, and no record") {
  // Kafka alone takes nine seconds until there is a leader again: no stall to be told.
  kafka_consumer c{6, {.stalled_after = test_timeout}};
  c.append(100);
  c.assign();
  c.check_all();
  for (const auto victim : {1, 2}) {
    INFO("broker " << victim);
    c.cluster.kill(victim);
    // The writer's acknowledgement says that there is a leader again.
    c.append(20);
    const auto led = steady_clock::now();
    REQUIRE(c.seen->poll_until(static_cast<std::size_t>(6 * c.each)));
    const auto took = std::chrono::ceil<milliseconds>(steady_clock::now() - led);
    CHECK(took < milliseconds{1'000} + lateness);
    WARN("broker " << victim << " killed: read again " << took.count()
                   << " ms after a write was acknowledged");
    c.check_all();
    c.cluster.start(victim);
    c.append(20);
    c.check_all();
  }
  CHECK(c.seen->errors.empty());
}

TEST_CASE("consumer: a leader that hangs costs no record") {
  kafka_consumer c{3};
  c.append(100);
  c.assign();
  c.check_all();
  c.cluster.pause(1);
  c.append(20);
  const auto led = steady_clock::now();
  REQUIRE(c.seen->poll_until(static_cast<std::size_t>(3 * c.each)));
  const auto took = std::chrono::ceil<milliseconds>(steady_clock::now() - led);
  CHECK(took < milliseconds{1'000} + lateness);
  c.cluster.resume(1);
  c.append(20);
  c.check_all();
}

TEST_CASE("consumer: a replica close by is read though its leader hangs") {
  kafka_consumer c{1, {.max_partition_fetch_bytes = 2'000, .client_rack = "rack-3"}};
  // In small batches, so that one fetch has few of them.
  for (int i = 0; i != 50; ++i)
    c.append(20);
  c.assign();
  REQUIRE(c.seen->poll_until(100));
  REQUIRE(c.seen->records() < 1'000);
  c.cluster.pause(kafka_cluster::first_leader(0));
  // The replica may not have heard of the last batch that it is acknowledged.
  REQUIRE(c.seen->poll_until(980, milliseconds{3'000}));
  c.cluster.resume(kafka_cluster::first_leader(0));
  c.append(20);
  c.check_all();
  // And the other way round: the leader is asked where the replica hangs.
  c.cluster.pause(3);
  c.append(20);
  const auto written = steady_clock::now();
  REQUIRE(c.seen->poll_until(static_cast<std::size_t>(c.each)));
  CHECK(steady_clock::now() - written < milliseconds{3'000});
  c.cluster.resume(3);
  c.append(20);
  c.check_all();
}

TEST_CASE("consumer: a topic that is deleted and recreated is read from its beginning") {
  kafka_consumer c{1};
  c.append(100);
  c.assign();
  c.check_all();
  const bool paused = GENERATE(false, true);
  CAPTURE(paused);
  if (paused)
    static_cast<void>(REQUIRE_VALUE(c.handle.pause({{c.topic, 0}})));
  c.local.connect("w");
  delete_topics deletion;
  deletion.topics = {c.topic};
  static_cast<void>(REQUIRE_VALUE(c.local.app->delete_topics(deletion, "w")));
  REQUIRE(eventually([&] {
    create_topics creation;
    auto& wanted = creation.topics.emplace_back();
    wanted.name = c.topic;
    wanted.partitions = 1;
    wanted.replication_factor = 3;
    const auto made = c.local.app->create_topics(creation, "w");
    return made && made->ok();
  }));
  c.seen->forget();
  produce batch{.topic = c.topic, .partition = 0};
  for (int i = 0; i != 150; ++i)
    batch.records.push_back({.value = std::to_string(i)});
  REQUIRE(eventually([&] { return bool{c.local.app->produce(batch, "w")}; }));
  if (paused) {
    REQUIRE(eventually([&] { return !c.handle.position(c.topic, 0); }));
    static_cast<void>(REQUIRE_VALUE(c.handle.resume({{c.topic, 0}})));
  }
  REQUIRE(c.seen->poll_until(150));
  CHECK(c.seen->values[0] == number_texts(0, 150));
}

TEST_CASE("consumer: a partition that is added is read from when it is there") {
  kafka_consumer c{1};
  c.append(10);
  static_cast<void>(REQUIRE_VALUE(c.handle.assign(all_of(c.topic, 2))));
  c.check_all();
  const auto said = c.cluster.tool({"kafka-topics", "--bootstrap-server",
    c.cluster.brokers(), "--alter", "--topic", c.topic, "--partitions", "2"});
  INFO(said.err);
  REQUIRE(said.status == 0);
  c.local.connect("w");
  produce batch{.topic = c.topic, .partition = 1};
  batch.records.push_back({.value = "new"});
  REQUIRE(eventually([&] { return bool{c.local.app->produce(batch, "w")}; }));
  REQUIRE(c.seen->poll_until(11));
  CHECK(c.seen->values[1] == std::vector<std::string>{"new"});
}

TEST_CASE("consumer: a slow program's memory stays within the budget") {
  constexpr std::size_t budget = 4 << 20;
  kafka_consumer c{6, {.max_partition_fetch_bytes = 256 * 1024, .buffer_memory = budget}};
  const std::string value(1'000, 'x');
  // No batch is larger than what a partition is asked for.
  const auto writer = REQUIRE_VALUE(
    c.local.app->producer(producer_options{.name = "small", .batch_size = 100'000}));
  const auto to = writer.to(c.topic);
  constexpr std::size_t count = 60'000;
  for (std::size_t i = 0; i != count; ++i)
    REQUIRE(writer.send(to,
      {.value = protocol::as_bytes(value),
        .partition = static_cast<std::int32_t>(i % 6)}));
  static_cast<void>(REQUIRE_VALUE(writer.close(test_timeout)));
  c.assign();
  std::vector<polled> kept;
  std::size_t records = 0;
  std::size_t bytes = 0;
  std::size_t most = 0;
  while (records < count) {
    auto got = REQUIRE_VALUE(c.handle.poll(milliseconds{200}));
    const auto nothing = got.empty();
    records += got.records();
    for (const auto& b : got.batches)
      bytes += b.bytes();
    kept.push_back(std::move(got));
    most = std::max(most, bytes);
    if (nothing) { // It has its budget's worth; now it lets go.
      kept.clear();
      bytes = 0;
    }
  }
  CHECK(records == count);
  CHECK(most <= budget + budget / 4);
  CHECK(most >= budget / 2);
}

TEST_CASE("consumer: compressed records of every codec, from several partitions") {
  for (const auto& [value, name] : all_codecs()) {
    INFO(name);
    kafka_cluster cluster;
    service local{cluster.brokers()};
    const auto topic = cluster.create_topic("compressed", 3);
    producer_options options;
    options.compression = value;
    const auto writer = REQUIRE_VALUE(local.app->producer(options));
    const auto to = writer.to(topic);
    for (int i = 0; i != 3'000; ++i) {
      const auto text = std::to_string(i / 3);
      REQUIRE(writer.send(to, {.value = protocol::as_bytes(text), .partition = i % 3}));
    }
    static_cast<void>(REQUIRE_VALUE(writer.flush(test_timeout)));
    const auto reader = REQUIRE_VALUE(
      local.app->consumer({.max_partition_fetch_bytes = 2'000, .buffer_memory = 50'000}));
    static_cast<void>(REQUIRE_VALUE(reader.assign(all_of(topic, 3))));
    consumed seen{reader};
    REQUIRE(seen.poll_until(3'000));
    for (int p = 0; p != 3; ++p)
      CHECK(seen.values[p] == number_texts(0, 1'000));
    static_cast<void>(reader.close(test_timeout));
    static_cast<void>(writer.close(test_timeout));
  }
}
