#include "member_fixture.hpp"

#include <catch2/generators/catch_generators.hpp>

using namespace member_fixture;

namespace {

using sent = group_member::send_consumer_heartbeat;
using owned = std::vector<consumer_group_heartbeat_topic_partitions>;

owned of_orders(std::initializer_list<int> numbers) {
  owned all{{id_of("orders"), {}}};
  for (const auto n : numbers)
    all.front().partitions.push_back(partition_id{n});
  return all;
}

/// Whether a heartbeat says all there is to say.
bool says_all(const consumer_group_heartbeat_request& h) {
  return h.rebalance_timeout_ms > 0 && h.subscribed_topic_names && h.topic_partitions;
}

} // namespace

TEST_CASE("a join says all, with an id of its own and nothing owned", "[groups]") {
  group_member_options how;
  how.rebalance_timeout = 2min;
  how.rack = "r1";
  how.remote_assignor = "range";
  consumer_play p{how};
  p.member.subscribe(p.now, {"payments", "orders"}, "o.*");
  const auto join = p.take<sent>().what;
  CHECK(join.group_id == "billing");
  CHECK(join.member_id == "own");
  CHECK(join.member_epoch == 0);
  CHECK_FALSE(join.instance_id);
  CHECK(join.rack_id == "r1");
  CHECK(join.rebalance_timeout_ms == 120'000);
  CHECK(join.subscribed_topic_names == std::vector<std::string>{"orders", "payments"});
  CHECK(join.subscribed_topic_regex == "o.*");
  CHECK(join.server_assignor == "range");
  REQUIRE(join.topic_partitions);
  CHECK(join.topic_partitions->empty());
  CHECK(p.member.state() == phase::joining);
  CHECK_FALSE(p.member.may_commit());
}

TEST_CASE("without an id the seed makes one, and it stays", "[groups]") {
  group_member_options how;
  how.group = "billing";
  how.seed = GENERATE(1U, 2U, 3U, 77U);
  const auto id_by = [&](std::uint64_t seed) {
    how.seed = seed;
    reconciling_member m{how};
    m.subscribe(time_point{1h}, {"orders"});
    for (auto& e : m.take_effects()) {
      if (auto* const s = std::get_if<sent>(&e))
        return s->what.member_id;
    }
    return std::string{};
  };
  const auto id = id_by(how.seed);
  CHECK(id.size() == 22);
  CHECK(id.front() != '-');
  CHECK(id_by(how.seed) == id);
  CHECK(id_by(how.seed + 1) != id);
}

TEST_CASE("later heartbeats say only what has changed", "[groups]") {
  consumer_play p;
  p.be_member();
  auto told = p.next_beat();
  CHECK(told.what.member_epoch == 1);
  CHECK(told.what.topic_partitions == of_orders({0, 1})); // It has taken them.
  CHECK_FALSE(told.what.subscribed_topic_names);
  p.member.on_heartbeat(p.now, told.request, p.answer(1));
  told = p.next_beat();
  CHECK_FALSE(told.what.topic_partitions);
  CHECK_FALSE(told.what.subscribed_topic_names);
  CHECK_FALSE(told.what.subscribed_topic_regex);
  CHECK_FALSE(told.what.rack_id);
  CHECK(told.what.rebalance_timeout_ms == -1);
  p.member.on_heartbeat(p.now, told.request, p.answer(1));
  SECTION("topics, at once") {
    p.member.subscribe(p.now, {"orders", "payments"});
    p.pass(0ms);
    const auto next = p.take<sent>().what;
    CHECK(next.subscribed_topic_names == std::vector<std::string>{"orders", "payments"});
    CHECK_FALSE(next.topic_partitions);
  }
  SECTION("a pattern, and that there is none any more") {
    p.member.subscribe(p.now, {}, "o.*");
    p.pass(0ms);
    const auto next = p.take<sent>();
    CHECK(next.what.subscribed_topic_names == std::vector<std::string>{});
    CHECK(next.what.subscribed_topic_regex == "o.*");
    p.member.on_heartbeat(p.now, next.request, p.answer(1));
    p.member.subscribe(p.now, {"orders"});
    p.pass(0ms);
    const auto last = p.take<sent>().what;
    CHECK(last.subscribed_topic_regex == "");
    CHECK(last.subscribed_topic_names == std::vector<std::string>{"orders"});
  }
  SECTION("what changes while one is under way goes with the next, at once") {
    const auto late = p.next_beat();
    p.member.subscribe(p.now, {"payments"});
    p.pass(0ms);
    CHECK_FALSE(p.took<sent>());
    p.member.on_heartbeat(p.now, late.request, p.answer(1));
    p.pass(0ms);
    CHECK(p.take<sent>().what.subscribed_topic_names);
  }
}

TEST_CASE("that it owns nothing is always said", "[groups]") {
  consumer_play p;
  p.be_member({});
  for (int i = 0; i != 3; ++i) {
    const auto told = p.next_beat();
    REQUIRE(told.what.topic_partitions);
    CHECK(told.what.topic_partitions->empty());
    CHECK_FALSE(told.what.subscribed_topic_names);
    p.member.on_heartbeat(p.now, told.request, p.answer(1));
  }
}

TEST_CASE("after any error a heartbeat says all", "[groups]") {
  consumer_play p;
  p.be_member();
  p.keep_alive();
  const auto failed = p.next_beat();
  CHECK_FALSE(says_all(failed.what));
  p.member.on_heartbeat(p.now, failed.request + 1, p.answer(1)); // Of another one.
  CHECK_FALSE(p.member.may_commit());
  SECTION("no answer") {
    p.member.on_failure(p.now, failed.request, {error_code::disconnected, {}});
  }
  SECTION("a refusal") {
    p.member.on_heartbeat(p.now, failed.request,
      p.refusal(GENERATE(error_code::coordinator_load_in_progress,
        error_code::coordinator_not_available, error_code::not_coordinator,
        error_code::stale_member_epoch, error_code::topic_authorization_failed)));
  }
  SECTION("an epoch that no member has") {
    p.member.on_heartbeat(p.now, failed.request, p.answer(GENERATE(-1, -2, 0)));
  }
  CHECK(p.member.state() == phase::stable);
  CHECK(p.epoch() == 1);
  CHECK(p.member.membership().owned.size() == 2);
  CHECK_FALSE(p.took<group_member::lost>());
  const auto failed_at = p.now;
  const auto again = p.next_beat();
  CHECK(p.now < failed_at + 200ms); // Soon.
  CHECK(says_all(again.what));
  CHECK(again.what.topic_partitions == of_orders({0, 1}));
  CHECK(again.what.member_epoch == 1);
  CHECK(again.what.member_id == "own");
}

TEST_CASE("a member that is fenced loses all, and joins with the same id", "[groups]") {
  consumer_play p;
  p.be_member();
  const auto why = GENERATE(error_code::fenced_member_epoch,
    error_code::unknown_member_id, error_code::group_id_not_found);
  SECTION("by a heartbeat") {
    p.beat(p.refusal(why));
  }
  SECTION("by a commit") {
    p.member.on_commit_refused(p.now, 1, why);
  }
  CHECK(p.take<group_member::lost>().partitions == of("orders", {0, 1}));
  CHECK(p.epoch() == -1);
  CHECK_FALSE(p.member.may_commit());
  const auto fenced = p.now;
  const auto join = p.next_beat();
  CHECK(p.now < fenced + 200ms);
  CHECK(join.what.member_epoch == 0);
  CHECK(join.what.member_id == "own");
  CHECK(says_all(join.what));
  CHECK(join.what.topic_partitions->empty());
}

TEST_CASE("a commit of an epoch that is over says nothing of the member", "[groups]") {
  consumer_play p;
  p.be_member();
  p.beat(p.answer(2));
  p.member.on_commit_refused(p.now, 1, error_code::fenced_member_epoch);
  CHECK_FALSE(p.took<group_member::lost>());
  SECTION("a stale one has the epoch asked for, at once") {
    p.keep_alive();
    p.member.on_commit_refused(p.now, 2, error_code::stale_member_epoch);
    p.pass(0ms);
    CHECK(p.took<sent>());
    CHECK_FALSE(p.member.may_commit()); // It waits for the answer.
    CHECK_FALSE(p.member.may_fetch_offsets());
  }
}

TEST_CASE("what ends a membership says what to change", "[groups]") {
  struct row {
    error_code why;
    std::string says;
  };
  const auto r =
    GENERATE(row{error_code::unsupported_assignor, "group.consumer.assignors"},
      row{error_code::group_max_size_reached, "group.consumer.max.size"},
      row{error_code::group_authorization_failed, "may not read the group"},
      row{error_code::invalid_request, "group_instance_id"},
      row{error_code::invalid_regular_expression, "RE2"},
      row{error_code::fenced_instance_id, "group_instance_id i1"},
      row{error_code::group_id_not_found, "group.consumer.migration.policy"},
      row{error_code::unsupported_version, "group_protocol"});
  group_member_options how;
  how.instance_id = "i1";
  how.remote_assignor = "mine";
  consumer_play p{how};
  p.member.subscribe(p.now, {"orders"});
  auto refused = p.refusal(r.why);
  refused.error_message = "in the broker's words";
  p.member.on_heartbeat(p.now, p.take<sent>().request, refused);
  CHECK(p.member.state() == phase::ended);
  const auto end = p.take<group_member::ended>().why;
  CHECK(end.code == r.why);
  CAPTURE(end.detail);
  CHECK(end.detail.find("billing") != std::string::npos);
  CHECK(end.detail.find(r.says) != std::string::npos);
  CHECK(end.detail.find("in the broker's words") != std::string::npos);
}

TEST_CASE("a broker without the protocol ends the membership, or makes it fall back",
  "[groups]") {
  group_member_options how;
  how.may_fall_back = GENERATE(true, false);
  consumer_play p{how};
  error_code why = error_code::unsupported_version;
  SECTION("by the client's own knowledge") {
    p.member.subscribe(p.now, {"orders"});
    why = GENERATE(error_code::unsupported_version, error_code::unsupported_api_version);
    const auto begun = p.now;
    p.member.on_failure(p.now, p.take<sent>().request, {why, "broker 1 is of 3.9"});
    // Connections that break may make it look older than it is.
    while (!how.may_fall_back && p.now - begun < 6s) {
      CHECK_FALSE(p.took<group_member::ended>());
      p.pass(1'500ms);
      p.member.on_failure(p.now, p.take<sent>().request, {why, "broker 1 is of 3.9"});
    }
  }
  SECTION("by its answer") {
    p.member.subscribe(p.now, {"orders"});
    p.member.on_heartbeat(p.now, p.take<sent>().request, p.refusal(why));
  }
  SECTION("by its answer to a member") {
    p.be_member();
    p.beat(p.refusal(why));
    CHECK(p.take<group_member::lost>().partitions.size() == 2);
  }
  SECTION("for there are members of the classic one") {
    p.member.subscribe(p.now, {"orders"});
    why = error_code::group_id_not_found;
    p.member.on_heartbeat(p.now, p.take<sent>().request, p.refusal(why));
  }
  if (how.may_fall_back) {
    CHECK(p.take<group_member::fall_back>().why.code == why);
    CHECK_FALSE(p.took<group_member::ended>());
    CHECK_FALSE(p.words().empty());
  } else {
    const auto end = p.take<group_member::ended>().why;
    CHECK(end.code == why);
    CHECK(end.detail.find("automatic") != std::string::npos);
  }
  CHECK(p.member.next_time() == time_point::max());
}

TEST_CASE("a static member waits for the holder of its id as long as a session lasts",
  "[groups]") {
  group_member_options how;
  how.instance_id = "i1";
  consumer_play p{how};
  p.member.subscribe(p.now, {"orders"});
  const auto began = p.now;
  const auto refuse = [&] {
    p.member.on_heartbeat(
      p.now, p.next_beat().request, p.refusal(error_code::unreleased_instance_id));
  };
  refuse();
  CHECK(p.words().size() == 1);
  while (p.now < began + 44s)
    refuse();
  CHECK_FALSE(p.took<group_member::ended>());
  SECTION("it has left, or its session is over") {
    p.know("orders");
    p.member.on_heartbeat(p.now, p.next_beat().request, p.answer(3, of("orders", {0})));
    CHECK(p.take<group_member::assigned>().partitions == of("orders", {0}));
  }
  SECTION("it stays") {
    while (p.member.state() != phase::ended && p.now < began + 60s)
      refuse();
    const auto end = p.take<group_member::ended>().why;
    CHECK(end.code == error_code::unreleased_instance_id);
    CHECK(end.detail.find("i1") != std::string::npos);
  }
}

TEST_CASE(
  "a static member leaves so that it can come back, unless for good", "[groups]") {
  group_member_options how;
  how.instance_id = "i1";
  consumer_play p{how};
  p.be_member();
  CHECK(p.next_beat().what.instance_id == "i1");
  const auto for_good = GENERATE(true, false);
  p.member.leave(p.now, p.now + 5s, "closed", for_good);
  p.member.on_revoked(p.now);
  const auto left = p.take<sent>().what;
  CHECK(left.member_epoch == (for_good ? -1 : -2));
  CHECK(left.instance_id == "i1");
  CHECK(left.member_id == "own");
  CHECK_FALSE(left.topic_partitions);
}

TEST_CASE("topics that may not be read are told once, and the member stays", "[groups]") {
  consumer_play p;
  p.be_member();
  const auto began = p.now;
  while (p.now < began + 9s)
    p.beat(p.refusal(error_code::topic_authorization_failed));
  CHECK(p.words().size() == 1);
  CHECK(p.member.membership().owned.size() == 2);
  p.keep_alive();
  CHECK(p.member.state() == phase::stable);
}

TEST_CASE("what goes is given up first, the coordinator told, and what is new taken",
  "[groups]") {
  consumer_play p;
  p.be_member();
  p.keep_alive();
  p.beat(p.answer(1, of("orders", {1, 2})));
  CHECK(p.take<group_member::revoke>().partitions == of("orders", {0}));
  CHECK_FALSE(p.took<group_member::assigned>());
  // Meanwhile only signs of life.
  const auto alive = p.next_beat();
  CHECK_FALSE(alive.what.topic_partitions);
  SECTION("a newer assignment waits") {
    p.member.on_heartbeat(p.now, alive.request, p.answer(1, of("orders", {2, 3})));
    CHECK_FALSE(p.took<group_member::revoke>());
    p.member.on_revoked(p.now);
    CHECK(p.take<group_member::released>().partitions == of("orders", {0}));
    CHECK(p.take<group_member::revoke>().partitions == of("orders", {1}));
    p.pass(0ms);
    // The coordinator hears at once of the partition that was given up first.
    const auto first = p.take<sent>();
    CHECK(first.what.topic_partitions == of_orders({1, 2, 3}));
    p.member.on_heartbeat(p.now, first.request, p.answer(1));
    p.member.on_revoked(p.now);
    CHECK(p.take<group_member::assigned>().partitions == of("orders", {2, 3}));
    p.pass(0ms);
    CHECK(p.take<sent>().what.topic_partitions == of_orders({2, 3}));
  }
  SECTION("at once, without a heartbeat under way") {
    p.member.on_heartbeat(p.now, alive.request, p.answer(1));
    p.member.on_revoked(p.now);
    CHECK(p.take<group_member::released>().partitions == of("orders", {0}));
    CHECK(p.take<group_member::assigned>().partitions == of("orders", {2}));
    CHECK(p.member.membership().owned == of("orders", {1, 2}));
    p.pass(0ms);
    CHECK(p.take<sent>().what.topic_partitions == of_orders({1, 2}));
  }
  SECTION("and with one, as soon as that is answered") {
    p.member.on_revoked(p.now);
    p.pass(0ms);
    CHECK_FALSE(p.took<sent>());
    CHECK_FALSE(p.member.may_commit());
    p.member.on_heartbeat(p.now, alive.request, p.answer(1));
    p.pass(0ms);
    CHECK(p.take<sent>().what.topic_partitions == of_orders({1, 2}));
  }
  SECTION("what comes back while it goes is taken anew") {
    p.member.on_heartbeat(p.now, alive.request, p.answer(2, of("orders", {0, 1})));
    p.member.on_revoked(p.now);
    CHECK(p.take<group_member::released>().partitions == of("orders", {0}));
    CHECK(p.take<group_member::assigned>().partitions == of("orders", {0}));
  }
}

TEST_CASE(
  "of an assignment null is the same as before, and empty is nothing", "[groups]") {
  consumer_play p;
  p.be_member();
  p.beat(p.answer(2));
  CHECK_FALSE(p.took<group_member::revoke>());
  CHECK(p.member.membership().owned.size() == 2);
  p.beat(p.answer(2, partitions{}));
  CHECK(p.take<group_member::revoke>().partitions.size() == 2);
}

TEST_CASE("an assignment with what makes no sense does not spoil the rest", "[groups]") {
  consumer_play p;
  p.member.subscribe(p.now, {"orders"});
  p.know("orders");
  auto odd = p.answer(1, of("orders", {1, -1, 0, 1}));
  odd.assignment->topic_partitions.push_back(odd.assignment->topic_partitions.front());
  p.member.on_heartbeat(p.now, p.take<sent>().request, odd);
  CHECK(p.take<group_member::assigned>().partitions == of("orders", {0, 1}));
  CHECK(p.next_beat().what.topic_partitions == of_orders({0, 1}));
}

TEST_CASE(
  "topics without a name wait for it, and are asked for by their ids", "[groups]") {
  consumer_play p;
  p.member.subscribe(p.now, {}, "o.*");
  auto answer = p.answer(1, of("orders", {0}));
  answer.assignment->topic_partitions.push_back({id_of("other"), {partition_id{4}}});
  p.member.on_heartbeat(p.now, p.take<sent>().request, answer);
  CHECK(p.take<group_member::assigned>().partitions.empty());
  CHECK(p.member.unresolved() == 2);
  CHECK(p.member.look().waits_for.find("2 topics") != std::string::npos);
  const auto asked = p.take<group_member::resolve_topics>();
  CHECK(asked.ids == std::vector{id_of("orders"), id_of("other")});
  p.member.on_topic_names(p.now, asked.request, {{id_of("orders"), "orders"}});
  CHECK(p.take<group_member::assigned>().partitions == of("orders", {0}));
  CHECK_FALSE(p.took<group_member::resolve_topics>());
  // It names them all, so that nobody else is given what it is about to take.
  const auto next = p.next_beat();
  REQUIRE(next.what.topic_partitions);
  CHECK(next.what.topic_partitions->size() == 2);
  p.member.on_heartbeat(p.now, next.request, p.answer(1));
  const auto again = p.wait_for<group_member::resolve_topics>();
  CHECK(again.ids == std::vector{id_of("other")});
  SECTION("until they are known") {
    p.member.on_failure(p.now, again.request, {error_code::timed_out, {}});
    const auto last = p.wait_for<group_member::resolve_topics>();
    p.member.on_topic_names(p.now, last.request, {{id_of("other"), "other"}});
    CHECK(p.take<group_member::assigned>().partitions == of("other", {4}));
    CHECK(p.member.unresolved() == 0);
    CHECK(p.words().empty());
  }
  SECTION("or not assigned any more, which the coordinator waits for to be told") {
    p.keep_alive();
    p.beat(p.answer(2, of("orders", {0})));
    CHECK(p.member.unresolved() == 0);
    CHECK_FALSE(p.took<group_member::revoke>());
    p.pass(0ms);
    CHECK(p.take<sent>().what.topic_partitions == of_orders({0}));
  }
  SECTION("and are told after a while") {
    p.member.on_topic_names(p.now, again.request, {});
    const auto began = p.now;
    std::vector<std::string> told;
    while (p.now < began + 15s) {
      if (const auto question = p.took<group_member::resolve_topics>())
        p.member.on_topic_names(p.now, question->request, {});
      if (const auto beat = p.took<sent>())
        p.member.on_heartbeat(p.now, beat->request, p.answer(1));
      p.pass(100ms);
      for (auto& t : p.words())
        told.push_back(t);
    }
    REQUIRE(told.size() == 1);
    p.member.on_topic_names(p.now, 0, {{id_of("other"), "other"}});
    CHECK(p.words().size() == 1);
  }
}

TEST_CASE("a topic that was made anew is another one", "[groups]") {
  consumer_play p;
  p.be_member();
  p.keep_alive();
  p.member.on_topic_names(p.now, 0, {{id_of("orders", 2), "orders"}});
  auto both = p.answer(2, of("orders", {0, 1}));
  both.assignment->topic_partitions.push_back({id_of("orders", 2), {partition_id{0}}});
  p.beat(both);
  CHECK_FALSE(p.took<group_member::assigned>()); // The former one goes first.
  auto fresh = p.answer(3);
  fresh.assignment.emplace().topic_partitions = {{id_of("orders", 2), {partition_id{0}}}};
  p.beat(fresh);
  CHECK(p.take<group_member::revoke>().partitions == of("orders", {0, 1}));
  p.member.on_revoked(p.now);
  CHECK(p.take<group_member::released>().partitions == of("orders", {0, 1}));
  CHECK(p.take<group_member::assigned>().partitions == of("orders", {0}));
  p.pass(0ms);
  CHECK(p.take<sent>().what.topic_partitions
    == owned{{id_of("orders", 2), {partition_id{0}}}});
}

TEST_CASE("heartbeats come as the broker says, and early after signs of a rebalance",
  "[groups]") {
  consumer_play p;
  const auto beats_within = [&](std::chrono::milliseconds time) {
    int count = 0;
    const auto until = p.now + time;
    while (p.now < until) {
      p.pass(10ms);
      if (const auto b = p.took<sent>()) {
        ++count;
        p.member.on_heartbeat(p.now, b->request, p.answer(p.epoch()));
      }
    }
    return count;
  };
  SECTION("of one with nothing to read: it may come at any moment") {
    p.be_member({});
    const auto early = beats_within(9s);
    CHECK(early >= 40);
    CHECK(early <= 100);
  }
  SECTION("of others") {
    p.be_member();
    const auto early = beats_within(9s);
    CHECK(early >= 15);
    CHECK(early <= 30);
  }
  beats_within(5s);
  CHECK(beats_within(20s) == 4);
  p.beat(p.answer(2)); // Something has changed in the group.
  CHECK(beats_within(2s) >= 4);
  beats_within(12s);
  CHECK(beats_within(20s) == 4);
}

TEST_CASE(
  "commits and questions go in front of a heartbeat, and not behind", "[groups]") {
  consumer_play p;
  p.be_member();
  CHECK(p.member.may_commit());
  CHECK(p.member.may_fetch_offsets());
  const auto b = p.next_beat();
  CHECK_FALSE(p.member.may_commit());
  CHECK_FALSE(p.member.may_fetch_offsets());
  SECTION("answered") {
    p.member.on_heartbeat(p.now, b.request, p.answer(1));
  }
  SECTION("or not") {
    p.member.on_failure(p.now, b.request, {error_code::disconnected, {}});
  }
  CHECK(p.member.may_commit());
  CHECK(p.member.may_fetch_offsets());
}

TEST_CASE("an incarnation goes on as the member of that epoch", "[groups]") {
  consumer_play before;
  before.be_member();
  before.keep_alive();
  before.beat(before.answer(7));
  consumer_play p{{}, before.member.membership()};
  p.member.subscribe(p.now, {"orders"});
  CHECK(p.member.state() == phase::stable);
  CHECK(p.member.may_commit());
  p.pass(0ms);
  const auto first = p.take<sent>();
  CHECK(says_all(first.what));
  CHECK(first.what.member_epoch == 7);
  CHECK(first.what.topic_partitions == of_orders({0, 1}));
  p.member.on_heartbeat(p.now, first.request, p.answer(7, of("orders", {0, 1})));
  CHECK_FALSE(p.took<group_member::assigned>());
  CHECK_FALSE(p.took<group_member::revoke>());
}

TEST_CASE(
  "a program that asks for a rebalance has the coordinator told all anew", "[groups]") {
  consumer_play p;
  p.be_member();
  p.keep_alive();
  const auto late = p.next_beat();
  const auto under_way = GENERATE(true, false);
  if (!under_way)
    p.member.on_heartbeat(p.now, late.request, p.answer(1));
  p.member.rejoin(p.now, "it is Monday");
  CHECK(p.words().size() == 1);
  if (under_way)
    p.member.on_heartbeat(p.now, late.request, p.answer(1));
  p.pass(0ms);
  CHECK(says_all(p.take<sent>().what));
}

TEST_CASE("an interval that makes no sense neither silences a member nor makes it busy",
  "[groups]") {
  consumer_play p;
  p.be_member({});
  auto odd = p.answer(1);
  odd.heartbeat_interval_ms = GENERATE(1, INT32_MAX, -7, 0);
  int beats = 0;
  const auto until = p.now + 60s;
  while (p.now < until) {
    p.pass(5ms);
    if (const auto b = p.took<sent>()) {
      ++beats;
      p.member.on_heartbeat(p.now, b->request, odd);
    }
  }
  CHECK(beats >= 3);
  CHECK(beats <= 60'000 / 10);
  CHECK_FALSE(p.took<group_member::lost>());
}
