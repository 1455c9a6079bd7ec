#include "fixture.hpp"

using namespace fake_fixture;

namespace {

/// A group on a cluster of one broker, and what its members say.
struct group_fixture : fixture {
  explicit group_fixture(milliseconds initial_delay = 0ms)
    : fixture({.brokers = 1, .group_initial_rebalance_delay = initial_delay}) {}

  static join_group_request joining(const std::string& member,
    std::optional<std::string> instance = {}, const std::string& assignor = "range") {
    join_group_request request;
    request.group_id = "g";
    request.session_timeout_ms = 10'000;
    request.rebalance_timeout_ms = 60'000;
    request.member_id = member;
    request.group_instance_id = std::move(instance);
    request.protocol_type = "consumer";
    request.protocols.push_back({assignor, shared_bytes::copy_of(as_bytes("m"))});
    return request;
  }

  static sync_group_request syncing(const join_group_response& joined) {
    sync_group_request request;
    request.group_id = "g";
    request.generation_id = joined.generation_id;
    request.member_id = joined.member_id;
    request.protocol_type = "consumer";
    request.protocol_name = "range";
    for (const auto& m : joined.members)
      request.assignments.push_back(
        {m.member_id, shared_bytes::copy_of(as_bytes("of " + m.member_id))});
    return request;
  }

  static heartbeat_request beating(const join_group_response& joined) {
    heartbeat_request request;
    request.group_id = "g";
    request.generation_id = joined.generation_id;
    request.member_id = joined.member_id;
    return request;
  }

  error_code beat(const join_group_response& joined, std::uint64_t connection = 99) {
    return ask(beating(joined), 4, 1, connection).error_code;
  }

  /// The id that a new member is told.
  std::string fresh(std::uint64_t connection) {
    const auto told = ask(joining(""), 9, 1, connection);
    REQUIRE(told.error_code == error_code::member_id_required);
    return told.member_id;
  }

  join_group_response joined(std::uint64_t connection) {
    const auto response = answer<join_group_response>(9, connection);
    REQUIRE(response);
    REQUIRE(response->error_code == error_code::none);
    return *response;
  }

  /// A member alone, up to its assignment.
  join_group_response alone(std::uint64_t connection = 1) {
    send(joining(fresh(connection)), 9, 1, connection);
    auto response = joined(connection);
    CHECK(ask(syncing(response), 5, 1, connection).error_code == error_code::none);
    return response;
  }
};

} // namespace

TEST_CASE("a new member is told its id, joins with it, and leads", "[groups]") {
  group_fixture f;
  const auto id = f.fresh(1);
  CHECK(id.starts_with("test-"));
  f.send(f.joining(id), 9);
  const auto mine = f.joined(1);
  CHECK(mine.member_id == id);
  CHECK(mine.leader == id);
  CHECK(mine.generation_id == 1);
  CHECK(mine.protocol_name == "range");
  REQUIRE(mine.members.size() == 1);
  const auto synced = f.ask(f.syncing(mine), 5);
  CHECK(as_text(synced.assignment.view()) == "of " + id);
  CHECK(f.beat(mine) == error_code::none);
}

TEST_CASE("a second member makes the first one join again", "[groups]") {
  group_fixture f;
  const auto first = f.alone();
  f.send(f.joining(f.fresh(2)), 9, 1, 2);
  CHECK(f.beat(first) == error_code::rebalance_in_progress);
  CHECK_FALSE(f.answer<join_group_response>(9, 2));
  f.send(f.joining(first.member_id), 9, 1, 1);
  const auto again = f.joined(1), second = f.joined(2);
  CHECK(again.generation_id == 2);
  CHECK(again.leader == first.member_id);
  CHECK(again.members.size() == 2);
  CHECK(second.members.empty());
  // The other waits for the leader's assignment.
  f.send(f.syncing(second), 5, 1, 2);
  CHECK_FALSE(f.answer<sync_group_response>(5, 2));
  f.send(f.syncing(again), 5, 1, 1);
  const auto part = f.answer<sync_group_response>(5, 2);
  REQUIRE(part);
  CHECK(as_text(part->assignment.view()) == "of " + second.member_id);
  CHECK(f.beat(second) == error_code::none);
  CHECK(f.beat(first) == error_code::illegal_generation);
}

TEST_CASE("a member that is silent is thrown out, and the others go on", "[groups]") {
  group_fixture f;
  const auto first = f.alone();
  f.send(f.joining(f.fresh(2)), 9, 1, 2);
  SECTION("one that does not join again, when its session ends") {
    f.pass(9'999ms);
    CHECK_FALSE(f.answer<join_group_response>(9, 2));
    f.pass(1ms);
    const auto second = f.joined(2);
    CHECK(second.leader == second.member_id);
    CHECK(second.members.size() == 1);
    CHECK(f.beat(first) == error_code::unknown_member_id);
  }
  SECTION("one that lives and does not join again, when the rebalance's time is over") {
    for (int i = 0; i != 12; ++i) {
      CHECK_FALSE(f.answer<join_group_response>(9, 2));
      CHECK(f.beat(first) == error_code::rebalance_in_progress);
      f.pass(5s);
    }
    CHECK(f.joined(2).members.size() == 1);
    CHECK(f.beat(first) == error_code::unknown_member_id);
  }
}

TEST_CASE("a group that is new waits for more members", "[groups]") {
  group_fixture f{3s};
  f.send(f.joining(f.fresh(1)), 9, 1, 1);
  f.pass(2s);
  f.send(f.joining(f.fresh(2)), 9, 1, 2);
  f.pass(1s); // The second one came within the delay, which begins anew.
  CHECK_FALSE(f.answer<join_group_response>(9, 1));
  f.pass(3s);
  CHECK(f.joined(1).generation_id == 1);
  CHECK(f.joined(2).generation_id == 1);
}

TEST_CASE("a static member that is back keeps its place", "[groups]") {
  group_fixture f;
  f.send(f.joining("", "i1"), 9, 1, 1);
  const auto first = f.joined(1);
  f.send(f.syncing(first), 5, 1, 1);
  const auto back = f.ask(f.joining("", "i1"), 9, 1, 2);
  CHECK(back.error_code == error_code::none);
  CHECK(back.generation_id == first.generation_id);
  CHECK(back.member_id != first.member_id);
  CHECK(back.skip_assignment);
  auto old = f.beating(first);
  old.group_instance_id = "i1";
  CHECK(f.ask(old, 4, 1, 3).error_code == error_code::fenced_instance_id);
  CHECK(f.beat(back) == error_code::none);
  // It leaves by its instance id alone.
  leave_group_request leave;
  leave.group_id = "g";
  leave.members.push_back({"", "i1", {}});
  const auto left = f.ask(leave, 5, 1, 4);
  REQUIRE(left.members.size() == 1);
  CHECK(left.members[0].error_code == error_code::none);
  CHECK(f.beat(back) == error_code::unknown_member_id);
}

TEST_CASE("what a coordinator refuses of members", "[groups]") {
  group_fixture f;
  f.cluster.create_topic("t");
  const auto mine = f.alone();
  const auto join = [&](join_group_request request) {
    return f.ask(request, 9, 1, 5).error_code;
  };
  auto request = f.joining("");
  request.session_timeout_ms = 5'999;
  CHECK(join(request) == error_code::invalid_session_timeout);
  request.session_timeout_ms = 30 * 60'000 + 1;
  CHECK(join(request) == error_code::invalid_session_timeout);
  CHECK(join(f.joining("", {}, "other")) == error_code::inconsistent_group_protocol);
  CHECK(join(f.joining("nobody")) == error_code::unknown_member_id);
  CHECK(join(f.joining("nobody", "i9")) == error_code::unknown_member_id);
  request = f.joining("");
  request.group_id.clear();
  CHECK(join(request) == error_code::invalid_group_id);
  auto sync = f.syncing(mine);
  sync.protocol_name.reset();
  CHECK(f.ask(sync, 5).error_code == error_code::inconsistent_group_protocol);
  sync = f.syncing(mine);
  ++sync.generation_id;
  CHECK(f.ask(sync, 5).error_code == error_code::illegal_generation);
  offset_commit_request commit;
  commit.group_id = "g";
  commit.topics.emplace_back().name = "t";
  commit.topics[0].partitions.emplace_back().committed_offset = 3;
  const auto commits = [&] {
    return f.ask(commit, 9, 1, 6).topics.at(0).partitions.at(0).error_code;
  };
  CHECK(commits() == error_code::unknown_member_id);
  commit.member_id = mine.member_id;
  commit.generation_id_or_member_epoch = mine.generation_id + 1;
  CHECK(commits() == error_code::illegal_generation);
  commit.generation_id_or_member_epoch = mine.generation_id;
  CHECK(commits() == error_code::none);
  CHECK(f.cluster.committed("g", "t", 0) == log_offset{3});
  f.send(f.joining(mine.member_id), 9, 1, 1); // The leader makes it rebalance.
  static_cast<void>(f.joined(1));
  commit.generation_id_or_member_epoch = mine.generation_id + 1;
  CHECK(commits() == error_code::rebalance_in_progress);
}

TEST_CASE("members that wait learn that another broker coordinates", "[groups]") {
  fixture f{{.brokers = 2}};
  f.cluster.move_coordinator(0, "g", 1);
  const auto request = group_fixture::joining("", "i1");
  f.send(request, 9, 1, 1);
  REQUIRE(f.answer<join_group_response>(9, 1));
  f.send(group_fixture::joining("", "i2"), 9, 1, 2);
  CHECK_FALSE(f.answer<join_group_response>(9, 2));
  f.cluster.move_coordinator(0, "g", 2);
  f.pass(0ms);
  const auto told = f.answer<join_group_response>(9, 2);
  REQUIRE(told);
  CHECK(told->error_code == error_code::not_coordinator);
}
