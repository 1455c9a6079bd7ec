// The assignors' known results, and their bytes.

#include "assignor_fixture.hpp"
#include <cafka/protocol/assignors/sticky_data.hpp>

#include <catch2/catch_test_macros.hpp>

using namespace assignor_test;
using namespace std::string_literals;

namespace {

using owned = std::vector<consumer_topic_partitions>;

group_view with_members(std::vector<group_topic> topics,
  const std::vector<std::pair<std::string, std::vector<std::string>>>& members) {
  group_view view{.topics = std::move(topics)};
  for (const auto& [id, wants] : members)
    view.members.push_back(member_of(id, wants));
  return view;
}

owned after(const assignor& with, const group_view& view, const std::string& member) {
  return planned(with, view)[member];
}

} // namespace

TEST_CASE("the ranges of Kafka's documentation", "[assignors]") {
  const auto view = with_members(
    topics_of({{"t0", 3}, {"t1", 3}}), {{"C1", {"t0", "t1"}}, {"C0", {"t1", "t0"}}});
  CHECK(after(range_assignor(), view, "C0") == owned{{"t0", {0, 1}}, {"t1", {0, 1}}});
  CHECK(after(range_assignor(), view, "C1") == owned{{"t0", {2}}, {"t1", {2}}});
}

TEST_CASE("the turns of Kafka's documentation", "[assignors]") {
  const auto equal = with_members(
    topics_of({{"t0", 3}, {"t1", 3}}), {{"C0", {"t0", "t1"}}, {"C1", {"t0", "t1"}}});
  CHECK(after(roundrobin_assignor(), equal, "C0") == owned{{"t0", {0, 2}}, {"t1", {1}}});
  CHECK(after(roundrobin_assignor(), equal, "C1") == owned{{"t0", {1}}, {"t1", {0, 2}}});

  const auto unequal = with_members(topics_of({{"t0", 1}, {"t1", 2}, {"t2", 3}}),
    {{"C0", {"t0"}}, {"C1", {"t0", "t1"}}, {"C2", {"t0", "t1", "t2"}}});
  CHECK(after(roundrobin_assignor(), unequal, "C0") == owned{{"t0", {0}}});
  CHECK(after(roundrobin_assignor(), unequal, "C1") == owned{{"t1", {0}}});
  CHECK(
    after(roundrobin_assignor(), unequal, "C2") == owned{{"t1", {1}}, {"t2", {0, 1, 2}}});
}

TEST_CASE("members with an instance id come first, by that id", "[assignors]") {
  auto view =
    with_members(topics_of({{"t", 3}}), {{"a", {"t"}}, {"z1", {"t"}}, {"z2", {"t"}}});
  view.members[1].instance_id = "second";
  view.members[2].instance_id = "first";
  for (const auto& with : {range_assignor(), roundrobin_assignor(), sticky_assignor()}) {
    CHECK(after(with, view, "z2") == owned{{"t", {0}}});
    CHECK(after(with, view, "z1") == owned{{"t", {1}}});
    CHECK(after(with, view, "a") == owned{{"t", {2}}});
  }
}

TEST_CASE(
  "ranges of topics that are read by the same members stay together", "[assignors]") {
  auto view = with_members(
    topics_of({{"t0", 4}, {"t1", 4}}), {{"C0", {"t0", "t1"}}, {"C1", {"t0", "t1"}}});
  view.members[0].subscription.rack_id = "b";
  view.members[1].subscription.rack_id = "a";
  for (auto& t : view.topics)
    t.racks = {{"a"}, {"b"}, {"a"}, {"b"}};
  CHECK(after(range_assignor(), view, "C0") == owned{{"t0", {1, 3}}, {"t1", {1, 3}}});
  // A rack that only one of them can offer does not take them apart.
  view.topics[1].racks = {{"b"}, {"a"}, {"b"}, {"a"}};
  CHECK(after(range_assignor(), view, "C0") == owned{{"t0", {0, 1}}, {"t1", {0, 1}}});
}

TEST_CASE(
  "a range's size counts for more than racks, and racks that are everywhere for nothing",
  "[assignors]") {
  auto view = with_members(topics_of({{"t", 4}}), {{"C0", {"t"}}, {"C1", {"t"}}});
  view.members[0].subscription.rack_id = "b";
  view.members[1].subscription.rack_id = "a";
  view.topics[0].racks = {{"a"}, {"a"}, {"a"}, {"b"}};
  CHECK(after(range_assignor(), view, "C0") == owned{{"t", {2, 3}}});
  view.topics[0].racks = {{"a", "b"}, {"b", "a"}, {"a", "b"}, {"b", "a"}};
  CHECK(after(range_assignor(), view, "C0") == owned{{"t", {0, 1}}});
  view.topics[0].racks = {{"c"}, {"c"}, {"c"}, {"d"}};
  CHECK(after(range_assignor(), view, "C0") == owned{{"t", {0, 1}}});
}

TEST_CASE("the first example of KIP-54", "[assignors]") {
  const std::vector<std::string> all{"t0", "t1", "t2", "t3"};
  auto view = with_members(topics_of({{"t0", 2}, {"t1", 2}, {"t2", 2}, {"t3", 2}}),
    {{"C0", all}, {"C1", all}, {"C2", all}});
  const auto with = sticky_assignor();
  const auto plan = planned(with, view);
  CHECK(plan.at("C0") == owned{{"t0", {0}}, {"t1", {1}}, {"t3", {0}}});
  CHECK(plan.at("C1") == owned{{"t0", {1}}, {"t2", {0}}, {"t3", {1}}});
  CHECK(plan.at("C2") == owned{{"t1", {0}}, {"t2", {1}}});

  view = settled(with, view, plan);
  view.members.erase(view.members.begin() + 1);
  const auto then = planned(with, view);
  CHECK(count_of(then.at("C0")) == 4);
  CHECK(count_of(then.at("C2")) == 4);
  const auto owners = owners_of(then);
  for (const auto& [partition, owner] : owners_of(plan))
    CHECK((owner == "C1" || owners.at(partition) == owner));
}

TEST_CASE("the second example of KIP-54", "[assignors]") {
  auto view = with_members(topics_of({{"t0", 1}, {"t1", 2}, {"t2", 3}}),
    {{"C0", {"t0"}}, {"C1", {"t0", "t1"}}, {"C2", {"t0", "t1", "t2"}}});
  const auto with = sticky_assignor();
  const auto plan = planned(with, view);
  CHECK(plan.at("C0") == owned{{"t0", {0}}});
  CHECK(plan.at("C1") == owned{{"t1", {0, 1}}});
  CHECK(plan.at("C2") == owned{{"t2", {0, 1, 2}}});
  view = settled(with, view, plan);
  view.members.erase(view.members.begin());
  CHECK(after(with, view, "C1") == owned{{"t0", {0}}, {"t1", {0, 1}}});
}

TEST_CASE("a topic is spread over as many members as there are for it", "[assignors]") {
  const auto view = with_members(topics_of({{"t", 6}, {"u", 6}}),
    {{"a", {"t", "u"}}, {"b", {"t", "u"}}, {"c", {"t", "u"}}, {"d", {"t"}}});
  auto plan = planned(sticky_assignor(), view);
  CHECK(count_of(plan["d"]) == 3);
  for (const auto* m : {"a", "b", "c"}) {
    REQUIRE(plan[m].size() == 2);
    CHECK(plan[m][0].partitions.size() == 1);
    CHECK(plan[m][1].partitions.size() == 2);
  }
}

TEST_CASE("the highest generation keeps, equal ones keep nothing", "[assignors]") {
  for (const auto& with : {sticky_assignor(), cooperative_sticky_assignor()}) {
    const auto cooperative = with.protocol == rebalance_protocol::cooperative;
    auto view = with_members(topics_of({{"t", 2}}), {{"a", {"t"}}, {"b", {"t"}}});
    own(with, view.members[0], {{"t", {0, 1}}}, 4);
    own(with, view.members[1], {{"t", {0}}}, 5);
    CHECK(after(with, view, "b") == owned{{"t", {0}}});
    CHECK(after(with, view, "a") == owned{{"t", {1}}});

    own(with, view.members[0], {{"t", {1}}}, -1);
    own(with, view.members[1], {{"t", {0, 1}}}, 0);
    CHECK(owners_of(planned(with, view)).size() == (cooperative ? 1U : 2U));

    // Both go on reading it: nobody gets it before both have given it up.
    own(with, view.members[0], {{"t", {0}}}, 5);
    own(with, view.members[1], {{"t", {0, 1}}}, 5);
    const auto plan = planned(with, view);
    CHECK(plan.at("b") == owned{{"t", {1}}});
    CHECK(plan.at("a") == (cooperative ? owned{} : owned{{"t", {0}}}));
  }
}

TEST_CASE("a partition that is to be taken from one is given to nobody in this round",
  "[assignors]") {
  const auto with = cooperative_sticky_assignor();
  auto view =
    with_members(topics_of({{"t", 4}, {"u", 1}}), {{"a", {"t"}}, {"b", {"t", "u"}}});
  own(with, view.members[0], {{"t", {0, 1, 2, 3}}}, 1);
  CHECK(after(with, view, "a") == owned{{"t", {0, 1, 2}}});
  CHECK(after(with, view, "b") == owned{{"u", {0}}});
  // Also one to which its owner does not subscribe any more.
  own(with, view.members[0], {{"t", {0, 1, 2}}, {"u", {0}}}, 2);
  CHECK(after(with, view, "b") == owned{{"t", {3}}});
}

TEST_CASE("what a member tells as it joins", "[assignors]") {
  const member_claim claim{.topics = {"b", "a"},
    .owned = {{"b", {3, 1}}, {"a", {0}}},
    .generation = 7,
    .rack = "r"};
  const auto tells = [&](const assignor& with) {
    const auto bytes = join_metadata(with, claim);
    CHECK(bytes->substr(0, 2) == "\0\3"s);
    auto read = subscription_from(*bytes);
    CHECK(read->topics == std::vector<std::string>{"a", "b"});
    CHECK(read->generation_id == 7);
    CHECK(read->rack_id == "r");
    REQUIRE(read->user_data);
    return *read;
  };
  for (const auto& with : {range_assignor(), roundrobin_assignor()}) {
    CHECK(tells(with).user_data->empty());
    CHECK(tells(with).owned_partitions.empty());
  }
  const auto sticky = tells(sticky_assignor());
  CHECK(sticky.owned_partitions.empty());
  CHECK(sticky.user_data->text()
    == "\0\0\0\2"
       "\0\1a\0\0\0\1\0\0\0\0"
       "\0\1b\0\0\0\2\0\0\0\1\0\0\0\3"
       "\0\0\0\7"s);
  const auto cooperative = tells(cooperative_sticky_assignor());
  CHECK(cooperative.owned_partitions == owned{{"a", {0}}, {"b", {1, 3}}});
  CHECK(cooperative.user_data->text() == "\0\0\0\7"s);
  CHECK(
    join_metadata(range_assignor(), {.topics = {std::string(40'000, 'x')}}).error().code
    == error_code::invalid_argument);
  CHECK(join_metadata(sticky_assignor(), {.owned = {{std::string(40'000, 'x'), {0}}}})
          .error()
          .code
    == error_code::invalid_argument);
}

TEST_CASE("a subscription is told in the version that is asked for", "[assignors]") {
  const consumer_subscription s{.topics = {"t"}, .rack_id = "r"};
  CHECK(to_metadata(s, 0)->at(1) == 0);
  CHECK_FALSE(subscription_from(*to_metadata(s, 2))->rack_id);
  CHECK(subscription_from(*to_metadata(s, 3))->rack_id == "r");
  CHECK(to_metadata(s, 4).error().code == error_code::unsupported_version);
  CHECK(to_metadata(s, -1).error().code == error_code::unsupported_version);
}

TEST_CASE("both layouts of user data are read", "[assignors]") {
  const auto bytes = [](const std::string& text) {
    return std::as_bytes(std::span{text});
  };
  const auto without = "\0\0\0\1\0\1t\0\0\0\1\0\0\0\2"s;
  const auto with = without + "\0\0\0\5"s;
  std::string told;
  const auto tell = [&](std::int32_t generation, std::string_view topic,
                      byte_view numbers) {
    told +=
      std::to_string(generation) + std::string{topic} + std::to_string(numbers.size());
  };
  CHECK(read_sticky_data(bytes(with), tell) == 5);
  CHECK(told == "5t4");
  told.clear();
  CHECK(read_sticky_data(bytes(without), tell) == -1);
  CHECK(told == "-1t4");
  told.clear();
  for (std::size_t n = 0; n != without.size(); ++n)
    CHECK(read_sticky_data(bytes(without).first(n), tell) == -1);
  CHECK(told.empty());
  const auto lengths = {"\x7f\xff\xff\xff"s, "\xff\xff\xff\xff"s,
    "\0\0\0\1\xff\xff\0\0\0\0"s, "\0\0\0\1\0\1t\xff\xff\xff\xff"s,
    "\0\0\0\1\0\1t\x7f\xff\xff\xff\0\0\0\1"s};
  for (const auto& text : lengths)
    CHECK(read_sticky_data(bytes(text), tell) == -1);
  CHECK(told.empty());

  CHECK(read_cooperative_data(bytes("\0\0\0\5"s)) == 5);
  CHECK(read_cooperative_data(bytes(with)) == 5);
  CHECK(read_cooperative_data(bytes(without)) == -1);
  CHECK(read_cooperative_data({}) == -1);
  CHECK(read_cooperative_data(bytes("rubbish"s)) == -1);
}

TEST_CASE(
  "a cooperative member of before version 2 tells its generation in the user data",
  "[assignors]") {
  auto view = with_members(topics_of({{"t", 2}}), {{"a", {"t"}}, {"b", {"t"}}});
  const auto with = cooperative_sticky_assignor();
  own(with, view.members[0], {{"t", {0, 1}}}, 4);
  view.members[1].subscription.owned_partitions = {{"t", {0}}};
  for (const auto* data : {"\0\0\0\5", "\0\0\0\0\0\0\0\5"}) {
    view.members[1].subscription.user_data =
      shared_bytes::copy_of(std::string_view{data, data[3] == 5 ? 4U : 8U});
    CHECK(after(with, view, "b") == owned{{"t", {0}}});
    CHECK(after(with, view, "a") == owned{{"t", {1}}});
  }
}

TEST_CASE("assignors are known by their names", "[assignors]") {
  for (const auto* name : {"range", "roundrobin", "sticky", "cooperative-sticky"}) {
    REQUIRE(assignor_named(name));
    CHECK(assignor_named(name)->name == name);
    CHECK((assignor_named(name)->protocol == rebalance_protocol::cooperative)
      == (std::string_view{name} == "cooperative-sticky"));
  }
  CHECK_FALSE(assignor_named("uniform"));
}
