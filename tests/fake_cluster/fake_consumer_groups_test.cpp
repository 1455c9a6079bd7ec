#include "fixture.hpp"
#include <cafka/testing/model/server_assignors.hpp>
#include <cafka/testing/model/topic_pattern.hpp>

#include <catch2/generators/catch_generators.hpp>

#include <algorithm>

// What the comparison with a real Kafka says of groups of the consumer protocol, and what
// it would have to wait for there.

using namespace fake_fixture;

namespace {

using heartbeat = consumer_group_heartbeat_request;

struct consumers : fixture {
  explicit consumers(cluster_options options = {.brokers = 1})
    : fixture(std::move(options)) {
    cluster.create_topic("t", 4);
  }

  static heartbeat joining(const std::string& member,
    std::vector<std::string> topics = {"t"}, std::optional<std::string> instance = {}) {
    heartbeat request;
    request.group_id = "g";
    request.member_id = member;
    request.instance_id = std::move(instance);
    request.rebalance_timeout_ms = 30'000;
    request.subscribed_topic_names = std::move(topics);
    request.topic_partitions.emplace();
    return request;
  }

  consumer_group_heartbeat_response said(const heartbeat& request) {
    auto response = ask(request, 1, 1, 1);
    if (response.error_code == error_code::none && response.member_epoch > 0)
      epochs[request.member_id] = response.member_epoch;
    return response;
  }

  consumer_group_heartbeat_response join(const std::string& member,
    std::vector<std::string> topics = {"t"}, std::optional<std::string> instance = {}) {
    return said(joining(member, std::move(topics), std::move(instance)));
  }

  [[nodiscard]] heartbeat beating(const std::string& member) const {
    heartbeat request;
    request.group_id = "g";
    request.member_id = member;
    request.member_epoch = epochs.at(member);
    return request;
  }

  consumer_group_heartbeat_response beat(const std::string& member) {
    return said(beating(member));
  }

  /// The member says what it owns.
  consumer_group_heartbeat_response beat(
    const std::string& member, const std::vector<partition_id>& owned) {
    auto request = beating(member);
    request.topic_partitions.emplace();
    if (!owned.empty())
      request.topic_partitions->push_back({cluster.topic_id("t"), owned});
    return said(request);
  }

  consumer_group_describe_group described() {
    return ask(consumer_group_describe_request{{"g"}}, 1, 1, 2).groups.at(0);
  }

  std::map<std::string, std::int32_t> epochs;
};

/// The partitions in an answer, of all topics; nothing where they have not changed.
std::optional<std::vector<partition_id>> given(
  const consumer_group_heartbeat_response& said) {
  REQUIRE(said.error_code == error_code::none);
  if (!said.assignment)
    return std::nullopt;
  std::vector<partition_id> all;
  for (const auto& t : said.assignment->topic_partitions)
    all.insert(all.end(), t.partitions.begin(), t.partitions.end());
  return all;
}

using numbers = std::vector<partition_id>;

uuid topic_number(std::uint8_t n) {
  uuid id;
  id.bytes[0] = n;
  return id;
}

std::vector<std::size_t> sizes_of(const group_assignment& all) {
  std::vector<std::size_t> sizes;
  for (const auto& [id, places] : all)
    sizes.push_back(places.size());
  return sizes;
}

} // namespace

TEST_CASE("a member of a consumer group has its partitions with its first answer") {
  consumers f;
  const auto mine = f.join("a");
  CHECK(mine.member_id == "a");
  CHECK(mine.heartbeat_interval_ms == 5'000);
  CHECK(given(mine) == numbers{0, 1, 2, 3});
  CHECK(given(f.beat("a")) == std::nullopt);
  CHECK(f.described().group_state == "Stable");
}

TEST_CASE("a partition has one owner at any time") {
  consumers f;
  f.join("a");
  CHECK(given(f.join("b")) == numbers{});
  CHECK(given(f.beat("a")) == numbers{0, 1}); // It is to give up the others.
  CHECK(given(f.beat("b")) == std::nullopt);
  CHECK(f.described().group_state == "Reconciling");
  CHECK(given(f.beat("a", {0, 1, 2, 3})) == std::nullopt); // It still has them.
  CHECK(given(f.beat("b")) == std::nullopt);
  const auto before = f.epochs.at("a");
  CHECK(given(f.beat("a", {0, 1})) == std::nullopt);
  CHECK(f.epochs.at("a") > before);
  CHECK(given(f.beat("b")) == numbers{2, 3});
  CHECK(f.described().group_state == "Stable");
}

TEST_CASE("a member that is silent for its session's time is thrown out") {
  consumers f{{.brokers = 1, .group_consumer_session_timeout = 10s}};
  f.join("a");
  f.join("b");
  f.pass(9'999ms);
  f.beat("b");
  f.pass(1ms);
  CHECK(f.beat("a").error_code == error_code::unknown_member_id);
  CHECK(given(f.beat("b")) == numbers{0, 1, 2, 3});
  // It comes back under the same id.
  CHECK(f.join("a").error_code == error_code::none);
}

TEST_CASE("a member that gives nothing up within its time is thrown out, as it beats") {
  consumers f;
  f.join("a");
  f.join("b");
  f.beat("a");
  for (int i = 0; i != 29; ++i) {
    f.pass(1s);
    CHECK(f.beat("a").error_code == error_code::none);
    CHECK(given(f.beat("b")) == std::nullopt);
  }
  f.pass(1s);
  CHECK(f.beat("a").error_code == error_code::unknown_member_id);
  CHECK(given(f.beat("b")) == numbers{0, 1, 2, 3});
}

TEST_CASE("a static member that will be back keeps its partitions for its session") {
  consumers f{{.brokers = 1, .group_consumer_session_timeout = 10s}};
  f.join("a", {"t"}, "i");
  CHECK(f.join("b", {"t"}, "i").error_code == error_code::unreleased_instance_id);
  auto leave = f.beating("a");
  leave.member_epoch = -2;
  leave.instance_id = "i";
  CHECK(f.said(leave).member_epoch == -2);
  CHECK(given(f.join("c")) == numbers{});
  SECTION("it is back in time") {
    const auto back = f.join("b", {"t"}, "i");
    CHECK(given(back) == numbers{0, 1});
    CHECK(f.beat("a").error_code == error_code::unknown_member_id);
  }
  SECTION("it is not") {
    f.pass(9'999ms);
    CHECK(given(f.beat("c")) == std::nullopt);
    f.pass(1ms);
    CHECK(given(f.beat("c")) == numbers{0, 1, 2, 3});
  }
}

TEST_CASE("a topic that grows, goes or comes is assigned anew at the next heartbeat") {
  consumers f;
  const auto first = f.join("a", {"t", "u"}).member_epoch;
  f.cluster.create_topic("u", 2);
  CHECK(given(f.beat("a"))->size() == 6);
  CHECK(f.epochs.at("a") == first + 1);
  f.cluster.delete_topic("t");
  CHECK(given(f.beat("a")) == numbers{0, 1});
  // What there is no more has to be given up as well.
  CHECK(f.epochs.at("a") == first + 1);
  auto request = f.beating("a");
  request.topic_partitions.emplace();
  request.topic_partitions->push_back({f.cluster.topic_id("u"), {0, 1}});
  CHECK(f.said(request).member_epoch == first + 2);
  // Made anew it is another topic.
  f.cluster.create_topic("t", 1);
  CHECK(given(f.beat("a"))->size() == 3);
}

TEST_CASE(
  "topics that match an expression come with the heartbeat after they are known") {
  consumers f;
  auto request = f.joining("a");
  request.subscribed_topic_names.reset();
  request.subscribed_topic_regex = "t[0-9]*";
  CHECK(given(f.said(request)) == numbers{});
  CHECK(given(f.beat("a")) == numbers{0, 1, 2, 3});
  f.cluster.create_topic("t1", 1);
  f.cluster.create_topic("not-t2", 1);
  // A coordinator looks again after 10 s at the earliest.
  f.pass(10s);
  CHECK(given(f.beat("a")) == std::nullopt);
  f.pass(1ms);
  CHECK(given(f.beat("a")) == std::nullopt);
  CHECK(given(f.beat("a"))->size() == 5);
}

TEST_CASE("an assignment waits until the interval is over") {
  consumers f{{.brokers = 1, .group_consumer_assignment_interval = 1s}};
  f.join("a");
  f.join("b");
  CHECK(f.described().group_state == "Assigning");
  f.pass(999ms);
  CHECK(given(f.beat("a")) == std::nullopt);
  f.pass(1ms);
  CHECK(given(f.beat("a")) == numbers{0, 1});
}

TEST_CASE("a consumer group has no more members than it may have") {
  consumers f{{.brokers = 1, .group_consumer_max_size = 1}};
  f.join("a");
  CHECK(f.join("b").error_code == error_code::group_max_size_reached);
  CHECK(f.beat("a").error_code == error_code::none);
}

TEST_CASE("an older epoch commits what the member has had since then, from 4.3 on") {
  const auto release = GENERATE(kafka_version{4, 2}, kafka_version{4, 3});
  consumers f{{.brokers = 1, .kafka_version = release}};
  f.join("a");
  const auto first = f.epochs.at("a");
  f.join("b");
  f.beat("a");
  f.beat("a", {0, 1});
  REQUIRE(f.epochs.at("a") == first + 1);
  const auto commit = [&](std::int32_t partition, std::int32_t epoch) {
    offset_commit_request request;
    request.group_id = "g";
    request.member_id = "a";
    request.generation_id_or_member_epoch = epoch;
    request.topics.emplace_back().name = "t";
    request.topics[0].partitions.emplace_back().partition_index = partition;
    return f.ask(request, 9).topics.at(0).partitions.at(0).error_code;
  };
  CHECK(commit(0, first + 1) == error_code::none);
  CHECK(commit(0, first)
    == (release < kafka_version{4, 3} ? error_code::stale_member_epoch
                                      : error_code::none));
  CHECK(commit(3, first) == error_code::stale_member_epoch);
  CHECK(commit(0, first + 2) == error_code::stale_member_epoch);
}

TEST_CASE("a group with members of one protocol takes none of the other") {
  consumers f;
  join_group_request classic;
  classic.group_id = "g";
  classic.session_timeout_ms = classic.rebalance_timeout_ms = 10'000;
  classic.group_instance_id = "i";
  classic.protocol_type = "consumer";
  classic.protocols.push_back({"range", {}});
  f.join("a");
  CHECK(f.ask(classic, 9).error_code == error_code::inconsistent_group_protocol);
  auto leave = f.beating("a");
  leave.member_epoch = -1;
  CHECK(f.said(leave).member_epoch == -1);
  CHECK(f.ask(classic, 9).error_code == error_code::none);
  CHECK(f.join("a").error_code == error_code::group_id_not_found);
  const auto listed = f.ask(list_groups_request{}, 5);
  CHECK(listed.groups
    == std::vector<listed_group>{{"g", "consumer", "CompletingRebalance", "classic"}});
}

TEST_CASE("offsets of what a consumer group reads are not deleted") {
  consumers f;
  f.cluster.create_topic("u");
  f.join("a");
  offset_commit_request commit;
  commit.group_id = "g";
  commit.member_id = "a";
  commit.generation_id_or_member_epoch = f.epochs.at("a");
  for (const auto* name : {"t", "u"}) {
    commit.topics.emplace_back().name = name;
    commit.topics.back().partitions.emplace_back().committed_offset = 3;
  }
  f.ask(commit, 9);
  offset_delete_request request;
  request.group_id = "g";
  request.topics = {{"t", {{0}}}, {"u", {{0}}}, {"v", {{0}}}};
  const auto said = f.ask(request, 0);
  REQUIRE(said.topics.size() == 3);
  CHECK(said.topics[0].partitions[0].error_code == error_code::group_subscribed_to_topic);
  CHECK(said.topics[1].partitions[0].error_code == error_code::none);
  CHECK(
    said.topics[2].partitions[0].error_code == error_code::unknown_topic_or_partition);
  CHECK(f.cluster.committed("g", "t", 0) == log_offset{3});
  CHECK_FALSE(f.cluster.committed("g", "u", 0));
  CHECK(f.ask(delete_groups_request{{"g"}}, 2).results.at(0).error_code
    == error_code::non_empty_group);
}

TEST_CASE("epochs end where the next one begins") {
  fixture f{{.brokers = 1}};
  f.cluster.create_topic("t");
  f.cluster.append("t", 0, numbered(3));
  f.cluster.set_epoch("t", 0, 4);
  f.cluster.append("t", 0, numbered(2));
  const auto end = [&](std::int32_t epoch, std::int32_t current = -1) {
    offset_for_leader_epoch_request request;
    request.topics.push_back({"t", {{0, current, epoch}}});
    return f.ask(request, 4).topics.at(0).partitions.at(0);
  };
  CHECK(end(0).end_offset == log_offset{3});
  CHECK(end(2).leader_epoch == leader_epoch{0});
  CHECK(end(4).end_offset == log_offset{5});
  CHECK(end(5).end_offset == log_offset{-1});
  CHECK(end(0, 3).error_code == error_code::fenced_leader_epoch);
}

TEST_CASE("ranges go to instances first, and the first ones have one more") {
  const auto t = topic_number(1), u = topic_number(2);
  const auto all = assign_ranges(
    {{"a", {}, {t, u}}, {"b", "i", {t}}, {"c", {}, {t, u}}}, {{t, 5}, {u, 1}});
  CHECK(all.at("b") == group_places{{t, 0}, {t, 1}});
  CHECK(all.at("a") == group_places{{t, 2}, {t, 3}, {u, 0}});
  CHECK(all.at("c") == group_places{{t, 4}});
}

TEST_CASE("a uniform assignment is even, keeps what it can, and ends") {
  const auto t = topic_number(1), u = topic_number(2);
  std::vector<assignable_member> members{{"a", {}, {t}}, {"b", {}, {t}}, {"c", {}, {t}}};
  auto all = assign_uniformly(members, {{t, 7}});
  CHECK(sizes_of(all) == std::vector<std::size_t>{3, 2, 2});
  for (auto& m : members)
    m.has = all.at(m.id);
  CHECK(assign_uniformly(members, {{t, 7}}) == all);
  // One goes: the others keep theirs.
  members.pop_back();
  const auto two = assign_uniformly(members, {{t, 7}});
  CHECK(sizes_of(two) == std::vector<std::size_t>{4, 3});
  for (const auto& m : members)
    CHECK(std::ranges::includes(two.at(m.id), m.has));
  // Subscriptions that differ: who may read one topic alone has the most of it.
  const auto uneven = assign_uniformly(
    {{"a", {}, {t, u}}, {"b", {}, {t}}, {"c", {}, {}}}, {{t, 4}, {u, 3}});
  CHECK(sizes_of(uneven) == std::vector<std::size_t>{4, 3, 0});
  CHECK(std::ranges::count(uneven.at("a"), u, &group_place::topic) == 3);
}

TEST_CASE("expressions match whole names, and RE2 has fewer than the standard library") {
  const auto matches = [](const std::string& pattern, const std::string& name) {
    const auto what = topic_pattern::parse(pattern);
    REQUIRE(what);
    return what->matches(name);
  };
  CHECK(matches("a|bc", "bc"));
  CHECK_FALSE(matches("b", "bc"));
  CHECK(matches("(?:a)[(?=*+]?", "a("));
  CHECK(matches("(?i)ab.*", "ABC"));
  CHECK(matches("a\\.b", "a.b"));
  for (const auto* pattern : {"(", "[", "a(?=b)", "(?!a)", "(a)\\1", "a**", "a?+"})
    CHECK_FALSE(topic_pattern::parse(pattern));
}
