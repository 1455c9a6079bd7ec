#include "fixture.hpp"

// Brokers that do not reach each other.

using namespace fake_fixture;

namespace {

std::vector<std::string> texts(const fake_log& log) {
  std::vector<std::string> all;
  for (const auto& r : log.records())
    all.push_back(*r.record.value);
  return all;
}

produce_request one(
  const std::string& value, std::int16_t acks = -1, const std::string& topic = "t") {
  return producing(batch_of({a_record(value)}, {}), acks, 0, topic);
}

} // namespace

TEST_CASE("a broker that is apart goes on with what it knew") {
  fixture f;
  f.cluster.create_topic("t");
  f.cluster.append("t", 0, numbered(3));
  f.cluster.partition({1}, {2, 3});
  CHECK(f.cluster.leader("t", 0) == 2);
  CHECK(f.cluster.listens(1));
  const auto known_to = [&](std::int32_t broker) {
    const auto about = f.ask(asking_about({"t"}), 9, broker, broker).topics.at(0);
    return about.partitions.at(0);
  };
  CHECK(known_to(1).leader_id == broker_id{1});
  CHECK(known_to(1).leader_epoch == leader_epoch{0});
  CHECK(known_to(2).leader_id == broker_id{2});
  CHECK(known_to(2).leader_epoch == leader_epoch{1});

  // What its replicas must have is not written, and the answer takes its time.
  f.send(one("lost"), 9, 1, 1);
  f.pass(999ms);
  CHECK(f.came[1].empty());
  f.pass(1ms);
  const auto late = f.answer<produce_response>(9, 1);
  REQUIRE(late);
  CHECK(only(*late).error_code == error_code::request_timed_out);
  // What it alone must have is written, is not read by anybody, and will be lost.
  const auto alone = f.ask(one("lost too", 1), 9, 1, 1);
  CHECK(only(alone).error_code == error_code::none);
  CHECK(only(alone).base_offset == log_offset{3});
  CHECK(only(f.ask(listing(-1), 5, 1, 1)).offset == log_offset{3});
  const auto read = only(f.ask(fetching(0), 12, 1, 1));
  CHECK(read.high_watermark == log_offset{3});
  CHECK(values(*read.records).size() == 3);

  CHECK(only(f.ask(one("kept"), 9, 2, 2)).base_offset == log_offset{3});
  f.cluster.heal();
  CHECK(only(f.ask(one("x"), 9, 1, 1)).error_code == error_code::not_leader_or_follower);
  CHECK(known_to(1).leader_id == broker_id{2});
  CHECK(texts(f.cluster.log("t", 0)) == std::vector<std::string>{"0", "1", "2", "kept"});
}

TEST_CASE("a partition that only brokers which are apart have goes on there") {
  fixture f;
  f.cluster.create_topic("own", 1, 1);
  f.cluster.partition({2, 3}, {1});
  const auto here = f.ask(asking_about({"own"}), 9, 2, 2).topics.at(0).partitions.at(0);
  CHECK(here.error_code == error_code::leader_not_available);
  CHECK(only(f.ask(one("a", -1, "own"), 9, 1, 1)).error_code == error_code::none);
  CHECK(f.cluster.leader("own", 0) == 1);
  CHECK(texts(f.cluster.log("own", 0)) == std::vector<std::string>{"a"});
  f.cluster.heal();
  CHECK(f.cluster.leader("own", 0) == 1);
  CHECK(texts(f.cluster.log("own", 0)) == std::vector<std::string>{"a"});
  CHECK(only(f.ask(one("b", -1, "own"), 9, 1, 1)).base_offset == log_offset{1});
}

TEST_CASE("brokers that are apart make no topics, and coordinate no groups") {
  fixture f({.brokers = 2});
  // Of two sides that are equal the one with the controller goes on.
  f.cluster.partition({1}, {2});
  f.cluster.create_topic("t");
  const auto answers = f.ask(asking_about({"t"}, true), 9, 2, 2);
  CHECK(answers.topics.at(0).error_code == error_code::unknown_topic_or_partition);
  create_topics_request make;
  make.timeout_ms = 500;
  auto& topic = make.topics.emplace_back();
  topic.name = "u";
  topic.num_partitions = topic.replication_factor = 1;
  f.send(make, 7, 2, 2);
  f.pass(499ms);
  CHECK(f.came[2].empty());
  f.pass(1ms);
  const auto made = f.answer<create_topics_response>(7, 2);
  REQUIRE(made);
  CHECK(made->topics.at(0).error_code == error_code::request_timed_out);
  heartbeat_request beat;
  beat.group_id = "g";
  CHECK(f.ask(beat, 4, 2, 2).error_code == error_code::coordinator_not_available);
  f.cluster.heal();
  CHECK(f.ask(asking_about({"t"}), 9, 2, 2).topics.at(0).error_code == error_code::none);
}

TEST_CASE("what waits at a broker is answered by what it knows then") {
  fixture f;
  f.cluster.create_topic("t");
  auto request = fetching(0);
  request.max_wait_ms = 60'000;
  f.send(request, 10, 1, 1); // Later ones are served by followers, too.
  f.cluster.partition({1}, {2, 3});
  f.pass(1s);
  CHECK(f.came[1].empty());
  f.cluster.heal();
  f.pass(0ms);
  const auto got = f.answer<fetch_response>(10, 1);
  REQUIRE(got);
  CHECK(only(*got).error_code == error_code::not_leader_or_follower);
  CHECK(f.cluster.asked(api_key::fetch) == 1);
}

TEST_CASE("hooks see a request once, however often it is worked on") {
  fixture f;
  f.cluster.create_topic("t");
  int looked = 0;
  int treated = 0;
  int answered = 0;
  int changed = 0;
  f.cluster.on<fetch_request>([&](exchange<fetch_request>& x) {
    ++looked;
    x.change([&](fetch_response& r) { r.throttle_time_ms += 7; });
    x.delay(10ms);
  });
  f.cluster.treat(api_key::fetch, [&](const seen_request&) {
    ++treated;
    return treatment{fate::served, 20ms};
  });
  f.cluster.answer<fetch_request>([&](const seen_request&, const fetch_request&) {
    ++answered;
    return std::optional<fetch_response>{};
  });
  f.cluster.change<fetch_request>(
    [&](const seen_request&, const fetch_request&, fetch_response&) { ++changed; });
  auto request = fetching(0);
  request.max_wait_ms = 60'000;
  f.send(request, 10, 1, 1);
  // What is about later requests is not about this one.
  f.cluster.fail(api_key::fetch, error_code::kafka_storage_error);
  f.cluster.partition({1}, {2, 3});
  f.pass(1s);
  f.cluster.heal();
  f.pass(0ms);
  f.pass(29ms);
  CHECK(f.came[1].empty());
  f.pass(1ms);
  const auto got = f.answer<fetch_response>(10, 1);
  REQUIRE(got);
  CHECK(only(*got).error_code == error_code::not_leader_or_follower);
  CHECK(got->throttle_time_ms == 7);
  CHECK(looked == 1);
  CHECK(treated == 1);
  CHECK(answered == 1);
  CHECK(changed == 1);
  // The next one is another request.
  f.send(fetching(0), 10, 1, 1);
  f.pass(30ms);
  const auto next = f.answer<fetch_response>(10, 1);
  REQUIRE(next);
  CHECK(only(*next).error_code == error_code::kafka_storage_error);
  CHECK(looked == 2);
}

TEST_CASE("a broker that is apart may die, and come back to the others") {
  fixture f;
  f.cluster.create_topic("t");
  f.cluster.partition({1}, {2, 3});
  f.cluster.kill(1);
  CHECK_FALSE(f.cluster.listens(1));
  f.cluster.heal();
  CHECK_FALSE(f.cluster.listens(1));
  f.cluster.restart(1);
  CHECK(f.ask(asking_about({"t"}), 9, 1, 1).brokers.size() == 3);
}

TEST_CASE("all groups get other coordinators") {
  fixture f;
  const auto where = [&] {
    std::vector<std::int32_t> all;
    for (int i = 0; i != 20; ++i)
      all.push_back(f.cluster.coordinator(0, "group " + std::to_string(i)));
    return all;
  };
  f.cluster.move_coordinator(0, "group 7", 2);
  const auto before = where();
  f.cluster.rehash_coordinators();
  const auto after = where();
  std::size_t moved = 0;
  for (std::size_t i = 0; i != before.size(); ++i)
    moved += before[i] != after[i] ? 1 : 0;
  CHECK(moved >= before.size() - 1);
}
