// What there is, on any one Kafka from 0.8.2 on: CAFKA_KAFKA names its broker and
// CAFKA_KAFKA_VERSION its release. A case asks `kafka.since(...)` whether the release can
// do a thing, and where it cannot, wants an error that says so.
#include "fixture_consumer.hpp"
#include "fixture_kafka.hpp"
#include <cafka/actors/producer/producer.hpp>
#include <cafka/protocol/schema/kafka_version.hpp>

#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <mutex>
#include <ranges>

using namespace cafka;
using namespace cafka::testing;
using Catch::Matchers::ContainsSubstring;
using protocol::api_key;
using protocol::kafka_version;

namespace {

std::string environment(const char* name) {
  const auto* value = std::getenv(name);
  if (value == nullptr)
    FAIL(
      name << " is not set: run `scripts/test old_brokers`, or `scripts/kafka --version "
              "V up`, and set CAFKA_KAFKA to its last line, CAFKA_KAFKA_DIR to its "
              "directory and CAFKA_KAFKA_VERSION to V");
  return value;
}

/// The broker of some release that the tests are given.
class kafka_broker {
public:
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] kafka_version release() const { return release_; }
  [[nodiscard]] bool since(
    std::uint8_t major, std::uint8_t minor, std::uint8_t patch = 0) const {
    return release_ >= kafka_version{major, minor, patch};
  }

  /// Runs one of Kafka's own tools.
  [[nodiscard]] finished tool(
    std::vector<std::string> command, std::string_view input = {}) const {
    command.insert(command.begin(), {CAFKA_KAFKA_SCRIPT, "tool"});
    auto done = run_program(std::move(command), input);
    UNSCOPED_INFO(done.out << done.err);
    return done;
  }

  [[nodiscard]] std::string zookeeper() const {
    const auto done = run_program({CAFKA_KAFKA_SCRIPT, "zookeeper"});
    REQUIRE(done.status == 0);
    return lines(done.out).back();
  }

private:
  std::string address_ = environment("CAFKA_KAFKA");
  kafka_version release_ =
    REQUIRE_VALUE(protocol::parse_kafka_version(environment("CAFKA_KAFKA_VERSION")));
};

/// A worker on that broker, set up by default, and a topic of its own.
struct on_kafka {
  kafka_broker kafka;
  service s{kafka.address(), patient()};
  application& app = *s.app;
  std::string topic = unique_name("old");

  explicit on_kafka(const worker_init& init = {}) { s.connect("w", init); }

  /// A broker that has just started takes its time to make a topic.
  static application_options patient() {
    auto options = service::quiet();
    options.unknown_topic_wait = test_timeout;
    return options;
  }

  /// The batch in the topic that it creates; the offset of its first record.
  result<produced> put(std::vector<record> records, codec compression = codec::none,
    std::optional<std::int16_t> version = {}) {
    produce request;
    request.topic = topic;
    request.records = std::move(records);
    request.compression = compression;
    request.api_version = version;
    return app.produce(request, "w");
  }

  /// As Kafka has it.
  result<listed_offset> offset_at(offset_time time) {
    return app.offset({.topic = topic, .time = time}, "w");
  }

  [[nodiscard]] std::vector<record> all(bool with_time = false) {
    std::vector<record> got;
    for (auto& [offset, r] : read_all(app, topic, 0, "w")) {
      // Messages had no time before 0.10.
      CHECK(r.time.has_value() == kafka.since(0, 10));
      if (!with_time)
        r.time.reset();
      got.push_back(std::move(r));
    }
    return got;
  }
};

/// The error of a release that cannot do a thing, and says since when Kafka can.
template <class T>
void check_since(const result<T>& refused, const std::string& what, kafka_version since) {
  INFO(why(refused));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == error_code::unsupported_api_version);
  CHECK_THAT(refused.error().detail,
    ContainsSubstring(what) && ContainsSubstring("Kafka " + to_string(since)));
}

} // namespace

TEST_CASE("a worker finds its broker, and the topics on it") {
  on_kafka k;
  static_cast<void>(REQUIRE_VALUE(k.put({{.value = "first"}})));
  metadata some;
  some.topics = {k.topic};
  for (const auto& request : {metadata{}, some}) {
    const auto told = REQUIRE_VALUE(k.app.metadata(request, "w"));
    REQUIRE(told.brokers.size() == 1);
    CHECK(to_string(told.brokers[0].address) == k.kafka.address());
    // From Metadata 1 on.
    CHECK((told.controller == broker_id{1}) == k.kafka.since(0, 10));
    const auto found = std::ranges::find(told.topics, k.topic, &topic_info::name);
    REQUIRE(found != told.topics.end());
    REQUIRE(found->partitions.size() == 1);
    CHECK(found->partitions[0].leader == told.brokers[0].id);
  }
}

TEST_CASE("a broker whose release is told is not asked") {
  const kafka_broker kafka;
  on_kafka k{{.kafka_version = kafka.release()}};
  static_cast<void>(REQUIRE_VALUE(k.put({{.key = "k", .value = "v"}})));
  CHECK(k.all() == std::vector<record>{{.key = "k", .value = "v"}});
}

TEST_CASE("a broker knows the versions that its release has, and no others") {
  on_kafka k;
  const auto told = k.app.api_versions({}, "w");
  if (!k.kafka.since(0, 10)) {
    check_since(told, "ApiVersions: the broker does not have this API", {0, 10, 0});
    return;
  }
  const auto apis = REQUIRE_VALUE(told).apis;
  const auto table = protocol::versions_of(k.kafka.release());
  for (const auto& [key, versions] : table.entries()) {
    INFO(name(key));
    const auto found = std::ranges::find(apis, key, &api_version_range::key);
    REQUIRE(found != apis.end());
    CHECK(found->max == versions.max);
    // Since 4.0 Produce is listed from 0 on, for clients that look for that, but does not
    // work below 3.
    CHECK(found->min == (key == api_key::produce ? 0 : versions.min));
  }
}

TEST_CASE("a producer writes from 0.11 on, and says so before that") {
  on_kafka k;
  for (const bool idempotence : {true, false}) {
    INFO(idempotence);
    std::mutex mutex;
    std::vector<delivery> reports;
    producer_options options;
    options.name = idempotence ? "idempotent" : "plain";
    options.idempotence = idempotence;
    options.on_delivery = [&](const delivery& d) {
      const std::lock_guard lock{mutex};
      reports.push_back(d);
    };
    const auto p = REQUIRE_VALUE(k.app.producer(options));
    const auto to = p.to(k.topic);
    static_cast<void>(REQUIRE_VALUE(p.partitions(to, test_timeout)));
    for (int i = 0; i != 100; ++i)
      REQUIRE(p.send(to, record{.key = "k", .value = std::to_string(i)}));
    static_cast<void>(REQUIRE_VALUE(p.close(test_timeout)));
    std::int32_t count = 0;
    for (const auto& d : reports) {
      INFO(to_string(d.error));
      count += d.count;
      if (k.kafka.since(0, 11)) {
        CHECK(d.error.code == error_code::none);
      } else {
        CHECK(d.error.code == error_code::unsupported_api_version);
        CHECK_THAT(d.error.detail, ContainsSubstring("Kafka 0.11.0"));
      }
    }
    CHECK(count == 100);
  }
  if (!k.kafka.since(0, 11))
    return;
  const auto all = k.all();
  REQUIRE(all.size() == 200);
  for (std::size_t i = 0; i != 200; ++i)
    CHECK(all[i].value == std::to_string(i % 100));
}

TEST_CASE("records come back as they were written, in every codec") {
  on_kafka k;
  std::vector<record> expected;
  const std::string repeated(2'000, 'x');
  for (const auto& [compression, name] : all_codecs()) {
    INFO(name);
    std::vector<record> batch;
    for (int i = 0; i != 50; ++i)
      batch.push_back({.key = name + std::to_string(i), .value = repeated});
    batch.push_back({.value = "no key"});
    batch.push_back({.key = "no value"});
    batch.push_back({.key = "", .value = ""});
    const auto put = k.put(batch, compression);
    if (compression == codec::zstd && !k.kafka.since(2, 1)) {
      check_since(put, "zstd needs", {2, 1});
      continue;
    }
    CHECK(REQUIRE_VALUE(put).base_offset
      == log_offset{static_cast<std::int64_t>(expected.size())});
    fetch request;
    request.topic = k.topic;
    request.offset = *put->base_offset;
    const auto got = REQUIRE_VALUE(k.app.fetch(request, "w"));
    const auto& info = got.records.batches().at(0).info();
    CHECK(info.compression == compression);
    CHECK(info.magic == (k.kafka.since(0, 11) ? 2 : k.kafka.since(0, 10) ? 1 : 0));
    expected.insert(expected.end(), batch.begin(), batch.end());
  }
  CHECK(k.all() == expected);
}

TEST_CASE("acknowledgements are waited for as asked") {
  on_kafka k;
  static_cast<void>(REQUIRE_VALUE(k.put({{.value = "0"}})));
  produce request;
  request.topic = k.topic;
  for (const std::int16_t acks : {0, 1, -1}) {
    request.records = {{.value = std::to_string(acks)}};
    request.required_acks = acks;
    const auto put = REQUIRE_VALUE(k.app.produce(request, "w"));
    CHECK(put.base_offset.has_value() == (acks != 0));
  }
  CHECK(k.all().size() == 4);
}

TEST_CASE("times are kept where messages have them") {
  on_kafka k;
  const timestamp then{1'700'000'000'000ms};
  const record timed{.key = "k", .value = "v", .time = then};
  const auto put = k.put({timed}, codec::lz4);
  if (!k.kafka.since(0, 10)) {
    check_since(put, "timestamps need", {0, 10, 0});
    return;
  }
  static_cast<void>(REQUIRE_VALUE(put));
  CHECK(k.all(true) == std::vector<record>{timed});
}

TEST_CASE("headers are kept where records have them") {
  on_kafka k;
  const record headed{.value = "v", .headers = {{"a", "1"}, {"b", std::nullopt}}};
  const auto put = k.put({headed});
  if (!k.kafka.since(0, 11)) {
    check_since(put, "headers need", {0, 11, 0});
    return;
  }
  static_cast<void>(REQUIRE_VALUE(put));
  CHECK(k.all() == std::vector<record>{headed});
}

TEST_CASE("offsets are found at the ends of the log, and by time") {
  on_kafka k;
  const timestamp then{1'700'000'000'000ms};
  const auto at = [&](int minute) { return then + std::chrono::minutes{minute}; };
  std::vector<record> records(5, {.value = "v"});
  if (k.kafka.since(0, 10))
    for (int i = 0; i != 5; ++i)
      records[static_cast<std::size_t>(i)].time = at(i);
  static_cast<void>(REQUIRE_VALUE(k.put(records)));
  CHECK(REQUIRE_VALUE(k.offset_at(offset_time::earliest())).offset == log_offset{0});
  CHECK(REQUIRE_VALUE(k.offset_at(offset_time::latest())).offset == log_offset{5});
  if (k.kafka.since(0, 10, 1)) {
    const auto third = REQUIRE_VALUE(k.offset_at(at(2)));
    CHECK(third.offset == log_offset{2});
    CHECK(third.time == at(2));
    CHECK_FALSE(REQUIRE_VALUE(k.offset_at(at(5))).offset);
  } else {
    // Before, times are those of the files: none is so old that the first record was
    // written later.
    CHECK(REQUIRE_VALUE(k.offset_at(then)).offset == log_offset{0});
  }
  // KafkaEx's: the end of the log where no record is that late.
  const timestamp future{std::chrono::sys_days{std::chrono::year{2100} / 1 / 1}};
  CHECK(REQUIRE_VALUE(k.app.offset(k.topic, 0, future, "w")).offset == log_offset{5});
  const auto since_then =
    k.app.stream(k.topic, 0, {.no_wait_at_logend = true, .worker = "w", .offset = then});
  CHECK(std::ranges::distance(since_then) == 5);
  const auto newest = k.offset_at(offset_time::max_timestamp());
  if (k.kafka.since(3, 0))
    CHECK(REQUIRE_VALUE(newest).offset == log_offset{4});
  else
    check_since(newest, "max_timestamp needs", {3, 0});
}

TEST_CASE("transactions are looked through where there are any") {
  on_kafka k;
  static_cast<void>(REQUIRE_VALUE(k.put({{.value = "v"}})));
  fetch request;
  request.topic = k.topic;
  request.offset = 0;
  request.isolation = isolation_level::read_committed;
  const auto got = k.app.fetch(request, "w");
  if (k.kafka.since(0, 11))
    CHECK(REQUIRE_VALUE(got).last_stable_offset == log_offset{1});
  else
    check_since(got, "Fetch: the broker knows", {0, 11, 0});
}

TEST_CASE("an offset beyond the end of the log is an error") {
  on_kafka k;
  static_cast<void>(REQUIRE_VALUE(k.put({{.value = "v"}})));
  fetch request;
  request.topic = k.topic;
  request.offset = 100;
  CHECK(k.app.fetch(request, "w").error().code == error_code::offset_out_of_range);
}

TEST_CASE("every version of the release can be asked for by number, and no other") {
  on_kafka k;
  static_cast<void>(REQUIRE_VALUE(k.put({{.value = "first"}})));
  const auto table = protocol::versions_of(k.kafka.release());
  std::size_t written = 1;
  for (const auto key :
    {api_key::produce, api_key::fetch, api_key::list_offsets, api_key::metadata}) {
    const auto range = table.find(key);
    REQUIRE(range);
    for (auto v = range->min; v <= range->max + 1; ++v) {
      INFO(name(key) << " version " << v);
      std::string outcome;
      switch (key) {
      case api_key::produce:
        outcome = why(k.put({{.key = "k", .value = "v"}}, codec::gzip, v));
        break;
      case api_key::fetch: {
        fetch request;
        request.topic = k.topic;
        request.offset = 0;
        request.api_version = v;
        const auto got = k.app.fetch(request, "w");
        outcome = why(got);
        if (got)
          CHECK(copies(*got).size() == written);
        break;
      }
      case api_key::list_offsets: {
        list_offsets request;
        request.topic = k.topic;
        request.api_version = v;
        const auto got = k.app.offset(request, "w");
        outcome = why(got);
        if (got)
          CHECK(got->offset == log_offset{static_cast<std::int64_t>(written)});
        break;
      }
      default: {
        metadata request;
        request.topics = {k.topic};
        request.api_version = v;
        const auto got = k.app.metadata(request, "w");
        outcome = why(got);
        if (got)
          CHECK(got->topics.size() == 1);
      }
      }
      if (v <= range->max) {
        CHECK(outcome == "-");
        written += key == api_key::produce ? 1 : 0;
      } else {
        CHECK_THAT(outcome, ContainsSubstring("UNSUPPORTED_API_VERSION"));
      }
    }
  }
  CHECK(k.all().size() == written);
}

TEST_CASE("Kafka's own consumer reads what cafka wrote") {
  on_kafka k;
  std::vector<std::string> expected;
  for (const auto& [compression, name] : all_codecs()) {
    if (compression == codec::zstd && !k.kafka.since(2, 1))
      continue;
    std::vector<record> batch;
    for (int i = 0; i != 20; ++i) {
      batch.push_back({.key = name, .value = std::string(5'000, 'x')});
      expected.push_back(name + '\t' + *batch.back().value);
    }
    static_cast<void>(REQUIRE_VALUE(k.put(batch, compression)));
  }
  std::vector<std::string> command{"kafka-console-consumer", "--topic", k.topic,
    "--from-beginning", "--max-messages", std::to_string(expected.size()),
    k.kafka.since(4, 2) ? "--formatter-property" : "--property", "print.key=true"};
  if (k.kafka.since(0, 10, 1))
    command.insert(command.end(), {"--bootstrap-server", k.kafka.address()});
  else
    command.insert(command.end(), {"--zookeeper", k.kafka.zookeeper()});
  const auto done = k.kafka.tool(std::move(command));
  CHECK(done.status == 0);
  CHECK(lines(done.out) == expected);
}

TEST_CASE("cafka reads what Kafka's own producer wrote") {
  on_kafka k;
  // The two that have been framed in more ways than one.
  for (const auto compression : {codec::snappy, codec::lz4}) {
    const std::string name{to_string(compression)};
    k.topic = unique_name("from-console-" + name);
    std::string input;
    // The old producers do not wait for a new topic's leader, and by default not for
    // acknowledgements either: what is still on its way when they end may be lost.
    std::vector<record> expected{{.value = "first"}};
    static_cast<void>(REQUIRE_VALUE(k.put(expected)));
    for (int i = 0; i != 20; ++i) {
      expected.push_back({.key = std::to_string(i), .value = std::string(5'000, 'x')});
      input += *expected.back().key + '\t' + *expected.back().value + '\n';
    }
    const auto done = k.kafka.tool(
      {"kafka-console-producer", "--topic", k.topic, "--compression-codec", name,
        "--request-required-acks", "-1",
        k.kafka.since(4, 2) ? "--reader-property" : "--property", "parse.key=true",
        k.kafka.since(2, 5) ? "--bootstrap-server" : "--broker-list", k.kafka.address()},
      input);
    REQUIRE(done.status == 0);
    CHECK(k.all() == expected);
    fetch request;
    request.topic = k.topic;
    request.offset = 1;
    const auto got = REQUIRE_VALUE(k.app.fetch(request, "w"));
    CHECK(got.records.batches().at(0).info().compression == compression);
  }
}

TEST_CASE("a group keeps offsets, and a fetch goes on from them") {
  const auto group = unique_name("old-group");
  on_kafka k{{.consumer_group = group}};
  static_cast<void>(REQUIRE_VALUE(k.put({{.value = "1"}, {.value = "2"}})));
  const auto first = REQUIRE_VALUE(k.app.fetch({.topic = k.topic}, "w"));
  CHECK(copies(first).size() == 2);
  INFO(to_string(first.commit_error));
  CHECK(first.committed == log_offset{2});
  CHECK(REQUIRE_VALUE(k.app.fetch({.topic = k.topic}, "w")).records.empty());
  CHECK(k.app.offset_commit(
    {.offsets = {{.topic = k.topic, .offset = 1, .metadata = "mine"}}}, "w"));
  const auto kept =
    REQUIRE_VALUE(k.app.offset_fetch({.topics = {{{k.topic, {0}}}}}, "w"));
  REQUIRE(kept.offsets.size() == 1);
  CHECK(kept.offsets[0].offset == log_offset{1});
  CHECK(kept.offsets[0].metadata == "mine");
  const auto all = k.app.offset_fetch({}, "w");
  if (k.kafka.since(0, 10, 2))
    CHECK(REQUIRE_VALUE(all).offsets.size() == 1);
  else
    check_since(all, "asking for all topics needs", {0, 10, 2});
  CHECK(
    REQUIRE_VALUE(k.app.consumer_group_metadata({.key = group}, "w")).id.value() >= 0);
}

TEST_CASE("a group goes on where it commits, wherever a version keeps that") {
  on_kafka k{{.consumer_group = unique_name("old-pins")}};
  static_cast<void>(REQUIRE_VALUE(k.put(std::vector<record>(5, {.value = "v"}))));
  const auto check = [&](fetch request) {
    request.topic = k.topic;
    request.group = unique_name("old-pin");
    INFO("offset_fetch " << request.offset_fetch_api_version.value_or(-1)
                         << " offset_commit "
                         << request.offset_commit_api_version.value_or(-1));
    const auto first = REQUIRE_VALUE(k.app.fetch(request, "w"));
    CHECK(first.records.size() == 5);
    INFO(to_string(first.commit_error));
    CHECK(first.committed == log_offset{5});
    CHECK(REQUIRE_VALUE(k.app.fetch(request, "w")).records.empty());
    // A stream goes on there, too.
    const auto stream = k.app.stream(k.topic, 0,
      {.no_wait_at_logend = true,
        .worker = "w",
        .consumer_group = request.group,
        .api_versions = {.offset_fetch = request.offset_fetch_api_version,
          .offset_commit = request.offset_commit_api_version}});
    CHECK(std::ranges::distance(stream) == 0);
    INFO(why(stream.outcome()));
    CHECK(stream.outcome());
  };
  // Version 0 is about ZooKeeper, and the others about Kafka.
  if (!k.kafka.since(3, 0)) {
    check({.offset_commit_api_version = 0});
    check({.offset_fetch_api_version = 0});
  }
  check({.offset_commit_api_version = k.kafka.since(0, 9) ? 2 : 1});
  check({.offset_fetch_api_version = 1});
}

TEST_CASE("what asks for a topic that is not there does not make it") {
  on_kafka k;
  service impatient{k.kafka.address(), [] {
                      auto options = service::quiet();
                      options.unknown_topic_wait = 200ms;
                      return options;
                    }()};
  impatient.connect("w");
  const auto check_missing = [&](const auto& refused) {
    INFO(why(refused));
    CHECK(refused.error().code == error_code::unknown_topic_or_partition);
  };
  const metadata ask{.topics = std::vector<std::string>{k.topic}};
  const auto told = REQUIRE_VALUE(k.app.metadata(ask, "w"));
  REQUIRE(told.topics.size() == 1);
  CHECK(told.topics[0].status == error_code::unknown_topic_or_partition);
  check_missing(impatient.app->fetch({.topic = k.topic, .offset = 0}, "w"));
  check_missing(impatient.app->latest_offset(k.topic, 0, "w"));
  const auto c = REQUIRE_VALUE(impatient.app->consumer());
  static_cast<void>(REQUIRE_VALUE(c.assign({{k.topic, 0, start_at::earliest()}})));
  const auto polled = REQUIRE_VALUE(c.poll(test_timeout));
  REQUIRE(polled.errors.size() == 1);
  CHECK(polled.errors[0].why.code == error_code::unknown_topic_or_partition);
  const auto all = REQUIRE_VALUE(k.app.metadata({}, "w"));
  CHECK(std::ranges::count(all.topics, k.topic, &topic_info::name) == 0);
  // The broker makes the topic when a request allows it.
  auto make = ask;
  make.allow_auto_topic_creation = true;
  CHECK(eventually([&] {
    return REQUIRE_VALUE(k.app.metadata(make, "w")).topics.at(0).partitions.size() == 1;
  }));
}

TEST_CASE("a member joins, syncs, beats and leaves") {
  on_kafka k{{.consumer_group = unique_name("old-member")}};
  const join_group join{.session_timeout = 10s,
    .rebalance_timeout = 10s,
    .protocols = {{"any", REQUIRE_VALUE(to_metadata({.topics = {k.topic}}))}}};
  const auto joined = k.app.join_group(join, "w");
  if (!k.kafka.since(0, 9)) {
    check_since(joined, "JoinGroup: the broker does not have this API", {0, 9, 0});
    return;
  }
  const auto place = REQUIRE_VALUE(joined);
  CHECK(place.is_leader());
  const auto mine = k.app.sync_group({.generation = place.generation,
                                       .member_id = place.member_id,
                                       .assignments = {{place.member_id, "all"}}},
    "w");
  CHECK(REQUIRE_VALUE(mine).assignment == "all");
  CHECK(
    k.app.heartbeat({.generation = place.generation, .member_id = place.member_id}, "w"));
  const auto left =
    REQUIRE_VALUE(k.app.leave_group({.members = {{.member_id = place.member_id}}}, "w"));
  CHECK(left.members.at(0).status == error_code::none);
  auto fixed = join;
  fixed.group_instance_id = "one";
  const auto as_static = k.app.join_group(fixed, "w");
  if (k.kafka.since(2, 3))
    CHECK_FALSE(REQUIRE_VALUE(as_static).member_id.empty());
  else
    check_since(as_static, "group_instance_id needs", {2, 3});
}

TEST_CASE("a consumer is a member of a group where there are groups") {
  on_kafka k;
  const auto put = [&](int from, int count) {
    std::vector<record> batch;
    for (int i = from; i != from + count; ++i)
      batch.push_back({.value = std::to_string(i)});
    static_cast<void>(REQUIRE_VALUE(k.put(batch)));
  };
  put(0, 20);
  consumer_options options;
  options.name = "first";
  options.group = unique_name("old-membership");
  options.auto_offset_reset = offset_reset::earliest;
  const auto c = REQUIRE_VALUE(k.app.consumer(options));
  static_cast<void>(REQUIRE_VALUE(c.subscribe({k.topic})));
  consumed seen{c};
  if (!k.kafka.since(0, 9)) {
    REQUIRE(eventually([&] { return !seen.poll(); }));
    const auto refused = c.poll(milliseconds{0});
    check_since(refused, "JoinGroup: the broker does not have this API", {0, 9, 0});
    return;
  }
  REQUIRE(seen.poll_until(20));
  CHECK(REQUIRE_VALUE(c.membership()).generation >= 1);
  REQUIRE(c.commit());
  put(20, 5);
  REQUIRE(seen.poll_until(25));
  REQUIRE(c.close());
  put(25, 5);
  options.name = "second";
  const auto next = REQUIRE_VALUE(k.app.consumer(options));
  static_cast<void>(REQUIRE_VALUE(next.subscribe({k.topic})));
  consumed rest{next};
  REQUIRE(rest.poll_until(5));
  CHECK(rest.values[0] == std::vector<std::string>{"25", "26", "27", "28", "29"});
}

TEST_CASE("topics are made where the controller can be asked to") {
  on_kafka k;
  const create_topics request{
    .topics = {{.name = k.topic, .partitions = 2, .replication_factor = 1}}};
  const auto made = k.app.create_topics(request, "w");
  if (!k.kafka.since(0, 10, 1)) {
    check_since(made, "CreateTopics: the broker does not have this API", {0, 10, 1});
    return;
  }
  CHECK(REQUIRE_VALUE(made).ok());
  CHECK(REQUIRE_VALUE(k.app.create_topics(request, "w")).topics.at(0).status
    == error_code::topic_already_exists);
  // Switched off by default before 1.0.
  if (k.kafka.since(1, 0))
    CHECK(REQUIRE_VALUE(k.app.delete_topics({.topics = {k.topic}}, "w")).ok());
}

TEST_CASE("a stream reads what is there") {
  on_kafka k;
  static_cast<void>(REQUIRE_VALUE(k.put({{.value = "1"}, {.value = "2"}})));
  const auto records =
    k.app.stream(k.topic, 0, {.no_wait_at_logend = true, .worker = "w", .offset = 0});
  std::vector<std::string> values;
  for (const auto& r : records)
    values.emplace_back(protocol::as_text(*r.value));
  CHECK(values == std::vector<std::string>{"1", "2"});
  CHECK(records.outcome());
}

TEST_CASE("a consumer reads what is there, and what comes, in every codec") {
  on_kafka k;
  std::vector<std::string> expected;
  const auto put = [&](codec compression) {
    std::vector<record> batch;
    for (int i = 0; i != 100; ++i)
      batch.push_back({.value = std::to_string(expected.size() + batch.size())});
    const auto done = k.put(batch, compression);
    if (!done)
      return;
    for (const auto& r : batch)
      expected.push_back(*r.value);
  };
  for (const auto& [compression, name] : all_codecs())
    put(compression);
  const auto c = REQUIRE_VALUE(k.app.consumer({.max_partition_fetch_bytes = 500,
    .fetch_max_wait = milliseconds{100},
    .auto_offset_reset = offset_reset::earliest}));
  consumed seen{c};
  static_cast<void>(REQUIRE_VALUE(c.assign({{k.topic, 0, start_at::offset(1'000'000)}})));
  REQUIRE(seen.poll_until(expected.size()));
  put(codec::none);
  put(codec::gzip);
  REQUIRE(seen.poll_until(expected.size()));
  CHECK(seen.values[0] == expected);
  CHECK(seen.disordered == 0);
  seen.forget();
  static_cast<void>(REQUIRE_VALUE(c.seek(k.topic, 0, start_at::latest())));
  REQUIRE(eventually([&] {
    return seen.poll(milliseconds{10})
      && c.position(k.topic, 0) == log_offset{static_cast<std::int64_t>(expected.size())};
  }));
  // In the middle of a batch, which is compressed.
  const auto last = static_cast<std::int64_t>(expected.size()) - 5;
  static_cast<void>(REQUIRE_VALUE(c.seek(k.topic, 0, start_at::offset(last))));
  REQUIRE(seen.poll_until(5));
  CHECK(seen.values[0] == std::vector<std::string>(expected.end() - 5, expected.end()));
  CHECK(seen.errors.empty());
}

TEST_CASE("a consumer of committed records alone reads from 0.11 on, or says so") {
  on_kafka k;
  static_cast<void>(REQUIRE_VALUE(k.put({{.value = "v"}})));
  const auto c =
    REQUIRE_VALUE(k.app.consumer({.isolation = isolation_level::read_committed}));
  static_cast<void>(REQUIRE_VALUE(c.assign({{k.topic, 0, start_at::offset(0)}})));
  const auto got = REQUIRE_VALUE(c.poll(test_timeout));
  if (k.kafka.since(0, 11)) {
    CHECK(got.records() == 1);
    return;
  }
  REQUIRE(got.errors.size() == 1);
  CHECK(got.errors[0].why.code == error_code::unsupported_api_version);
  CHECK_THAT(got.errors[0].why.detail, ContainsSubstring("Kafka 0.11.0"));
}

TEST_CASE("a worker speaks TLS to a broker that can") {
  const kafka_broker kafka;
  if (!kafka.since(0, 9)) {
    SUCCEED("0.8.2 has no TLS");
    return;
  }
  const auto told = [](std::vector<std::string> command) {
    command.insert(command.begin(), CAFKA_KAFKA_SCRIPT);
    const auto done = run_program(std::move(command));
    INFO(done.out << done.err);
    REQUIRE(done.status == 0);
    return lines(done.out).back();
  };
  service s{told({"bootstrap", "--listener", "TLS"}), on_kafka::patient()};
  s.connect(
    "w", {.use_ssl = true, .ssl_options = {{.cacertfile = told({"tls"}) + "/ca.crt"}}});
  const auto topic = unique_name("old-tls");
  CHECK(REQUIRE_VALUE(s.app->produce(topic, 0, "hidden", {.worker = "w"})).base_offset
    == log_offset{0});
  const auto got = REQUIRE_VALUE(s.app->fetch({.topic = topic, .offset = 0}, "w"));
  CHECK(copies(got).at(0).value == "hidden");
}
