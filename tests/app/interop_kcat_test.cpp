#include "fixture_kafka.hpp"

using namespace cafka;
using namespace cafka::testing;

namespace {

struct kcat_service {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  application& app = *s.app;

  kcat_service() { s.connect("w"); }

  /// Runs kcat to a good end; returns what it printed.
  std::string kcat(std::vector<std::string> arguments, std::string_view input = {}) {
    arguments.insert(arguments.begin(), {"kcat", "-b", kafka.brokers()});
    const auto done = run_program(std::move(arguments), input);
    INFO(done.err);
    REQUIRE(done.status == 0);
    return done.out;
  }

  /// One line for each record of a partition, from the beginning to the end:
  /// `offset|time|key length|key|value length|value|headers`; -1 is the length of null.
  std::vector<std::string> consume(const std::string& topic) {
    return lines(kcat({"-C", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q", "-f",
      "%o|%T|%K|%k|%S|%s|%h\n"}));
  }
};

const std::string repeated(2'000, 'x');

} // namespace

TEST_CASE("kcat reads what cafka wrote in every codec") {
  kcat_service k;
  const auto topic = k.kafka.create_topic("to-kcat");
  std::vector<std::string> expected;
  std::int64_t offset = 0;
  for (const auto& [compression, name] : all_codecs()) {
    produce request;
    request.topic = topic;
    request.compression = compression;
    for (int i = 0; i != 20; ++i) {
      request.records.push_back({.key = name,
        .value = repeated + std::to_string(i),
        .headers = {{"codec", name}, {"n", std::to_string(i)}},
        .time = timestamp{1'700'000'000'000ms + milliseconds{i}}});
      const auto value = repeated + std::to_string(i);
      expected.push_back(std::to_string(offset++) + '|'
        + std::to_string(1'700'000'000'000 + i) + '|' + std::to_string(name.size()) + '|'
        + name + '|' + std::to_string(value.size()) + '|' + value + "|codec=" + name
        + ",n=" + std::to_string(i));
    }
    static_cast<void>(REQUIRE_VALUE(k.app.produce(request, "w")));
  }
  CHECK(k.consume(topic) == expected);
}

TEST_CASE("kcat reads null keys and values and headers as cafka wrote them") {
  kcat_service k;
  const auto topic = k.kafka.create_topic("nulls-to-kcat");
  produce request;
  request.topic = topic;
  const timestamp then{1'700'000'000'000ms};
  request.records = {
    {.value = "no key", .time = then},
    {.key = "no value", .time = then},
    {.time = then},
    {.key = "", .value = "", .time = then},
    {.key = "k",
      .value = "v",
      .headers = {{"a", "1"}, {"a", "2"}, {"n", std::nullopt}},
      .time = then},
  };
  static_cast<void>(REQUIRE_VALUE(k.app.produce(request, "w")));
  CHECK(k.consume(topic)
    == std::vector<std::string>{
      "0|1700000000000|-1||6|no key|",
      "1|1700000000000|8|no value|-1||",
      "2|1700000000000|-1||-1||",
      "3|1700000000000|0||0||",
      "4|1700000000000|1|k|1|v|a=1,a=2,n=NULL",
    });
}

TEST_CASE("cafka reads what kcat wrote in every codec") {
  kcat_service k;
  for (const auto& [compression, name] : all_codecs()) {
    INFO(name);
    const auto topic = k.kafka.create_topic("from-kcat-" + name);
    std::string input;
    std::vector<std::string> values;
    for (int i = 0; i != 50; ++i) {
      values.push_back(repeated + std::to_string(i));
      input += "key" + std::to_string(i) + ':' + values.back() + '\n';
    }
    k.kcat({"-P", "-t", topic, "-p", "0", "-z", name, "-K:", "-H", "codec=" + name, "-H",
             "empty="},
      input);
    const auto all = read_all(k.app, topic, 0, "w");
    REQUIRE(all.size() == 50);
    for (std::size_t i = 0; i != all.size(); ++i) {
      const auto& r = all[i].second;
      CHECK(r.key == "key" + std::to_string(i));
      CHECK(r.value == values[i]);
      CHECK(r.headers == std::vector<record::header>{{"codec", name}, {"empty", ""}});
      CHECK(r.time);
    }
    fetch request;
    request.topic = topic;
    request.offset = 0;
    const auto first = REQUIRE_VALUE(k.app.fetch(request, "w"));
    CHECK(first.records.batches().at(0).info().compression == compression);
  }
}

TEST_CASE("cafka reads kcat's null keys, values and headers") {
  kcat_service k;
  const auto topic = k.kafka.create_topic("nulls-from-kcat");
  // With -Z what is empty is null.
  k.kcat(
    {"-P", "-t", topic, "-p", "0", "-Z", "-K:", "-H", "null"}, ":no key\nno value:\n:\n");
  // Without it, it is empty.
  k.kcat({"-P", "-t", topic, "-p", "0", "-K:"}, "k:\n");
  std::vector<record> got;
  for (auto& [offset, r] : read_all(k.app, topic, 0, "w")) {
    r.time.reset();
    got.push_back(r);
  }
  const std::vector<record::header> null_header{{"null", std::nullopt}};
  CHECK(got
    == std::vector<record>{
      {.value = "no key", .headers = null_header},
      {.key = "no value", .headers = null_header},
      {.headers = null_header},
      {.key = "k", .value = ""},
    });
}

TEST_CASE("keys go where kcat's partitioners send them") {
  kcat_service k;
  struct pair {
    const char* kcats;
    protocol::partitioner ours;
  };
  for (const auto& [theirs, ours] :
    {pair{"murmur2_random", protocol::murmur2_partitioner},
      pair{"consistent_random", protocol::crc32_partitioner}}) {
    INFO(theirs);
    const auto topic = k.kafka.create_topic("keys", 7);
    const auto name = std::string{"by-"} + theirs;
    k.s.connect(name, {.partitioner = ours});
    std::string input;
    for (int i = 0; i != 40; ++i)
      input += "key" + std::to_string(i * i) + ":theirs\n";
    k.kcat(
      {"-P", "-t", topic, "-K", ":", "-X", std::string{"partitioner="} + theirs}, input);
    for (int i = 0; i != 40; ++i) {
      const produce_options options{.key = "key" + std::to_string(i * i), .worker = name};
      static_cast<void>(
        REQUIRE_VALUE(k.app.produce(topic, std::nullopt, "ours", options)));
    }
    // By key: the partitions of its two records.
    std::map<std::string, std::vector<std::int32_t>> where;
    for (std::int32_t p = 0; p != 7; ++p) {
      for (const auto& [offset, r] : read_all(k.app, topic, p, name))
        where[r.key.value_or("")].push_back(p);
    }
    CHECK(where.size() == 40);
    for (const auto& [key, partitions] : where) {
      INFO(key);
      REQUIRE(partitions.size() == 2);
      CHECK(partitions[0] == partitions[1]);
    }
  }
}

TEST_CASE("one request writes to one partition, by its keys or to any") {
  kcat_service k;
  const auto topic = k.kafka.create_topic("one-of", 7);
  produce request;
  request.topic = topic;
  // foobar is of partition 0, a of 5.
  request.records = {{.key = "foobar", .value = "1"}, {.value = "2"}};
  const auto put = REQUIRE_VALUE(k.app.produce(request, "w"));
  CHECK(put.partition == partition_id{0});
  request.records.push_back({.key = "a", .value = "3"});
  const auto refused = k.app.produce(request, "w");
  INFO(why(refused));
  CHECK(refused.error().code == error_code::invalid_argument);
  const std::vector<std::string> parts{"foobar", "\"a\"", topic + "/0", topic + "/5"};
  for (const auto& part : parts)
    CHECK(refused.error().detail.find(part) != std::string::npos);
  request.records = {{.value = "4"}, {.value = "5"}};
  CHECK(k.app.produce(request, "w"));
}
