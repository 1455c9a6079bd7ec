#include "fixture_kafka.hpp"
#include <cafka/protocol/messages/find_coordinator.hpp>
#include <cafka/protocol/messages/heartbeat.hpp>
#include <cafka/protocol/messages/join_group.hpp>
#include <cafka/protocol/messages/leave_group.hpp>
#include <cafka/protocol/messages/offset_commit.hpp>
#include <cafka/protocol/messages/offset_fetch.hpp>
#include <cafka/protocol/messages/sync_group.hpp>

#include <iterator>
#include <sstream>

using namespace cafka;
using namespace cafka::testing;

namespace {

/// A worker `w` of a group that no other test has had, and a topic of three partitions.
struct group_service {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  application& app = *s.app;
  std::string group = unique_name("group");
  std::string topic = kafka.create_topic("grouped", 3);
  worker_actor worker = s.connect("w", {.consumer_group = group});

  template <class Request>
  protocol::version_range shared_versions(std::int16_t max = Request::versions.max) {
    const auto told = REQUIRE_VALUE(app.api_versions({}, "w"));
    const auto found =
      std::ranges::find(told.apis, Request::key, &api_version_range::key);
    REQUIRE(found != told.apis.end());
    return {std::max(found->min, Request::versions.min), std::min(found->max, max)};
  }

  /// One that waits for no more members than there are.
  join_group joining(std::string member_id = {}) const {
    join_group request;
    request.group = group;
    request.session_timeout = 30s;
    request.rebalance_timeout = 60s;
    request.member_id = std::move(member_id);
    request.protocols = {{"any", REQUIRE_VALUE(to_metadata({.topics = {topic}}))}};
    return request;
  }

  std::shared_ptr<answers<joined_group>> join_from_actor(join_group request) {
    std::vector<join_group> one;
    one.push_back(std::move(request));
    return ask_from_actor<joined_group>(s.system, worker, std::move(one));
  }

  result<synced_group> sync(const joined_group& place) {
    sync_group request;
    request.generation = place.generation;
    request.member_id = place.member_id;
    for (const auto& m : place.members)
      request.assignments.push_back({m.member_id, "for " + m.member_id});
    return app.sync_group(request, "w");
  }

  result<done> beat(const joined_group& place) {
    return app.heartbeat(
      {.generation = place.generation, .member_id = place.member_id}, "w");
  }

  result<done> commit(std::int64_t offset, partition_id p = 0) {
    return app.offset_commit(
      {.offsets = {{.topic = topic, .partition = p, .offset = offset}}}, "w");
  }

  std::optional<log_offset> committed(partition_id p = 0) {
    const auto kept = REQUIRE_VALUE(app.offset_fetch({.topics = {{{topic, {p}}}}}, "w"));
    REQUIRE(kept.offsets.size() == 1);
    return kept.offsets[0].offset;
  }

  void produce_some(int count, partition_id p = 0) {
    cafka::produce request;
    request.topic = topic;
    request.partition = p;
    for (int i = 0; i != count; ++i)
      request.records.push_back({.value = std::to_string(i)});
    static_cast<void>(REQUIRE_VALUE(app.produce(request, "w")));
  }
};

} // namespace

// -- versions ---------------------------------------------------------------------------

TEST_CASE("every version of FindCoordinator finds the same broker") {
  group_service g;
  const auto expected = REQUIRE_VALUE(g.app.consumer_group_metadata({}, "w"));
  CHECK(expected.key == g.group);
  const auto range = g.shared_versions<protocol::find_coordinator_request>();
  find_coordinator request;
  for (auto version = range.min; version <= range.max; ++version) {
    INFO("FindCoordinator version " << version);
    request.api_version = version;
    const auto found = REQUIRE_VALUE(g.app.consumer_group_metadata(request, "w"));
    CHECK(found.id == expected.id);
    CHECK(found.address == expected.address);
  }
  request.key = "transaction";
  request.type = coordinator_type::transaction;
  for (auto version = range.min; version <= range.max; ++version) {
    INFO("FindCoordinator version " << version);
    request.api_version = version;
    const auto found = g.app.consumer_group_metadata(request, "w");
    INFO(why(found));
    if (version == 0)
      CHECK(found.error().code == error_code::unsupported_api_version);
    else
      CHECK(found);
  }
}

TEST_CASE("every version of OffsetCommit is kept, and every version of OffsetFetch finds "
          "it") {
  group_service g;
  const auto commits = g.shared_versions<protocol::offset_commit_request>(9);
  const auto fetches = g.shared_versions<protocol::offset_fetch_request>(9);
  for (auto version = commits.min; version <= commits.max; ++version) {
    INFO("OffsetCommit version " << version);
    offset_commit request;
    request.offsets = {
      {.topic = g.topic, .partition = 2, .offset = 100 + version, .metadata = "m"}};
    request.api_version = version;
    const auto kept = g.app.offset_commit(request, "w");
    INFO(why(kept));
    REQUIRE(kept);
    CHECK(g.committed(2) == log_offset{100 + version});
  }
  for (auto version = fetches.min; version <= fetches.max; ++version) {
    INFO("OffsetFetch version " << version);
    offset_fetch request;
    request.topics = {{{g.topic, {0, 2}}}};
    request.api_version = version;
    const auto kept = REQUIRE_VALUE(g.app.offset_fetch(request, "w"));
    REQUIRE(kept.offsets.size() == 2);
    CHECK_FALSE(kept.offsets[0].offset);
    CHECK(kept.offsets[1].offset == log_offset{100 + commits.max});
    CHECK(kept.offsets[1].metadata == "m");
    // All that there is can be asked for from version 2 on.
    request.topics.reset();
    const auto all = g.app.offset_fetch(request, "w");
    INFO(why(all));
    if (version < 2) {
      CHECK(all.error().code == error_code::unsupported_api_version);
    } else {
      REQUIRE(all);
      REQUIRE(all->offsets.size() == 1);
      CHECK(all->offsets[0].partition == partition_id{2});
    }
  }
}

TEST_CASE(
  "every version of JoinGroup, SyncGroup, Heartbeat and LeaveGroup leads a member "
  "through its life") {
  group_service g;
  const auto joins = g.shared_versions<protocol::join_group_request>();
  const auto syncs = g.shared_versions<protocol::sync_group_request>();
  const auto beats = g.shared_versions<protocol::heartbeat_request>();
  const auto leaves = g.shared_versions<protocol::leave_group_request>();
  for (auto version = joins.min; version <= joins.max; ++version) {
    const auto at_most = [&](protocol::version_range range) {
      return std::clamp(version, range.min, range.max);
    };
    INFO("JoinGroup version " << version);
    auto join = g.joining();
    join.api_version = version;
    const auto place = REQUIRE_VALUE(g.app.join_group(join, "w"));
    CHECK(place.is_leader());
    CHECK(place.protocol_name == "any");
    CHECK(place.protocol_type == "consumer");
    REQUIRE(place.members.size() == 1);
    CHECK(place.members[0].metadata == join.protocols[0].metadata);
    sync_group sync{.generation = place.generation,
      .member_id = place.member_id,
      .protocol_type = "consumer",
      .protocol_name = "any",
      .assignments = {{place.member_id, "yours"}},
      .api_version = at_most(syncs)};
    CHECK(REQUIRE_VALUE(g.app.sync_group(sync, "w")).assignment == "yours");
    const heartbeat beat{.generation = place.generation,
      .member_id = place.member_id,
      .api_version = at_most(beats)};
    const auto alive = g.app.heartbeat(beat, "w");
    INFO(why(alive));
    CHECK(alive);
    leave_group leave{
      .members = {{.member_id = place.member_id, .reason = "the test is over"}},
      .api_version = at_most(leaves)};
    const auto left = REQUIRE_VALUE(g.app.leave_group(leave, "w"));
    REQUIRE(left.members.size() == 1);
    CHECK(left.members[0].member_id == place.member_id);
    CHECK(left.members[0].status == error_code::none);
    // Whoever has left is not there any more.
    CHECK(g.app.leave_group(leave, "w").error().code == error_code::unknown_member_id);
    CHECK(g.app.heartbeat(beat, "w").error().code == error_code::unknown_member_id);
  }
}

TEST_CASE("what a version cannot say is an error that says so, not left out") {
  group_service g;
  const auto refused = [](const auto& r, const std::string& what) {
    INFO(why(r));
    CHECK(r.error().code == error_code::unsupported_api_version);
    CHECK(r.error().detail.find(what) != std::string::npos);
  };
  auto join = g.joining();
  join.group_instance_id = "one";
  join.api_version = 4;
  refused(g.app.join_group(join, "w"), "group_instance_id");
  offset_fetch stable{.topics = {{{g.topic, {0}}}}, .require_stable = true};
  stable.api_version = 6;
  refused(g.app.offset_fetch(stable, "w"), "require_stable");
  offset_commit fixed{.offsets = {{.topic = g.topic, .partition = 0, .offset = 1}},
    .generation = 1,
    .member_id = "m",
    .group_instance_id = "one",
    .api_version = 6};
  refused(g.app.offset_commit(fixed, "w"), "group_instance_id");
  const leave_group both{
    .members = {{.member_id = "a"}, {.member_id = "b"}}, .api_version = 2};
  refused(g.app.leave_group(both, "w"), "several members");
}

// -- membership -------------------------------------------------------------------------

TEST_CASE("two members join one group through one worker, and rest past each other") {
  group_service g;
  g.produce_some(1);
  const auto alone = REQUIRE_VALUE(g.app.join_group(g.joining(), "w"));
  REQUIRE(g.sync(alone));
  // The second rests until the first has joined again.
  const auto second = g.join_from_actor(g.joining());
  REQUIRE(eventually(
    [&] { return g.beat(alone).error().code == error_code::rebalance_in_progress; }));
  CHECK_FALSE(second->wait_for(1, 1ms));
  // Nothing waits behind it: a commit, a fetch of either kind, an answer in time.
  CHECK(g.app.offset_commit({.offsets = {{.topic = g.topic, .partition = 0, .offset = 1}},
                              .generation = alone.generation,
                              .member_id = alone.member_id},
    "w"));
  const fetch resting{.topic = g.topic, .partition = 0, .offset = 1, .wait_time = 500ms};
  CHECK(REQUIRE_VALUE(g.app.fetch(resting, "w")).records.empty());
  CHECK_FALSE(second->wait_for(1, 1ms));
  const auto again = g.join_from_actor(g.joining(alone.member_id));
  REQUIRE(again->wait());
  REQUIRE(second->wait());
  const auto first = REQUIRE_VALUE(again->all().front());
  const auto other = REQUIRE_VALUE(second->all().front());
  CHECK(first.generation == alone.generation + 1);
  CHECK(other.generation == first.generation);
  CHECK(first.member_id == alone.member_id);
  const auto& leader = first.is_leader() ? first : other;
  const auto& follower = first.is_leader() ? other : first;
  CHECK(leader.members.size() == 2);
  CHECK(follower.members.empty());
  // The follower's SyncGroup rests until the leader's comes.
  sync_group waiting{.generation = follower.generation, .member_id = follower.member_id};
  std::vector<sync_group> one{waiting};
  const auto synced = ask_from_actor<synced_group>(g.s.system, g.worker, std::move(one));
  CHECK(REQUIRE_VALUE(g.sync(leader)).assignment == "for " + leader.member_id);
  REQUIRE(synced->wait());
  CHECK(REQUIRE_VALUE(synced->all().front()).assignment == "for " + follower.member_id);
  for (const auto* place : {&first, &other})
    CHECK(g.beat(*place));
  const auto left = REQUIRE_VALUE(
    g.app.leave_group({.members = {{.member_id = first.member_id},
                         {.member_id = "nobody"}, {.member_id = other.member_id}}},
      "w"));
  REQUIRE(left.members.size() == 3);
  CHECK(left.members[0].status == error_code::none);
  CHECK(left.members[1].status == error_code::unknown_member_id);
  CHECK(left.members[2].status == error_code::none);
}

TEST_CASE("a static member comes back as itself, and shuts its earlier self out") {
  group_service g;
  auto join = g.joining();
  join.group_instance_id = "one";
  const auto before = REQUIRE_VALUE(g.app.join_group(join, "w"));
  REQUIRE(g.sync(before));
  const auto after = REQUIRE_VALUE(g.app.join_group(join, "w"));
  CHECK(after.member_id != before.member_id);
  const heartbeat old{.generation = before.generation,
    .member_id = before.member_id,
    .group_instance_id = "one"};
  CHECK(g.app.heartbeat(old, "w").error().code == error_code::fenced_instance_id);
  // It is taken out by its instance's name alone.
  const auto left =
    REQUIRE_VALUE(g.app.leave_group({.members = {{.group_instance_id = "one"}}}, "w"));
  REQUIRE(left.members.size() == 1);
  CHECK(left.members[0].group_instance_id == "one");
}

TEST_CASE("a member's commit is taken in its own generation only") {
  group_service g;
  const auto place = REQUIRE_VALUE(g.app.join_group(g.joining(), "w"));
  REQUIRE(g.sync(place));
  offset_commit request;
  request.offsets = {{.topic = g.topic, .partition = 0, .offset = 5},
    {.topic = g.topic, .partition = 1, .offset = 6}};
  request.generation = place.generation;
  request.member_id = place.member_id;
  CHECK(g.app.offset_commit(request, "w"));
  CHECK(g.committed(1) == log_offset{6});
  request.generation = place.generation + 7;
  const auto late = g.app.offset_commit(request, "w");
  INFO(why(late));
  CHECK(late.error().code == error_code::illegal_generation);
  CHECK(late.error().detail.find(g.topic + "/0, " + g.topic + "/1") != std::string::npos);
  request.member_id = "somebody";
  CHECK(g.app.offset_commit(request, "w").error().code == error_code::unknown_member_id);
  // Nor from outside while the group has members.
  CHECK(g.commit(7).error().code == error_code::unknown_member_id);
  CHECK(g.committed() == log_offset{5});
}

TEST_CASE(
  "a group that cannot be one, and none, are told apart from a broker's refusal") {
  group_service g;
  g.s.connect("alone", {.consumer_group = no_consumer_group});
  const auto nobody = g.app.offset_fetch({.topics = {{{g.topic, {0}}}}}, "alone");
  INFO(why(nobody));
  CHECK(nobody.error().code == error_code::invalid_group_id);
  CHECK(g.app.join_group({.protocols = {{"any", ""}}}, "alone").error().code
    == error_code::invalid_group_id);
  auto short_session = g.joining();
  short_session.session_timeout = 1ms;
  CHECK(g.app.join_group(short_session, "w").error().code
    == error_code::invalid_session_timeout);
  auto no_way = g.joining();
  no_way.protocols.clear();
  CHECK(g.app.join_group(no_way, "w").error().code == error_code::invalid_argument);
}

// -- offsets ----------------------------------------------------------------------------

TEST_CASE("what cafka commits Kafka's own tool shows, and what that sets cafka finds") {
  group_service g;
  g.produce_some(10, 1);
  REQUIRE(g.commit(4, 1));
  const auto shown = g.kafka.tool({"kafka-consumer-groups", "--bootstrap-server",
    g.kafka.brokers(), "--describe", "--group", g.group});
  INFO(shown.out << shown.err);
  REQUIRE(shown.status == 0);
  // GROUP TOPIC PARTITION CURRENT-OFFSET LOG-END-OFFSET LAG ...
  std::vector<std::string> words;
  for (const auto& line : lines(shown.out)) {
    std::istringstream in{line};
    std::vector<std::string> found{std::istream_iterator<std::string>{in}, {}};
    if (found.size() > 5 && found[1] == g.topic && found[2] == "1")
      words = found;
  }
  REQUIRE(words.size() > 5);
  CHECK(words[0] == g.group);
  CHECK(words[3] == "4");
  CHECK(words[4] == "10");
  CHECK(words[5] == "6");
  const auto set = g.kafka.tool(
    {"kafka-consumer-groups", "--bootstrap-server", g.kafka.brokers(), "--group", g.group,
      "--reset-offsets", "--to-offset", "7", "--topic", g.topic + ":1", "--execute"});
  INFO(set.out << set.err);
  REQUIRE(set.status == 0);
  CHECK(g.committed(1) == log_offset{7});
}

TEST_CASE("a partition that does not exist is not committed, and is named") {
  group_service g;
  const auto refused =
    g.app.offset_commit({.offsets = {{.topic = g.topic, .partition = 0, .offset = 3},
                           {.topic = g.topic, .partition = 99, .offset = 3}}},
      "w");
  INFO(why(refused));
  CHECK(refused.error().code == error_code::unknown_topic_or_partition);
  CHECK(refused.error().detail.find(g.topic + "/99") != std::string::npos);
  CHECK(refused.error().detail.find(g.topic + "/0") == std::string::npos);
}

TEST_CASE("a group's fetch goes on where it has committed, and commits behind it") {
  group_service g;
  g.produce_some(5);
  fetch request{.topic = g.topic, .partition = 0};
  // Nothing was committed: from the beginning.
  const auto first = REQUIRE_VALUE(g.app.fetch(request, "w"));
  CHECK(first.records.size() == 5);
  CHECK(first.committed == log_offset{5});
  CHECK(first.commit_error.code == error_code::none);
  CHECK(g.committed() == log_offset{5});
  const auto none = REQUIRE_VALUE(g.app.fetch(request, "w"));
  CHECK(none.records.empty());
  CHECK_FALSE(none.committed);
  REQUIRE(g.commit(3));
  request.auto_commit = false;
  const auto two = REQUIRE_VALUE(g.app.fetch(request, "w"));
  CHECK(two.records.size() == 2);
  CHECK_FALSE(two.committed);
  CHECK(g.committed() == log_offset{3});
  // A commit that fails leaves the records good.
  const auto place = REQUIRE_VALUE(g.app.join_group(g.joining(), "w"));
  request.auto_commit = true;
  const auto got = REQUIRE_VALUE(g.app.fetch(request, "w"));
  CHECK(got.records.size() == 2);
  CHECK_FALSE(got.committed);
  INFO(to_string(got.commit_error));
  CHECK(got.commit_error.code != error_code::none);
  CHECK(place.generation > 0);
}

TEST_CASE("auto_offset_reset says where a group goes on that is out of range or new") {
  group_service g;
  g.produce_some(5);
  using actors::offset_reset;
  for (const auto reset :
    {offset_reset::none, offset_reset::earliest, offset_reset::latest}) {
    const auto name = "reset-" + std::to_string(static_cast<int>(reset));
    const auto group = unique_name(name);
    g.s.connect(name, {.consumer_group = group, .auto_offset_reset = reset});
    INFO(name);
    fetch request{.topic = g.topic, .partition = 0, .auto_commit = false};
    const auto fresh = REQUIRE_VALUE(g.app.fetch(request, name));
    CHECK(fresh.records.size() == (reset == offset_reset::latest ? 0U : 5U));
    REQUIRE(g.app.offset_commit(
      {.offsets = {{.topic = g.topic, .partition = 0, .offset = 77}}}, name));
    const auto beyond = g.app.fetch(request, name);
    INFO(why(beyond));
    if (reset == offset_reset::none) {
      CHECK(beyond.error().code == error_code::offset_out_of_range);
    } else {
      REQUIRE(beyond);
      CHECK(beyond->records.size() == (reset == offset_reset::latest ? 0U : 5U));
    }
    // An offset that is named is meant.
    request.offset = 77;
    CHECK(g.app.fetch(request, name).error().code == error_code::offset_out_of_range);
  }
}

// -- coordinators that go away ----------------------------------------------------------

TEST_CASE("commits and heartbeats go on when the coordinator is killed, and come back") {
  group_service g;
  const auto place = REQUIRE_VALUE(g.app.join_group(g.joining(), "w"));
  REQUIRE(g.sync(place));
  const auto before = REQUIRE_VALUE(g.app.consumer_group_metadata({}, "w"));
  std::atomic<bool> stop = false;
  std::atomic<std::int64_t> committed = 0;
  error failed;
  std::thread load{[&] {
    for (std::int64_t n = 1; !stop; ++n) {
      offset_commit request;
      request.offsets = {{.topic = g.topic, .partition = 0, .offset = n}};
      request.generation = place.generation;
      request.member_id = place.member_id;
      request.deadline = test_timeout;
      const auto kept = g.app.offset_commit(request, "w");
      if (!kept) {
        failed = kept.error();
        return;
      }
      committed = n;
    }
  }};
  const auto more = [&] {
    const auto seen = committed.load();
    return eventually([&] { return committed > seen + 20 || stop; });
  };
  CHECK(more());
  g.kafka.kill(before.id);
  CHECK(more());
  const auto after = REQUIRE_VALUE(g.app.consumer_group_metadata({}, "w"));
  CHECK(after.id != before.id);
  const auto alive = g.app.heartbeat({.generation = place.generation,
                                       .member_id = place.member_id,
                                       .deadline = test_timeout},
    "w");
  INFO(why(alive));
  CHECK(alive);
  g.kafka.start(before.id);
  // The group goes back to its first home, when the preferred leader leads again.
  CHECK(more());
  stop = true;
  load.join();
  INFO(to_string(failed));
  CHECK(failed.code == error_code::none);
  CHECK(g.committed() == log_offset{committed.load()});
}
