#include "fixture_kafka.hpp"
#include <cafka/protocol/messages/all.hpp>

#include <set>

using namespace cafka;
using namespace cafka::testing;

TEST_CASE("a thousand requests of one actor in flight are each answered once") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("thousand", 6);
  service s{kafka.brokers()};
  const auto worker = s.connect("w");
  std::vector<produce> writes(1'000);
  for (std::size_t i = 0; i != writes.size(); ++i) {
    writes[i].topic = topic;
    writes[i].partition = static_cast<std::int32_t>(i % 6);
    writes[i].records = {{.value = std::to_string(i)}};
    writes[i].deadline = test_timeout;
  }
  const auto written = ask_from_actor<produced>(s.system, worker, writes);
  REQUIRE(written->wait());
  CHECK(written->each_once());
  // Each record stands where its own answer says.
  std::vector<std::map<log_offset, std::string>> logs;
  for (int p = 0; p != 6; ++p) {
    auto& log = logs.emplace_back();
    for (const auto& [offset, r] : read_all(*s.app, topic, p, "w"))
      log[offset] = *r.value;
  }
  const auto places = written->all();
  for (std::size_t i = 0; i != places.size(); ++i) {
    const auto at = REQUIRE_VALUE(places[i]).base_offset;
    REQUIRE(at);
    CHECK(logs[i % 6].at(*at) == std::to_string(i));
  }
  std::vector<fetch> reads(1'000);
  for (std::size_t i = 0; i != reads.size(); ++i) {
    reads[i].topic = topic;
    reads[i].partition = static_cast<std::int32_t>(i % 6);
    reads[i].offset = *places[i]->base_offset;
    reads[i].deadline = test_timeout;
  }
  const auto read = ask_from_actor<fetched>(s.system, worker, reads);
  REQUIRE(read->wait());
  CHECK(read->each_once());
  const auto parts = read->all();
  for (std::size_t i = 0; i != parts.size(); ++i) {
    const auto part = copies(REQUIRE_VALUE(parts[i]));
    REQUIRE_FALSE(part.empty());
    CHECK(part[0].value == std::to_string(i));
  }
}

TEST_CASE("many threads ask one worker, and each gets its own answers") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("threads", 6);
  service s{kafka.brokers()};
  s.connect("w");
  constexpr int per_thread = 50;
  std::vector<std::vector<std::string>> failures(6);
  std::vector<std::thread> threads;
  for (int p = 0; p != 6; ++p) {
    threads.emplace_back([&, p] {
      auto& failed = failures[static_cast<std::size_t>(p)];
      for (int i = 0; i != per_thread; ++i) {
        const auto value = std::to_string(p) + '-' + std::to_string(i);
        produce_options options;
        options.worker = "w";
        const auto put = s.app->produce(topic, p, value, options);
        if (!put || put->base_offset != log_offset{i}) {
          failed.push_back("produce: " + why(put));
          return;
        }
        fetch request;
        request.topic = topic;
        request.partition = p;
        request.offset = i;
        const auto got = s.app->fetch(request, "w");
        if (!got || got->records.size() != 1 || copies(*got)[0].value != value)
          failed.push_back("fetch: " + why(got));
      }
    });
  }
  for (auto& t : threads)
    t.join();
  for (const auto& failed : failures)
    CHECK(failed.empty());
}

TEST_CASE("offsets are found at both ends, by time, and at the latest time") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("offsets");
  service s{kafka.brokers()};
  s.connect("w");
  const timestamp then{1'700'000'000'000ms};
  // Out of order: the latest time is in the middle.
  for (const auto later : {0ms, 1'000ms, 9'000ms, 2'000ms, 3'000ms}) {
    produce_options options;
    options.worker = "w";
    options.timestamp = then + later;
    static_cast<void>(REQUIRE_VALUE(s.app->produce(topic, 0, "x", options)));
  }
  CHECK(REQUIRE_VALUE(s.app->earliest_offset(topic, 0, "w")).offset == log_offset{0});
  CHECK(REQUIRE_VALUE(s.app->latest_offset(topic, 0, "w")).offset == log_offset{5});
  const auto at = [&](timestamp t) {
    return REQUIRE_VALUE(s.app->offset(topic, 0, t, "w"));
  };
  CHECK(at(then - 1ms).offset == log_offset{0});
  CHECK(at(then).offset == log_offset{0});
  CHECK(at(then + 1ms).offset == log_offset{1});
  CHECK(at(then + 1ms).time == then + 1'000ms);
  CHECK(at(then + 1'001ms).offset == log_offset{2});
  CHECK(at(then + 9'000ms).offset == log_offset{2});
  // Behind all of them the log ends; the message says that there is none.
  CHECK(at(then + 9'001ms).offset == log_offset{5});
  CHECK_FALSE(REQUIRE_VALUE(
    s.app->offset({.topic = topic, .partition = 0, .time = then + 9'001ms}, "w"))
                .offset);
  const auto last =
    REQUIRE_VALUE(s.app->offset(topic, 0, offset_time::max_timestamp(), "w"));
  CHECK(last.offset == log_offset{2});
  CHECK(last.time == then + 9'000ms);
}

TEST_CASE("metadata of one topic, some, all and none") {
  kafka_cluster kafka;
  const auto one = kafka.create_topic("one", 1);
  const auto six = kafka.create_topic("six", 6);
  service s{kafka.brokers()};
  s.connect("w");
  const auto ask_about = [&](std::optional<std::vector<std::string>> topics) {
    metadata request;
    request.topics = std::move(topics);
    return REQUIRE_VALUE(s.app->metadata(request, "w"));
  };
  const auto single = ask_about(std::vector{six});
  REQUIRE(single.brokers.size() == 3);
  for (std::size_t i = 0; i != 3; ++i) {
    CHECK(single.brokers[i].id == broker_id{static_cast<std::int32_t>(i + 1)});
    CHECK(
      kafka.brokers().find(to_string(single.brokers[i].address)) != std::string::npos);
  }
  CHECK(single.controller >= broker_id{1});
  CHECK(single.cluster_id);
  REQUIRE(single.topics.size() == 1);
  CHECK(single.topics[0].status == error_code::none);
  CHECK_FALSE(single.topics[0].internal);
  CHECK_FALSE(single.topics[0].id.is_zero());
  REQUIRE(single.topics[0].partitions.size() == 6);
  for (std::int32_t p = 0; p != 6; ++p) {
    const auto& partition = single.topics[0].partitions[static_cast<std::size_t>(p)];
    CHECK(partition.id == partition_id{p});
    CHECK(partition.status == error_code::none);
    CHECK(partition.leader == kafka_cluster::first_leader(p));
    CHECK(partition.replicas.size() == 3);
    CHECK(partition.in_sync_replicas.size() == 3);
    CHECK(partition.offline_replicas.empty());
  }
  const auto some = ask_about(std::vector{six, one, "no-" + one});
  REQUIRE(some.topics.size() == 3);
  const auto find = [](const cluster_metadata& in, const std::string& name) {
    const auto found = std::ranges::find(in.topics, name, &topic_info::name);
    REQUIRE(found != in.topics.end());
    return *found;
  };
  CHECK(find(some, one).partitions.size() == 1);
  CHECK(find(some, six).partitions.size() == 6);
  CHECK(find(some, "no-" + one).status == error_code::unknown_topic_or_partition);
  CHECK(find(some, "no-" + one).partitions.empty());
  const auto all = ask_about(std::nullopt);
  CHECK(all.topics.size() >= 2);
  CHECK(find(all, one).partitions.size() == 1);
  CHECK(find(all, six).partitions.size() == 6);
  CHECK(std::ranges::is_sorted(all.topics, {}, &topic_info::name));
  const auto none = ask_about(std::vector<std::string>{});
  CHECK(none.topics.empty());
  CHECK(none.brokers.size() == 3);
}

TEST_CASE("each broker says what it can do, and one that is not there is an error") {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  s.connect("w");
  for (int id = 1; id <= 3; ++id) {
    api_versions request;
    request.broker = id;
    const auto told = REQUIRE_VALUE(s.app->api_versions(request, "w"));
    CHECK(std::ranges::is_sorted(told.apis, {}, &api_version_range::key));
    CHECK(std::ranges::find(told.apis, protocol::api_key::fetch, &api_version_range::key)
      != told.apis.end());
    const auto status = REQUIRE_VALUE(s.app->status("w"));
    CHECK(std::ranges::any_of(status.connections,
      [&](const auto& c) { return c.broker == broker_id{id} && c.connected; }));
  }
  api_versions request;
  request.broker = 99;
  const auto refused = s.app->api_versions(request, "w");
  INFO(why(refused));
  CHECK(refused.error().code == error_code::broker_not_available);
  CHECK(refused.error().detail.find("99") != std::string::npos);
}

TEST_CASE("the cluster describes itself, by its operation and by the raw message") {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  s.connect("w");
  const auto known = REQUIRE_VALUE(s.app->metadata({.topics = name_list{}}, "w"));
  const auto described =
    REQUIRE_VALUE(s.app->describe_cluster({.include_authorized_operations = true}, "w"));
  CHECK(described.cluster_id == known.cluster_id);
  REQUIRE(described.brokers.size() == known.brokers.size());
  for (std::size_t i = 0; i != known.brokers.size(); ++i) {
    CHECK(described.brokers[i].id == known.brokers[i].id);
    CHECK(described.brokers[i].address == known.brokers[i].address);
    CHECK_FALSE(described.brokers[i].fenced);
  }
  CHECK(described.authorized_operations);
  // The same without an operation, from each broker by itself.
  for (const auto& b : known.brokers) {
    const auto raw = REQUIRE_VALUE(s.app->call(
      protocol::describe_cluster_request{}, {.broker = b.id, .api_version = 0}, "w"));
    CHECK(raw.error_code == error_code::none);
    CHECK(raw.cluster_id == known.cluster_id);
    CHECK(raw.brokers.size() == known.brokers.size());
  }
}

TEST_CASE("a raw request goes to the broker that answers such requests") {
  kafka_cluster kafka;
  const auto topic = kafka.create_topic("raw", 1);
  service s{kafka.brokers()};
  s.connect("w");
  // A group's coordinator, found by the request's own group.
  protocol::offset_fetch_request asks;
  asks.group_id = topic + "-group";
  const auto kept = REQUIRE_VALUE(s.app->call(asks, {.api_version = 7}, "w"));
  CHECK(kept.error_code == error_code::none);
  CHECK(kept.topics.empty());
  // The controller.
  protocol::delete_topics_request removes;
  removes.topics.emplace_back().name = topic;
  removes.timeout_ms = 30'000;
  const auto gone = REQUIRE_VALUE(s.app->call(removes, {}, "w"));
  REQUIRE(gone.responses.size() == 1);
  CHECK(gone.responses[0].error_code == error_code::none);
  // A version that cafka lacks.
  const auto wrong =
    s.app->call(protocol::describe_cluster_request{}, {.api_version = 99}, "w");
  CHECK(wrong.error().code == error_code::unsupported_api_version);
}
