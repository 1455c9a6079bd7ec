#include "fixture_kafka.hpp"

using namespace cafka;
using namespace cafka::testing;

namespace {

struct console_service {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  application& app = *s.app;

  console_service() { s.connect("w"); }

  /// Kafka's console producer: each line is `headers TAB key TAB value`, NULL is null.
  void write(
    const std::string& topic, const std::string& compression, std::string_view input) {
    const auto done = kafka.tool(
      {"kafka-console-producer", "--bootstrap-server", kafka.brokers(), "--topic", topic,
        "--compression-codec", compression, "--reader-property", "parse.key=true",
        "--reader-property", "parse.headers=true", "--reader-property",
        "null.marker=NULL", "--command-property", "linger.ms=200"},
      input);
    INFO(done.out << done.err);
    REQUIRE(done.status == 0);
  }

  /// Kafka's console consumer: lines of `offset TAB headers TAB key TAB value`.
  std::vector<std::string> read(const std::string& topic, std::size_t count) {
    const auto done =
      kafka.tool({"kafka-console-consumer", "--bootstrap-server", kafka.brokers(),
        "--topic", topic, "--partition", "0", "--offset", "earliest", "--max-messages",
        std::to_string(count), "--timeout-ms", "60000", "--formatter-property",
        "print.offset=true", "--formatter-property", "print.headers=true",
        "--formatter-property", "print.key=true", "--formatter-property",
        "print.timestamp=true", "--formatter-property", "null.literal=NULL"});
    INFO(done.out << done.err);
    REQUIRE(done.status == 0);
    return lines(done.out);
  }
};

const std::string repeated(2'000, 'x');

} // namespace

TEST_CASE("Kafka's console consumer reads what cafka wrote in every codec") {
  console_service c;
  const auto topic = c.kafka.create_topic("to-console");
  std::vector<std::string> expected;
  const auto expect = [&](const std::string& rest) {
    expected.push_back("CreateTime:1700000000000\tOffset:"
      + std::to_string(expected.size()) + '\t' + rest);
  };
  const timestamp then{1'700'000'000'000ms};
  for (const auto& [compression, name] : all_codecs()) {
    produce request;
    request.topic = topic;
    request.compression = compression;
    for (int i = 0; i != 20; ++i) {
      const auto value = repeated + std::to_string(i);
      request.records.push_back({.key = name,
        .value = value,
        .headers = {{"codec", name}, {"n", std::to_string(i)}},
        .time = then});
      expect("codec:" + name + ",n:" + std::to_string(i) + '\t' + name + '\t' + value);
    }
    request.records.push_back({.value = "no key", .time = then});
    expect("NO_HEADERS\tNULL\tno key");
    request.records.push_back(
      {.key = "no value", .headers = {{"null", std::nullopt}}, .time = then});
    expect("null:NULL\tno value\tNULL");
    request.records.push_back({.time = then});
    expect("NO_HEADERS\tNULL\tNULL");
    request.records.push_back({.key = "", .value = "", .time = then});
    expect("NO_HEADERS\t\t");
    static_cast<void>(REQUIRE_VALUE(c.app.produce(request, "w")));
  }
  CHECK(c.read(topic, expected.size()) == expected);
}

TEST_CASE("cafka reads what Kafka's console producer wrote in every codec") {
  console_service c;
  for (const auto& [compression, name] : all_codecs()) {
    INFO(name);
    const auto topic = c.kafka.create_topic("from-console-" + name);
    std::string input;
    std::vector<record> expected;
    for (int i = 0; i != 20; ++i) {
      const auto n = std::to_string(i);
      input += "codec:" + name + ",n:" + n + "\tkey" + n + '\t' + repeated + n + '\n';
      expected.push_back({.key = "key" + n,
        .value = repeated + n,
        .headers = {{"codec", name}, {"n", n}}});
    }
    input += "NULL\tNULL\tno key\n";
    expected.push_back({.value = "no key"});
    input += "h:NULL\tno value\tNULL\n";
    expected.push_back({.key = "no value", .headers = {{"h", std::nullopt}}});
    input += "NULL\tNULL\tNULL\n";
    expected.push_back({});
    c.write(topic, name, input);
    std::vector<record> got;
    for (auto& [offset, r] : read_all(c.app, topic, 0, "w")) {
      CHECK(r.time);
      r.time.reset();
      got.push_back(r);
    }
    CHECK(got == expected);
    fetch request;
    request.topic = topic;
    request.offset = 0;
    const auto first = REQUIRE_VALUE(c.app.fetch(request, "w"));
    CHECK(first.records.batches().at(0).info().compression == compression);
  }
}
