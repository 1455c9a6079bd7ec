#include "cutting_proxy.hpp"
#include "fixture_kafka.hpp"
#include <cafka/actors/producer/producer.hpp>

using namespace cafka;
using namespace cafka::testing;

namespace {

/// How many records of a producer had each outcome; it sends each as a batch of its own.
class outcomes {
public:
  [[nodiscard]] producer_options options() {
    producer_options o;
    o.linger = 0ms;
    o.batch_size = 1;
    o.on_delivery = [this](const delivery& d) {
      const std::lock_guard lock{mutex_};
      counts_[d.error.code] += d.count;
    };
    return o;
  }

  [[nodiscard]] std::map<error_code, int> counts() const {
    const std::lock_guard lock{mutex_};
    return counts_;
  }

private:
  mutable std::mutex mutex_;
  std::map<error_code, int> counts_;
};

} // namespace

TEST_CASE("a topic that is not there is made, or refused, in time") {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  std::mutex mutex;
  std::vector<delivery> reports;
  producer_options options;
  options.allow_auto_topic_creation = false;
  options.on_delivery = [&](const delivery& d) {
    const std::lock_guard lock{mutex};
    reports.push_back(d);
  };
  const auto p = REQUIRE_VALUE(s.app->producer(options));
  for (int i = 0; i != 10; ++i)
    CHECK(p.send("no-such-topic", "x").status == error_code::none);
  CHECK(p.send("no/such/topic", "x").status == error_code::none);
  CHECK(p.send("", "x").status == error_code::invalid_argument);
  static_cast<void>(REQUIRE_VALUE(p.flush(test_timeout)));
  const std::lock_guard lock{mutex};
  REQUIRE(reports.size() == 2);
  std::ranges::sort(reports, {}, &delivery::count);
  CHECK(reports[0].error.code == error_code::invalid_topic_exception);
  CHECK(reports[1].error.code == error_code::unknown_topic_or_partition);
  CHECK(reports[1].count == 10);
}

TEST_CASE("records that a broker refuses cost those behind them no pause") {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  const auto topic =
    kafka.create_topic("refusing", 1, {{"message.timestamp.before.max.ms", "3600000"}});
  outcomes told;
  const auto p = REQUIRE_VALUE(s.app->producer(told.options()));
  const auto to = p.to(topic);
  REQUIRE(p.partitions(to, test_timeout));
  const auto begun = steady_clock::now();
  for (int i = 0; i != 300; ++i) {
    outgoing_record r{.value = protocol::as_bytes("x")};
    if (i % 10 == 5)
      r.time = timestamp{1s};
    REQUIRE(p.send(to, r));
  }
  REQUIRE(p.flush(test_timeout));
  // It was 120 to 250 ms for each of thirty.
  CHECK(steady_clock::now() - begun < 3s + lateness);
  CHECK(told.counts()
    == std::map<error_code, int>{
      {error_code::none, 270}, {error_code::invalid_timestamp, 30}});
}

// A broker that was killed knows the last batch of each producer alone when it is back,
// and refuses those before it as out of order, although it has them.
TEST_CASE("records whose answers are lost with all brokers are delivered, once") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("answers-lost");
  const auto cuts = std::make_shared<cut_connections>(milliseconds{1h}, milliseconds{1h});
  auto settings = service::quiet();
  settings.transports = cuts;
  service s{kafka.brokers(), settings};
  service reader{kafka.brokers()};
  reader.connect("reader");
  const auto records = [&] {
    const auto end = reader.app->latest_offset(topic, 0, "reader");
    return end && end->offset ? end->offset->value() : -1;
  };
  outcomes told;
  const auto p = REQUIRE_VALUE(s.app->producer(told.options()));
  const auto to = p.to(topic);
  REQUIRE(p.partitions(to, test_timeout));
  REQUIRE(p.send(to, "0"));
  REQUIRE(p.flush(test_timeout));
  cuts->lose_answers(true);
  for (int n = 1; n <= 5; ++n) {
    REQUIRE(p.send(to, std::to_string(n)));
    REQUIRE(eventually([&] { return records() == n + 1; }));
  }
  kafka.kill_all();
  cuts->lose_answers(false);
  kafka.start_all();
  REQUIRE(p.flush(2 * test_timeout));
  REQUIRE(p.send(to, "6"));
  REQUIRE(p.flush(test_timeout));
  CHECK(told.counts() == std::map<error_code, int>{{error_code::none, 7}});
  CHECK(eventually([&] { return records() == 7; }));
}
