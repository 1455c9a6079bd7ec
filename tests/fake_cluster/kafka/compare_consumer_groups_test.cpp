#include "both.hpp"

#include <catch2/generators/catch_generators.hpp>

#include <thread>

// Groups of the consumer protocol (KIP-848): members make their ids, so that both
// clusters know them by the same, and epochs can be compared as well.

using namespace fake_against_kafka;

namespace {

using heartbeat = consumer_group_heartbeat_request;
using change = std::function<void(heartbeat&)>;

constexpr auto patience = 20s;

/// A group on both.
struct consumers {
  consumers() : name(b.group()) {}

  /// A topic that the real coordinator knows of.
  std::string topic(std::int32_t partitions) {
    auto made = b.topic(partitions);
    const auto group = b.group();
    const auto until = std::chrono::steady_clock::now() + patience;
    const auto known = [&] {
      auto request = joining("probe", {made});
      request.group_id = group;
      const auto said = b.real().ask(request, 1);
      return said->assignment && !said->assignment->topic_partitions.empty();
    };
    while (!known()) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      std::this_thread::yield();
    }
    return made;
  }

  [[nodiscard]] heartbeat joining(
    const std::string& member, const std::vector<std::string>& topics) const {
    heartbeat request;
    request.group_id = name;
    request.member_id = member;
    request.rebalance_timeout_ms = 60'000;
    request.subscribed_topic_names = topics;
    request.topic_partitions.emplace();
    return request;
  }

  [[nodiscard]] heartbeat beating(const std::string& member) const {
    heartbeat request;
    request.group_id = name;
    request.member_id = member;
    const auto known = epochs.find(member);
    request.member_epoch = known == epochs.end() ? 1 : known->second;
    return request;
  }

  /// Both are asked; the member's epoch is kept.
  consumer_group_heartbeat_response ask(
    const std::function<heartbeat(answering&)>& what, std::int16_t version = 1) {
    const auto said = b.pair<heartbeat>(what, version).second;
    REQUIRE(said);
    if (said->error_code == error_code::none && said->member_id && said->member_epoch > 0)
      epochs[*said->member_id] = said->member_epoch;
    return *said;
  }

  consumer_group_heartbeat_response join(
    const std::string& member, const std::vector<std::string>& topics,
    const change& how = [](auto&) {}) {
    auto request = joining(member, topics);
    how(request);
    return ask([&](answering&) { return request; });
  }

  consumer_group_heartbeat_response beat(
    const std::string& member, const change& how = [](auto&) {}) {
    auto request = beating(member);
    how(request);
    return ask([&](answering&) { return request; });
  }

  /// The member says which partitions of a topic it owns.
  consumer_group_heartbeat_response beat_with(
    const std::string& member, const std::string& topic,
    const std::vector<partition_id>& owned, const change& how = [](auto&) {}) {
    return ask([&](answering& at) {
      auto request = beating(member);
      request.topic_partitions.emplace();
      if (!owned.empty())
        request.topic_partitions->push_back({id_of(at, topic), owned});
      how(request);
      return request;
    });
  }

  consumer_group_heartbeat_response leave(const std::string& member,
    std::optional<std::string> instance = {}, std::int32_t epoch = -1) {
    auto request = beating(member);
    request.member_epoch = epoch;
    request.instance_id = std::move(instance);
    return ask([&](answering&) { return request; });
  }

  void describe() {
    for (const std::int16_t v : {0, 1})
      b.same(consumer_group_describe_request{{name}, true}, v);
  }

  /// Waits until what happens beside at the real one has happened.
  void until_real_epoch(std::int32_t epoch) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (
      b.real().ask(consumer_group_describe_request{{name}}, 1)->groups.at(0).group_epoch
      < epoch) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      std::this_thread::yield();
    }
  }

  /// A group is described as it was when its last change was in the log of all replicas.
  void until_real_knows_no_such_group() {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (
      b.real().ask(consumer_group_describe_request{{name}}, 1)->groups.at(0).error_code
      != error_code::group_id_not_found) {
      REQUIRE(std::chrono::steady_clock::now() < until);
      std::this_thread::yield();
    }
  }

  std::int32_t epoch_on_fake() {
    return b.fake()
      .ask(consumer_group_describe_request{{name}}, 1)
      ->groups.at(0)
      .group_epoch;
  }

  both b;
  std::string name;
  std::map<std::string, std::int32_t> epochs;
};

} // namespace

TEST_CASE("what makes no sense in a heartbeat of a consumer group") {
  consumers g;
  const auto elsewhere = g.b.group_elsewhere();
  const auto with = [&](const change& how) {
    for (const auto& group : {g.name, elsewhere}) {
      for (const std::int16_t v : {0, 1}) {
        auto request = g.joining("m", {"nobody-made-this"});
        request.group_id = group;
        how(request);
        auto said = g.b.pair<heartbeat>([&](answering&) { return request; }, v);
        CHECK(said.second->error_code != error_code::none);
      }
    }
  };
  with([](auto& r) { r.group_id.clear(); });
  with([](auto& r) { r.group_id = "  "; });
  with([](auto& r) { r.instance_id = ""; });
  with([](auto& r) { r.rack_id = " "; });
  with([](auto& r) { r.rebalance_timeout_ms = -1; });
  with([](auto& r) { r.topic_partitions.reset(); });
  with([](auto& r) { r.topic_partitions->push_back({{}, {0}}); });
  with([](auto& r) { r.subscribed_topic_names.reset(); });
  with([](auto& r) { r.server_assignor = "strange"; });
  with([](auto& r) { r.server_assignor = ""; });
  with([](auto& r) { r.member_epoch = 1; });
  with([](auto& r) { r.member_epoch = -1; });
  with([](auto& r) { r.member_epoch = -2; });
  with([](auto& r) { r.member_epoch = -3; });
  with([](auto& r) {
    r.member_epoch = -2;
    r.instance_id = "i";
  });
  with([](auto& r) {
    r.member_epoch = 1;
    r.member_id.clear();
  });
  with([](auto& r) {
    r.member_epoch = -1;
    r.member_id.clear();
  });
  g.b.same(consumer_group_describe_request{{g.name, elsewhere, ""}, true}, 1);
}

TEST_CASE("a member of a consumer group alone, at each edge") {
  consumers g;
  const auto topic = g.topic(3);
  const auto first = g.join("m", {topic});
  CHECK(first.error_code == error_code::none);
  g.describe();
  g.beat("m");
  g.beat_with("m", topic, {0, 1, 2});
  g.beat("m", [](auto& r) { ++r.member_epoch; });
  g.beat("m", [](auto& r) { --r.member_epoch; });
  g.beat_with("m", topic, {}, [](auto& r) { --r.member_epoch; });
  g.beat("nobody", [&](auto& r) { r.member_epoch = first.member_epoch; });
  g.beat("m", [](auto& r) { r.instance_id = "none"; });
  g.beat("m", [](auto& r) { r.server_assignor = "range"; });
  g.describe();
  // Joins once more, as after a lost answer; and says everything.
  g.join("m", {topic});
  g.beat_with("m", topic, {0}, [&](auto& r) {
    r.rebalance_timeout_ms = 1'000;
    r.subscribed_topic_names = {topic};
  });
  // Other topics: what it reads it has to give up first.
  g.beat("m", [](auto& r) { r.subscribed_topic_names = {"nobody-made-this"}; });
  g.describe();
  g.beat_with("m", topic, {0, 1, 2});
  g.beat_with("m", topic, {});
  g.describe();
  g.beat("m", [&](auto& r) { r.subscribed_topic_names = {topic}; });
  g.leave("nobody");
  g.leave("m", "none");
  g.leave("m");
  g.describe();
  g.leave("m");
  g.beat("m");
  CHECK(g.join("n", {topic}).error_code == error_code::none);
}

TEST_CASE("partitions go from one member to another once they are given up") {
  const auto assignor = GENERATE(as<std::string>{}, "uniform", "range");
  consumers g;
  const auto topic = g.topic(4);
  const auto wish = [&](auto& r) { r.server_assignor = assignor; };
  g.join("a", {topic}, wish);
  g.join("b", {topic}, wish);
  g.describe();
  g.beat("b"); // Nothing is free.
  const auto told = g.beat("a");
  REQUIRE(told.assignment);
  g.describe();
  g.beat_with("a", topic, {0, 1, 2, 3});
  g.beat("a");
  g.beat("b");
  g.beat_with("a", topic, {0, 1});
  g.describe();
  g.beat("b");
  g.describe();
  g.beat("a");
  // A third one, that leaves before it has anything; and then the first goes.
  g.join("c", {topic}, wish);
  g.beat_with("b", topic, {2, 3});
  g.leave("c");
  g.beat_with("b", topic, {2, 3});
  g.beat_with("a", topic, {0, 1});
  g.leave("a");
  g.beat("b");
  g.describe();
}

TEST_CASE("a member whose answer was lost may come with the epoch before") {
  consumers g;
  const auto topic = g.topic(2);
  g.join("a", {topic});
  const auto old = g.epochs.at("a");
  g.join("b", {topic});
  g.beat("a");
  g.beat_with("a", topic, {0}); // It has arrived.
  g.beat_with("a", topic, {0, 1}, [&](auto& r) { r.member_epoch = old; });
  g.beat("a", [&](auto& r) { r.member_epoch = old; });
  g.beat_with("a", topic, {0}, [&](auto& r) { r.member_epoch = old; });
  g.beat_with("a", topic, {}, [&](auto& r) { r.member_epoch = old; });
  g.beat_with("a", topic, {}, [&](auto& r) { r.member_epoch = old - 1; });
  g.describe();
}

TEST_CASE("a static member of a consumer group goes and comes back") {
  consumers g;
  const auto topic = g.topic(2);
  const auto as = [](const std::string& instance) {
    return [instance](auto& r) { r.instance_id = instance; };
  };
  g.join("a", {topic}, as("i1"));
  g.beat("a", as("i1"));
  g.beat("a"); // It need not say so again.
  g.join("b", {topic}, as("i1"));
  g.join("a", {topic}, as("i1"));
  g.beat("b", as("i1"));
  g.beat("a", as("i2"));
  g.leave("b", "i1", -2);
  g.leave("b", "i2", -2);
  g.leave("a", "i1", -2);
  g.describe();
  g.beat("a", as("i1"));
  g.join("b", {topic}, as("i1"));
  g.describe();
  g.beat("a", as("i1"));
  g.beat("b", as("i1"));
  g.join("c", {topic}, as("i2"));
  g.beat_with("b", topic, {0}, as("i1"));
  // Away, and the other does not get its part.
  g.leave("b", "i1", -2);
  g.beat("c", as("i2"));
  g.describe();
  g.join("b", {topic}, as("i1"));
  g.leave("b", "i1");
  g.beat("c", as("i2"));
  g.b.same<leave_group_request>(
    [&](answering&) {
      leave_group_request request;
      request.group_id = g.name;
      request.members.push_back({"b", "i2", {}});
      request.members.push_back({"", "i1", {}});
      request.members.push_back({"nobody", {}, {}});
      request.members.push_back({"", "i2", {}});
      return request;
    },
    5);
  g.describe();
}

TEST_CASE("topics by a regular expression that matches their whole names") {
  consumers g;
  const auto topic = g.topic(2);
  const auto by = [](const std::string& pattern) {
    return [pattern](auto& r) {
      r.subscribed_topic_names.reset();
      r.subscribed_topic_regex = pattern;
    };
  };
  for (const auto* pattern : {"[", "(", "a**", "x(?=y)", "(a)\\1", "\\"})
    CHECK(
      g.join("m", {}, by(pattern)).error_code == error_code::invalid_regular_expression);
  g.describe();
  const auto this_one = "[a-z]" + topic.substr(1);
  // A part of the name is not enough.
  g.join("m", {}, by(topic.substr(1)));
  g.until_real_epoch(g.epoch_on_fake());
  g.leave("m");
  g.join("m", {}, by(this_one));
  g.until_real_epoch(g.epoch_on_fake());
  g.describe();
  const auto got = g.beat("m");
  REQUIRE(got.assignment);
  CHECK(got.assignment->topic_partitions.size() == 1);
  g.describe();
  // Another one with the same, which is known by now.
  g.join("n", {}, by(this_one));
  g.describe();
  g.beat("m", by("["));
  // By name in its place.
  g.beat("m", [&](auto& r) {
    r.subscribed_topic_names = {topic};
    r.subscribed_topic_regex = "";
  });
  g.describe();
  g.beat("n", by("nothing-like-it"));
  g.beat("n");
  g.describe();
}

TEST_CASE("a member that does not give up its partitions in time is thrown out") {
  consumers g;
  const auto topic = g.topic(2);
  g.join("a", {topic}, [](auto& r) { r.rebalance_timeout_ms = 300; });
  g.join("b", {topic});
  g.beat("a");
  const auto epoch = g.epoch_on_fake() + 1;
  g.b.pass_on_fake(299ms);
  CHECK(g.epoch_on_fake() == epoch - 1);
  g.b.pass_on_fake(1ms);
  g.until_real_epoch(epoch);
  g.describe();
  g.beat("a");
  g.beat("b");
  g.describe();
}

TEST_CASE("offsets of a consumer group, by epochs") {
  consumers g;
  const auto topic = g.topic(4);
  const auto commit = [&](const std::string& member, std::int32_t epoch,
                        std::vector<std::int32_t> partitions = {0},
                        std::vector<std::int16_t> versions = {9, 10}) {
    for (const auto v : versions) {
      g.b.same<offset_commit_request>(
        [&](answering& at) {
          offset_commit_request request;
          request.group_id = g.name;
          request.member_id = member;
          request.generation_id_or_member_epoch = epoch;
          auto& t = request.topics.emplace_back();
          t.name = topic;
          t.topic_id = id_of(at, topic);
          for (const auto p : partitions) {
            auto& x = t.partitions.emplace_back();
            x.partition_index = p;
            x.committed_offset = 3;
          }
          return request;
        },
        v);
    }
  };
  const auto fetch = [&](std::optional<std::string> member, std::int32_t epoch) {
    for (const std::int16_t v : {9, 10}) {
      for (const auto all : {false, true}) {
        g.b.same<offset_fetch_request>(
          [&](answering& at) {
            offset_fetch_request request;
            auto& x = request.groups.emplace_back();
            x.group_id = g.name;
            x.member_id = member;
            x.member_epoch = epoch;
            if (all)
              x.topics.reset();
            else
              x.topics->push_back({topic, id_of(at, topic), {0, 1}});
            return request;
          },
          v);
      }
    }
  };
  commit("a", 1);
  fetch("a", 1);
  g.join("a", {topic});
  const auto first = g.epochs.at("a");
  commit("a", first, {0, 1, 2, 3});
  commit("a", first, {0, 9});
  commit("a", first, {0}, {8});
  commit("a", first + 1);
  commit("a", first - 1);
  commit("a", -1);
  commit("", -1);
  commit("nobody", first);
  fetch("a", first);
  fetch("a", first + 1);
  fetch("a", first - 1);
  fetch({}, -1);
  fetch("", -1);
  fetch("nobody", first);
  g.join("b", {topic});
  g.beat("a");
  commit("a", first, {2, 3});
  g.beat_with("a", topic, {0, 1});
  const auto second = g.epochs.at("a");
  REQUIRE(second > first);
  // What it has had since before.
  commit("a", first, {0, 1});
  commit("a", first, {0, 2});
  commit("a", second, {0, 2});
  fetch("a", first);
  fetch("a", second);
  g.beat("b");
  commit("b", first, {2});
  commit("b", g.epochs.at("b"), {2});
  g.leave("a");
  commit("a", second);
  g.leave("b");
  commit("b", g.epochs.at("b"));
  commit("", -1);
  commit("b", -1);
  fetch({}, -1);
}

TEST_CASE("a consumer group and requests of the classic protocol") {
  consumers g;
  const auto topic = g.topic(1);
  g.join("m", {topic});
  heartbeat_request beat;
  beat.group_id = g.name;
  beat.generation_id = g.epochs.at("m");
  for (const auto* who : {"m", "nobody", ""}) {
    beat.member_id = who;
    g.b.same(beat, 4);
    sync_group_request sync;
    sync.group_id = g.name;
    sync.member_id = who;
    sync.generation_id = beat.generation_id;
    sync.protocol_type = "consumer";
    sync.protocol_name = "range";
    g.b.same(sync, 5);
  }
  join_group_request join;
  join.group_id = g.name;
  join.session_timeout_ms = join.rebalance_timeout_ms = 10'000;
  join.protocol_type = "connect";
  join.protocols.push_back({"range", shared_bytes::copy_of(as_bytes("m"))});
  g.b.same(join, 9);
  for (std::int16_t v = 0; v <= 6; ++v)
    g.b.same(describe_groups_request{{g.name}, v >= 3}, v);
  g.b.same(delete_groups_request{{g.name}}, 2);
  g.leave("m");
  // Without members it becomes one of the classic protocol, and then one of the other.
  join.protocol_type = "consumer";
  join.group_instance_id = "i";
  g.b.same(join, 9);
  g.until_real_knows_no_such_group();
  g.b.same(consumer_group_describe_request{{g.name}}, 1);
  g.beat("m", [](auto& r) { r.member_epoch = 2; });
  g.leave("m");
  leave_group_request leave;
  leave.group_id = g.name;
  leave.members.push_back({"", "i", {}});
  g.b.same(leave, 5);
  g.beat("m", [](auto& r) { r.member_epoch = 2; });
  g.join("m", {topic});
  g.describe();
  g.leave("m");
  g.b.same(delete_groups_request{{g.name}}, 2);
  g.b.same(delete_groups_request{{g.name}}, 2);
}
