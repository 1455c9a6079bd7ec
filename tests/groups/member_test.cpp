#include "group_fixture.hpp"
#include <cafka/protocol/messages/consumer_group_heartbeat.hpp>
#include <cafka/protocol/messages/heartbeat.hpp>
#include <cafka/protocol/messages/join_group.hpp>
#include <cafka/protocol/messages/leave_group.hpp>
#include <cafka/protocol/messages/offset_fetch.hpp>

using namespace group_fixture;
using protocol::api_key;

TEST_CASE("a commit by hand is there when it returns, and nothing is committed without") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 2);
  f.append("orders", 0, 0, 10);
  auto options = member_of("billing", "one", by);
  options.membership.auto_commit = false;
  auto c = f.app->consumer(options).value();
  REQUIRE(c.subscribe({"orders"}));
  std::size_t records = 0;
  REQUIRE(eventually([&] { return (records += c.poll(20ms)->records()) == 10; }));
  REQUIRE(c.poll(0ms));
  CHECK(f.committed("billing", "orders", 0) == -1);
  REQUIRE(c.commit());
  CHECK(f.committed("billing", "orders", 0) == 10);
  REQUIRE(c.commit({{{"orders", 0}, 4, -1}}));
  CHECK(f.committed("billing", "orders", 0) == 4);
  CHECK(c.commit({{{"orders", 7}, 4, -1}}).error().code == error_code::not_found);
  CHECK(c.assign({}).error().code == error_code::invalid_argument);
  REQUIRE(c.close(5s));
  CHECK(f.committed("billing", "orders", 0) == 4);
  CHECK(c.commit().error().code == error_code::closed);
}

TEST_CASE("who commits by hand is asked before a partition goes") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 2);
  for (int p = 0; p != 2; ++p)
    f.append("orders", p, 0, 10);
  tally all;
  auto options = member_of("billing", "one", by);
  options.membership.auto_commit = false;
  program one{*f.app, options, all};
  std::atomic<int> asked = 0;
  REQUIRE(eventually([&] { return all.records() == 20; }));
  one.stop();
  auto other = member_of("billing", "two", by);
  program two{*f.app, other, all};
  // It keeps what it has until it says so.
  REQUIRE(eventually([&] { return one.handle().membership()->state == "revoking"; }));
  CHECK(two.has().empty());
  auto got = one.handle().poll(5s);
  REQUIRE(got);
  REQUIRE(got->group.size() == 1);
  CHECK(got->group[0].kind == group_event_kind::revoking);
  CHECK(got->group[0].partitions.size() == 1);
  REQUIRE(one.handle().commit());
  CHECK(two.has().empty());
  REQUIRE(one.handle().release());
  REQUIRE(eventually([&] { return two.has().size() == 1; }));
  CHECK(all.twice() == 0);
}

TEST_CASE(
  "a member whose actor crashes stays a member, and nobody reads anything twice") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 4);
  tally all;
  program one{*f.app, member_of("billing", "one", by), all};
  program two{*f.app, member_of("billing", "two", by), all};
  REQUIRE(eventually([&] { return one.has().size() == 2 && two.has().size() == 2; }));
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 0, 30);
  REQUIRE(eventually([&] { return all.records() == 120; }));
  const auto before = one.handle().membership().value();
  const auto joins = f.cluster.asked(api_key::join_group);
  for (const auto* p : {&one, &two})
    post_exit(p->handle().member(), caf::exit_reason::kill);
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 30, 30);
  REQUIRE(eventually([&] { return all.records() == 240; }));
  const auto after = one.handle().membership().value();
  CHECK(after.member_id == before.member_id);
  CHECK(after.generation == before.generation);
  CHECK(after.partitions == before.partitions);
  CHECK(f.cluster.asked(api_key::join_group) == joins);
  CHECK(all.twice() == 0);
  one.close();
  two.close();
  for (int p = 0; p != 4; ++p)
    CHECK(f.committed("billing", "orders", p) == 60);
}

TEST_CASE("a coordinator that dies costs no rebalance") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 4);
  tally all;
  program one{*f.app, member_of("billing", "one", by), all};
  REQUIRE(eventually([&] { return one.has().size() == 4; }));
  const auto is = f.app->consumer_group_metadata({.key = "billing"}).value();
  f.cluster.kill(is.id.value());
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 0, 30);
  REQUIRE(eventually([&] { return all.records() == 120; }));
  REQUIRE(one.handle().commit());
  CHECK(one.count(group_event_kind::lost) == 0);
  CHECK(all.twice() == 0);
}

TEST_CASE("a program that does not poll leaves the group, and comes back with a poll") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 2);
  for (int p = 0; p != 2; ++p)
    f.append("orders", p, 0, 10);
  tally all;
  auto options = member_of("billing", "one", by);
  options.membership.max_poll_interval = 400ms;
  options.membership.heartbeat_interval = 100ms;
  auto c = f.app->consumer(options).value();
  REQUIRE(c.subscribe({"orders"}));
  std::size_t records = 0;
  REQUIRE(eventually([&] { return (records += c.poll(20ms)->records()) > 0; }));
  program two{*f.app, member_of("billing", "two", by), all};
  // It goes on with what was not acknowledged.
  REQUIRE(eventually([&] { return two.has().size() == 2; }));
  REQUIRE(eventually([&] { return all.records() == 20; }));
  bool lost = false;
  REQUIRE(eventually([&] {
    const auto got = c.poll(20ms);
    REQUIRE(got);
    for (const auto& e : got->group) {
      if (e.kind == group_event_kind::lost) {
        lost = true;
        CHECK(e.why.detail.find("max_poll_interval") != std::string::npos);
      }
    }
    return c.assignment().size() == 1;
  }));
  CHECK(lost);
  CHECK(two.has().size() == 1);
}

TEST_CASE("a group that has committed nothing begins where it is told") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 1);
  f.append("orders", 0, 0, 10);
  tally all;
  SECTION("at the end") {
    auto options = member_of("billing", "one", by);
    options.auto_offset_reset = offset_reset::latest;
    program one{*f.app, options, all};
    REQUIRE(
      eventually([&] { return one.handle().position("orders", 0) == log_offset{10}; }));
    f.append("orders", 0, 10, 5);
    REQUIRE(eventually([&] { return all.records() == 5; }));
  }
  SECTION("nowhere") {
    auto options = member_of("billing", "one", by);
    options.auto_offset_reset = offset_reset::none;
    program one{*f.app, options, all};
    REQUIRE(eventually([&] { return !one.errors().empty(); }));
    CHECK(one.errors()[0].halted);
    CHECK(one.errors()[0].why.code == error_code::offset_out_of_range);
    REQUIRE(one.handle().seek("orders", 0, start_at::offset(4)));
    REQUIRE(one.handle().resume({{"orders", 0}}));
    REQUIRE(eventually([&] { return all.records() == 6; }));
    one.close();
    CHECK(f.committed("billing", "orders", 0) == 10);
  }
}

TEST_CASE("an offset that cannot be had is not taken for there being none") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 1);
  f.append("orders", 0, 0, 10);
  REQUIRE(f.app->offset_commit({.group = "billing", .offsets = {{"orders", 0, 7}}}));
  f.cluster.fail<protocol::offset_fetch_request>(error_code::unstable_offset_commit, 5);
  tally all;
  program one{*f.app, member_of("billing", "one", by), all};
  REQUIRE(eventually([&] { return all.records() == 3; }));
  CHECK(f.cluster.asked(api_key::offset_fetch) >= 6);
  std::this_thread::sleep_for(50ms);
  CHECK(all.records() == 3);
}

TEST_CASE("topics by an expression come when they are made") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders-1", 1);
  f.cluster.create_topic("payments", 1);
  auto options = member_of("billing", "one", by);
  auto c = f.app->consumer(options).value();
  if (by == member_protocol::classic)
    CHECK(c.subscribe(pattern{"orders-("}).error().code == error_code::invalid_argument);
  REQUIRE(c.subscribe(pattern{"orders-.*"}));
  const std::vector<topic_partition> first{{"orders-1", 0}};
  REQUIRE(eventually([&] { return c.poll(20ms) && c.assignment() == first; }));
  REQUIRE(c.subscribe({"payments"}));
  const std::vector<topic_partition> second{{"payments", 0}};
  REQUIRE(eventually([&] { return c.poll(20ms) && c.assignment() == second; }));
  REQUIRE(c.unsubscribe());
  REQUIRE(eventually([&] { return c.poll(20ms) && c.assignment().empty(); }));
  REQUIRE(eventually([&] { return c.membership()->state == "idle"; }));
}

TEST_CASE("a topic that is not there yet is waited for, and told") {
  const auto by = each_protocol();
  on_memory f{{.auto_create_topics = false}};
  f.cluster.create_topic("orders", 1);
  tally all;
  program one{*f.app, member_of("billing", "one", by), all, {"orders", "refunds"}};
  REQUIRE(eventually([&] { return one.has().size() == 1; }));
  REQUIRE(
    eventually([&] { return one.handle().membership()->missing_topics.size() == 1; }));
  f.cluster.create_topic("refunds", 2);
  REQUIRE(eventually([&] { return one.has().size() == 3; }));
  CHECK(eventually([&] { return one.handle().membership()->missing_topics.empty(); }));
}

TEST_CASE("a session that is over is told at once, and the member begins anew") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 1);
  f.append("orders", 0, 0, 10);
  tally all;
  auto options = member_of("billing", "one", by);
  program one{*f.app, options, all};
  REQUIRE(eventually([&] { return all.records() == 10; }));
  if (by == member_protocol::classic)
    f.cluster.fail<protocol::heartbeat_request>(error_code::illegal_generation);
  else
    f.cluster.fail<protocol::consumer_group_heartbeat_request>(
      error_code::fenced_member_epoch);
  REQUIRE(eventually([&] { return one.count(group_event_kind::lost) == 1; }));
  REQUIRE(eventually([&] { return one.count(group_event_kind::assigned) == 2; }));
  f.append("orders", 0, 10, 10);
  REQUIRE(eventually([&] { return all.records() == 20; }));
}

TEST_CASE("what can never work ends the consumer, and says what to change") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 1);
  f.cluster.fail(by == member_protocol::classic ? api_key::join_group
                                                : api_key::consumer_group_heartbeat,
    error_code::group_authorization_failed);
  auto c = f.app->consumer(member_of("billing", "one", by)).value();
  REQUIRE(c.subscribe({"orders"}));
  error why;
  REQUIRE(eventually([&] {
    const auto got = c.poll(20ms);
    why = got.error();
    return !got;
  }));
  CHECK(why.code == error_code::group_authorization_failed);
  CHECK(why.detail.find("billing") != std::string::npos);
  CHECK(c.membership().error().code == error_code::group_authorization_failed);
  REQUIRE(c.close(5s));
  // The name is free again.
  tally all;
  f.append("orders", 0, 0, 5);
  program again{*f.app, member_of("billing", "one", by), all};
  CHECK(eventually([&] { return all.records() == 5; }));
}

TEST_CASE(
  "an application that stops commits what is acknowledged, and leaves the group") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 1);
  f.append("orders", 0, 0, 10);
  auto c = f.app->consumer(member_of("billing", "one", by)).value();
  REQUIRE(c.subscribe({"orders"}));
  REQUIRE(eventually([&] { return c.poll(20ms)->records() > 0; }));
  REQUIRE(c.poll(0ms));
  f.append("orders", 0, 10, 10);
  REQUIRE(eventually([&] { return c.poll(20ms)->records() > 0; }));
  std::atomic<int> left = 0;
  f.cluster.on<protocol::leave_group_request>([&](auto&) { ++left; });
  f.cluster.on<protocol::consumer_group_heartbeat_request>(
    [&](auto& asked) { left += asked.request.member_epoch == -1 ? 1 : 0; });
  REQUIRE(f.app->stop(5s));
  CHECK(left == 1);
  static_cast<void>(c.poll(0ms)); // What happened to the membership.
  CHECK(c.poll(0ms).error().code == error_code::closed);
  auto other = application::start(f.system,
    {.brokers = f.cluster.bootstrap(),
      .log_level = log_level::off,
      .transports = f.cluster.transports()});
  REQUIRE(other);
  f.app = *std::move(other);
  // What was in hand is read again.
  CHECK(f.committed("billing", "orders", 0) == 10);
}

TEST_CASE("closing ends by its deadline, whatever the group does") {
  const auto by = each_protocol();
  on_memory f;
  f.cluster.create_topic("orders", 1);
  f.append("orders", 0, 0, 10);
  const auto close_within = [](const consumer& c, milliseconds deadline) {
    const auto began = steady_clock::now();
    static_cast<void>(c.close(deadline));
    CHECK(steady_clock::now() - began < deadline + 500ms); // The machine may be busy.
  };
  SECTION("while it joins") {
    f.cluster.on<protocol::join_group_request>([](auto& asked) { asked.delay(30s); });
    f.cluster.on<protocol::consumer_group_heartbeat_request>(
      [](auto& asked) { asked.delay(30s); });
    auto c = f.app->consumer(member_of("billing", "one", by)).value();
    REQUIRE(c.subscribe({"orders"}));
    REQUIRE(eventually([&] {
      return f.cluster.asked(api_key::join_group)
        + f.cluster.asked(api_key::consumer_group_heartbeat)
        > 0;
    }));
    close_within(c, 1s);
  }
  SECTION("while no broker is there") {
    auto c = f.app->consumer(member_of("billing", "one", by)).value();
    REQUIRE(c.subscribe({"orders"}));
    REQUIRE(eventually([&] { return c.poll(20ms)->records() > 0; }));
    for (const auto b : f.cluster.brokers())
      f.cluster.kill(b);
    close_within(c, 1s);
  }
  SECTION("with records in hand") {
    auto c = f.app->consumer(member_of("billing", "one", by)).value();
    REQUIRE(c.subscribe({"orders"}));
    REQUIRE(eventually([&] { return c.poll(20ms)->records() > 0; }));
    close_within(c, 5s);
    CHECK(f.committed("billing", "orders", 0) == 10);
    // The name is free again.
    REQUIRE(f.app->consumer(member_of("billing", "one", by)));
  }
}

TEST_CASE("eager assignors stop all, and what comes back goes on where it was") {
  on_memory f;
  f.cluster.create_topic("orders", 4);
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 0, 30);
  tally all;
  auto options = member_of("billing", "one");
  options.membership.assignors = {"range"};
  program one{*f.app, options, all};
  REQUIRE(eventually([&] { return all.records() == 120; }));
  options.name = "two";
  program two{*f.app, options, all};
  REQUIRE(eventually([&] { return one.has().size() == 2 && two.has().size() == 2; }));
  // A range each.
  CHECK(one.has()[1].partition.value() == one.has()[0].partition.value() + 1);
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 30, 30);
  REQUIRE(eventually([&] { return all.records() == 240; }));
  two.close();
  REQUIRE(eventually([&] { return one.has().size() == 4; }));
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 60, 30);
  REQUIRE(eventually([&] { return all.records() == 360; }));
  CHECK(all.twice() == 0);
}

TEST_CASE("the protocol is the brokers' own where the program leaves it to them") {
  const auto old = GENERATE(false, true);
  using protocol::kafka_version;
  on_memory f{{.kafka_version = old ? kafka_version{3, 9} : kafka_version{4, 3}}};
  f.cluster.create_topic("orders", 4);
  for (int p = 0; p != 4; ++p)
    f.append("orders", p, 0, 10);
  tally all;
  const auto by = member_protocol::automatic;
  program one{*f.app, member_of("billing", "one", by), all};
  REQUIRE(eventually([&] { return all.records() == 40; }));
  program two{*f.app, member_of("billing", "two", by), all};
  REQUIRE(eventually([&] { return one.has().size() == 2 && two.has().size() == 2; }));
  const auto is = two.handle().membership().value();
  CHECK(is.protocol == (old ? "classic" : "consumer"));
  CHECK(is.state == "stable");
  CHECK(is.assignor == (old ? "cooperative-sticky" : ""));
  if (old)
    CHECK(f.cluster.asked(api_key::consumer_group_heartbeat) == 0);
  CHECK(all.twice() == 0);
  one.close();
  REQUIRE(eventually([&] { return two.has().size() == 4; }));
}

TEST_CASE("a pattern goes with the member that falls back") {
  on_memory f{{.kafka_version = {3, 9}}};
  f.cluster.create_topic("orders-1", 1);
  f.cluster.create_topic("payments", 1);
  auto c =
    f.app->consumer(member_of("billing", "one", member_protocol::automatic)).value();
  CHECK(c.subscribe(pattern{"orders-("}).error().code == error_code::invalid_argument);
  REQUIRE(c.subscribe(pattern{"orders-.*"}));
  const std::vector<topic_partition> first{{"orders-1", 0}};
  REQUIRE(eventually([&] { return c.poll(20ms) && c.assignment() == first; }));
}

TEST_CASE(
  "a broker that has no such protocol ends who asks for it, and says what to do") {
  on_memory f{{.kafka_version = {3, 9}}};
  f.cluster.create_topic("orders", 1);
  auto c =
    f.app->consumer(member_of("billing", "one", member_protocol::consumer)).value();
  REQUIRE(c.subscribe({"orders"}));
  error why;
  REQUIRE(eventually([&] {
    const auto got = c.poll(20ms);
    why = got.error();
    return !got;
  }));
  CHECK(why.detail.find("group_protocol") != std::string::npos);
  CHECK(why.detail.find("4.0") != std::string::npos);
}

TEST_CASE("a static member of the consumer protocol finds its partitions again") {
  on_memory f;
  f.cluster.create_topic("orders", 4);
  tally all;
  const auto by = member_protocol::consumer;
  auto options = member_of("billing", "one", by);
  options.membership.group_instance_id = "a";
  auto other = member_of("billing", "two", by);
  other.membership.group_instance_id = "b";
  other.membership.static_leaves = true;
  program two{*f.app, other, all};
  std::vector<topic_partition> had;
  {
    program one{*f.app, options, all};
    REQUIRE(eventually([&] { return one.has().size() == 2 && two.has().size() == 2; }));
    had = one.has();
    one.close();
  }
  const auto kept = two.has();
  options.name = "again";
  program again{*f.app, options, all};
  REQUIRE(eventually([&] { return again.has().size() == 2; }));
  CHECK(again.has() == had);
  CHECK(two.has() == kept);
  two.close(); // For good.
  REQUIRE(eventually([&] { return again.has().size() == 4; }));
}
