#include "fixture_kafka.hpp"

using namespace cafka;
using namespace cafka::testing;

namespace {

/// Whatever a record may be, with times in ascending order.
std::vector<record> all_kinds() {
  const timestamp then{1'700'000'000'000ms};
  return {
    {.key = "key", .value = "value", .time = then},
    {.value = "no key", .time = then + 1ms},
    {.key = "no value", .time = then + 2ms},
    {.time = then + 3ms},
    {.key = "", .value = "", .time = then + 4ms},
    {.key = std::string("\0\xff", 2),
      .value = std::string(1'000, '\0'),
      .time = then + 5ms},
    {.key = "k",
      .value = "v",
      .headers = {{"name", "value"}, {"name", "again"}, {"empty", ""},
        {"null", std::nullopt}, {"", "no name"}},
      .time = then + 6ms},
  };
}

produce produce_of(
  const std::string& topic, partition_id partition, std::vector<record> records) {
  produce request;
  request.topic = topic;
  request.partition = partition;
  request.records = std::move(records);
  return request;
}

fetch fetch_of(const std::string& topic, partition_id partition, log_offset offset = 0) {
  fetch request;
  request.topic = topic;
  request.partition = partition;
  request.offset = offset;
  request.wait_time = 5'000ms;
  return request;
}

/// Does not compress to nothing.
std::string noise(std::size_t size) {
  std::string text(size, '\0');
  std::uint32_t x = 1;
  for (auto& c : text) {
    x = x * 1664525 + 1013904223;
    c = static_cast<char>(x >> 24);
  }
  return text;
}

} // namespace

TEST_CASE("a thread produces through a named worker and fetches what it produced") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("thread");
  service s{kafka.brokers()};
  s.connect("w");
  const auto sent = all_kinds();
  const auto first = REQUIRE_VALUE(s.app->produce(produce_of(topic, 0, sent), "w"));
  CHECK(first.topic == topic);
  CHECK(first.partition == partition_id{0});
  CHECK(first.base_offset == log_offset{0});
  const auto second = REQUIRE_VALUE(s.app->produce(produce_of(topic, 0, sent), "w"));
  CHECK(second.base_offset == log_offset{static_cast<std::int64_t>(sent.size())});
  const auto got = REQUIRE_VALUE(s.app->fetch(fetch_of(topic, 0), "w"));
  CHECK(got.high_watermark == log_offset{static_cast<std::int64_t>(2 * sent.size())});
  CHECK(got.log_start_offset == log_offset{0});
  auto twice = sent;
  twice.insert(twice.end(), sent.begin(), sent.end());
  CHECK(copies(got) == twice);
  std::int64_t offset = 0;
  for (const auto& r : got.records) {
    CHECK(r.offset == log_offset{offset++});
    CHECK(r.time_type == protocol::timestamp_type::create_time);
  }
}

TEST_CASE("an actor produces through a named worker and fetches what it produced") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("actor");
  service s{kafka.brokers()};
  s.connect("w");
  const auto worker = REQUIRE_VALUE(s.app->worker("w"));
  const auto sent = all_kinds();
  const auto put =
    REQUIRE_VALUE(ask_one<produced>(s.system, worker, produce_of(topic, 0, sent)));
  CHECK(put.base_offset == log_offset{0});
  const auto got = REQUIRE_VALUE(ask_one<fetched>(s.system, worker, fetch_of(topic, 0)));
  CHECK(copies(got) == sent);
}

TEST_CASE("several workers of several names share a cluster") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("workers");
  service s{kafka.brokers()};
  std::vector<record> sent;
  for (const std::string name : {"a", "b", "c"}) {
    s.connect(name);
    produce_options options;
    options.worker = name;
    static_cast<void>(REQUIRE_VALUE(s.app->produce(topic, 0, name, options)));
  }
  CHECK(s.app->workers() == std::vector<std::string>{"a", "b", "c"});
  for (const std::string name : {"a", "b", "c"}) {
    std::string values;
    for (const auto& [offset, r] : read_all(*s.app, topic, 0, name))
      values += *r.value;
    CHECK(values == "abc");
  }
}

TEST_CASE("the broker's time stands in for the producer's where the topic says so") {
  kafka_cluster kafka;
  const auto topic =
    kafka.create_topic("log-append", 1, {{"message.timestamp.type", "LogAppendTime"}});
  service s{kafka.brokers()};
  s.connect("w");
  auto sent = all_kinds();
  const auto put = REQUIRE_VALUE(s.app->produce(produce_of(topic, 0, sent), "w"));
  REQUIRE(put.log_append_time);
  for (auto& r : sent)
    r.time = *put.log_append_time;
  CHECK(copies(REQUIRE_VALUE(s.app->fetch(fetch_of(topic, 0), "w"))) == sent);
}

TEST_CASE("a record without a time gets the present") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("present");
  service s{kafka.brokers()};
  s.connect("w");
  const auto present = [] {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  };
  const auto before = present();
  static_cast<void>(
    REQUIRE_VALUE(s.app->produce(produce_of(topic, 0, {{.value = "x"}}), "w")));
  const auto after = present();
  const auto got = copies(REQUIRE_VALUE(s.app->fetch(fetch_of(topic, 0), "w")));
  REQUIRE(got.size() == 1);
  CHECK(got[0].time >= before);
  CHECK(got[0].time <= after);
}

TEST_CASE("every codec is taken by the broker and read again") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("codecs");
  service s{kafka.brokers()};
  s.connect("w");
  auto sent = all_kinds();
  for (int i = 0; i != 200; ++i)
    sent.push_back(
      {.key = "key", .value = std::string(500, 'x') + noise(50), .time = sent[0].time});
  for (const auto& [compression, name] : all_codecs()) {
    INFO(name);
    auto request = produce_of(topic, 0, sent);
    request.compression = compression;
    const auto put = REQUIRE_VALUE(s.app->produce(request, "w"));
    REQUIRE(put.base_offset);
    const auto got =
      REQUIRE_VALUE(s.app->fetch(fetch_of(topic, 0, *put.base_offset), "w"));
    CHECK(copies(got) == sent);
    REQUIRE(got.records.batches().size() == 1);
    CHECK(got.records.batches()[0].info().compression == compression);
  }
}

TEST_CASE("a topic that compresses for itself is read in its own codec") {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  s.connect("w");
  for (const auto& [compression, name] : all_codecs()) {
    if (compression == codec::none)
      continue;
    INFO(name);
    const auto topic = kafka.create_topic("own-" + name, 1, {{"compression.type", name}});
    const std::vector<record> sent(
      100, {.value = std::string(100, 'x'), .time = timestamp{1'700'000'000'000ms}});
    static_cast<void>(REQUIRE_VALUE(s.app->produce(produce_of(topic, 0, sent), "w")));
    const auto got = REQUIRE_VALUE(s.app->fetch(fetch_of(topic, 0), "w"));
    CHECK(copies(got) == sent);
    CHECK(got.records.batches().at(0).info().compression == compression);
  }
}

TEST_CASE("a record of a megabyte goes out and comes back in every codec") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("megabyte");
  service s{kafka.brokers()};
  s.connect("w");
  const std::vector<record> sent{
    {.key = "k", .value = noise(1 << 20), .time = timestamp{1'700'000'000'000ms}}};
  for (const auto& [compression, name] : all_codecs()) {
    INFO(name);
    auto request = produce_of(topic, 0, sent);
    request.compression = compression;
    const auto put = REQUIRE_VALUE(s.app->produce(request, "w"));
    // One batch larger than `max_bytes` still comes.
    auto small = fetch_of(topic, 0, *put.base_offset);
    small.max_bytes = 1'000;
    CHECK(copies(REQUIRE_VALUE(s.app->fetch(small, "w"))) == sent);
  }
}

TEST_CASE("a record that the broker finds too large is its error") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("too-large", 1, {{"max.message.bytes", "1000"}});
  service s{kafka.brokers()};
  s.connect("w");
  const auto refused =
    s.app->produce(produce_of(topic, 0, {{.value = noise(2'000)}}), "w");
  INFO(why(refused));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == error_code::message_too_large);
}

TEST_CASE("each number of acknowledgements is honoured") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("acks");
  service s{kafka.brokers()};
  s.connect("w");
  auto request = produce_of(topic, 0, {{.value = "x"}});
  request.required_acks = -1;
  CHECK(REQUIRE_VALUE(s.app->produce(request, "w")).base_offset == log_offset{0});
  request.required_acks = 1;
  CHECK(REQUIRE_VALUE(s.app->produce(request, "w")).base_offset == log_offset{1});
  request.required_acks = 0;
  // No broker answers: only reading tells that it arrived.
  CHECK_FALSE(REQUIRE_VALUE(s.app->produce(request, "w")).base_offset);
  CHECK(eventually([&] {
    return REQUIRE_VALUE(s.app->latest_offset(topic, 0, "w")).offset == log_offset{3};
  }));
  request.required_acks = 2;
  const auto refused = s.app->produce(request, "w");
  INFO(why(refused));
  CHECK(refused.error().code == error_code::invalid_required_acks);
}

TEST_CASE("partitions led by different brokers are served by one worker") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("spread", 6);
  service s{kafka.brokers()};
  s.connect("w");
  for (int p = 0; p != 6; ++p)
    CHECK(REQUIRE_VALUE(
            s.app->produce(produce_of(topic, p, {{.value = std::to_string(p)}}), "w"))
            .base_offset
      == log_offset{0});
  for (int p = 0; p != 6; ++p) {
    const auto got = copies(REQUIRE_VALUE(s.app->fetch(fetch_of(topic, p), "w")));
    REQUIRE(got.size() == 1);
    CHECK(got[0].value == std::to_string(p));
  }
  const auto status = REQUIRE_VALUE(s.app->status("w"));
  for (int id = 1; id <= 3; ++id)
    CHECK(std::ranges::any_of(status.connections,
      [&](const auto& c) { return c.broker == broker_id{id} && c.connected; }));
}

TEST_CASE("a fetch begins at the very offset it names, in the middle of a batch too") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("middle");
  service s{kafka.brokers()};
  s.connect("w");
  std::vector<record> sent;
  for (int i = 0; i != 10; ++i)
    sent.push_back({.value = std::to_string(i)});
  static_cast<void>(REQUIRE_VALUE(s.app->produce(produce_of(topic, 0, sent), "w")));
  for (int from = 0; from != 10; ++from) {
    const auto got = REQUIRE_VALUE(s.app->fetch(fetch_of(topic, 0, from), "w"));
    REQUIRE(got.records.size() == static_cast<std::size_t>(10 - from));
    CHECK(got.records.begin()->offset == log_offset{from});
    CHECK(got.records.next_offset() == log_offset{10});
  }
}

TEST_CASE(
  "a fetch at the end of the log waits as long as it was told and brings nothing") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("end");
  service s{kafka.brokers()};
  s.connect("w");
  auto request = fetch_of(topic, 0);
  request.wait_time = 300ms;
  const auto began = steady_clock::now();
  const auto got = REQUIRE_VALUE(s.app->fetch(request, "w"));
  CHECK(got.records.empty());
  CHECK(got.high_watermark == log_offset{0});
  CHECK(steady_clock::now() - began >= 300ms);
}

TEST_CASE("a fetch that waits is answered by the record that arrives") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("arrival");
  service s{kafka.brokers()};
  const auto worker = s.connect("w");
  auto request = fetch_of(topic, 0);
  request.wait_time = test_timeout;
  request.deadline = test_timeout;
  const auto waiting =
    ask_from_actor<fetched>(s.system, worker, std::vector<fetch>{request});
  REQUIRE(eventually([&] {
    const auto status = REQUIRE_VALUE(s.app->status("w"));
    return std::ranges::any_of(
      status.connections, [](const auto& c) { return c.in_flight > 0; });
  }));
  // Produce and fetch of one broker do not stand in each other's way.
  static_cast<void>(
    REQUIRE_VALUE(s.app->produce(produce_of(topic, 0, {{.value = "x"}}), "w")));
  REQUIRE(waiting->wait(test_timeout / 2));
  CHECK(REQUIRE_VALUE(waiting->all()[0]).records.size() == 1);
}

TEST_CASE("a fetch beyond the log is the broker's error") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("beyond");
  service s{kafka.brokers()};
  s.connect("w");
  const auto refused = s.app->fetch(fetch_of(topic, 0, 1'000), "w");
  INFO(why(refused));
  CHECK(refused.error().code == error_code::offset_out_of_range);
}

TEST_CASE("a topic or partition that is not there is an error that names it") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("three", 3);
  service s{kafka.brokers()};
  s.connect("w");
  for (const auto& refused : {s.app->fetch(fetch_of(topic, 3), "w"),
         s.app->fetch(fetch_of("no-" + topic, 0), "w")}) {
    INFO(why(refused));
    CHECK(refused.error().code == error_code::unknown_topic_or_partition);
    CHECK(refused.error().detail.find(topic) != std::string::npos);
  }
}

TEST_CASE("a topic that a produce needs is created where the broker allows it") {
  kafka_cluster kafka;
  const auto topic = unique_name("made-by-produce");
  service s{kafka.brokers()};
  s.connect("w");
  produce_options options;
  options.worker = "w";
  options.deadline = test_timeout;
  static_cast<void>(REQUIRE_VALUE(s.app->produce(topic, 0, "x", options)));
  CHECK(read_all(*s.app, topic, 0, "w").size() == 1);
}
