#include "fixture_kafka.hpp"
#include <cafka/protocol/messages/create_topics.hpp>
#include <cafka/protocol/messages/delete_topics.hpp>

using namespace cafka;
using namespace cafka::testing;

namespace {

struct topics_service {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  application& app = *s.app;

  topics_service() { s.connect("w"); }

  topic_info described(const std::string& topic) {
    auto told = REQUIRE_VALUE(app.metadata({.topics = {{topic}}}, "w"));
    REQUIRE(told.topics.size() == 1);
    return std::move(told.topics[0]);
  }

  /// Waits until whichever broker is asked has heard of it.
  bool appears(const std::string& topic, std::size_t partitions) {
    return eventually([&] { return described(topic).partitions.size() == partitions; });
  }

  bool goes(const std::string& topic) {
    return eventually(
      [&] { return described(topic).status == error_code::unknown_topic_or_partition; });
  }

  std::string setting(const std::string& topic, const std::string& name) {
    const auto shown = kafka.tool({"kafka-configs", "--bootstrap-server", kafka.brokers(),
      "--describe", "--entity-type", "topics", "--entity-name", topic, "--all"});
    INFO(shown.out << shown.err);
    REQUIRE(shown.status == 0);
    const auto at = shown.out.find(' ' + name + '=');
    REQUIRE(at != std::string::npos);
    const auto begin = at + name.size() + 2;
    return shown.out.substr(begin, shown.out.find(' ', begin) - begin);
  }

  topic_result create_one(new_topic t) {
    auto made = REQUIRE_VALUE(app.create_topics({.topics = {std::move(t)}}, "w"));
    REQUIRE(made.topics.size() == 1);
    return std::move(made.topics[0]);
  }
};

} // namespace

TEST_CASE("every version of CreateTopics makes, and of DeleteTopics removes") {
  topics_service t;
  const auto told = REQUIRE_VALUE(t.app.api_versions({}, "w"));
  const auto shared = [&]<class Request>(Request*) {
    const auto found =
      std::ranges::find(told.apis, Request::key, &api_version_range::key);
    REQUIRE(found != told.apis.end());
    return protocol::version_range{std::max(found->min, Request::versions.min),
      std::min(found->max, Request::versions.max)};
  };
  const auto creates = shared(static_cast<protocol::create_topics_request*>(nullptr));
  const auto deletes = shared(static_cast<protocol::delete_topics_request*>(nullptr));
  const auto count = std::max(creates.max - creates.min, deletes.max - deletes.min);
  for (std::int16_t i = 0; i <= count; ++i) {
    const auto create =
      static_cast<std::int16_t>(std::min(creates.min + i, +creates.max));
    const auto remove =
      static_cast<std::int16_t>(std::min(deletes.min + i, +deletes.max));
    INFO("CreateTopics version " << create << ", DeleteTopics version " << remove);
    const auto topic = unique_name("version");
    const create_topics request{
      .topics = {{.name = topic, .partitions = 2, .replication_factor = 1}},
      .api_version = create};
    const auto made = REQUIRE_VALUE(t.app.create_topics(request, "w"));
    REQUIRE(made.topics.size() == 1);
    INFO(made.topics[0].message);
    CHECK(made.ok());
    CHECK(t.appears(topic, 2));
    const delete_topics gone{.topics = {topic}, .api_version = remove};
    const auto removed = REQUIRE_VALUE(t.app.delete_topics(gone, "w"));
    CHECK(removed.ok());
    CHECK(t.goes(topic));
    const auto again = REQUIRE_VALUE(t.app.delete_topics(gone, "w"));
    CHECK(again.topics.at(0).status == error_code::unknown_topic_or_partition);
  }
}

TEST_CASE("a topic is made with the settings and on the brokers that were asked for") {
  topics_service t;
  const auto topic = unique_name("assigned");
  const auto made = t.create_one({.name = topic,
    .replica_assignment = {{3, 1}, {2, 3}},
    .configs = {{"retention.ms", "123456"}, {"cleanup.policy", "compact"}}});
  INFO(made.message);
  REQUIRE(made.status == error_code::none);
  REQUIRE(t.appears(topic, 2));
  const auto seen = t.described(topic);
  CHECK(seen.partitions[0].replicas == std::vector<broker_id>{3, 1});
  CHECK(seen.partitions[1].replicas == std::vector<broker_id>{2, 3});
  CHECK(t.setting(topic, "retention.ms") == "123456");
  CHECK(t.setting(topic, "cleanup.policy") == "compact");
}

TEST_CASE("without numbers the broker's defaults are taken") {
  topics_service t;
  const auto topic = unique_name("defaults");
  const auto made = t.create_one({.name = topic});
  INFO(made.message);
  CHECK(made.status == error_code::none);
  CHECK(eventually([&] { return !t.described(topic).partitions.empty(); }));
  create_topics old{.topics = {{.name = topic}}, .api_version = 3};
  const auto refused = t.app.create_topics(old, "w");
  INFO(why(refused));
  CHECK(refused.error().code == error_code::unsupported_api_version);
  CHECK(refused.error().detail.find("default") != std::string::npos);
}

TEST_CASE("validate_only says what the result would be and creates no topic") {
  topics_service t;
  const auto good = unique_name("would");
  const create_topics request{
    .topics = {{.name = good, .partitions = 1, .replication_factor = 1},
      {.name = "no/such name", .partitions = 1, .replication_factor = 1},
      {.name = unique_name("many"), .partitions = 1, .replication_factor = 9}},
    .validate_only = true};
  const auto told = REQUIRE_VALUE(t.app.create_topics(request, "w"));
  REQUIRE(told.topics.size() == 3);
  CHECK_FALSE(told.ok());
  CHECK(told.topics[0].name == good);
  CHECK(told.topics[0].status == error_code::none);
  CHECK(told.topics[1].status == error_code::invalid_topic_exception);
  CHECK_FALSE(told.topics[1].message.empty());
  CHECK(told.topics[2].status == error_code::invalid_replication_factor);
  CHECK(t.described(good).status == error_code::unknown_topic_or_partition);
}

TEST_CASE("each topic that cannot be made has its own reason") {
  topics_service t;
  const auto topic = t.kafka.create_topic("there");
  const create_topics request{
    .topics = {{.name = topic, .partitions = 1, .replication_factor = 1},
      {.name = unique_name("wrong"),
        .partitions = 1,
        .replication_factor = 1,
        .configs = {{"retention.ms", "soon"}}},
      {.name = unique_name("nowhere"), .replica_assignment = {{77}}},
      {.name = unique_name("fine"), .partitions = 1, .replication_factor = 1}}};
  const auto told = REQUIRE_VALUE(t.app.create_topics(request, "w"));
  REQUIRE(told.topics.size() == 4);
  CHECK(told.topics[0].status == error_code::topic_already_exists);
  CHECK(told.topics[1].status == error_code::invalid_config);
  CHECK(told.topics[2].status == error_code::invalid_replica_assignment);
  CHECK(told.topics[3].status == error_code::none);
}

TEST_CASE("nonsense is refused before anybody is asked") {
  topics_service t;
  const auto refused = [&](create_topics request, const std::string& what) {
    const auto r = t.app.create_topics(request, "w");
    INFO(why(r));
    CHECK(r.error().code == error_code::invalid_argument);
    CHECK(r.error().detail.find(what) != std::string::npos);
  };
  refused({}, "no topics");
  refused({.topics = {{}}}, "no name");
  refused({.topics = {{.name = "x", .partitions = 0}}}, "partitions is 0");
  refused({.topics = {{.name = "x", .replication_factor = -2}}}, "replication_factor");
  refused({.topics = {{.name = "x", .partitions = 2, .replica_assignment = {{1}, {2}}}}},
    "replica_assignment");
  CHECK(t.app.delete_topics({}, "w").error().code == error_code::invalid_argument);
}

TEST_CASE("a topic just made is written to, and one that was recreated is another one") {
  topics_service t;
  const auto topic = unique_name("anew");
  for (int round = 0; round != 2; ++round) {
    INFO("round " << round);
    const auto made =
      t.create_one({.name = topic, .partitions = 1, .replication_factor = 3});
    INFO(made.message);
    REQUIRE(made.status == error_code::none);
    const auto put = REQUIRE_VALUE(t.app.produce(topic, 0, "x", {.worker = "w"}));
    CHECK(put.base_offset == log_offset{0});
    REQUIRE(REQUIRE_VALUE(t.app.delete_topics({.topics = {topic}}, "w")).ok());
    REQUIRE(t.goes(topic));
  }
}

TEST_CASE("topics are made while the controller moves") {
  topics_service t;
  for (const broker_id victim : {1, 2, 3}) {
    INFO("without broker " << victim.value());
    t.kafka.kill(victim);
    const auto topic = unique_name("moved");
    const create_topics request{
      .topics = {{.name = topic, .partitions = 1, .replication_factor = 1}},
      .deadline = test_timeout};
    auto made = t.app.create_topics(request, "w");
    // What was on its way to the one that was killed may have been done.
    if (made.error().code == error_code::outcome_unknown)
      made = t.app.create_topics(request, "w");
    REQUIRE(made);
    INFO(made->topics.at(0).message);
    const auto status = made->topics[0].status;
    CHECK((status == error_code::none || status == error_code::topic_already_exists));
    CHECK(t.appears(topic, 1));
    t.kafka.start(victim);
  }
}
