#include "both.hpp"

#include <catch2/generators/catch_generators.hpp>

using namespace fake_against_kafka;

namespace {

join_group_request joining(const std::string& group, const std::string& member,
  std::optional<std::string> instance = {}) {
  join_group_request request;
  request.group_id = group;
  request.session_timeout_ms = 10'000;
  request.rebalance_timeout_ms = 10'000;
  request.member_id = member;
  request.group_instance_id = std::move(instance);
  request.protocol_type = "consumer";
  request.protocols.push_back({"range", shared_bytes::copy_of(as_bytes("m"))});
  request.protocols.push_back({"other", shared_bytes::copy_of(as_bytes("n"))});
  return request;
}

/// A group on both, and the member that has joined it.
struct joined_group {
  explicit joined_group(std::int16_t version, std::optional<std::string> instance = {})
    : name(b.group()), v(version), static_id(std::move(instance)) {}

  /// What the member is called there.
  [[nodiscard]] const std::string& id(answering& at) {
    return &at == &b.real() ? real_id : fake_id;
  }

  /// Joins, twice where the first answer is but the id.
  void join() {
    constexpr std::int16_t id_required_since = 4;
    if (v >= id_required_since && !static_id)
      keep(b.pair<join_group_request>([&](answering&) { return joining(name, ""); }, v));
    keep(b.pair<join_group_request>(
      [&](answering& at) { return joining(name, id(at), static_id); }, v));
  }

  template <class Pair>
  void keep(const Pair& said) {
    REQUIRE(said.first);
    REQUIRE(said.second);
    real_id = said.first->member_id;
    fake_id = said.second->member_id;
    generation = said.second->generation_id;
  }

  /// With what `change` does to it.
  void sync(
    const std::function<void(sync_group_request&)>& change, std::int16_t version) {
    b.same<sync_group_request>(
      [&](answering& at) {
        sync_group_request request;
        request.group_id = name;
        request.generation_id = generation;
        request.member_id = id(at);
        request.protocol_type = "consumer";
        request.protocol_name = "range";
        request.assignments.push_back(
          {id(at), shared_bytes::copy_of(as_bytes("assigned"))});
        change(request);
        return request;
      },
      version);
  }

  void beat(const std::function<void(heartbeat_request&)>& change, std::int16_t version) {
    b.same<heartbeat_request>(
      [&](answering& at) {
        heartbeat_request request;
        request.group_id = name;
        request.generation_id = generation;
        request.member_id = id(at);
        change(request);
        return request;
      },
      version);
  }

  both b;
  std::string name;
  std::int16_t v;
  std::optional<std::string> static_id;
  std::string real_id;
  std::string fake_id;
  std::int32_t generation = -1;
};

const auto as_it_is = [](auto&) {};

} // namespace

TEST_CASE("a member joins, syncs, beats, commits and leaves") {
  const auto v = GENERATE(std::int16_t{2}, std::int16_t{5}, std::int16_t{9});
  joined_group g{v};
  g.beat(as_it_is, 3); // There is no such group.
  g.join();
  g.beat(as_it_is, 3); // between Join and Sync
  const auto topic = g.b.topic();
  const auto commit = [&](std::int32_t more) {
    g.b.same<offset_commit_request>(
      [&](answering& at) {
        offset_commit_request request;
        request.group_id = g.name;
        request.member_id = g.id(at);
        request.generation_id_or_member_epoch = g.generation + more;
        request.topics.emplace_back().name = topic;
        request.topics[0].partitions.emplace_back().committed_offset = 3;
        return request;
      },
      8);
  };
  commit(0);
  g.sync([](auto& r) { ++r.generation_id; }, 4);
  g.sync([](auto& r) { r.member_id = "nobody"; }, 4);
  g.sync([](auto& r) { r.protocol_name = "other"; }, 5);
  g.sync([](auto& r) { r.protocol_type.reset(); }, 5);
  g.sync(as_it_is, 5);
  g.sync([](auto& r) { r.assignments.clear(); }, 5); // once more
  g.beat(as_it_is, 4);
  g.beat([](auto& r) { ++r.generation_id; }, 4);
  g.beat([](auto& r) { --r.generation_id; }, 4);
  g.beat([](auto& r) { r.member_id = "nobody"; }, 4);
  g.beat([](auto& r) { r.group_id.clear(); }, 4);
  g.beat([](auto& r) { r.group_instance_id = "none"; }, 4);
  commit(0);
  commit(1);
  // The leader joins again, which makes a generation of it alone.
  g.keep(g.b.pair<join_group_request>(
    [&](answering& at) { return joining(g.name, g.id(at)); }, v));
  g.beat(as_it_is, 4);
  g.sync(as_it_is, 5);
  const auto leave = [&](const std::string& who) {
    g.b.same<leave_group_request>(
      [&](answering& at) {
        leave_group_request request;
        request.group_id = g.name;
        request.members.push_back({who.empty() ? g.id(at) : who, {}, {}});
        return request;
      },
      4);
  };
  leave("nobody");
  leave("");
  leave("");
  g.beat(as_it_is, 4);
  commit(0);
}

TEST_CASE("what is refused of who wants to join") {
  joined_group g{9};
  g.join();
  g.sync(as_it_is, 5);
  const auto same = [&](const std::function<void(join_group_request&)>& change) {
    for (const std::int16_t v : {2, 4, 5, 7, 9}) {
      g.b.same<join_group_request>(
        [&](answering&) {
          auto request = joining(g.name, "");
          change(request);
          return request;
        },
        v);
    }
  };
  same([](auto& r) { r.session_timeout_ms = 5'999; });
  same([](auto& r) { r.session_timeout_ms = 1'800'001; });
  same([](auto& r) { r.group_id.clear(); });
  same([](auto& r) { r.member_id = "nobody"; });
  same([](auto& r) { r.protocols.clear(); });
  same([](auto& r) { r.protocols[0].name = r.protocols[1].name = "strange"; });
  same([](auto& r) { r.protocol_type = "connect"; });
  // Nobody has joined it.
  const auto empty = g.b.group();
  same([&](auto& r) {
    r.group_id = empty;
    r.member_id = "nobody";
  });
  const auto elsewhere = g.b.group_elsewhere();
  same([&](auto& r) {
    r.group_id = elsewhere;
    r.member_id = "nobody";
  });
  same([&](auto& r) { r.group_id = elsewhere; });
}

TEST_CASE("a static member is back, and its old self is fenced") {
  const auto v = GENERATE(std::int16_t{5}, std::int16_t{8}, std::int16_t{9});
  joined_group g{v, "instance-1"};
  g.join();
  g.sync([](auto& r) { r.group_instance_id = "instance-1"; }, 5);
  auto old_real = g.real_id, old_fake = g.fake_id;
  g.keep(g.b.pair<join_group_request>(
    [&](answering&) { return joining(g.name, "", "instance-1"); }, v));
  g.beat([](auto& r) { r.group_instance_id = "instance-1"; }, 4);
  g.real_id = std::move(old_real);
  g.fake_id = std::move(old_fake);
  g.beat([](auto& r) { r.group_instance_id = "instance-1"; }, 4);
  g.beat([](auto& r) { r.group_instance_id.reset(); }, 4);
  g.sync([](auto& r) { r.group_instance_id = "instance-1"; }, 5);
  g.b.same<leave_group_request>(
    [&](answering& at) {
      leave_group_request request;
      request.group_id = g.name;
      request.members.push_back({g.id(at), "instance-1", {}}); // the old id
      request.members.push_back({"", "instance-2", {}});
      request.members.push_back({"", "instance-1", {}});
      return request;
    },
    5);
}
