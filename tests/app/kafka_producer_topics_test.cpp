#include "fixture_kafka.hpp"
#include <cafka/actors/producer/producer.hpp>

#include <set>

using namespace cafka;
using namespace cafka::testing;

// What may become of a producer's topics: their limits, their end, their growth.

namespace {

/// A producer, and how many records ended in which way.
struct counted_producer {
  kafka_cluster& kafka;
  service s;
  std::mutex mutex;
  std::map<error_code, std::int32_t> outcomes;
  producer handle;

  explicit counted_producer(kafka_cluster& k, producer_options options = {})
    : kafka(k), s(k.brokers(), quick()) {
    options.on_delivery = [this](const delivery& d) {
      const std::lock_guard lock{mutex};
      outcomes[d.error.code] += d.count;
    };
    handle = REQUIRE_VALUE(s.app->producer(std::move(options)));
    s.connect("reader");
  }
  ~counted_producer() { static_cast<void>(handle.close(test_timeout)); }

  /// One that sees soon what has changed.
  static application_options quick() {
    auto options = service::quiet();
    options.metadata_max_age = milliseconds{200};
    return options;
  }

  std::map<error_code, std::int32_t> flushed() {
    static_cast<void>(REQUIRE_VALUE(handle.flush(test_timeout)));
    const std::lock_guard lock{mutex};
    return outcomes;
  }

  std::vector<std::string> values(const std::string& topic, partition_id p = 0) {
    std::vector<std::string> all;
    for (const auto& [offset, record] : read_all(*s.app, topic, p, "reader"))
      all.push_back(record.value.value_or("null"));
    return all;
  }
};

} // namespace

TEST_CASE(
  "batches that a topic does not take arrive in smaller ones, in order and once") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("small", 1, {{"max.message.bytes", "20000"}});
  for (const auto& [c, name] : all_codecs()) {
    INFO(name);
    producer_options options;
    options.compression = c;
    counted_producer p{kafka, options};
    const auto before = p.values(topic).size();
    std::vector<std::string> sent;
    std::uint32_t random = 1;
    for (int i = 0; i != 3'000; ++i) {
      // Nothing that a codec makes much smaller.
      std::string text = std::to_string(i) + ' ';
      while (text.size() < 150) {
        random = random * 1'664'525 + 1'013'904'223;
        text += static_cast<char>(random >> 24);
      }
      REQUIRE(p.handle.send(topic, text));
      sent.push_back(std::move(text));
    }
    std::string large;
    while (large.size() < 30'000) {
      random = random * 1'664'525 + 1'013'904'223;
      large += static_cast<char>(random >> 24);
    }
    REQUIRE(p.handle.send(topic, large));
    REQUIRE(p.handle.send(topic, "last"));
    sent.emplace_back("last");
    CHECK(p.flushed()
      == std::map<error_code, std::int32_t>{
        {error_code::none, 3'001}, {error_code::message_too_large, 1}});
    const auto all = p.values(topic);
    CHECK(std::vector<std::string>{
            all.begin() + static_cast<std::ptrdiff_t>(before), all.end()}
      == sent);
  }
}

TEST_CASE("a topic that is deleted and recreated takes a producer's records again") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("anew", 3);
  counted_producer p{kafka};
  for (int i = 0; i != 300; ++i)
    REQUIRE(p.handle.send(
      topic, outgoing_record{.value = protocol::as_bytes("old"), .partition = i % 3}));
  CHECK(p.flushed() == std::map<error_code, std::int32_t>{{error_code::none, 300}});
  delete_topics gone;
  gone.topics = {topic};
  CHECK(REQUIRE_VALUE(p.s.app->delete_topics(gone, "reader")).topics.size() == 1);
  create_topics again;
  again.topics.push_back({topic, 2, 3});
  REQUIRE(eventually([&] {
    const auto made = p.s.app->create_topics(again, "reader");
    return made && made->topics.at(0).status == error_code::none;
  }));
  for (int i = 0; i != 200; ++i)
    REQUIRE(p.handle.send(
      topic, outgoing_record{.value = protocol::as_bytes("new"), .partition = i % 2}));
  CHECK(p.flushed() == std::map<error_code, std::int32_t>{{error_code::none, 500}});
  CHECK(p.values(topic, 0) == std::vector<std::string>(100, "new"));
  CHECK(p.values(topic, 1) == std::vector<std::string>(100, "new"));
}

TEST_CASE("partitions that are added get records of a producer that runs") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("growing", 1);
  producer_options options;
  options.sticky_size = 100;
  counted_producer p{kafka, options};
  CHECK(p.handle.send(topic, "first"));
  CHECK(p.flushed() == std::map<error_code, std::int32_t>{{error_code::none, 1}});
  const auto grown = kafka.tool({"kafka-topics", "--bootstrap-server", kafka.brokers(),
    "--alter", "--topic", topic, "--partitions", "3"});
  REQUIRE(grown.status == 0);
  std::set<partition_id> used;
  REQUIRE(eventually([&] {
    const auto sent = p.handle.send(topic, "some text that is long enough to move on");
    REQUIRE(sent);
    used.insert(sent.partition);
    return used.size() == 3;
  }));
  CHECK(p.flushed().size() == 1);
  CHECK(p.outcomes.contains(error_code::none));
}
