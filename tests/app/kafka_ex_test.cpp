// Each function, option and example of the KafkaEx page, as docs/kafka_ex.md lists them,
// on a real Kafka. Streams have a file of their own.
#include "fixture_kafka.hpp"
#include <cafka/supervision/caf_compat.hpp>

#include <caf/scoped_actor.hpp>

using namespace cafka;
using namespace cafka::testing;
using actors::offset_reset;

namespace {

/// An application as KafkaEx's configuration makes one: a default worker `kafka_ex` in a
/// group of its own.
struct kafka_ex {
  kafka_cluster kafka;
  std::string group = unique_name("kafka_ex");
  service s{kafka.brokers(), [this] {
              application_options options;
              options.consumer_group = group;
              return options;
            }()};
  application& app = *s.app;
};

std::vector<std::string> values(const fetched& from) {
  std::vector<std::string> result;
  for (const auto& r : copies(from))
    result.push_back(r.value.value_or("(null)"));
  return result;
}

endpoint first_of(const std::string& brokers) {
  return REQUIRE_VALUE(protocol::parse_endpoints(brokers)).front();
}

} // namespace

// -- workers ----------------------------------------------------------------------------

TEST_CASE("create_worker(:no_name), then fetch with worker_name: pid") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("some_topic");
  const auto pid = REQUIRE_VALUE(k.app.create_worker(no_name));
  static_cast<void>(REQUIRE_VALUE(k.app.produce(topic, 0, "x", {.worker = pid})));
  const auto got = REQUIRE_VALUE(k.app.fetch({.topic = topic, .offset = 0}, pid));
  CHECK(values(got) == std::vector<std::string>{"x"});
  // It is in no list, and another one is another.
  CHECK(k.app.workers() == std::vector<std::string>{"default"});
  CHECK(REQUIRE_VALUE(k.app.create_worker(no_name)) != pid);
}

TEST_CASE("create_worker(:pr), with uris, with a consumer group, and with none") {
  kafka_ex k;
  const auto plain = REQUIRE_VALUE(k.app.create_worker("pr"));
  CHECK(REQUIRE_VALUE(k.app.worker("pr")) == plain);
  const worker_init by_list{.brokers = {first_of(k.kafka.brokers())}};
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("pr2", by_list)));
  const worker_init by_text{.brokers = k.kafka.brokers(), .consumer_group = "foo"};
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("pr3", by_text)));
  CHECK(REQUIRE_VALUE(k.app.consumer_group("pr3")) == "foo");
  CHECK(REQUIRE_VALUE(k.app.consumer_group()) == k.group);
  const worker_init none{.consumer_group = no_consumer_group};
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("pr4", none)));
  CHECK_FALSE(REQUIRE_VALUE(k.app.consumer_group("pr4")));
  // consumer_group: nil
  const auto refused = k.app.create_worker("pr5", {.consumer_group = ""});
  CHECK(refused.error().code == error_code::invalid_group_id);
  CHECK(k.app.worker("pr5").error().code == error_code::not_found);
}

TEST_CASE("brokers may come from a function, asked at each start") {
  kafka_ex k;
  auto asked = std::make_shared<std::atomic<int>>(0);
  const broker_list::function yields = [asked, brokers = k.kafka.brokers()] {
    ++*asked;
    return protocol::parse_endpoints(brokers);
  };
  const auto worker = REQUIRE_VALUE(k.app.create_worker("pr", {.brokers = yields}));
  CHECK(*asked == 1);
  post_exit(worker, caf::exit_reason::kill);
  REQUIRE(k.s.events.wait_for(supervision::event_kind::restarted, "pr", 1));
  CHECK(*asked == 2);
  static_cast<void>(REQUIRE_VALUE(k.app.metadata({}, "pr")));
  const broker_list::function fails = [] {
    return result<std::vector<endpoint>>{error_code::not_found, "no such service"};
  };
  const auto refused = k.app.create_worker("pr2", {.brokers = fails});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().detail.find("no such service") != std::string::npos);
}

TEST_CASE("a name that is taken is already_started, and yields the worker behind it") {
  kafka_ex k;
  const auto first = REQUIRE_VALUE(k.app.create_worker("pr"));
  const auto again = k.app.create_worker("pr");
  CHECK(again.error().code == error_code::already_started);
  CHECK(REQUIRE_VALUE(k.app.worker("pr")) == first);
}

TEST_CASE("a worker starts when at least one broker answers, and not when none does") {
  kafka_ex k;
  const auto one_is_dead = "127.0.0.1:1," + k.kafka.brokers();
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("pr", {.brokers = one_is_dead})));
  const auto refused = k.app.create_worker("pr2", {.brokers = "127.0.0.1:1"}, 500ms);
  CHECK(refused.error().code == error_code::disconnected);
  CHECK(refused.error().detail.find("127.0.0.1:1") != std::string::npos);
  CHECK(k.app.worker("pr2").error().code == error_code::not_found);
}

TEST_CASE("start_link_worker starts a worker that lives and dies with its owner") {
  kafka_ex k;
  auto owner = k.s.system.spawn(
    [](caf::event_based_actor*) -> caf::behavior { return {[](int) {}}; });
  const auto owner_ptr = caf::actor_cast<caf::strong_actor_ptr>(owner);
  const auto worker = REQUIRE_VALUE(k.app.start_link_worker(owner_ptr));
  static_cast<void>(REQUIRE_VALUE(k.app.metadata({}, worker)));
  CHECK(k.app.workers() == std::vector<std::string>{"default"});
  post_exit(owner, caf::exit_reason::user_shutdown);
  CHECK(eventually([&] {
    return k.app.status(worker, 1'000ms).error().code == error_code::worker_down;
  }));
}

TEST_CASE("stop_worker by name and by handle, and not_found afterwards") {
  kafka_ex k;
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("pr")));
  CHECK(k.app.stop_worker("pr"));
  CHECK(k.app.stop_worker("pr").error().code == error_code::not_found);
  const auto handle = REQUIRE_VALUE(k.app.create_worker(no_name));
  CHECK(k.app.stop_worker(handle));
  CHECK(k.app.stop_worker(handle).error().code == error_code::not_found);
}

TEST_CASE("build_worker_options merges with the application's, and refuses a bad group") {
  kafka_ex k;
  const auto merged = REQUIRE_VALUE(k.app.build_worker_options({.metadata_max_age = 5s}));
  CHECK(merged.metadata_max_age == 5s);
  CHECK(merged.coordinator_query_interval == 30s);
  CHECK(merged.consumer_group.name() == k.group);
  CHECK(merged.brokers.endpoints() == protocol::parse_endpoints(k.kafka.brokers()));
  const auto refused = k.app.build_worker_options({.consumer_group = ""});
  CHECK(refused.error().code == error_code::invalid_group_id);
  for (const auto& init : {worker_init{.metadata_max_age = -1ms},
         worker_init{.coordinator_query_interval = -1ms}})
    CHECK(k.app.build_worker_options(init).error().code == error_code::invalid_argument);
}

TEST_CASE("valid_consumer_group?") {
  CHECK(valid_consumer_group("kafka_ex"));
  CHECK(valid_consumer_group(no_consumer_group));
  CHECK_FALSE(valid_consumer_group(""));
}

// -- produce and fetch ------------------------------------------------------------------

TEST_CASE("produce/4: nothing to say without acknowledgement, else the offset") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("bar");
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("pr")));
  // KafkaEx.produce("foo", 0, "hey", [worker_name: :pr, required_acks: 1])
  const auto first = k.app.produce(topic, 0, "hey", {.required_acks = 1, .worker = "pr"});
  CHECK(REQUIRE_VALUE(first).base_offset == log_offset{0});
  // KafkaEx.produce("bar", 0, "hey"), whose required_acks is 0
  const auto silent = k.app.produce(topic, 0, "hey", {.required_acks = 0});
  CHECK_FALSE(REQUIRE_VALUE(silent).base_offset);
  REQUIRE(eventually([&] {
    return REQUIRE_VALUE(k.app.latest_offset(topic, 0)).offset == log_offset{2};
  }));
  const auto all = k.app.produce(topic, 0, "hey", {.required_acks = -1});
  CHECK(REQUIRE_VALUE(all).base_offset == log_offset{2});
}

TEST_CASE("produce/2: a batch request, by the default worker and by :pr") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("foo");
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("pr")));
  const produce request{.topic = topic,
    .partition = 0,
    .records = {{.value = "hey"}, {.key = "k", .value = "hi", .headers = {{"h", "1"}}}},
    .required_acks = 1,
    .timeout = 100ms,
    .compression = codec::snappy};
  CHECK(REQUIRE_VALUE(k.app.produce(request)).base_offset == log_offset{0});
  CHECK(REQUIRE_VALUE(k.app.produce(request, "pr")).base_offset == log_offset{2});
  // One replica has them; readers see what all have.
  fetched got;
  REQUIRE(eventually([&] {
    got = REQUIRE_VALUE(k.app.fetch({.topic = topic, .offset = 0}));
    return got.records.size() == 4;
  }));
  auto expected = request.records;
  expected.insert(expected.end(), request.records.begin(), request.records.end());
  auto all = copies(got);
  for (auto& r : all)
    r.time.reset();
  CHECK(all == expected);
}

TEST_CASE("produce with each codec, a timestamp, and a pinned api_version") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("codecs");
  const timestamp then{1'500'000'000'000ms};
  std::int64_t next = 0;
  for (const auto& c : all_codecs()) {
    INFO(c.name);
    const produce_options options{.timestamp = then, .compression = c.value};
    const auto put = k.app.produce(topic, 0, std::string(1'000, 'x'), options);
    CHECK(REQUIRE_VALUE(put).base_offset == log_offset{next++});
  }
  const auto got = copies(REQUIRE_VALUE(k.app.fetch({.topic = topic, .offset = 0})));
  REQUIRE(got.size() == all_codecs().size());
  for (const auto& r : got)
    CHECK(r.time == then);
  const auto pinned = k.app.produce(topic, 0, "x", {.api_version = 3});
  CHECK(REQUIRE_VALUE(pinned).base_offset == log_offset{next});
  const auto refused = k.app.produce(topic, 0, "x", {.api_version = 99});
  CHECK(refused.error().code == error_code::unsupported_api_version);
}

TEST_CASE(
  "produce without a partition: the key decides, as Kafka's own clients have it") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("keys", 6);
  const auto first = REQUIRE_VALUE(k.app.produce(topic, {}, "a", {.key = "order-1"}));
  const auto again = REQUIRE_VALUE(k.app.produce(topic, {}, "b", {.key = "order-1"}));
  CHECK(first.partition == again.partition);
  CHECK(again.base_offset == log_offset{1});
  static_cast<void>(REQUIRE_VALUE(k.app.produce(topic, {}, "no key")));
  // partitioner: KafkaEx.LegacyPartitioner
  const worker_init legacy{.partitioner = protocol::legacy_partitioner};
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("legacy", legacy)));
  for (const auto& [key, partition] : {std::pair{"key", 3}, {"key2", 5}})
    CHECK(REQUIRE_VALUE(k.app.produce(topic, {}, "x", {.key = key, .worker = "legacy"}))
            .partition
      == partition_id{partition});
}

TEST_CASE("a topic that does not exist is an error with a name") {
  kafka_ex k;
  const auto missing = unique_name("missing");
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("pr")));
  const auto got = k.app.fetch({.topic = missing, .offset = 0});
  CHECK(got.error().code == error_code::unknown_topic_or_partition);
  CHECK(k.app.latest_offset(missing, 0).error().code
    == error_code::unknown_topic_or_partition);
  CHECK(k.app.offset_fetch({.topics = {{{missing, {0}}}}}).has_value());
}

TEST_CASE("fetch(\"foo\", 0, offset: 0)") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("foo");
  static_cast<void>(REQUIRE_VALUE(k.app.produce(topic, 0, "hey foo")));
  const auto got = REQUIRE_VALUE(k.app.fetch({.topic = topic, .offset = 0}));
  CHECK(got.topic == topic);
  CHECK(got.partition == partition_id{0});
  CHECK(got.high_watermark == log_offset{1});
  CHECK(values(got) == std::vector<std::string>{"hey foo"});
  CHECK_FALSE(copies(got)[0].key);
  CHECK(got.records.begin()->offset == log_offset{0});
}

TEST_CASE("fetch without an offset goes on where the group has committed") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("group");
  for (const auto* value : {"1", "2"})
    static_cast<void>(REQUIRE_VALUE(k.app.produce(topic, 0, value)));
  // Nothing is committed yet: from the beginning.
  const auto first = REQUIRE_VALUE(k.app.fetch({.topic = topic}));
  CHECK(values(first) == std::vector<std::string>{"1", "2"});
  CHECK(first.committed == log_offset{2});
  static_cast<void>(REQUIRE_VALUE(k.app.produce(topic, 0, "3")));
  const auto second = REQUIRE_VALUE(k.app.fetch({.topic = topic, .auto_commit = false}));
  CHECK(values(second) == std::vector<std::string>{"3"});
  CHECK_FALSE(second.committed);
  CHECK(values(REQUIRE_VALUE(k.app.fetch({.topic = topic})))
    == std::vector<std::string>{"3"});
  CHECK(REQUIRE_VALUE(k.app.fetch({.topic = topic})).records.empty());
}

TEST_CASE(
  "fetch without an offset and without a group begins as auto_offset_reset says") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("some_topic");
  for (const auto* value : {"1", "2"})
    static_cast<void>(REQUIRE_VALUE(k.app.produce(topic, 0, value)));
  const auto begun = [&](offset_reset where) {
    const auto pid = REQUIRE_VALUE(k.app.create_worker(
      no_name, {.consumer_group = no_consumer_group, .auto_offset_reset = where}));
    // KafkaEx.fetch("some_topic", 0, worker_name: pid), whose auto_commit is true
    const auto got = REQUIRE_VALUE(k.app.fetch({.topic = topic}, pid));
    CHECK_FALSE(got.committed);
    CHECK(got.commit_error.code == error_code::none);
    return values(got);
  };
  CHECK(begun(offset_reset::none) == std::vector<std::string>{"1", "2"});
  CHECK(begun(offset_reset::earliest) == std::vector<std::string>{"1", "2"});
  CHECK(begun(offset_reset::latest).empty());
}

TEST_CASE("fetch with wait_time, min_bytes and max_bytes, and pinned versions") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("bytes");
  const std::string large(500'000, 'x');
  static_cast<void>(REQUIRE_VALUE(k.app.produce(topic, 0, large)));
  // A record larger than max_bytes still comes.
  const auto small = REQUIRE_VALUE(
    k.app.fetch({.topic = topic, .offset = 0, .max_bytes = 10, .auto_commit = false}));
  REQUIRE(small.records.size() == 1);
  CHECK(copies(small)[0].value == large);
  // At the end of the log min_bytes 0 does not wait.
  const auto began = steady_clock::now();
  const fetch at_once{
    .topic = topic, .offset = 1, .wait_time = test_timeout / 2, .min_bytes = 0};
  CHECK(REQUIRE_VALUE(k.app.fetch(at_once)).records.empty());
  CHECK(steady_clock::now() - began < test_timeout / 2);
  const fetch pinned{
    .topic = topic, .offset = 0, .api_version = 5, .offset_commit_api_version = 3};
  CHECK(REQUIRE_VALUE(k.app.fetch(pinned)).committed == log_offset{1});
  const auto outside = k.app.fetch({.topic = topic, .offset = 100});
  CHECK(outside.error().code == error_code::offset_out_of_range);
}

// -- offsets ----------------------------------------------------------------------------

TEST_CASE("earliest_offset, latest_offset, and offset at a date and time") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("foo");
  const timestamp then{1'427'673'400'000ms}; // 2015-03-29 23:56:40
  for (int i = 0; i != 3; ++i) {
    const produce_options options{.timestamp = then + std::chrono::seconds{i}};
    static_cast<void>(REQUIRE_VALUE(k.app.produce(topic, 0, "x", options)));
  }
  CHECK(REQUIRE_VALUE(k.app.earliest_offset(topic, 0)).offset == log_offset{0});
  CHECK(REQUIRE_VALUE(k.app.latest_offset(topic, 0)).offset == log_offset{3});
  CHECK(REQUIRE_VALUE(k.app.offset(topic, 0, then + 1s)).offset == log_offset{1});
  CHECK(REQUIRE_VALUE(k.app.offset(topic, 0, offset_time::earliest())).offset
    == log_offset{0});
  CHECK(
    REQUIRE_VALUE(k.app.offset(topic, 0, offset_time::latest())).offset == log_offset{3});
  // Later than every record: the log's end, of which Kafka itself says nothing.
  CHECK(REQUIRE_VALUE(k.app.offset(topic, 0, then + 3s)).offset == log_offset{3});
  CHECK_FALSE(
    REQUIRE_VALUE(k.app.offset({.topic = topic, .partition = 0, .time = then + 3s}))
      .offset);
  // An empty log has no newest record, however long one looks.
  const auto empty = k.kafka.create_topic("empty");
  CHECK(REQUIRE_VALUE(k.app.offset(empty, 0, then)).offset == log_offset{0});
  CHECK_FALSE(REQUIRE_VALUE(k.app.offset(empty, 0, offset_time::max_timestamp())).offset);
}

TEST_CASE("offset_commit, offset_fetch and consumer_group_metadata") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("commits", 2);
  const offset_fetch ask{.topics = {{{topic, {0, 1}}}}};
  for (const auto& o : REQUIRE_VALUE(k.app.offset_fetch(ask)).offsets)
    CHECK_FALSE(o.offset);
  CHECK(k.app.offset_commit(
    {.offsets = {{.topic = topic, .partition = 1, .offset = 9, .metadata = "mine"}}}));
  const auto kept = REQUIRE_VALUE(k.app.offset_fetch(ask));
  CHECK(kept.group == k.group);
  REQUIRE(kept.offsets.size() == 2);
  CHECK_FALSE(kept.offsets[0].offset);
  CHECK(kept.offsets[1].offset == log_offset{9});
  CHECK(kept.offsets[1].metadata == "mine");
  const auto where =
    REQUIRE_VALUE(k.app.consumer_group_metadata({.key = k.group}, "kafka_ex"));
  CHECK(where.id.value() >= 1);
  CHECK(where.address.port != 0);
}

// -- group calls ------------------------------------------------------------------------

TEST_CASE("join_group, sync_group, heartbeat and leave_group") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("raw", 2);
  const join_group join{.session_timeout = 10s,
    .rebalance_timeout = 10s,
    .protocols = {{"assign", REQUIRE_VALUE(to_metadata({.topics = {topic}}))}}};
  const auto place = REQUIRE_VALUE(k.app.join_group(join));
  CHECK(place.is_leader());
  REQUIRE(place.members.size() == 1);
  const auto wish = REQUIRE_VALUE(subscription_from(place.members[0].metadata));
  CHECK(wish.topics == std::vector<std::string>{topic});
  const sync_group sync{.generation = place.generation,
    .member_id = place.member_id,
    .assignments = {{place.member_id,
      REQUIRE_VALUE(to_assignment({.partitions = {{topic, {0, 1}}}}))}}};
  const auto mine = REQUIRE_VALUE(k.app.sync_group(sync));
  const auto assigned = REQUIRE_VALUE(assignment_from(mine.assignment));
  REQUIRE(assigned.partitions.size() == 1);
  CHECK(assigned.partitions[0].topic == topic);
  CHECK(assigned.partitions[0].partitions == std::vector<partition_id>{0, 1});
  const heartbeat beat{.generation = place.generation, .member_id = place.member_id};
  CHECK(k.app.heartbeat(beat));
  const auto left =
    REQUIRE_VALUE(k.app.leave_group({.members = {{.member_id = place.member_id}}}));
  REQUIRE(left.members.size() == 1);
  CHECK(left.members[0].status == error_code::none);
  CHECK(k.app.heartbeat(beat).error().code == error_code::unknown_member_id);
}

// -- topics and the cluster -------------------------------------------------------------

TEST_CASE("create_topics and delete_topics") {
  kafka_ex k;
  const auto topic = unique_name("made");
  const create_topics request{.topics = {{.name = topic,
                                .partitions = 3,
                                .replication_factor = 2,
                                .configs = {{"retention.ms", "60000"}}}},
    .timeout = 10s};
  CHECK(REQUIRE_VALUE(k.app.create_topics(request)).ok());
  const auto again = REQUIRE_VALUE(k.app.create_topics(request));
  CHECK(again.topics[0].status == error_code::topic_already_exists);
  const metadata ask{.topics = {{topic}}};
  REQUIRE(eventually([&] {
    return REQUIRE_VALUE(k.app.metadata(ask)).topics.at(0).partitions.size() == 3;
  }));
  CHECK(REQUIRE_VALUE(k.app.delete_topics({.topics = {topic}})).ok());
  CHECK(eventually([&] {
    return REQUIRE_VALUE(k.app.metadata(ask)).topics.at(0).status
      == error_code::unknown_topic_or_partition;
  }));
}

TEST_CASE("metadata(topic: \"foo\", worker_name: :mt), of all topics, and of none") {
  kafka_ex k;
  const auto topic = k.kafka.create_topic("foo");
  static_cast<void>(REQUIRE_VALUE(k.app.create_worker("mt")));
  const auto one = REQUIRE_VALUE(k.app.metadata({.topics = {{topic}}}, "mt"));
  CHECK(one.brokers.size() == 3);
  REQUIRE(one.topics.size() == 1);
  CHECK(one.topics[0].name == topic);
  REQUIRE(one.topics[0].partitions.size() == 1);
  CHECK(one.topics[0].partitions[0].leader == kafka_cluster::first_leader(0));
  CHECK(one.topics[0].partitions[0].replicas.size() == 3);
  const metadata empty_name{.topics = std::vector<std::string>{""}};
  for (const auto& of_all : {metadata{}, empty_name}) {
    const auto all = REQUIRE_VALUE(k.app.metadata(of_all, "mt"));
    CHECK(std::ranges::count(all.topics, topic, &topic_info::name) == 1);
    CHECK(all.topics.size() > 1);
  }
  const auto none =
    REQUIRE_VALUE(k.app.metadata({.topics = std::vector<std::string>{}}, "mt"));
  CHECK(none.topics.empty());
  CHECK(none.brokers.size() == 3);
}

TEST_CASE("api_versions") {
  kafka_ex k;
  const auto told = REQUIRE_VALUE(k.app.api_versions());
  const auto found =
    std::ranges::find(told.apis, protocol::api_key::fetch, &api_version_range::key);
  REQUIRE(found != told.apis.end());
  CHECK(found->max >= 4);
}
