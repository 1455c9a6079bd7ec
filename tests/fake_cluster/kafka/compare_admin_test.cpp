#include "both.hpp"
#include <cafka/protocol/messages/consumer_protocol.hpp>

#include <algorithm>

// What administrators ask of groups, and where epochs end.

using namespace fake_against_kafka;

namespace {

struct groups {
  groups()
    : topic(b.topic(2)),
      other(b.topic(1)),
      offsets(b.group()),
      classic(b.group()),
      nobody(b.group()),
      elsewhere(b.group_elsewhere()) {
    commit(offsets);
    commit(classic);
    join();
  }

  void commit(const std::string& group) {
    offset_commit_request request;
    request.group_id = group;
    for (const auto& name : {topic, other}) {
      request.topics.emplace_back().name = name;
      request.topics.back().partitions.emplace_back().committed_offset = 3;
    }
    b.same(request, 8);
  }

  /// A member that subscribes to the first topic.
  void join() {
    consumer_subscription subscription;
    subscription.topics.push_back(topic);
    const auto metadata = to_metadata(subscription);
    REQUIRE(metadata);
    join_group_request request;
    request.group_id = classic;
    request.session_timeout_ms = request.rebalance_timeout_ms = 30'000;
    request.protocol_type = "consumer";
    request.group_instance_id = "i";
    request.protocols.push_back({"range", shared_bytes::copy_of(as_bytes(*metadata))});
    ids = b.pair<join_group_request>([&](answering&) { return request; }, 9);
    REQUIRE(ids.first);
    REQUIRE(ids.second);
  }

  void sync() {
    b.same<sync_group_request>(
      [&](answering& at) {
        const auto& mine = &at == &b.real() ? *ids.first : *ids.second;
        sync_group_request request;
        request.group_id = classic;
        request.generation_id = mine.generation_id;
        request.member_id = mine.member_id;
        request.group_instance_id = "i";
        request.protocol_type = "consumer";
        request.protocol_name = "range";
        request.assignments.push_back(
          {mine.member_id, shared_bytes::copy_of(as_bytes("assigned"))});
        return request;
      },
      5);
  }

  void leave() {
    leave_group_request request;
    request.group_id = classic;
    request.members.push_back({"", "i", {}});
    b.same(request, 5);
  }

  void describe() {
    for (std::int16_t v = 0; v <= 6; ++v) {
      for (const auto& name : {offsets, classic, nobody, elsewhere})
        b.same(describe_groups_request{{name}, v >= 3}, v);
    }
    b.same(describe_groups_request{{classic, nobody}}, 6);
    b.same(consumer_group_describe_request{{offsets, classic, nobody}}, 1);
  }

  /// Of this test's groups: the real one has others, too.
  void list(const std::vector<std::string>& states = {},
    const std::vector<std::string>& types = {}) {
    for (std::int16_t v = 0; v <= 5; ++v) {
      if ((v < 4 && !states.empty()) || (v < 5 && !types.empty()))
        continue;
      const auto mine = [&](answering& at) {
        auto all = at.ask(list_groups_request{states, types}, v);
        REQUIRE(all);
        std::erase_if(all->groups, [&](const listed_group& g) {
          return g.group_id != offsets && g.group_id != classic && g.group_id != nobody
            && g.group_id != elsewhere;
        });
        std::ranges::sort(all->groups, {}, &listed_group::group_id);
        return print(*all);
      };
      CHECK(mine(b.real()) == mine(b.fake()));
    }
  }

  void forget(const std::string& group, const std::string& name) {
    offset_delete_request request;
    request.group_id = group;
    request.topics.push_back({name, {{0}, {1}}});
    b.same(request, 0);
    if (group.empty())
      return;
    offset_fetch_request asked;
    asked.group_id = group;
    asked.topics.reset();
    const auto kept = [&](answering& at) {
      auto all = at.ask(asked, 7);
      REQUIRE(all);
      std::ranges::sort(all->topics, {}, &offset_fetch_response_topic::name);
      return print(*all);
    };
    CHECK(kept(b.real()) == kept(b.fake()));
  }

  both b;
  std::string topic;
  std::string other;
  std::string offsets;
  std::string classic;
  std::string nobody;
  std::string elsewhere;
  std::pair<std::optional<join_group_response>, std::optional<join_group_response>> ids;
};

} // namespace

TEST_CASE("groups of the classic protocol are described, listed, and lose offsets") {
  groups g;
  g.describe(); // between Join and Sync
  g.list();
  g.sync();
  g.describe();
  g.list();
  g.list({"stable"});
  g.list({"EMPTY", "strange"});
  g.list({}, {"classic"});
  g.list({}, {"Consumer"});
  g.list({"Stable"}, {"Classic", "share"});
  g.forget(g.classic, g.topic);
  g.forget(g.classic, g.other);
  g.forget(g.classic, "nobody-made-this");
  g.forget(g.offsets, g.other);
  g.forget(g.nobody, g.other);
  g.forget(g.elsewhere, g.other);
  g.forget("", g.other);
  for (const std::int16_t v : {0, 1, 2})
    g.b.same(delete_groups_request{{g.classic, g.nobody, g.elsewhere}}, v);
  g.leave();
  g.describe();
  g.list();
  g.forget(g.classic, g.topic);
  g.b.same(delete_groups_request{{g.classic, g.offsets}}, 2);
  g.describe();
  g.list();
}

TEST_CASE("where epochs end") {
  both b;
  const auto topic = b.topic();
  const auto ask = [&](std::int32_t epoch, std::int32_t current = -1,
                     std::int32_t partition = 0, const std::string& name = {}) {
    for (const std::int16_t v : {2, 3, 4}) {
      offset_for_leader_epoch_request request;
      request.replica_id = -1;
      auto& t = request.topics.emplace_back();
      t.topic = name.empty() ? topic : name;
      t.partitions.push_back({partition, current, epoch});
      b.same(request, v);
    }
  };
  const auto all = [&] {
    for (const auto epoch : {-1, 0, 1, 7})
      ask(epoch);
  };
  all();
  b.same(producing(
           batch_of(numbered(3), timestamp{std::chrono::hours{400'000}}), -1, 0, topic),
    9);
  all();
  ask(0, 0);
  ask(0, 1);
  ask(0, -1, 5);
  ask(0, -1, 0, "nobody-made-this");
}
