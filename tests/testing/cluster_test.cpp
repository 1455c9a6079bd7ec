#include <cafka/cafka.hpp>
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/protocol/messages/heartbeat.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/produce.hpp>
#include <cafka/testing/cluster.hpp>

#include <caf/actor_system.hpp>
#include <catch2/catch_test_macros.hpp>

#include <optional>

using namespace std::chrono_literals;
using namespace cafka;
using protocol::api_key;

namespace {

/// An application on a cluster, without sockets.
struct on_memory {
  explicit on_memory(testing::cluster_options how = {}) : cluster(std::move(how)) {
    auto started = application::start(system,
      {.brokers = cluster.bootstrap(),
        .request_timeout = 10s,
        .log_level = log_level::off,
        .transports = cluster.transports()});
    REQUIRE(started);
    app = *std::move(started);
  }

  testing::cluster cluster;
  configuration config;
  caf::actor_system system{config};
  std::unique_ptr<application> app;
};

record text_record(std::string value) {
  record r;
  r.value = std::move(value);
  return r;
}

} // namespace

TEST_CASE("an application works on a cluster without sockets") {
  on_memory f;
  f.cluster.create_topic("orders", 2);
  const auto written = f.app->produce("orders", 1, "paid");
  REQUIRE(written);
  CHECK(written->base_offset == log_offset{0});
  const auto log = f.cluster.log("orders", 1);
  REQUIRE(log.size() == 1);
  CHECK(log[0].record.text() == "paid");
  CHECK(f.cluster.log("orders", 0).empty());
  CHECK(
    f.cluster.append("orders", 0, {text_record("a"), text_record("b")}) == log_offset{0});
  const auto read = f.app->fetch("orders", 0, {.offset = 0, .auto_commit = false});
  REQUIRE(read);
  CHECK(read->records.size() == 2);
  // A record's time is the present, not that of a model.
  const auto now = std::chrono::system_clock::now();
  CHECK(*log[0].record.time > now - 1min);
}

TEST_CASE("a producer and a consumer work without sockets, while a broker dies") {
  on_memory f;
  f.cluster.create_topic("orders", 3);
  auto producer = f.app->producer({.name = "p", .linger = 0ms}).value();
  const auto send = [&](int from, int count) {
    for (int i = from; i != from + count; ++i)
      REQUIRE(producer.send(
        "orders", {.value = std::to_string(i), .partition = partition_id{i % 3}}));
    REQUIRE(producer.flush(10s));
  };
  send(0, 300);
  REQUIRE(f.cluster.leader("orders", 0) == 1);
  f.cluster.kill(1);
  CHECK(f.cluster.leader("orders", 0) == 2);
  send(300, 300);
  f.cluster.restart(1);
  f.cluster.move_leader("orders", 0, 1);
  send(600, 300);
  auto consumer = f.app->consumer({.name = "c"}).value();
  std::vector<assigned_partition> all;
  for (int p = 0; p != 3; ++p)
    all.push_back({"orders", p, start_at::earliest()});
  REQUIRE(consumer.assign(all));
  std::vector<int> seen;
  while (seen.size() < 900) {
    const auto polled = consumer.poll(10s);
    REQUIRE(polled);
    REQUIRE_FALSE(polled->batches.empty());
    for (const auto& batch : polled->batches)
      for (const auto& r : batch)
        seen.push_back(std::stoi(std::string{r.text()}));
  }
  std::ranges::sort(seen);
  for (int i = 0; i != 900; ++i)
    REQUIRE(seen[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a hook decides what happens to requests") {
  on_memory f{{.brokers = 1}};
  f.cluster.create_topic("orders");
  const auto asked = [&] { return f.cluster.asked(api_key::produce); };
  SECTION("an error that passes is tried again") {
    f.cluster.fail<protocol::produce_request>(error_code::not_enough_replicas);
    CHECK(f.app->produce("orders", 0, "x"));
    CHECK(asked() == 2);
  }
  SECTION("an error that stays reaches the caller") {
    f.cluster.once<protocol::produce_request>([](auto& request) {
      CHECK(request.request.topic_data.size() == 1);
      CHECK(request.client_id() == "cafka");
      request.fail(error_code::topic_authorization_failed);
    });
    const auto refused = f.app->produce("orders", 0, "x");
    CHECK(refused.error().code == error_code::topic_authorization_failed);
    CHECK(asked() == 1);
    CHECK(f.app->produce("orders", 0, "x"));
  }
  SECTION("an answer of choice") {
    f.cluster.on<protocol::list_offsets_request>([](auto& request) {
      request.change([](protocol::list_offsets_response& response) {
        response.topics.at(0).partitions.at(0).offset = 77;
      });
    });
    CHECK(f.app->latest_offset("orders", 0).value().offset == log_offset{77});
    f.cluster.be_well();
    CHECK(f.app->latest_offset("orders", 0).value().offset == log_offset{0});
  }
  SECTION("a connection that ends before the answer, for a write that is not repeated") {
    f.cluster.once<protocol::produce_request>(
      [](auto& request) { request.cut_answer(); });
    const auto lost = f.app->produce("orders", 0, "x");
    CHECK(lost.error().code == error_code::outcome_unknown);
    CHECK(f.cluster.log("orders").size() == 1);
  }
  SECTION("a delay is waited for") {
    f.cluster.once<protocol::list_offsets_request>(
      [](auto& request) { request.delay(100ms); });
    const auto began = std::chrono::steady_clock::now();
    CHECK(f.app->latest_offset("orders", 0));
    CHECK(std::chrono::steady_clock::now() - began >= 100ms);
  }
}

TEST_CASE("a hook uses controls of its cluster") {
  on_memory f;
  f.cluster.create_topic("orders");
  f.cluster.once<protocol::produce_request>([&](auto& request) {
    f.cluster.move_leader("orders", 0, 2);
    request.fail(error_code::not_leader_or_follower);
  });
  CHECK(f.app->produce("orders", 0, "x"));
  CHECK(f.cluster.leader("orders", 0) == 2);
  CHECK(f.cluster.log("orders").size() == 1);
}

TEST_CASE("a test waits for what happens to a cluster") {
  on_memory f;
  f.cluster.create_topic("orders");
  auto producer = f.app->producer({.name = "p", .linger = 0ms}).value();
  REQUIRE(producer.send("orders", "x"));
  CHECK(f.cluster.wait([&] { return f.cluster.log("orders").size() == 1; }));
  CHECK_FALSE(f.cluster.wait([&] { return f.cluster.log("orders").size() == 2; }, 1ms));
  CHECK(f.cluster.asked(api_key::produce) == 1);
}

TEST_CASE("a broker that is down is told at once, and found when it is back") {
  on_memory f{{.brokers = 1}};
  f.cluster.create_topic("orders");
  f.cluster.kill(1);
  const auto refused = f.app->produce("orders", 0, "x", {.deadline = 200ms});
  CHECK(refused.error().code == error_code::timed_out);
  f.cluster.restart(1);
  CHECK(f.app->produce("orders", 0, "x"));
}

TEST_CASE("connections in memory end with their cluster, and have no TLS") {
  configuration config;
  caf::actor_system system{config};
  std::optional<testing::cluster> cluster{std::in_place};
  const auto transports = cluster->transports();
  const auto brokers = cluster->bootstrap();
  auto app = application::start(
    system, {.brokers = brokers, .log_level = log_level::off, .transports = transports})
               .value();
  REQUIRE(app->metadata());
  SECTION("their end") {
    cluster.reset();
    CHECK_FALSE(app->metadata({.deadline = 200ms}));
  }
  SECTION("TLS") {
    const auto refused = app->create_worker("secret", {.use_ssl = true}, 5s);
    CHECK(to_string(refused.error()).find("have no TLS") != std::string::npos);
  }
}

TEST_CASE(
  "a cluster on ports serves any client, and refuses them while a broker is down") {
  testing::cluster cluster{{.brokers = 2}};
  const auto brokers = cluster.listen();
  CHECK(brokers == cluster.bootstrap());
  CHECK(brokers.starts_with("127.0.0.1:"));
  configuration config;
  caf::actor_system system{config};
  auto app =
    application::start(system, {.brokers = brokers, .log_level = log_level::off}).value();
  cluster.create_topic("orders", 2);
  REQUIRE(app->produce("orders", 0, "x", {.deadline = 10s}));
  cluster.kill(1);
  // A question is repeated; a record that met the end of the connection would not be.
  REQUIRE(app->latest_offset("orders", 0));
  REQUIRE(app->produce("orders", 0, "y", {.deadline = 10s}));
  cluster.restart(1);
  cluster.move_leader("orders", 0, 1);
  REQUIRE(
    app->produce("orders", 0, std::string(2'000'000, 'z'), {.deadline = 10s}).error().code
    == error_code::message_too_large);
  REQUIRE(app->produce("orders", 0, std::string(900'000, 'z'), {.deadline = 10s}));
  CHECK(cluster.log("orders").size() == 3);
}

TEST_CASE("ports that are taken are told") {
  testing::cluster first{{.brokers = 1}};
  first.listen();
  testing::cluster second{{.brokers = 1}};
  CHECK_THROWS_AS(second.listen({.port = first.address(1).port}), std::system_error);
  CHECK_THROWS_AS(second.listen({.host = "nowhere"}), std::system_error);
}
