#include "fixture_consumer.hpp"
#include "fixture_mock.hpp"
#include "kept_log.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <atomic>
#include <stdexcept>

using namespace cafka;
using namespace cafka::testing;

namespace {

application_options logging_to(const kept_log& log, log_level from = log_level::info) {
  auto options = service::quiet();
  options.log_level = from;
  options.on_log = log.writer();
  return options;
}

} // namespace

TEST_CASE("a broker that is away is logged once, and once when it is back") {
  const kept_log log;
  mock_cluster cluster{1};
  cluster.set_down(1);
  auto options = logging_to(log);
  options.disable_default_worker = false;
  options.default_worker = std::string{"w"};
  service s{cluster.brokers(), options};
  REQUIRE(log.wait_for("warning worker w: cannot connect to "));
  cluster.set_up(1);
  REQUIRE(log.wait_for(" answers again, after "));
  INFO(log.text());
  CHECK(log.count("warning") == 1);
  CHECK(log.count("info worker w: 127.0.0.1:") == 1);
}

TEST_CASE("a leader that moves is logged once") {
  const kept_log log;
  mock_cluster cluster{2};
  const auto topic = cluster.create_topic("topic");
  service s{cluster.brokers(), logging_to(log)};
  s.connect("w");
  REQUIRE_VALUE(s.app->latest_offset(topic, 0, "w"));
  cluster.set_leader(topic, 0, 2);
  REQUIRE_VALUE(s.app->latest_offset(topic, 0, "w"));
  REQUIRE_VALUE(s.app->latest_offset(topic, 0, "w"));
  INFO(log.text());
  CHECK(
    log.count("info worker w: leader moved: " + topic + "/0 from broker 1 to 2") == 1);
  CHECK(log.count("warning") == 0);
}

TEST_CASE("a leader that moves is logged once by a producer and a consumer, too") {
  const kept_log log;
  mock_cluster cluster{2};
  const auto topic = cluster.create_topic("topic");
  cluster.set_leader(topic, 0, 1);
  service s{cluster.brokers(), logging_to(log)};
  const auto producer = REQUIRE_VALUE(s.app->producer(producer_options{.name = "p"}));
  const auto consumer = REQUIRE_VALUE(s.app->consumer({.name = "c"}));
  static_cast<void>(REQUIRE_VALUE(consumer.assign({{topic, 0}})));
  const auto write_and_read = [&] {
    REQUIRE(producer.send(topic, "x"));
    REQUIRE(producer.flush(test_timeout));
    REQUIRE(eventually(
      [&] { return REQUIRE_VALUE(consumer.poll(milliseconds{100})).records() > 0; }));
  };
  write_and_read();
  CHECK(log.count("leader moved") == 0);
  cluster.set_leader(topic, 0, 2);
  write_and_read();
  INFO(log.text());
  CHECK(
    log.count("info producer p: leader moved: " + topic + "/0 from broker 1 to 2") == 1);
  CHECK(
    log.count("info consumer c: leader moved: " + topic + "/0 from broker 1 to 2") == 1);
}

TEST_CASE("nothing is logged per request or connection at info, everything at trace") {
  const auto level = GENERATE(log_level::info, log_level::debug, log_level::trace);
  const kept_log log;
  mock_cluster cluster{1};
  const auto topic = cluster.create_topic("topic");
  service s{cluster.brokers(), logging_to(log, level)};
  s.connect("w");
  for (int i = 0; i != 10; ++i)
    REQUIRE_VALUE(s.app->latest_offset(topic, 0, "w"));
  INFO(log.text());
  CHECK(log.count("worker w: ListOffsets v") == (level == log_level::trace ? 10 : 0));
  CHECK((log.count("worker w: connected to ") > 0) == (level != log_level::info));
  if (level == log_level::info)
    CHECK(log.text().empty());
}

TEST_CASE(
  "producers and consumers log for themselves, each component from its level on") {
  const kept_log log;
  mock_cluster cluster{1};
  const auto topic = cluster.create_topic("topic");
  auto options = logging_to(log);
  options.log_levels = {{"producer", log_level::debug}, {"consumer", log_level::trace},
    {"supervisor", log_level::off}};
  service s{cluster.brokers(), options};
  auto producer = REQUIRE_VALUE(s.app->producer(producer_options{.name = "out"}));
  CHECK(producer.send(topic, "value"));
  REQUIRE_VALUE(producer.flush(test_timeout));
  auto consumer = REQUIRE_VALUE(s.app->consumer(consumer_options{.name = "in"}));
  REQUIRE_VALUE(consumer.assign({{topic, 0, start_at::earliest()}}));
  const auto got = REQUIRE_VALUE(consumer.poll(test_timeout));
  CHECK_FALSE(got.batches.empty());
  INFO(log.text());
  CHECK(log.count("debug producer out: connected to ") > 0);
  CHECK(log.count("trace producer") == 0);
  CHECK(log.count("debug consumer in: connected to ") > 0);
  CHECK(log.count("trace consumer in: Fetch v") > 0);
  CHECK(log.count("supervisor") == 0);
}

TEST_CASE("an on_log that throws does no harm") {
  mock_cluster cluster{1};
  const auto topic = cluster.create_topic("topic");
  std::atomic<int> called = 0;
  auto options = service::quiet();
  options.log_level = log_level::trace;
  options.on_log = [&](log_level, std::string_view, std::string_view, std::string_view) {
    ++called;
    throw std::runtime_error{"the disk is full"};
  };
  service s{cluster.brokers(), options};
  s.connect("w");
  for (int i = 0; i != 10; ++i)
    REQUIRE_VALUE(s.app->latest_offset(topic, 0, "w"));
  CHECK(called > 10);
  CHECK(s.events.count(supervision::event_kind::exited, "w") == 0);
}
