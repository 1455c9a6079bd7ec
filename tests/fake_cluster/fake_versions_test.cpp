#include "fixture.hpp"
#include <cafka/protocol/messages/all.hpp>
#include <cafka/protocol/schema/random.hpp>

using namespace fake_fixture;

namespace {

/// A request of every API and version with arbitrary content, to a broker that speaks it.
template <class Request>
void with_any_content(fixture& f, std::uint64_t& connection, std::uint32_t seed) {
  for (const std::int32_t broker : {1, 2}) {
    for (auto v = Request::versions.min; v <= Request::versions.max; ++v) {
      random_source source{seed};
      f.send(random_message<Request>(source, v), v, broker, ++connection);
      // Whatever it waits for.
      f.pass(std::chrono::hours{24 * 30});
      auto& came = f.came[connection];
      INFO(Request::name << " v" << v << ", seed " << seed);
      // Whatever the broker made of it, its words can be read.
      for (const auto& payload : came)
        CHECK(decode_response<typename Request::response>(payload, v));
      f.cluster.on_disconnect(f.now, connection);
    }
  }
}

} // namespace

TEST_CASE("a broker says that it knows what its release knows and there is code for") {
  fixture f;
  const auto now = f.ask(api_versions_request{{"test"}, {"1"}}, 4);
  CHECK(now.error_code == error_code::none);
  const auto newest = to_version_table(now);
  CHECK(newest.find(api_key::produce) == version_range{3, 13});
  CHECK(newest.find(api_key::fetch) == version_range{4, 18});
  CHECK(newest.find(api_key::metadata) == version_range{0, 13});
  CHECK(newest.find(api_key::join_group));
  CHECK(newest.find(api_key::consumer_group_heartbeat) == version_range{0, 1});
  CHECK_FALSE(newest.find(api_key::describe_cluster));

  f.cluster.set_release(2, kafka_version{0, 10, 0});
  const auto old = to_version_table(f.ask(api_versions_request{}, 0, 2, 2));
  CHECK(old.find(api_key::produce) == version_range{0, 2});
  CHECK(old.find(api_key::fetch) == version_range{0, 2});
  CHECK_FALSE(old.find(api_key::init_producer_id));
  f.cluster.set_release(2, kafka_version{3, 9});
  const auto before = to_version_table(f.ask(api_versions_request{}, 0, 2, 3));
  CHECK_FALSE(before.find(api_key::consumer_group_heartbeat));
  CHECK(before.find(api_key::describe_groups) == version_range{0, 5});
}

TEST_CASE("a version that a broker does not know ends the connection, but of one API") {
  fixture f;
  f.cluster.limit(api_key::api_versions, {0, 2});
  f.send(api_versions_request{}, 3);
  const auto refusal = f.answer<api_versions_response>(0);
  REQUIRE(refusal);
  CHECK(refusal->error_code == error_code::unsupported_version);
  CHECK(refusal->api_keys == std::vector<api_versions_response_key>{{18, 0, 2}});
  CHECK(f.ask(api_versions_request{}, 2).error_code == error_code::none);
  f.send(producing(batch_of(numbered(1), {})), 2);
  CHECK(f.ended == std::vector<std::uint64_t>{1});
}

TEST_CASE("brokers of old end connections at what they do not know, or say nothing") {
  fixture f;
  f.cluster.set_release(1, kafka_version{0, 8, 2});
  f.cluster.set_release(2, kafka_version{0, 9, 0});
  f.send(api_versions_request{}, 0, 1, 1);
  f.send(api_versions_request{}, 0, 2, 2);
  f.pass(1h);
  CHECK(f.ended == std::vector<std::uint64_t>{1});
  CHECK(f.came.empty());
}

TEST_CASE("what cannot be read ends the connection") {
  fixture f;
  const auto end_of = [&](std::vector<std::byte> bytes) {
    f.ended.clear();
    f.cluster.on_request(f.now, 1, 7, shared_bytes::from(std::move(bytes)));
    f.take();
    return f.ended == std::vector<std::uint64_t>{7};
  };
  CHECK(end_of({}));
  CHECK(end_of(std::vector<std::byte>(3)));
  CHECK(end_of(std::vector<std::byte>(100, std::byte{0xff})));
}

TEST_CASE("a software name that Kafka does not allow is an invalid request") {
  fixture f;
  CHECK(f.ask(api_versions_request{"ca fka", "1"}, 3).error_code
    == error_code::invalid_request);
  CHECK(f.ask(api_versions_request{"cafka", "-1"}, 3).error_code
    == error_code::invalid_request);
  CHECK(f.ask(api_versions_request{"ca-fka.2", "1.0"}, 3).error_code == error_code::none);
}

TEST_CASE("whatever a request says, a broker answers so that it can be read") {
  for (const auto release : {kafka_version{4, 3}, kafka_version{2, 8}}) {
    cluster_options options;
    options.kafka_version = release;
    options.auto_create_topics = false;
    fixture f{options};
    f.cluster.create_topic("t", 2);
    std::uint64_t connection = 0;
    for (std::uint32_t seed = 1; seed <= 30; ++seed) {
      with_any_content<api_versions_request>(f, connection, seed);
      with_any_content<metadata_request>(f, connection, seed);
      with_any_content<produce_request>(f, connection, seed);
      with_any_content<fetch_request>(f, connection, seed);
      with_any_content<list_offsets_request>(f, connection, seed);
      with_any_content<init_producer_id_request>(f, connection, seed);
      with_any_content<find_coordinator_request>(f, connection, seed);
      with_any_content<offset_commit_request>(f, connection, seed);
      with_any_content<offset_fetch_request>(f, connection, seed);
      with_any_content<create_topics_request>(f, connection, seed);
      with_any_content<delete_topics_request>(f, connection, seed);
      with_any_content<describe_groups_request>(f, connection, seed);
      with_any_content<list_groups_request>(f, connection, seed);
      with_any_content<delete_groups_request>(f, connection, seed);
      with_any_content<offset_delete_request>(f, connection, seed);
      with_any_content<offset_for_leader_epoch_request>(f, connection, seed);
      with_any_content<consumer_group_describe_request>(f, connection, seed);
      with_any_content<consumer_group_heartbeat_request>(f, connection, seed);
      with_any_content<add_offsets_to_txn_request>(f, connection, seed);
      with_any_content<add_partitions_to_txn_request>(f, connection, seed);
      with_any_content<end_txn_request>(f, connection, seed);
      with_any_content<write_txn_markers_request>(f, connection, seed);
      with_any_content<txn_offset_commit_request>(f, connection, seed);
      with_any_content<describe_producers_request>(f, connection, seed);
      with_any_content<describe_transactions_request>(f, connection, seed);
      with_any_content<list_transactions_request>(f, connection, seed);
    }
    CHECK(f.cluster.asked() == connection);
  }
}

TEST_CASE("an error stands wherever an answer has a place for one, in every version") {
  fixture f;
  f.cluster.create_topic("t");
  std::uint64_t connection = 0;
  const auto refused = [&]<class Request>(const Request& request) {
    for (auto v = Request::versions.min; v <= Request::versions.max; ++v) {
      const auto known = versions_of({4, 3}).find(Request::key);
      if (!known->contains(v))
        continue;
      f.cluster.fail(Request::key, error_code::policy_violation);
      const auto text = print(f.ask(request, v, 1, ++connection));
      INFO(Request::name << " v" << v << ": " << text);
      if (Request::key != api_key::metadata || v == 13)
        CHECK(text.find("POLICY_VIOLATION") != std::string::npos);
      // Once, and then it is served.
      const auto next = print(f.ask(request, v, 1, connection));
      CHECK(next.find("POLICY_VIOLATION") == std::string::npos);
    }
  };
  refused(fetching(0));
  refused(listing(-1));
  refused(producing(batch_of(numbered(1), {})));
  refused(init_producer_id_request{std::nullopt});
  refused(metadata_request{});
  refused(consumer_group_heartbeat_request{});
  refused(consumer_group_describe_request{{"g"}});
  refused(describe_groups_request{{"g"}});
  refused(list_groups_request{});
  refused(delete_groups_request{{"g"}});
  refused(end_txn_request{});
  refused(add_offsets_to_txn_request{});
  refused(list_transactions_request{});
  refused(describe_transactions_request{{"x"}});
  refused(describe_producers_request{{{"t", {0}}}});
  refused(offset_delete_request{});
  offset_for_leader_epoch_request epochs;
  epochs.topics.push_back({"t", {{}}});
  refused(epochs);
}
