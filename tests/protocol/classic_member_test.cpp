#include "member_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

using namespace member_fixture;

TEST_CASE("a new member takes the id that it is given, and joins with it", "[groups]") {
  classic_play p;
  p.member.subscribe(p.now, {"orders"});
  const auto first = p.take<classic_member::send_join>();
  CHECK(first.what.member_id.empty());
  auto told = p.joined(-1);
  told.error_code = error_code::member_id_required;
  p.member.on_joined(p.now, first.request, told);
  const auto second = p.take<classic_member::send_join>();
  CHECK(second.what.member_id == "m1");
  // The answer to it is lost: the id is kept.
  p.member.on_failure(p.now, second.request, {error_code::disconnected, {}});
  CHECK(p.member.state() == phase::waiting);
  p.pass(2s);
  CHECK(p.take<classic_member::send_join>().what.member_id == "m1");
}

TEST_CASE("what a Join is refused with decides what follows", "[groups]") {
  classic_play p;
  p.member.subscribe(p.now, {"orders"});
  const auto first = p.take<classic_member::send_join>();
  auto refused = p.joined(-1);
  SECTION("for good") {
    refused.error_code = GENERATE(error_code::inconsistent_group_protocol,
      error_code::invalid_group_id, error_code::group_authorization_failed,
      error_code::group_max_size_reached, error_code::fenced_instance_id);
    p.member.on_joined(p.now, first.request, refused);
    CHECK(p.member.state() == phase::ended);
    const auto end = p.take<classic_member::ended>();
    CHECK(end.why.code == refused.error_code);
    CHECK(end.why.detail.find("billing") != std::string::npos);
  }
  SECTION("for good, by the client itself") {
    p.member.on_failure(
      p.now, first.request, {error_code::invalid_argument, "no such topic"});
    CHECK(p.take<classic_member::ended>().why.code == error_code::invalid_argument);
  }
  SECTION("for good, if it lasts that the broker knows no groups") {
    const auto e =
      GENERATE(error_code::unsupported_version, error_code::unsupported_api_version);
    const auto begun = p.now;
    auto request = first.request;
    while (p.now - begun < 5s) {
      p.member.on_failure(p.now, request, {e, "no such version"});
      REQUIRE(p.member.state() == phase::waiting);
      p.pass(1'500ms);
      request = p.take<classic_member::send_join>().request;
    }
    SECTION("it does") {
      p.member.on_failure(p.now, request, {e, "no such version"});
      CHECK(p.take<classic_member::ended>().why.code == e);
    }
    SECTION("it was a connection that broke") {
      p.member.on_failure(p.now, request, {error_code::disconnected, {}});
      p.pass(1'500ms);
      p.member.on_failure(p.now, p.take<classic_member::send_join>().request, {e, {}});
      CHECK(p.member.state() == phase::waiting);
    }
  }
  SECTION("for now") {
    refused.error_code =
      GENERATE(error_code::coordinator_load_in_progress, error_code::not_coordinator,
        error_code::rebalance_in_progress, error_code::unknown_member_id);
    p.member.on_joined(p.now, first.request, refused);
    CHECK(p.member.state() == phase::waiting);
    p.pass(2s);
    CHECK(p.took<classic_member::send_join>());
  }
  SECTION("the session timeout comes down by itself") {
    refused.error_code = error_code::invalid_session_timeout;
    CHECK(first.what.session_timeout_ms == 45'000);
    p.member.on_joined(p.now, first.request, refused);
    const auto again = p.take<classic_member::send_join>();
    CHECK(again.what.session_timeout_ms == 30'000);
    p.member.on_joined(p.now, again.request, refused);
    CHECK(
      p.take<classic_member::ended>().why.code == error_code::invalid_session_timeout);
  }
}

TEST_CASE("what a Sync is refused with decides what is lost", "[groups]") {
  classic_play p;
  p.be_member();
  p.beat(error_code::rebalance_in_progress);
  p.member.on_joined(p.now, p.take<classic_member::send_join>().request, p.joined(2));
  const auto sync = p.take<classic_member::send_sync>();
  sync_group_response refused;
  SECTION("nothing, where another rebalance has begun") {
    refused.error_code = error_code::rebalance_in_progress;
    p.member.on_synced(p.now, sync.request, refused);
    const auto again = p.take<classic_member::send_join>();
    CHECK(again.what.member_id == "m1");
    CHECK_FALSE(p.took<classic_member::lost>());
    CHECK(p.member.membership().generation == 1);
  }
  SECTION("all, with the id kept") {
    refused.error_code = error_code::illegal_generation;
    p.member.on_synced(p.now, sync.request, refused);
    CHECK(p.take<classic_member::lost>().partitions == of("orders", {0, 1}));
    p.pass(2s);
    const auto again = p.take<classic_member::send_join>();
    CHECK(again.what.member_id == "m1");
    const auto claim = subscription_from(again.what.protocols[0].metadata.text());
    CHECK(claim->owned_partitions.empty());
    CHECK(claim->generation_id == -1);
  }
  SECTION("all, and the id too") {
    refused.error_code = error_code::unknown_member_id;
    p.member.on_synced(p.now, sync.request, refused);
    CHECK(p.take<classic_member::lost>().partitions.size() == 2);
    p.pass(2s);
    CHECK(p.take<classic_member::send_join>().what.member_id.empty());
  }
}

TEST_CASE("what a heartbeat is refused with decides what is lost", "[groups]") {
  classic_play p;
  p.be_member();
  SECTION("a generation that is over") {
    p.beat(error_code::illegal_generation);
    CHECK(p.take<classic_member::lost>().partitions == of("orders", {0, 1}));
    p.pass(2s);
    CHECK(p.take<classic_member::send_join>().what.member_id == "m1");
  }
  SECTION("a member that is forgotten") {
    p.beat(error_code::unknown_member_id);
    CHECK(p.take<classic_member::lost>().partitions.size() == 2);
    p.pass(2s);
    CHECK(p.take<classic_member::send_join>().what.member_id.empty());
  }
  SECTION("a member that another has replaced") {
    p.beat(error_code::fenced_instance_id);
    CHECK(p.take<classic_member::lost>().partitions.size() == 2);
    CHECK(p.take<classic_member::ended>().why.code == error_code::fenced_instance_id);
  }
  SECTION("an answer of an earlier generation counts for nothing") {
    const auto late = p.next_beat();
    p.member.rejoin(p.now, "a test");
    p.rebalance(2, of("orders", {0, 1}));
    p.member.on_heartbeat(p.now, late.request, error_code::illegal_generation);
    CHECK(p.member.state() == phase::stable);
    CHECK_FALSE(p.took<classic_member::lost>());
  }
}

TEST_CASE(
  "a cooperative member gives up what it loses, and joins once it has", "[groups]") {
  classic_play p;
  p.be_member();
  p.beat(error_code::rebalance_in_progress);
  // It joins at once, and reads on.
  CHECK_FALSE(p.took<classic_member::revoke>());
  p.rebalance(2, of("orders", {0}));
  CHECK(p.member.state() == phase::revoking);
  const auto asked = p.take<classic_member::revoke>();
  CHECK(asked.partitions == of("orders", {1}));
  CHECK(asked.deadline > p.now + 4min);
  CHECK(p.member.may_commit());
  SECTION("when the program is through") {
    p.beat(error_code::none); // Heartbeats go on.
    p.member.on_revoked(p.now);
  }
  SECTION("at the deadline") {
    while (p.now < asked.deadline) {
      if (const auto b = p.took<classic_member::send_heartbeat>())
        p.member.on_heartbeat(p.now, b->request, error_code::none);
      p.pass(1s);
    }
  }
  CHECK(p.take<classic_member::released>().partitions == of("orders", {1}));
  const auto join = p.take<classic_member::send_join>();
  const auto claim = subscription_from(join.what.protocols[0].metadata.text());
  REQUIRE(claim->owned_partitions.size() == 1);
  CHECK(claim->owned_partitions[0].partitions == std::vector{partition_id{0}});
  CHECK(claim->generation_id == 2);
  CHECK_FALSE(p.member.may_commit());
  p.member.on_joined(p.now, join.request, p.joined(3));
  p.member.on_synced(
    p.now, p.take<classic_member::send_sync>().request, p.synced(of("orders", {0, 2})));
  CHECK(p.take<classic_member::assigned>().partitions == of("orders", {2}));
  CHECK(p.member.membership().owned == of("orders", {0, 2}));
}

TEST_CASE(
  "an eager member stops before it joins, and goes on with what comes back", "[groups]") {
  classic_play p{{range_assignor()}};
  p.be_member();
  p.beat(error_code::rebalance_in_progress);
  CHECK(p.take<classic_member::revoke>().partitions == of("orders", {0, 1}));
  CHECK_FALSE(p.took<classic_member::send_join>());
  p.member.on_revoked(p.now);
  p.rebalance(2, of("orders", {1, 2}));
  CHECK(p.take<classic_member::released>().partitions == of("orders", {0}));
  CHECK(p.take<classic_member::kept>().partitions == of("orders", {1}));
  CHECK(p.take<classic_member::assigned>().partitions == of("orders", {2}));
  CHECK(p.member.membership().owned == of("orders", {1, 2}));
}

TEST_CASE("what a commit is refused with decides what is lost", "[groups]") {
  struct row {
    error_code answer;
    bool lost;
    phase next;
  };
  const auto r = GENERATE(row{error_code::rebalance_in_progress, false, phase::joining},
    row{error_code::illegal_generation, true, phase::waiting},
    row{error_code::unknown_member_id, true, phase::waiting},
    row{error_code::fenced_instance_id, true, phase::ended},
    row{error_code::group_authorization_failed, true, phase::ended},
    row{error_code::offset_metadata_too_large, false, phase::stable});
  CAPTURE(to_string(r.answer));
  classic_play p;
  p.be_member();
  p.member.on_commit_refused(p.now, 1, r.answer);
  CHECK(p.member.state() == r.next);
  CHECK(p.took<classic_member::lost>().has_value() == r.lost);
}

TEST_CASE("a commit that a rebalance has overtaken loses nothing", "[groups]") {
  const auto late = GENERATE(error_code::illegal_generation,
    error_code::unknown_member_id, error_code::rebalance_in_progress);
  classic_play p;
  p.be_member();
  p.beat(error_code::rebalance_in_progress);
  const auto join = p.take<classic_member::send_join>();
  p.member.on_commit_refused(p.now, 1, late);
  CHECK(p.member.state() == phase::joining);
  p.member.on_joined(p.now, join.request, p.joined(2));
  p.member.on_commit_refused(p.now, 1, late);
  CHECK(p.member.state() == phase::syncing);
  p.member.on_synced(
    p.now, p.take<classic_member::send_sync>().request, p.synced(of("orders", {0, 1})));
  p.member.on_commit_refused(p.now, 1, late);
  CHECK(p.member.state() == phase::stable);
  CHECK_FALSE(p.took<classic_member::lost>());
  CHECK(p.member.membership().generation == 2);
}

TEST_CASE("what an eager member gave up in order it does not lose, but begins anew where "
          "others may have had it meanwhile",
  "[groups]") {
  classic_play p{{range_assignor()}};
  p.be_member();
  p.beat(error_code::rebalance_in_progress);
  static_cast<void>(p.take<classic_member::revoke>());
  p.member.on_revoked(p.now);
  p.member.on_joined(p.now, p.take<classic_member::send_join>().request, p.joined(2));
  sync_group_response refused;
  refused.error_code = error_code::rebalance_in_progress;
  p.member.on_synced(p.now, p.take<classic_member::send_sync>().request, refused);
  p.rebalance(3, of("orders", {1, 2}));
  CHECK(p.take<classic_member::released>().partitions == of("orders", {0, 1}));
  CHECK(p.take<classic_member::assigned>().partitions == of("orders", {1, 2}));
  CHECK_FALSE(p.took<classic_member::kept>());
  CHECK_FALSE(p.took<classic_member::lost>());
}

TEST_CASE("what an eager member gave up for a rebalance is released when it wants no "
          "topics any more",
  "[groups]") {
  classic_play p{{range_assignor()}};
  p.be_member();
  p.beat(error_code::rebalance_in_progress);
  static_cast<void>(p.take<classic_member::revoke>());
  p.member.on_revoked(p.now);
  CHECK(p.member.state() == phase::joining);
  p.member.subscribe(p.now, {});
  p.member.on_revoked(p.now);
  CHECK(p.take<classic_member::released>().partitions == of("orders", {0, 1}));
  CHECK(p.took<classic_member::send_leave>());
}

TEST_CASE("a member that is thrown out while it leaves has left", "[groups]") {
  classic_play p;
  p.be_member();
  const auto why =
    GENERATE(error_code::illegal_generation, error_code::unknown_member_id);
  SECTION("for good") {
    p.member.leave(p.now, p.now + 5s, "closed", false);
    static_cast<void>(p.take<classic_member::revoke>());
    p.beat(why);
    CHECK(p.take<classic_member::lost>().partitions.size() == 2);
    if (why == error_code::illegal_generation)
      p.member.on_left(
        p.now, p.take<classic_member::send_leave>().request, error_code::none);
    CHECK(p.take<classic_member::ended>().why.code == error_code::none);
  }
  SECTION("until it wants topics again") {
    p.member.subscribe(p.now, {});
    static_cast<void>(p.take<classic_member::revoke>());
    p.beat(why);
    CHECK(p.take<classic_member::lost>().partitions.size() == 2);
    if (why == error_code::illegal_generation)
      p.member.on_left(
        p.now, p.take<classic_member::send_leave>().request, error_code::none);
    CHECK(p.member.state() == phase::idle);
  }
  p.pass(10s);
  CHECK_FALSE(p.took<classic_member::send_join>());
}

TEST_CASE(
  "a leader assigns once it knows the topics, and again when they change", "[groups]") {
  classic_play p;
  p.member.subscribe(p.now, {"orders"});
  auto answer = p.joined(1, true);
  for (const auto* id : {"m1", "m2"}) {
    member_claim claim;
    claim.topics = {id == std::string{"m1"} ? "orders" : "payments"};
    answer.members.push_back({id, {},
      shared_bytes::copy_of(*join_metadata(cooperative_sticky_assignor(), claim))});
  }
  p.member.on_joined(p.now, p.take<classic_member::send_join>().request, answer);
  CHECK(p.member.state() == phase::assigning);
  // Those of the others as well.
  CHECK(p.take<classic_member::watch_topics>().topics
    == std::vector<std::string>{"orders", "payments"});
  p.member.on_topics(p.now, {{"orders", 2, {}}});
  CHECK_FALSE(p.took<classic_member::send_sync>());
  p.member.on_topics(p.now, {{"payments", 1, {}}});
  const auto sync = p.take<classic_member::send_sync>();
  REQUIRE(sync.what.assignments.size() == 2);
  for (const auto& a : sync.what.assignments) {
    const auto mine = assignment_from(a.assignment.text());
    REQUIRE(mine->partitions.size() == 1);
    CHECK(mine->partitions[0].topic == (a.member_id == "m1" ? "orders" : "payments"));
  }
  p.member.on_synced(p.now, sync.request, p.synced(of("orders", {0, 1})));
  REQUIRE(p.member.state() == phase::stable);
  p.member.on_topics(p.now, {{"orders", 2, {}}, {"payments", 1, {}}});
  CHECK_FALSE(p.took<classic_member::send_join>());
  // A topic that only the other member reads has grown.
  p.member.on_topics(p.now, {{"payments", 3, {}}});
  const auto again = p.take<classic_member::send_join>();
  CHECK(again.what.reason->find("payments has 3 partitions") != std::string::npos);
}

TEST_CASE("a member that expects another rebalance looks for it soon", "[groups]") {
  classic_play p;
  p.be_member();
  const auto joined = p.now;
  std::size_t beats = 0;
  while (p.now < joined + 3s) {
    p.pass(20ms);
    if (const auto b = p.took<classic_member::send_heartbeat>()) {
      ++beats;
      p.member.on_heartbeat(p.now, b->request, error_code::none);
    }
  }
  CHECK(beats >= 6);
  p.pass(10s);
  const auto calm = p.now;
  beats = 0;
  while (p.now < calm + 9s) {
    if (const auto b = p.took<classic_member::send_heartbeat>()) {
      ++beats;
      p.member.on_heartbeat(p.now, b->request, error_code::none);
    }
    p.pass(20ms);
  }
  CHECK(beats <= 4);
}

TEST_CASE("a member that joins leaves once it has, for nothing is committed meanwhile",
  "[groups]") {
  classic_play p;
  p.be_member();
  p.beat(error_code::rebalance_in_progress);
  const auto join = p.take<classic_member::send_join>();
  p.member.leave(p.now, p.now + 5s, "closed", false);
  CHECK_FALSE(p.took<classic_member::revoke>());
  SECTION("soon") {
    p.member.on_joined(p.now, join.request, p.joined(2));
    p.member.on_synced(
      p.now, p.take<classic_member::send_sync>().request, p.synced(of("orders", {0, 1})));
  }
  SECTION("the attempt fails") {
    p.member.on_failure(p.now, join.request, {error_code::disconnected, {}});
  }
  SECTION("never") {
    p.pass(4s);
  }
  CHECK(p.take<classic_member::revoke>().partitions == of("orders", {0, 1}));
  p.member.on_revoked(p.now);
  const auto leave = p.take<classic_member::send_leave>();
  p.member.on_joined(p.now, join.request, p.joined(2)); // Too late.
  CHECK(p.member.state() == phase::leaving);
  p.member.on_left(p.now, leave.request, error_code::none);
  CHECK(p.take<classic_member::ended>().why.code == error_code::none);
}

TEST_CASE("an incarnation goes on as the member that the one before was", "[groups]") {
  group_membership before;
  before.member_id = "m1";
  before.generation = 7;
  before.assignor = "cooperative-sticky";
  before.owned = of("orders", {0, 3});
  classic_play p{{cooperative_sticky_assignor()}, before};
  p.member.subscribe(p.now, {"orders"});
  CHECK(p.member.state() == phase::stable);
  CHECK_FALSE(p.took<classic_member::send_join>());
  const auto beat = p.next_beat();
  CHECK(beat.member_id == "m1");
  CHECK(beat.generation == 7);
  p.member.on_heartbeat(p.now, beat.request, error_code::rebalance_in_progress);
  const auto join = p.take<classic_member::send_join>();
  const auto claim = subscription_from(join.what.protocols[0].metadata.text());
  CHECK(claim->generation_id == 7);
  CHECK(claim->owned_partitions[0].partitions.size() == 2);
}
