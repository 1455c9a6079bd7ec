#include "fixture_kafka.hpp"
#include <cafka/protocol/messages/api_versions.hpp>
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/protocol/messages/list_offsets.hpp>
#include <cafka/protocol/messages/metadata.hpp>
#include <cafka/protocol/messages/produce.hpp>

using namespace cafka;
using namespace cafka::testing;

namespace {

/// The versions that the cluster's brokers and cafka both know.
template <class Request>
protocol::version_range shared_versions(application& app) {
  const auto told = REQUIRE_VALUE(app.api_versions({}, "w"));
  const auto found = std::ranges::find(told.apis, Request::key, &api_version_range::key);
  REQUIRE(found != told.apis.end());
  const protocol::version_range shared{std::max(found->min, Request::versions.min),
    std::min(found->max, Request::versions.max)};
  REQUIRE_FALSE(shared.empty());
  return shared;
}

/// `range`: the versions shared with the broker; a version that cafka itself lacks is
/// refused before a broker is asked, with cafka's own.
template <class Request, class T>
void check_unsupported(const result<T>& refused, const std::string& api,
  std::int16_t pinned, protocol::version_range range) {
  if (!Request::versions.contains(pinned))
    range = Request::versions;
  INFO(why(refused));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == error_code::unsupported_api_version);
  CHECK(refused.error().detail.find(api) != std::string::npos);
  CHECK(refused.error().detail.find(to_string(range)) != std::string::npos);
}

struct versions_service {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  application& app = *s.app;
  std::string topic = kafka.create_topic("versions");

  versions_service() { s.connect("w"); }
};

/// From Kafka 4.0 on brokers list Produce from version 0, for the sake of clients that
/// look for it there, but close the connection on versions below 3 (KIP-896).
constexpr std::int16_t oldest_produce = 3;

} // namespace

TEST_CASE("every version of Produce that broker and client share is written and read") {
  versions_service v;
  const auto range = shared_versions<protocol::produce_request>(v.app);
  std::int64_t count = 0;
  for (auto version = oldest_produce; version <= range.max; ++version) {
    // What all replicas have is what readers see: their word comes last.
    for (const std::int16_t acks : {1, -1}) {
      INFO("Produce version " << version << ", acks " << acks);
      produce request;
      request.topic = v.topic;
      request.records = {
        {.key = "k", .value = std::to_string(version), .headers = {{"h", "v"}}}};
      request.required_acks = acks;
      request.api_version = version;
      const auto put = REQUIRE_VALUE(v.app.produce(request, "w"));
      CHECK(put.base_offset == log_offset{count++});
    }
  }
  const auto all = read_all(v.app, v.topic, 0, "w");
  REQUIRE(all.size() == static_cast<std::size_t>(count));
  for (std::size_t i = 0; i != all.size(); ++i) {
    const auto& r = all[i].second;
    CHECK(r.value == std::to_string(oldest_produce + static_cast<int>(i) / 2));
    CHECK(r.headers == std::vector<record::header>{{"h", "v"}});
  }
  produce newer;
  newer.topic = v.topic;
  newer.records = {{.value = "x"}};
  newer.api_version = static_cast<std::int16_t>(range.max + 1);
  check_unsupported<protocol::produce_request>(
    v.app.produce(newer, "w"), "Produce", *newer.api_version, range);
}

TEST_CASE("every version of Fetch that broker and client share reads the same") {
  versions_service v;
  produce_options options;
  options.worker = "w";
  options.key = std::string{"k"};
  options.headers = {{"h", "v"}};
  options.timestamp = timestamp{1'700'000'000'000ms};
  static_cast<void>(REQUIRE_VALUE(v.app.produce(v.topic, 0, "x", options)));
  const auto range = shared_versions<protocol::fetch_request>(v.app);
  fetch request;
  request.topic = v.topic;
  request.offset = 0;
  request.wait_time = 5'000ms;
  for (auto version = range.min; version <= range.max; ++version) {
    INFO("Fetch version " << version);
    request.api_version = version;
    for (const auto isolation :
      {isolation_level::read_uncommitted, isolation_level::read_committed}) {
      request.isolation = isolation;
      const auto got = REQUIRE_VALUE(v.app.fetch(request, "w"));
      CHECK(got.high_watermark == log_offset{1});
      CHECK(got.last_stable_offset == log_offset{1});
      CHECK(copies(got)
        == std::vector<record>{{.key = "k",
          .value = "x",
          .headers = {{"h", "v"}},
          .time = timestamp{1'700'000'000'000ms}}});
    }
  }
  request.isolation = isolation_level::read_uncommitted;
  for (const int version : {range.min - 1, range.max + 1}) {
    request.api_version = static_cast<std::int16_t>(version);
    check_unsupported<protocol::fetch_request>(
      v.app.fetch(request, "w"), "Fetch", *request.api_version, range);
  }
}

TEST_CASE("every version of ListOffsets that broker and client share finds the ends") {
  versions_service v;
  produce_options options;
  options.worker = "w";
  options.timestamp = timestamp{1'700'000'000'000ms};
  for (int i = 0; i != 3; ++i)
    static_cast<void>(REQUIRE_VALUE(v.app.produce(v.topic, 0, "x", options)));
  const auto range = shared_versions<protocol::list_offsets_request>(v.app);
  list_offsets request;
  request.topic = v.topic;
  for (auto version = range.min; version <= range.max; ++version) {
    INFO("ListOffsets version " << version);
    request.api_version = version;
    request.time = offset_time::earliest();
    CHECK(REQUIRE_VALUE(v.app.offset(request, "w")).offset == log_offset{0});
    request.time = offset_time::latest();
    CHECK(REQUIRE_VALUE(v.app.offset(request, "w")).offset == log_offset{3});
    request.time = timestamp{1'700'000'000'000ms};
    const auto found = REQUIRE_VALUE(v.app.offset(request, "w"));
    CHECK(found.offset == log_offset{0});
    CHECK(found.time == timestamp{1'700'000'000'000ms});
  }
  for (const int version : {range.min - 1, range.max + 1}) {
    request.api_version = static_cast<std::int16_t>(version);
    check_unsupported<protocol::list_offsets_request>(
      v.app.offset(request, "w"), "ListOffsets", *request.api_version, range);
  }
  // KIP-734: the mark exists from version 7 on.
  request.time = offset_time::max_timestamp();
  request.api_version = 6;
  check_unsupported<protocol::list_offsets_request>(
    v.app.offset(request, "w"), "ListOffsets", *request.api_version, {7, range.max});
}

TEST_CASE("every version of Metadata that broker and client share tells the same") {
  versions_service v;
  const auto range = shared_versions<protocol::metadata_request>(v.app);
  metadata request;
  request.topics = {v.topic};
  for (auto version = range.min; version <= range.max; ++version) {
    INFO("Metadata version " << version);
    request.api_version = version;
    const auto told = REQUIRE_VALUE(v.app.metadata(request, "w"));
    REQUIRE(told.brokers.size() == 3);
    CHECK(told.brokers[0].id == broker_id{1});
    REQUIRE(told.topics.size() == 1);
    CHECK(told.topics[0].name == v.topic);
    REQUIRE(told.topics[0].partitions.size() == 1);
    CHECK(told.topics[0].partitions[0].leader == broker_id{1});
    CHECK(told.topics[0].partitions[0].replicas.size() == 3);
    CHECK(told.topics[0].id.is_zero() == (version < 10));
  }
  request.api_version = static_cast<std::int16_t>(range.max + 1);
  check_unsupported<protocol::metadata_request>(
    v.app.metadata(request, "w"), "Metadata", *request.api_version, range);
  // What a worker has learned is not lost to a version that tells less.
  fetch by_id;
  by_id.topic = v.topic;
  by_id.offset = 0;
  by_id.api_version = shared_versions<protocol::fetch_request>(v.app).max;
  static_cast<void>(REQUIRE_VALUE(v.app.fetch(by_id, "w")));
}

TEST_CASE("every version of ApiVersions that broker and client share tells the same") {
  versions_service v;
  const auto range = shared_versions<protocol::api_versions_request>(v.app);
  api_versions request;
  std::optional<std::size_t> count;
  for (auto version = range.min; version <= range.max; ++version) {
    INFO("ApiVersions version " << version);
    request.api_version = version;
    const auto told = REQUIRE_VALUE(v.app.api_versions(request, "w"));
    CHECK(told.apis.size() > 40);
    CHECK(told.apis.size() == count.value_or(told.apis.size()));
    count = told.apis.size();
  }
  request.api_version = static_cast<std::int16_t>(range.max + 1);
  check_unsupported<protocol::api_versions_request>(
    v.app.api_versions(request, "w"), "ApiVersions", *request.api_version, range);
}
