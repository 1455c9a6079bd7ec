#include "fixture_mock.hpp"
#include <cafka/actors/producer/producer.hpp>
#include <cafka/actors/producer/producer_core.hpp>

#include <caf/scoped_actor.hpp>
#include <caf/telemetry/metric_registry.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <set>

using namespace cafka;
using namespace cafka::testing;
using protocol::api_key;

namespace {

/// A producer on the mock cluster, and its reports.
struct mock_producer {
  mock_cluster cluster;
  service local{cluster.brokers()};
  std::string topic = cluster.create_topic("produced", 3);
  std::mutex mutex;
  std::vector<delivery> reports;
  producer handle;

  explicit mock_producer(producer_options options = {}) {
    options.on_delivery = [this](const delivery& d) {
      const std::lock_guard lock{mutex};
      reports.push_back(d);
    };
    handle = REQUIRE_VALUE(local.app->producer(std::move(options)));
    REQUIRE(REQUIRE_VALUE(handle.partitions(handle.to(topic), test_timeout)) == 3);
    local.connect("w");
  }

  ~mock_producer() { static_cast<void>(handle.close(test_timeout)); }

  send_result send(const std::string& value, partition_id p = 0) {
    return handle.send(handle.to(topic),
      outgoing_record{.value = protocol::as_bytes(value), .partition = p});
  }

  /// How many records ended so; waits for all.
  std::map<error_code, std::int32_t> outcomes() {
    static_cast<void>(REQUIRE_VALUE(handle.flush(test_timeout)));
    std::map<error_code, std::int32_t> all;
    const std::lock_guard lock{mutex};
    for (const auto& d : reports)
      all[d.error.code] += d.count;
    return all;
  }

  /// A topic that records can wait for, and that is never led.
  std::string leaderless() {
    const auto waiting = cluster.create_topic("leaderless");
    cluster.set_leader(waiting, 0, -1);
    return waiting;
  }

  std::vector<std::string> values(partition_id p = 0) {
    std::vector<std::string> all;
    for (const auto& [offset, record] : read_all(*local.app, topic, p, "w"))
      all.push_back(record.value.value_or("null"));
    return all;
  }
};

const std::map<error_code, std::int32_t> all_written{{error_code::none, 20}};

/// For where errors and order go together: unlike a broker, the mock cluster takes a
/// batch whose predecessor it has refused.
producer_options one_at_a_time() {
  producer_options options;
  options.linger = milliseconds{0};
  options.max_in_flight = 1;
  return options;
}

std::vector<std::string> numbers(int count) {
  std::vector<std::string> all;
  for (int i = 0; i != count; ++i)
    all.push_back(std::to_string(i));
  return all;
}

} // namespace

TEST_CASE("a producer tries again, in order, what the broker may take later") {
  const auto code = GENERATE(error_code::not_leader_or_follower,
    error_code::leader_not_available, error_code::unknown_topic_or_partition,
    error_code::not_enough_replicas, error_code::request_timed_out,
    error_code::corrupt_message, error_code::kafka_storage_error);
  CAPTURE(protocol::name(code));
  mock_producer p{one_at_a_time()};
  REQUIRE(p.send("0"));
  CHECK(p.outcomes() == std::map<error_code, std::int32_t>{{error_code::none, 1}});
  p.cluster.push_errors(api_key::produce, {code, code});
  for (int i = 1; i != 20; ++i)
    REQUIRE(p.send(std::to_string(i)));
  CHECK(p.outcomes() == all_written);
  CHECK(p.values() == numbers(20));
}

TEST_CASE("a producer heals a broken sequence and goes on in order") {
  const auto code =
    GENERATE(error_code::out_of_order_sequence_number, error_code::unknown_producer_id,
      error_code::invalid_producer_epoch, error_code::invalid_producer_id_mapping);
  CAPTURE(protocol::name(code));
  mock_producer p{one_at_a_time()};
  REQUIRE(p.send("0"));
  CHECK(p.outcomes() == std::map<error_code, std::int32_t>{{error_code::none, 1}});
  p.cluster.push_errors(api_key::produce, {code});
  for (int i = 1; i != 20; ++i)
    REQUIRE(p.send(std::to_string(i)));
  CHECK(p.outcomes() == all_written);
  CHECK(p.values() == numbers(20));
}

TEST_CASE("a batch that cannot be written fails alone") {
  const auto code = GENERATE(error_code::message_too_large, error_code::invalid_record,
    error_code::topic_authorization_failed);
  CAPTURE(protocol::name(code));
  mock_producer p;
  p.cluster.push_errors(api_key::produce, {code});
  REQUIRE(p.send("refused"));
  CHECK(p.outcomes() == std::map<error_code, std::int32_t>{{code, 1}});
  for (int i = 0; i != 20; ++i)
    REQUIRE(p.send(std::to_string(i)));
  CHECK(p.outcomes()
    == std::map<error_code, std::int32_t>{{code, 1}, {error_code::none, 20}});
  CHECK(p.values() == numbers(20));
}

TEST_CASE("a fenced producer says so of all its records") {
  mock_producer p;
  p.cluster.push_errors(api_key::produce, {error_code::producer_fenced});
  REQUIRE(p.send("x"));
  CHECK(
    p.outcomes() == std::map<error_code, std::int32_t>{{error_code::producer_fenced, 1}});
  REQUIRE(p.send("y"));
  CHECK(
    p.outcomes() == std::map<error_code, std::int32_t>{{error_code::producer_fenced, 2}});
}

TEST_CASE("a producer without a right to idempotence says so, and asks again later") {
  mock_producer p;
  p.cluster.push_errors(
    api_key::init_producer_id, {error_code::cluster_authorization_failed});
  REQUIRE(p.send("x"));
  CHECK(p.outcomes()
    == std::map<error_code, std::int32_t>{{error_code::cluster_authorization_failed, 1}});
  REQUIRE(p.send("y"));
  CHECK(p.outcomes()[error_code::none] == 1);
}

TEST_CASE("connections that end in the middle cost a producer no record") {
  mock_producer p{one_at_a_time()};
  REQUIRE(p.send("0"));
  static_cast<void>(p.outcomes());
  p.cluster.hang_up_on(api_key::produce, 1);
  p.cluster.hang_up_on(api_key::produce, 1);
  for (int i = 1; i != 20; ++i)
    REQUIRE(p.send(std::to_string(i)));
  CHECK(p.outcomes() == all_written);
  CHECK(p.values() == numbers(20));
}

TEST_CASE("records that are out of time are told apart: not sent, or outcome unknown") {
  producer_options options;
  options.delivery_timeout = milliseconds{300};
  options.linger = milliseconds{1};
  mock_producer p{options};
  REQUIRE(p.send("x", 0));
  CHECK(p.outcomes() == std::map<error_code, std::int32_t>{{error_code::none, 1}});
  SECTION("sent") {
    p.cluster.set_round_trip(1, milliseconds{3'000});
    REQUIRE(p.send("y", 0));
    const auto outcomes = p.outcomes();
    CHECK(outcomes.at(error_code::outcome_unknown) == 1);
  }
  SECTION("not sent") {
    REQUIRE(p.handle.send(p.leaderless(), "y"));
    const auto outcomes = p.outcomes();
    CHECK(outcomes.at(error_code::timed_out) == 1);
  }
}

TEST_CASE("a full buffer is said at once, or waited for") {
  producer_options options;
  options.buffer_memory = 32 * 1024;
  options.batch_size = 4'000;
  options.max_block = milliseconds{300};
  mock_producer p{options};
  REQUIRE(p.send("x"));
  static_cast<void>(p.outcomes());
  const auto to = p.handle.to(p.topic);
  const std::string value(3'000, 'x');
  const outgoing_record r{.value = protocol::as_bytes(value), .partition = 0};
  for (int broker = 1; broker != 4; ++broker)
    p.cluster.set_down(broker);
  std::int32_t taken = 1;
  while (p.handle.try_send(to, r))
    ++taken;
  CHECK(taken > 4);
  CHECK(p.handle.try_send(to, r).status == error_code::queue_full);
  const auto before = steady_clock::now();
  CHECK(p.handle.send(to, r).status == error_code::queue_full);
  CHECK(steady_clock::now() - before >= milliseconds{300});
  std::thread waiting{[&] {
    for (int broker = 1; broker != 4; ++broker)
      p.cluster.set_up(broker);
  }};
  waiting.join();
  REQUIRE(eventually([&] { return bool{p.handle.send(to, r)}; }));
  CHECK(
    p.outcomes() == std::map<error_code, std::int32_t>{{error_code::none, taken + 1}});
}

TEST_CASE("keyless records go to all partitions, keyed ones where their key says") {
  producer_options options;
  options.sticky_size = 200;
  mock_producer p{options};
  const auto to = p.handle.to(p.topic);
  std::set<partition_id> keyless;
  std::set<partition_id> keyed;
  for (int i = 0; i != 200; ++i) {
    keyless.insert(p.handle.send(to, std::string_view{"some text"}).partition);
    keyed.insert(p.handle.send(to, {.key = protocol::as_bytes("key")}).partition);
  }
  CHECK(keyless.size() == 3);
  // What Java's client chooses for this key among three.
  CHECK(keyed
    == std::set<partition_id>{static_cast<std::int32_t>(
      (protocol::murmur2(protocol::as_bytes("key")) & 0x7fffffff) % 3)});
  CHECK(p.outcomes() == std::map<error_code, std::int32_t>{{error_code::none, 400}});
}

TEST_CASE("records that came before their topic was known keep order, headers and keys") {
  mock_producer p;
  const auto topic = p.cluster.create_topic("later", 1);
  p.cluster.push_errors(api_key::metadata, {error_code::leader_not_available});
  std::vector<log_offset> offsets;
  std::mutex mutex;
  const std::vector<protocol::header_view> headers{{"h", protocol::as_bytes("v")}};
  for (int i = 0; i != 10; ++i) {
    const auto text = std::to_string(i);
    REQUIRE(p.handle.try_send(p.handle.to(topic),
      {.value = protocol::as_bytes(text), .headers = headers},
      [&](const result<log_offset>& at) {
        const std::lock_guard lock{mutex};
        offsets.push_back(at ? *at : log_offset{-1});
      }));
  }
  static_cast<void>(p.outcomes());
  const auto records = read_all(*p.local.app, topic, 0, "w");
  REQUIRE(records.size() == 10);
  REQUIRE(offsets.size() == 10);
  for (std::size_t i = 0; i != 10; ++i) {
    CHECK(records[i].second.value == std::to_string(i));
    CHECK(records[i].second.headers == std::vector<record::header>{{"h", "v"}});
    CHECK(offsets[i] == records[i].first);
  }
}

TEST_CASE(
  "a producer that crashes loses no record in silence, and its handle serves on") {
  producer_options options;
  options.linger = milliseconds{20};
  mock_producer p{options};
  p.cluster.set_round_trip(1, milliseconds{200});
  std::int32_t taken = 0;
  for (int crash = 0; crash != 3; ++crash) {
    for (int i = 0; i != 50; ++i)
      taken += p.send(std::to_string(taken)) ? 1 : 0;
    const auto before = p.handle.actor();
    REQUIRE(before);
    post_exit(before, caf::exit_reason::kill);
    REQUIRE(eventually([&] {
      const auto now = p.handle.actor();
      return now && now != before;
    }));
  }
  taken += p.send("last") ? 1 : 0;
  std::int32_t reported = 0;
  for (const auto& [code, count] : p.outcomes()) {
    INFO(protocol::name(code));
    CHECK((code == error_code::none || code == error_code::outcome_unknown
      || code == error_code::worker_down));
    reported += count;
  }
  CHECK(reported == taken);
}

TEST_CASE("closing gives up at its deadline what cannot be sent, and says so") {
  mock_producer p;
  REQUIRE(p.send("x"));
  static_cast<void>(p.outcomes());
  REQUIRE(p.handle.send(p.leaderless(), "y"));
  CHECK(p.handle.close(milliseconds{200}).error().code == error_code::timed_out);
  CHECK(p.send("z").status == error_code::closed);
  const std::lock_guard lock{p.mutex};
  REQUIRE(p.reports.size() == 2);
  CHECK(p.reports[1].error.code == error_code::closed);
}

TEST_CASE("a producer that was closed, by whom ever, leaves its name to another") {
  mock_producer p;
  REQUIRE(p.send("x"));
  {
    caf::scoped_actor self{p.local.system};
    ask(self, p.handle.actor(), test_timeout, close_producer{test_timeout})
      .receive([](const error& e) { CHECK(e.code == error_code::none); },
        [](const caf::error& e) { FAIL(to_string(e)); });
  }
  CHECK(p.send("y").status == error_code::closed);
  CHECK(p.handle.close(test_timeout));
  CHECK(p.handle.flush(test_timeout).error().code == error_code::closed);
  std::optional<producer> next;
  REQUIRE(eventually([&] {
    auto started = p.local.app->producer(producer_options{});
    if (started)
      next = *started;
    return bool{started};
  }));
  CHECK(p.handle.close(test_timeout)); // It has ended: the other one goes on.
  CHECK(next->send(p.topic, "z"));
  CHECK(next->close(test_timeout));
  CHECK(p.values().size() + p.values(1).size() + p.values(2).size() == 2);
}

TEST_CASE("records that no incarnation is left to send are reported nevertheless") {
  std::mutex mutex;
  std::map<error_code, std::int32_t> outcomes;
  producer outlives;
  {
    auto settings = service::quiet();
    settings.max_restarts = 0;
    mock_cluster cluster;
    service local{cluster.brokers(), std::move(settings)};
    producer_options options;
    options.linger = milliseconds{10'000};
    options.on_delivery = [&](const delivery& d) {
      const std::lock_guard lock{mutex};
      outcomes[d.error.code] += d.count;
    };
    outlives = REQUIRE_VALUE(local.app->producer(options));
    const auto to = outlives.to(cluster.create_topic("waiting"));
    REQUIRE(outlives.partitions(to, test_timeout));
    REQUIRE(outlives.send(to, "x"));
    REQUIRE(outlives.send(outlives.to("not there yet"), "y"));
    post_exit(outlives.actor(), caf::exit_reason::kill);
    REQUIRE(
      eventually([&] { return outlives.send(to, "z").status == error_code::closed; }));
    CHECK(outlives.flush(test_timeout).error().code == error_code::closed);
    CHECK(outlives.partitions(outlives.to("nor this"), test_timeout).error().code
      == error_code::closed);
  }
  CHECK(outlives.send("waiting", "late").status == error_code::closed);
  CHECK(outlives.flush(test_timeout).error().code == error_code::closed);
  CHECK(outlives.close(test_timeout));
  CHECK(outcomes[error_code::closed] >= 2);
}

TEST_CASE("callbacks that throw do no harm: all is reported, logged and counted") {
  std::mutex mutex;
  std::int32_t reported = 0;
  mock_cluster cluster;
  service local{cluster.brokers()};
  producer_options options;
  options.name = "throwing";
  options.on_delivery = [&](const delivery& d) {
    const std::lock_guard lock{mutex};
    reported += d.count;
    throw std::runtime_error("on purpose");
  };
  options.partitioner = [](const protocol::partition_choice& choice) -> partition_id {
    if (protocol::as_text(*choice.key) == "bad")
      throw 42;
    return 0;
  };
  const auto p = REQUIRE_VALUE(local.app->producer(options));
  REQUIRE(eventually([&] { return static_cast<bool>(p.actor()); }));
  const auto before = p.actor();
  const auto to = p.to(cluster.create_topic("throwing", 3));
  const outgoing_record bad{.key = protocol::as_bytes("bad")};
  // In the actor, for the partitions are not known yet, and later in this thread.
  CHECK(p.send(to, bad));
  REQUIRE(p.partitions(to, test_timeout));
  CHECK(p.send(to, bad).status == error_code::invalid_argument);
  bool called = false;
  for (int i = 0; i != 30; ++i)
    CHECK(p.send(to, outgoing_record{.partition = i % 3}));
  CHECK(p.try_send(to, {.partition = 1}, [&](const auto&) {
    called = true;
    throw std::runtime_error("on purpose as well");
  }));
  REQUIRE(p.flush(test_timeout));
  CHECK(p.actor() == before);
  CHECK(called);
  CHECK(reported == 32);
  // The counter follows with the next event at the latest.
  REQUIRE(p.flush(test_timeout));
  const auto* counted =
    local.system.metrics()
      .counter_family("cafka.producer", "callback-errors", {"producer"}, "", "1", true)
      ->get_or_add({{"producer", "throwing"}});
  CHECK(counted->value() >= 5);
  CHECK(p.close(test_timeout));
}

TEST_CASE("wrong arguments to a handle are reported, and do no harm") {
  mock_producer p;
  const auto other = REQUIRE_VALUE(p.local.app->producer("other"));
  CHECK(other.send(p.handle.to(p.topic), "x").status == error_code::invalid_argument);
  CHECK(p.handle.send(std::string(300, 'x'), "x").status == error_code::invalid_argument);
  CHECK(producer{}.send("topic", "x").status == error_code::invalid_argument);
  CHECK(producer{}.flush().error().code == error_code::closed);
  CHECK(producer{}.close().error().code == error_code::closed);
  CHECK_FALSE(producer{}.actor());
  // Long enough to make a clock that counts in nanoseconds overflow.
  REQUIRE(p.send("y"));
  CHECK(p.handle.flush(milliseconds::max()));
}

TEST_CASE("a producer is named, found by its name, and checked") {
  mock_producer p;
  auto& app = *p.local.app;
  CHECK(app.producer(producer_options{}).error().code == error_code::already_started);
  CHECK(REQUIRE_VALUE(app.producer("producer")).name() == "producer");
  CHECK(REQUIRE_VALUE(app.producer("other")).name() == "other");
  const auto refused = [&](producer_options o, std::string_view what) {
    o.name = "refused";
    const auto e = app.producer(std::move(o)).error();
    INFO(to_string(e));
    CHECK(e.code == error_code::invalid_argument);
    CHECK(e.detail.find(what) != std::string::npos);
  };
  refused({.max_in_flight = 6}, "max_in_flight = 6: must be from 1 to 5");
  refused({.acks = 1}, "acks = 1: must be -1 with idempotence");
  refused({.batch_size = 0}, "batch_size = 0");
  refused(
    {.compression = codec::snappy, .compression_level = 3}, "compression_level = 3");
  refused({.delivery_timeout = milliseconds{-1}}, "delivery_timeout = -1ms");
  refused({.linger = milliseconds::max()}, "must be from 0 to 2147483647ms");
}

TEST_CASE("a producer without acknowledgement reports what was sent") {
  mock_producer p{{.acks = 0, .idempotence = false}};
  for (int i = 0; i != 20; ++i)
    REQUIRE(p.send(std::to_string(i)));
  CHECK(p.outcomes() == all_written);
  REQUIRE(eventually([&] { return p.values().size() == 20; }));
  CHECK(p.values() == numbers(20));
}

TEST_CASE("a producer's metrics count what its reports say") {
  mock_producer p{{.name = "counted"}};
  for (int i = 0; i != 20; ++i)
    REQUIRE(p.send(std::to_string(i)));
  CHECK(p.outcomes() == all_written);
  const auto* records =
    p.local.system.metrics()
      .counter_family("cafka.producer", "records", {"producer"}, "", "1", true)
      ->get_or_add({{"producer", "counted"}});
  CHECK(records->value() == 20);
  for (const std::string api : {"Produce", "Metadata", "InitProducerId"}) {
    INFO(api);
    const auto* latency = p.local.system.metrics()
                            .histogram_family<double>("cafka.producer", "request-latency",
                              {"producer", "api"}, std::vector{1.0}, "", "seconds")
                            ->get_or_add({{"producer", "counted"}, {"api", api}});
    CHECK(latency->sum() > 0);
  }
}

TEST_CASE("a name is free as soon as close has answered") {
  mock_cluster cluster;
  service local{cluster.brokers()};
  for (int i = 0; i != 300; ++i) {
    const auto p = REQUIRE_VALUE(local.app->producer(producer_options{.name = "again"}));
    REQUIRE(p.close(test_timeout));
    const auto c = REQUIRE_VALUE(local.app->consumer(consumer_options{.name = "again"}));
    REQUIRE(c.close(test_timeout));
  }
}

TEST_CASE("names that come and go leave a bounded number of metrics behind") {
  mock_cluster cluster;
  service local{cluster.brokers()};
  const auto start = [&](const std::string& name) {
    return REQUIRE_VALUE(local.app->producer(producer_options{.name = name}));
  };
  for (int i = 0; i != 200; ++i)
    REQUIRE(start("made up " + std::to_string(i)).close(test_timeout));
  const auto value_of = [&](const char* family, const char* label, const char* name) {
    return local.system.metrics()
      .gauge_family(family, label[0] == 'k' ? "names" : "buffer", {label}, "",
        label[0] == 'k' ? "1" : "bytes")
      ->get_or_add({{label, name}})
      ->value();
  };
  CHECK(value_of("cafka.metrics", "kind", "producer") == 128);
  // Late ones share what they count, and take it with them.
  const auto to = cluster.create_topic("shared");
  {
    const auto a = start("late a");
    const auto b = start("late b");
    REQUIRE(a.send(to, "x"));
    REQUIRE(b.send(to, "x"));
    REQUIRE(a.flush(test_timeout));
    REQUIRE(b.flush(test_timeout));
    const auto* batches =
      local.system.metrics()
        .counter_family("cafka.producer", "batches", {"producer"}, "", "1", true)
        ->get_or_add({{"producer", "other"}});
    CHECK(batches->value() == 2);
    REQUIRE(a.close(test_timeout));
    REQUIRE(b.close(test_timeout));
  }
  CHECK(eventually([&] { return value_of("cafka.producer", "producer", "other") == 0; }));
}
