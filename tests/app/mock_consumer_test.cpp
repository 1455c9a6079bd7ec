#include "fixture_consumer.hpp"
#include "fixture_mock.hpp"
#include <cafka/actors/consumer/consumer_core.hpp>
#include <cafka/actors/producer/producer.hpp>

#include <caf/telemetry/metric_registry.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace cafka;
using namespace cafka::testing;
using protocol::api_key;

namespace {

/// A consumer on the mock cluster, and a topic with `each` numbered records in each of
/// three partitions, in batches of ten.
struct mock_consumer {
  mock_cluster cluster;
  service local{cluster.brokers()};
  std::string topic = cluster.create_topic("consumed", 3);
  consumer handle;
  std::optional<consumed> seen;
  int each = 0;

  explicit mock_consumer(consumer_options options = {}, int records = 100) {
    local.connect("w");
    append(records);
    if (options.fetch_max_wait == consumer_options{}.fetch_max_wait)
      options.fetch_max_wait = milliseconds{100};
    handle = REQUIRE_VALUE(local.app->consumer(std::move(options)));
    seen.emplace(handle);
  }

  ~mock_consumer() { static_cast<void>(handle.close(test_timeout)); }

  void append(int more) {
    for (int p = 0; p != 3; ++p) {
      for (int from = each; from < each + more; from += 10) {
        produce batch{.topic = topic, .partition = p};
        for (int i = from; i < std::min(from + 10, each + more); ++i)
          batch.records.push_back({.value = std::to_string(i)});
        static_cast<void>(REQUIRE_VALUE(local.app->produce(batch, "w")));
      }
    }
    each += more;
  }

  void assign(start_at start = {}) {
    static_cast<void>(REQUIRE_VALUE(handle.assign(all_of(topic, 3, start))));
  }

  void check_all(int from = 0) {
    REQUIRE(seen->poll_until(static_cast<std::size_t>(3 * (each - from))));
    for (int p = 0; p != 3; ++p)
      CHECK(seen->values[p] == number_texts(from, each));
    CHECK(seen->disordered == 0);
    CHECK(seen->miscounted == 0);
  }

  std::int64_t gauge(const std::string& name) {
    return local.system.metrics()
      .gauge_family("cafka.consumer", name, {"consumer"}, "", "bytes")
      ->get_or_add({{"consumer", handle.name()}})
      ->value();
  }
};

} // namespace

TEST_CASE("a consumer reads its partitions in order, and what comes later") {
  mock_consumer c;
  c.assign();
  c.check_all();
  c.append(20);
  c.check_all();
  for (int p = 0; p != 3; ++p)
    CHECK(c.handle.position(c.topic, p) == log_offset{120});
  CHECK(c.handle.assignment().size() == 3);
  CHECK(c.seen->errors.empty());
}

TEST_CASE("a consumer begins where it is told: offset, earliest, latest, unassigned") {
  mock_consumer c;
  c.assign(start_at::offset(40));
  c.check_all(40);
  c.assign(start_at::latest());
  REQUIRE(eventually([&] {
    c.seen->poll();
    return c.handle.position(c.topic, 0) == log_offset{100};
  }));
  c.seen->forget();
  c.assign(start_at::latest());
  REQUIRE(eventually([&] {
    bool known = true;
    for (int p = 0; p != 3; ++p)
      known = known && c.handle.position(c.topic, p) == log_offset{100};
    return known;
  }));
  c.append(10);
  c.check_all(100);
  static_cast<void>(REQUIRE_VALUE(c.handle.unassign({{c.topic, 1}, {c.topic, 2}})));
  c.append(10);
  REQUIRE(eventually([&] { return c.seen->poll() && c.seen->values[0].size() == 20; }));
  CHECK(c.seen->values[1].size() == 10);
  CHECK_FALSE(c.handle.position(c.topic, 1));
  CHECK(c.handle.seek(c.topic, 1, {}).error().code == error_code::not_found);
  CHECK(
    c.handle.pause({{c.topic, 0}, {c.topic, 1}}).error().code == error_code::not_found);
}

TEST_CASE("assign replaces what is read, and add adds to it") {
  mock_consumer c;
  const auto one = [&](partition_id p) { return topic_partition{c.topic, p}; };
  const auto from_start = [&](partition_id p) {
    return std::vector<assigned_partition>{{c.topic, p, start_at::earliest()}};
  };
  static_cast<void>(REQUIRE_VALUE(c.handle.assign(from_start(0))));
  static_cast<void>(REQUIRE_VALUE(c.handle.add(from_start(1))));
  CHECK(c.handle.assignment() == std::vector{one(0), one(1)});
  REQUIRE(c.seen->poll_until(200));
  c.seen->forget();
  static_cast<void>(REQUIRE_VALUE(c.handle.assign(from_start(2))));
  CHECK(c.handle.assignment() == std::vector{one(2)});
  c.append(10);
  REQUIRE(c.seen->poll_until(110));
  CHECK(c.seen->values[2].size() == 110);
  CHECK(c.seen->records() == 110);
  static_cast<void>(REQUIRE_VALUE(c.handle.assign({})));
  CHECK(c.handle.assignment().empty());
}

TEST_CASE("a seek, a pause and a resume hold from when they return") {
  mock_consumer c;
  c.assign();
  c.check_all();
  c.seen->forget();
  for (int p = 0; p != 3; ++p)
    static_cast<void>(REQUIRE_VALUE(c.handle.seek(c.topic, p, start_at::offset(90))));
  c.check_all(90);
  c.append(10);
  // Whatever of partition 0 was fetched already is not handed out.
  static_cast<void>(REQUIRE_VALUE(c.handle.pause({{c.topic, 0}})));
  REQUIRE(eventually([&] {
    return c.seen->poll() && c.seen->values[1].size() == 20
      && c.seen->values[2].size() == 20;
  }));
  const auto before = c.seen->values[0].size();
  CHECK(before <= 20);
  c.append(10);
  REQUIRE(eventually([&] { return c.seen->poll() && c.seen->values[1].size() == 30; }));
  CHECK(c.seen->values[0].size() == before);
  static_cast<void>(REQUIRE_VALUE(c.handle.resume({{c.topic, 0}})));
  c.check_all(90);
}

TEST_CASE("a consumer goes on in order after what passes") {
  const auto code = GENERATE(error_code::not_leader_or_follower,
    error_code::unknown_topic_or_partition, error_code::leader_not_available,
    error_code::kafka_storage_error, error_code::fenced_leader_epoch,
    error_code::unknown_leader_epoch, error_code::request_timed_out);
  CAPTURE(protocol::name(code));
  mock_consumer c;
  c.assign();
  c.check_all();
  c.cluster.push_errors(api_key::fetch, {code, code, code, code});
  c.append(50);
  c.check_all();
  CHECK(c.seen->errors.empty());
}

TEST_CASE("connections that end in the middle cost a consumer no record") {
  mock_consumer c;
  for (const auto api : {api_key::fetch, api_key::metadata, api_key::list_offsets})
    c.cluster.hang_up_on(api, 1);
  c.assign();
  c.cluster.hang_up_on(api_key::fetch, 2);
  c.check_all();
  c.cluster.hang_up_on(api_key::fetch, 3);
  c.append(20);
  c.check_all();
}

TEST_CASE("a consumer follows the leaders, and waits for one") {
  mock_consumer c;
  c.assign();
  c.check_all();
  for (int round = 0; round != 3; ++round) {
    for (int p = 0; p != 3; ++p)
      c.cluster.set_leader(c.topic, p, (p + round + 1) % 3 + 1);
    c.append(20);
    c.check_all();
  }
  c.cluster.set_leader(c.topic, 0, -1);
  REQUIRE(c.seen->poll());
  c.cluster.set_leader(c.topic, 0, 2);
  c.append(10);
  c.check_all();
}

TEST_CASE("a replica close by is read while its leader is down, and left when it fails") {
  mock_consumer c{{.client_rack = "near"}};
  for (int p = 0; p != 3; ++p)
    c.cluster.set_follower(c.topic, p, (p + 1) % 3 + 1);
  c.assign();
  c.check_all();
  c.append(20);
  c.check_all();
  // Whoever led partition 0 was asked for it no more.
  c.append(20);
  c.cluster.set_down(1);
  REQUIRE(eventually([&] { return c.seen->poll() && c.seen->values[0].size() == 140; }));
  c.cluster.set_up(1);
  c.cluster.set_down(2);
  c.cluster.set_follower(c.topic, 0, 3);
  REQUIRE(eventually([&] { return c.seen->poll() && c.seen->values[2].size() == 140; }));
  c.cluster.set_up(2);
  c.append(20);
  c.check_all();
  CHECK(c.seen->errors.empty());
}

TEST_CASE("an offset that is not there: by policy, or told and halted, others go on") {
  const auto policy =
    GENERATE(offset_reset::earliest, offset_reset::latest, offset_reset::none);
  mock_consumer c{{.auto_offset_reset = policy}};
  c.assign();
  static_cast<void>(REQUIRE_VALUE(c.handle.seek(c.topic, 0, start_at::offset(5'000))));
  REQUIRE(eventually([&] { return c.seen->poll() && c.seen->values[2].size() == 100; }));
  if (policy == offset_reset::earliest) {
    c.check_all();
  } else if (policy == offset_reset::latest) {
    REQUIRE(eventually([&] {
      return c.seen->poll() && c.handle.position(c.topic, 0) == log_offset{100};
    }));
    c.append(10);
    REQUIRE(eventually([&] { return c.seen->poll() && !c.seen->values[0].empty(); }));
    CHECK(c.seen->values[0].front() == "100");
  } else {
    REQUIRE(eventually([&] { return c.seen->poll() && !c.seen->errors.empty(); }));
    const auto& e = c.seen->errors.front();
    CHECK(e.why.code == error_code::offset_out_of_range);
    CHECK(e.halted);
    CHECK(e.topic == c.topic);
    CHECK(e.partition == partition_id{0});
    CHECK(e.offset == log_offset{5'000});
    static_cast<void>(REQUIRE_VALUE(c.handle.seek(c.topic, 0, start_at::offset(98))));
    REQUIRE(eventually([&] { return c.seen->poll() && c.seen->values[0].size() == 2; }));
    CHECK(c.seen->errors.size() == 1);
  }
}

TEST_CASE("what a consumer may not read, or is not there, is told once, as a value") {
  mock_consumer c;
  c.assign();
  c.check_all();
  SECTION("refused") {
    const std::vector<error_code> refused(6, error_code::topic_authorization_failed);
    c.cluster.push_errors(api_key::fetch, refused);
    REQUIRE(eventually([&] { return c.seen->poll() && !c.seen->errors.empty(); }));
    CHECK(c.seen->errors[0].why.code == error_code::topic_authorization_failed);
    CHECK_FALSE(c.seen->errors[0].halted);
  }
  SECTION("no such partition") {
    static_cast<void>(REQUIRE_VALUE(c.handle.add({{c.topic, 7}})));
    REQUIRE(eventually([&] { return c.seen->poll() && !c.seen->errors.empty(); }));
    CHECK(c.seen->errors[0].why.code == error_code::unknown_topic_or_partition);
    CHECK(c.seen->errors[0].partition == partition_id{7});
  }
  c.append(10);
  c.check_all();
}

TEST_CASE("a consumer that crashes hands out nothing twice, and misses nothing") {
  mock_consumer c{{.max_partition_fetch_bytes = 400}, 100};
  c.assign();
  for (std::size_t crashes = 0; crashes != 3; ++crashes) {
    const auto already = c.seen->records();
    c.append(100);
    REQUIRE(eventually([&] { return c.seen->poll() && c.seen->records() > already; }));
    const auto before = c.handle.actor();
    REQUIRE(before);
    post_exit(before, caf::exit_reason::kill);
    // Meanwhile it is told where else to read.
    static_cast<void>(REQUIRE_VALUE(c.handle.pause({{c.topic, 0}})));
    static_cast<void>(REQUIRE_VALUE(c.handle.resume({{c.topic, 0}})));
    REQUIRE(eventually([&] {
      const auto now = c.handle.actor();
      return now && now != before;
    }));
  }
  c.check_all();
}

TEST_CASE("views that are kept count against the memory, and come back from any thread") {
  mock_consumer c{{.max_partition_fetch_bytes = 10'000, .buffer_memory = 20'000}, 2'000};
  c.assign();
  std::vector<polled> kept;
  std::size_t records = 0;
  std::size_t idle = 0;
  while (idle < 10) {
    auto got = REQUIRE_VALUE(c.handle.poll(milliseconds{100}));
    idle = got.empty() ? idle + 1 : 0;
    records += got.records();
    kept.push_back(std::move(got));
  }
  // A frame or two over, no more.
  CHECK(records > 0);
  CHECK(records < 6'000);
  CHECK(c.gauge("held") >= 10'000);
  CHECK(c.gauge("held") <= 60'000);
  const auto copy = kept.front().batches.front().begin()->copy();
  std::thread elsewhere{[&] { kept.clear(); }};
  elsewhere.join();
  CHECK(copy.value);
  while (records < 6'000) {
    const auto got = REQUIRE_VALUE(c.handle.poll(test_timeout));
    REQUIRE_FALSE(got.empty());
    records += got.records();
  }
  CHECK(records == 6'000);
}

TEST_CASE("an actor is sent batches by the credit that it grants") {
  struct state {
    std::mutex mutex;
    std::size_t batches = 0;
    std::vector<std::string> values;
    std::vector<partition_error> errors;
  };
  const auto got = std::make_shared<state>();
  mock_cluster cluster;
  service local{cluster.brokers()};
  const auto topic = cluster.create_topic("delivered", 1);
  local.connect("w");
  produce batch{.topic = topic, .partition = 0};
  for (int i = 0; i != 100; ++i)
    batch.records.push_back({.value = std::to_string(i)});
  static_cast<void>(REQUIRE_VALUE(local.app->produce(batch, "w")));
  const auto reader = local.system.spawn([got](caf::event_based_actor*) -> caf::behavior {
    return {
      [got](const consumed_batch& b) {
        const std::lock_guard lock{got->mutex};
        ++got->batches;
        for (const auto& r : b)
          got->values.emplace_back(protocol::as_text(*r.value));
      },
      [got](const partition_error& e) {
        const std::lock_guard lock{got->mutex};
        got->errors.push_back(e);
      },
    };
  });
  const auto c = REQUIRE_VALUE(local.app->consumer({.fetch_max_wait = milliseconds{50},
    .auto_offset_reset = offset_reset::none,
    .deliver_to = reader}));
  CHECK(c.poll(milliseconds{0}).error().code == error_code::invalid_argument);
  static_cast<void>(REQUIRE_VALUE(
    c.assign({{topic, 0, start_at::earliest()}, {topic, 0, start_at::offset(0)}})));
  post(c.actor(), consumer_credit{1});
  REQUIRE(eventually([&] {
    const std::lock_guard lock{got->mutex};
    return got->values.size() == 100;
  }));
  CHECK(c.position(topic, 0) == log_offset{100});
  {
    const std::lock_guard lock{got->mutex};
    CHECK(got->values == number_texts(0, 100));
  }
  // There is no credit left; errors need none.
  static_cast<void>(REQUIRE_VALUE(local.app->produce(batch, "w")));
  static_cast<void>(REQUIRE_VALUE(c.add({{topic, 5, start_at::offset(0)}})));
  REQUIRE(eventually([&] {
    const std::lock_guard lock{got->mutex};
    return !got->errors.empty();
  }));
  {
    const std::lock_guard lock{got->mutex};
    CHECK(got->values.size() == 100);
  }
  post(c.actor(), consumer_credit{5});
  REQUIRE(eventually([&] {
    const std::lock_guard lock{got->mutex};
    return got->values.size() == 200;
  }));
  static_cast<void>(c.close(test_timeout));
  caf::anon_send_exit(reader, caf::exit_reason::user_shutdown);
}

TEST_CASE("a consumer is named, checked, and says when it is closed") {
  mock_consumer c;
  auto& app = *c.local.app;
  CHECK(app.consumer().error().code == error_code::already_started);
  const auto refused = [&](consumer_options o, std::string_view what) {
    o.name = "refused";
    const auto e = app.consumer(std::move(o)).error();
    INFO(to_string(e));
    CHECK(e.code == error_code::invalid_argument);
    CHECK(e.detail.find(what) != std::string::npos);
  };
  refused({.fetch_max_bytes = 0}, "fetch_max_bytes = 0: must be from 1 to 1073741824");
  refused({.fetch_min_bytes = 100'000'000}, "fetch_min_bytes = 100000000");
  refused({.fetch_max_wait = milliseconds{-1}}, "fetch_max_wait = -1ms");
  refused({.buffer_memory = 1}, "buffer_memory = 1");
  CHECK(c.handle.assign({{"", 0}}).error().code == error_code::invalid_argument);
  CHECK(c.handle.assign({{std::string(40'000, 'x'), 0}}).error().detail
    == "topic = (40000 bytes): must be a text of 1 to 255 bytes");
  CHECK(c.handle.assign({{"t", -1}}).error().code == error_code::invalid_argument);
  CHECK(c.handle.assign({{"t", 0, start_at::offset(-5)}}).error().code
    == error_code::invalid_argument);
  // Somebody who waits is told.
  bool was_told = false;
  std::thread waiting{[&] { was_told = !c.handle.poll(test_timeout); }};
  static_cast<void>(REQUIRE_VALUE(c.handle.close(test_timeout)));
  waiting.join();
  CHECK(was_told);
  CHECK(c.handle.poll(milliseconds{0}).error().code == error_code::closed);
  CHECK(c.handle.assign({{"t", 0}}).error().code == error_code::closed);
  // Its name is free, and whoever has it next is not ended in its place.
  const auto next = REQUIRE_VALUE(app.consumer());
  CHECK(c.handle.close(test_timeout));
  CHECK(next.poll(milliseconds{0}));
}

TEST_CASE("a thread that polls is told when no incarnation of the consumer can follow") {
  consumer outlives;
  consumed_batch kept;
  {
    auto settings = service::quiet();
    settings.max_restarts = 0;
    mock_cluster cluster;
    service local{cluster.brokers(), std::move(settings)};
    outlives = REQUIRE_VALUE(local.app->consumer({.fetch_max_wait = milliseconds{50}}));
    const auto topic = cluster.create_topic("ended");
    local.connect("w");
    produce batch{.topic = topic, .partition = 0};
    batch.records.push_back({.value = "kept"});
    static_cast<void>(REQUIRE_VALUE(local.app->produce(batch, "w")));
    static_cast<void>(REQUIRE_VALUE(outlives.assign({{topic, 0}})));
    kept = REQUIRE_VALUE(outlives.poll(test_timeout)).batches.at(0);
    error told;
    std::thread waiting{[&] {
      while (true) {
        if (const auto got = outlives.poll(test_timeout); !got) {
          told = got.error();
          return;
        }
      }
    }};
    post_exit(outlives.actor(), caf::exit_reason::kill);
    waiting.join();
    CHECK(told.code == error_code::closed);
    CHECK(outlives.seek(topic, 0, {}).error().code == error_code::closed);
    CHECK_FALSE(outlives.actor());
  }
  // Nothing of the system is left.
  CHECK(outlives.poll(milliseconds{0}).error().code == error_code::closed);
  CHECK(outlives.close(test_timeout));
  CHECK(protocol::as_text(*kept.begin()->value) == "kept");
}

TEST_CASE("a consumer's metrics count what it has handed out") {
  mock_consumer c{{.name = "counted"}};
  c.assign();
  c.check_all();
  const auto* records =
    c.local.system.metrics()
      .counter_family("cafka.consumer", "records", {"consumer"}, "", "1", true)
      ->get_or_add({{"consumer", "counted"}});
  CHECK(records->value() == 300);
  CHECK(c.gauge("queue") == 0);
}

TEST_CASE("a consumer that was paused and resumed often is as quiet at rest as before") {
  mock_consumer c{{.fetch_max_wait = milliseconds{500}}};
  c.assign();
  c.check_all();
  const auto* handled = c.local.system.base_metrics().processed_messages;
  const auto* fetches =
    c.local.system.metrics()
      .counter_family("cafka.consumer", "fetches", {"consumer"}, "", "1", true)
      ->get_or_add({{"consumer", "consumer"}});
  // At rest nothing but fetches goes on; all actors' messages count.
  const auto messages_with_fetches = [&](int count) {
    const auto until = fetches->value() + count;
    const auto before = handled->value();
    REQUIRE(eventually([&] { return fetches->value() >= until; }));
    return handled->value() - before;
  };
  const auto before = messages_with_fetches(9);
  for (int i = 0; i != 32; ++i) {
    const auto all = c.handle.assignment();
    static_cast<void>(REQUIRE_VALUE(c.handle.pause(all)));
    static_cast<void>(REQUIRE_VALUE(c.handle.resume(all)));
  }
  c.append(10);
  c.check_all();
  CHECK(messages_with_fetches(9) <= before + before / 2 + 10);
}
