#include "fixture_mock.hpp"

#include <catch2/generators/catch_generators.hpp>

using namespace cafka;
using namespace cafka::testing;
using protocol::api_key;

namespace {

struct mock_service {
  mock_cluster cluster;
  service local{cluster.brokers()};
  application& app = *local.app;
  std::string topic = cluster.create_topic("topic", 3);

  mock_service() { local.connect("w"); }

  /// Makes the worker know the topic and a connection to each of its leaders.
  void warm_up() {
    for (int p = 0; p != 3; ++p)
      static_cast<void>(REQUIRE_VALUE(app.latest_offset(topic, p, "w")));
  }

  result<produced> produce(
    partition_id p, const std::string& value, milliseconds deadline = test_timeout) {
    produce_options options;
    options.worker = "w";
    options.deadline = deadline;
    return app.produce(topic, p, value, options);
  }

  result<listed_offset> latest(partition_id p, milliseconds deadline = test_timeout) {
    list_offsets request;
    request.topic = topic;
    request.partition = p;
    request.deadline = deadline;
    return app.offset(request, "w");
  }

  result<fetched> fetch(partition_id p, milliseconds deadline = test_timeout) {
    cafka::fetch request;
    request.topic = topic;
    request.partition = p;
    request.offset = 0;
    request.deadline = deadline;
    return app.fetch(request, "w");
  }

  std::vector<std::string> values(partition_id p) {
    std::vector<std::string> all;
    for (const auto& [offset, record] : read_all(app, topic, p, "w"))
      all.push_back(record.value.value_or("null"));
    return all;
  }
};

const std::vector<std::string> just_one{"one"};

} // namespace

TEST_CASE("a mock cluster takes records and gives them back") {
  mock_service s;
  for (int p = 0; p != 3; ++p) {
    const auto at = REQUIRE_VALUE(s.produce(p, "one"));
    CHECK(at.base_offset == log_offset{0});
    CHECK(s.values(p) == just_one);
  }
}

// Before these the broker has not appended anything: the same batch may go out again.
TEST_CASE("a produce goes on after errors that say nothing was written") {
  mock_service s;
  s.warm_up();
  const auto errors = GENERATE(values<std::vector<error_code>>({
    {error_code::not_leader_or_follower},
    {error_code::leader_not_available},
    {error_code::unknown_topic_or_partition},
    {error_code::not_enough_replicas},
    {error_code::kafka_storage_error},
    {error_code::not_leader_or_follower, error_code::leader_not_available,
      error_code::unknown_topic_or_partition, error_code::not_leader_or_follower},
  }));
  s.cluster.push_errors(api_key::produce, errors);
  const auto at = REQUIRE_VALUE(s.produce(1, "one"));
  CHECK(at.base_offset == log_offset{0});
  CHECK(s.values(1) == just_one);
}

TEST_CASE("a produce ends with an error after which it could double its records") {
  mock_service s;
  s.warm_up();
  const auto e = GENERATE(error_code::request_timed_out,
    error_code::not_enough_replicas_after_append, error_code::network_exception);
  s.cluster.push_errors(api_key::produce, {e});
  const auto refused = s.produce(1, "one");
  INFO(why(refused));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == e);
  static_cast<void>(REQUIRE_VALUE(s.produce(1, "one")));
  CHECK(s.values(1) == just_one);
}

TEST_CASE("a produce ends with an error that no waiting mends") {
  mock_service s;
  s.warm_up();
  const auto e = GENERATE(error_code::message_too_large, error_code::invalid_record,
    error_code::topic_authorization_failed, error_code::invalid_required_acks);
  s.cluster.push_errors(api_key::produce, {e});
  const auto began = steady_clock::now();
  const auto refused = s.produce(1, "one");
  INFO(why(refused));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == e);
  CHECK(refused.error().detail.find(s.topic + "/1") != std::string::npos);
  CHECK(steady_clock::now() - began < lateness);
}

TEST_CASE("a fetch goes on after errors that pass") {
  mock_service s;
  static_cast<void>(REQUIRE_VALUE(s.produce(1, "one")));
  const auto errors = GENERATE(values<std::vector<error_code>>({
    {error_code::not_leader_or_follower},
    {error_code::request_timed_out},
    {error_code::unknown_topic_or_partition},
    {error_code::replica_not_available, error_code::fenced_leader_epoch,
      error_code::unknown_leader_epoch, error_code::not_leader_or_follower},
  }));
  s.cluster.push_errors(api_key::fetch, errors);
  const auto got = REQUIRE_VALUE(s.fetch(1));
  CHECK(got.records.size() == 1);
}

TEST_CASE("a fetch ends with an error that no waiting mends") {
  mock_service s;
  s.warm_up();
  const auto e =
    GENERATE(error_code::offset_out_of_range, error_code::topic_authorization_failed);
  s.cluster.push_errors(api_key::fetch, {e});
  const auto refused = s.fetch(1);
  INFO(why(refused));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == e);
}

TEST_CASE("a question for offsets goes on after errors that pass") {
  mock_service s;
  s.warm_up();
  const auto errors = GENERATE(values<std::vector<error_code>>({
    {error_code::not_leader_or_follower},
    {error_code::request_timed_out},
    {error_code::leader_not_available},
    {error_code::unknown_topic_or_partition},
    {error_code::offset_not_available, error_code::request_timed_out,
      error_code::not_leader_or_follower, error_code::request_timed_out},
  }));
  s.cluster.push_errors(api_key::list_offsets, errors);
  CHECK(REQUIRE_VALUE(s.latest(2)).offset == log_offset{0});
}

TEST_CASE("errors that do not pass by the deadline end a request with the last of them") {
  mock_service s;
  s.warm_up();
  s.cluster.push_errors(
    api_key::list_offsets, std::vector(1'000, error_code::not_leader_or_follower));
  const auto began = steady_clock::now();
  const auto refused = s.latest(0, 700ms);
  CHECK(steady_clock::now() - began < 700ms + lateness);
  INFO(why(refused));
  REQUIRE_FALSE(refused);
  const auto text = to_string(refused.error());
  CHECK(text.find("NOT_LEADER_OR_FOLLOWER") != std::string::npos);
}

TEST_CASE("a partition without a leader is waited for until it has one") {
  mock_service s;
  const auto known = GENERATE(false, true);
  INFO("the worker " << (known ? "knew" : "did not know") << " the topic before");
  if (known)
    s.warm_up();
  s.cluster.set_leader(s.topic, 1, -1);
  const auto late = s.latest(1, 500ms);
  INFO(why(late));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == error_code::timed_out);
  CHECK(late.error().detail.find(s.topic + "/1") != std::string::npos);
  std::vector<produce> one(1);
  one[0].topic = s.topic;
  one[0].partition = 1;
  one[0].records = {{.value = "one"}};
  one[0].deadline = test_timeout;
  const auto waiting =
    ask_from_actor<produced>(s.local.system, REQUIRE_VALUE(s.app.worker("w")), one);
  // The others are served meanwhile.
  static_cast<void>(REQUIRE_VALUE(s.latest(0, lateness)));
  REQUIRE(eventually([&] { return REQUIRE_VALUE(s.app.status("w")).pending == 1; }));
  s.cluster.set_leader(s.topic, 1, 3);
  REQUIRE(waiting->wait());
  CHECK(REQUIRE_VALUE(waiting->all()[0]).base_offset == log_offset{0});
}

TEST_CASE("a slow broker is waited for within the deadline") {
  mock_service s;
  s.warm_up();
  s.cluster.set_round_trip(2, 400ms);
  const auto began = steady_clock::now();
  static_cast<void>(REQUIRE_VALUE(s.produce(1, "one")));
  CHECK(steady_clock::now() - began >= 400ms);
  s.cluster.set_round_trip(2, 0ms);
  CHECK(s.values(1) == just_one);
}

TEST_CASE("a broker slower than the deadline is answered for by the worker") {
  mock_service s;
  s.warm_up();
  s.cluster.set_round_trip(2, 3'000ms);
  const auto began = steady_clock::now();
  const auto late = s.latest(1, 300ms);
  INFO(why(late));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == error_code::timed_out);
  const auto unknown = s.produce(1, "one", 300ms);
  INFO(why(unknown));
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == error_code::outcome_unknown);
  CHECK(steady_clock::now() - began < 600ms + 2 * lateness);
  // The late answers belong to nobody, and those that follow to whoever asked.
  s.cluster.set_round_trip(2, 0ms);
  CHECK(s.values(1) == just_one);
}

TEST_CASE("a slow broker does not slow down the others") {
  mock_service s;
  s.warm_up();
  s.cluster.set_round_trip(2, 20'000ms);
  std::vector<list_offsets> slow(10);
  for (auto& request : slow) {
    request.topic = s.topic;
    request.partition = 1;
    request.deadline = 1'000ms;
  }
  const auto waiting =
    ask_from_actor<listed_offset>(s.local.system, REQUIRE_VALUE(s.app.worker("w")), slow);
  for (int i = 0; i != 20; ++i) {
    static_cast<void>(REQUIRE_VALUE(s.latest(0, lateness)));
    static_cast<void>(REQUIRE_VALUE(s.produce(2, "one", lateness)));
  }
  REQUIRE(waiting->wait());
  CHECK(waiting->each_once());
  for (const auto& reply : waiting->all())
    CHECK(reply.error().code == error_code::timed_out);
}

TEST_CASE("requests wait for a broker that is down, and are answered when it is up") {
  mock_service s;
  s.warm_up();
  s.cluster.set_down(2);
  REQUIRE(eventually([&] {
    const auto status = REQUIRE_VALUE(s.app.status("w"));
    return std::ranges::none_of(status.connections,
      [](const auto& c) { return c.broker == broker_id{2} && c.connected; });
  }));
  const auto late = s.latest(1, 500ms);
  INFO(why(late));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == error_code::timed_out);
  CHECK(late.error().detail.find("broker 2") != std::string::npos);
  std::vector<produce> waiting(50);
  for (auto& request : waiting) {
    request.topic = s.topic;
    request.partition = 1;
    request.records = {{.value = "one"}};
    request.deadline = test_timeout;
  }
  const auto taken =
    ask_from_actor<produced>(s.local.system, REQUIRE_VALUE(s.app.worker("w")), waiting);
  // The others are served meanwhile.
  static_cast<void>(REQUIRE_VALUE(s.produce(0, "one", lateness)));
  static_cast<void>(REQUIRE_VALUE(s.produce(2, "one", lateness)));
  s.cluster.set_up(2);
  REQUIRE(taken->wait());
  CHECK(taken->each_once());
  for (const auto& reply : taken->all())
    static_cast<void>(REQUIRE_VALUE(reply));
  CHECK(s.values(1).size() == 50);
}

TEST_CASE("a cluster that is down altogether is found again when it is up") {
  mock_service s;
  s.warm_up();
  for (int id = 1; id <= 3; ++id)
    s.cluster.set_down(id);
  const auto late = s.latest(1, 500ms);
  INFO(why(late));
  REQUIRE_FALSE(late);
  CHECK(late.error().code == error_code::timed_out);
  const auto nobody = s.local.app->create_worker("x", {}, 500ms);
  INFO(why(nobody));
  REQUIRE_FALSE(nobody);
  CHECK(nobody.error().code == error_code::disconnected);
  for (int id = 1; id <= 3; ++id)
    s.cluster.set_up(id);
  static_cast<void>(REQUIRE_VALUE(s.produce(1, "one")));
  s.local.connect("x");
}

TEST_CASE("one dead broker of the bootstrap list does no harm") {
  mock_cluster cluster;
  cluster.set_down(1);
  service local{cluster.brokers()};
  for (int i = 0; i != 8; ++i)
    local.connect("w" + std::to_string(i));
}

TEST_CASE("a leader that moved is followed") {
  mock_service s;
  s.warm_up();
  std::size_t count = 0;
  for (const broker_id leader : {3, 1, 2, 3}) {
    s.cluster.set_leader(s.topic, 1, leader);
    const auto at = REQUIRE_VALUE(s.produce(1, "one"));
    CHECK(at.base_offset == log_offset{static_cast<std::int64_t>(count)});
    ++count;
    CHECK(s.values(1).size() == count);
  }
}

TEST_CASE("a leader that moves under load is followed, and nothing is written twice") {
  mock_service s;
  s.warm_up();
  std::vector<produce> many(300);
  for (std::size_t i = 0; i != many.size(); ++i) {
    many[i].topic = s.topic;
    many[i].partition = 1;
    many[i].records = {{.value = std::to_string(i)}};
    many[i].deadline = test_timeout;
  }
  const auto taken =
    ask_from_actor<produced>(s.local.system, REQUIRE_VALUE(s.app.worker("w")), many);
  for (std::size_t moves = 0; moves != 6; ++moves) {
    REQUIRE(taken->wait_for(moves * 40));
    s.cluster.set_leader(s.topic, 1, static_cast<std::int32_t>(moves % 3 + 1));
  }
  REQUIRE(taken->wait());
  CHECK(taken->each_once());
  for (const auto& reply : taken->all())
    static_cast<void>(REQUIRE_VALUE(reply));
  auto written = s.values(1);
  std::ranges::sort(written);
  CHECK(written.size() == many.size());
  CHECK(std::ranges::adjacent_find(written) == written.end());
}

TEST_CASE("a connection that ends under a request is one answer for its caller") {
  mock_service s;
  s.warm_up();
  SECTION("a produce may have been written: its outcome is unknown") {
    s.cluster.hang_up_on(api_key::produce, 2);
    const auto unknown = s.produce(1, "one");
    INFO(why(unknown));
    REQUIRE_FALSE(unknown);
    CHECK(unknown.error().code == error_code::outcome_unknown);
  }
  SECTION("a question is asked again") {
    s.cluster.hang_up_on(api_key::list_offsets, 2);
    static_cast<void>(REQUIRE_VALUE(s.latest(1)));
  }
  SECTION("a fetch is asked again") {
    s.cluster.hang_up_on(api_key::fetch, 2);
    static_cast<void>(REQUIRE_VALUE(s.fetch(1)));
  }
  static_cast<void>(REQUIRE_VALUE(s.produce(1, "one")));
}
