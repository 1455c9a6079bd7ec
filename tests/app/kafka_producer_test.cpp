#include "fixture_kafka.hpp"
#include <cafka/actors/producer.hpp>

using namespace cafka;
using namespace cafka::testing;

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
  static_cast<void>(REQUIRE_VALUE(p.flush(patience)));
  const std::lock_guard lock{mutex};
  REQUIRE(reports.size() == 2);
  std::ranges::sort(reports, {}, &delivery::count);
  CHECK(reports[0].error.code == error_code::invalid_topic_exception);
  CHECK(reports[1].error.code == error_code::unknown_topic_or_partition);
  CHECK(reports[1].count == 10);
}
