// What is true of every plan, for groups by chance.

#include "assignor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace assignor_test;

namespace {

std::vector<assignor> sticky_ones() {
  return {sticky_assignor(), cooperative_sticky_assignor()};
}

std::vector<assignor> all_of_them() {
  return {range_assignor(), roundrobin_assignor(), sticky_assignor(),
    cooperative_sticky_assignor()};
}

bool wants(const group_participant& m, const std::string& topic) {
  const auto& topics = m.subscription.topics;
  return std::ranges::find(topics, topic) != topics.end();
}

/// Every partition has at most one owner, who subscribes to it; `whole`: exactly one.
void check_valid(const group_view& view, const plan_by_member& plan, bool whole) {
  std::size_t given = 0;
  std::set<partition_name> seen;
  for (const auto& m : view.members) {
    const auto& mine = plan.at(m.member_id);
    CHECK(std::ranges::is_sorted(mine, {}, &consumer_topic_partitions::topic));
    for (const auto& t : mine) {
      CHECK(wants(m, t.topic));
      CHECK(std::ranges::is_sorted(t.partitions));
      const auto topic = std::ranges::find(view.topics, t.topic, &group_topic::name);
      REQUIRE(topic != view.topics.end());
      for (const auto p : t.partitions) {
        CHECK((p.value() >= 0 && p.value() < topic->partitions));
        CHECK(seen.emplace(t.topic, p.value()).second);
        ++given;
      }
    }
  }
  std::size_t wanted = 0;
  for (const auto& t : view.topics) {
    if (std::ranges::any_of(
          view.members, [&](const auto& m) { return wants(m, t.name); }))
      wanted += static_cast<std::size_t>(std::max(t.partitions, 0));
  }
  CHECK((whole ? given == wanted : given <= wanted));
}

/// No owner can hand one to another member, who subscribes, with two fewer.
void check_balanced(const group_view& view, const plan_by_member& plan) {
  for (const auto& giver : view.members) {
    const auto& mine = plan.at(giver.member_id);
    for (const auto& t : mine) {
      for (const auto& taker : view.members) {
        if (wants(taker, t.topic))
          CHECK(count_of(mine) <= count_of(plan.at(taker.member_id)) + 1);
      }
    }
  }
}

std::pair<std::size_t, std::size_t> least_and_most(const plan_by_member& plan) {
  std::size_t least = count_of(plan.begin()->second);
  auto most = least;
  for (const auto& [member, topics] : plan) {
    least = std::min(least, count_of(topics));
    most = std::max(most, count_of(topics));
  }
  return {least, most};
}

} // namespace

TEST_CASE("every partition has exactly one owner, who subscribes to it", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    const auto view = random_group(any,
      {.topics = 8,
        .partitions = 12,
        .members = 9,
        .uniform = seed % 4 == 0,
        .racks = seed % 2 == 0 ? 3 : 0});
    for (const auto& with : all_of_them())
      check_valid(view, planned(with, view), true);
  }
}

TEST_CASE("with one subscription for all, counts differ by one at most", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    auto view = random_group(any,
      {.topics = 8,
        .partitions = 12,
        .members = 9,
        .uniform = true,
        .racks = seed % 2 == 0 ? 3 : 0});
    const auto [least, most] = least_and_most(planned(roundrobin_assignor(), view));
    CHECK(most - least <= 1);
    own_anything(any, sticky_assignor(), view);
    const auto [fewest, largest] = least_and_most(planned(sticky_assignor(), view));
    CHECK(largest - fewest <= 1);
  }
}

TEST_CASE("no owner can hand a partition to a subscriber with two fewer", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    auto view = random_group(any,
      {.topics = 30, .partitions = 9, .members = 40, .racks = seed % 2 == 0 ? 3 : 0});
    own_anything(any, sticky_assignor(), view);
    const auto plan = planned(sticky_assignor(), view);
    check_valid(view, plan, true);
    check_balanced(view, plan);
  }
}

TEST_CASE("a second round on its own result moves nothing", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    const auto view = random_group(any,
      {.topics = 8,
        .partitions = 12,
        .members = 9,
        .uniform = seed % 4 == 0,
        .racks = seed % 2 == 0 ? 3 : 0});
    for (const auto& with : sticky_ones()) {
      const auto plan = planned(with, view);
      CHECK(planned(with, settled(with, view, plan)) == plan);
    }
  }
}

TEST_CASE("when a member leaves only its partitions move, when one joins only to it",
  "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    auto view =
      random_group(any, {.topics = 8, .partitions = 12, .members = 9, .uniform = true});
    const auto with = sticky_assignor();
    const auto plan = planned(with, view);
    const auto before = owners_of(plan);
    view = settled(with, view, plan);

    auto more = view;
    more.members.push_back(member_of("k", view.members.front().subscription.topics));
    for (const auto& [partition, owner] : owners_of(planned(with, more)))
      CHECK((owner == "k" || owner == before.at(partition)));

    const auto gone = view.members.back().member_id;
    view.members.pop_back();
    for (const auto& [partition, owner] : owners_of(planned(with, view)))
      CHECK((before.at(partition) == gone || owner == before.at(partition)));
  }
}

TEST_CASE(
  "a cooperative round gives nothing that somebody else still holds", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    const auto with = cooperative_sticky_assignor();
    auto view = random_group(any,
      {.topics = 8,
        .partitions = 12,
        .members = 9,
        .uniform = seed % 4 == 0,
        .racks = seed % 2 == 0 ? 3 : 0});
    const auto before = own_anything(any, with, view);
    const auto first = planned(with, view);
    check_valid(view, first, false);
    for (const auto& [partition, owner] : owners_of(first)) {
      const auto held = before.find(partition);
      CHECK((held == before.end() || held->second == owner));
    }
    const auto second = planned(with, settled(with, view, first, 4));
    check_valid(view, second, true);
    check_balanced(view, second);
    const auto then = owners_of(second);
    for (const auto& [partition, owner] : owners_of(first))
      CHECK(then.at(partition) == owner);
  }
}

TEST_CASE(
  "plans do not depend on the order of members, topics and claims", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    auto view = random_group(any,
      {.topics = 8,
        .partitions = 12,
        .members = 9,
        .uniform = seed % 4 == 0,
        .racks = seed % 2 == 0 ? 3 : 0});
    for (auto& m : view.members) {
      if (any.one_in(3))
        m.instance_id = "i" + std::to_string(any.below(100));
    }
    for (const auto& with : all_of_them()) {
      own_anything(any, with, view);
      const auto plan = planned(with, view);
      auto other = view;
      any.shuffle(other.members);
      any.shuffle(other.topics);
      for (auto& m : other.members) {
        any.shuffle(m.subscription.topics);
        any.shuffle(m.subscription.owned_partitions);
      }
      CHECK(planned(with, other) == plan);
    }
  }
}

TEST_CASE(
  "topics of one size and the same subscribers have the same ranges", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    auto view = random_group(
      any, {.topics = 2, .partitions = 12, .members = 9, .uniform = true, .racks = 3});
    view.topics.push_back(view.topics.front());
    view.topics.back().name = "like-" + view.topics.front().name;
    for (auto& racks : view.topics.back().racks)
      any.shuffle(racks);
    for (auto& m : view.members)
      m.subscription.topics.push_back(view.topics.back().name);
    const auto owners = owners_of(planned(range_assignor(), view));
    for (std::int32_t p = 0; p < view.topics.front().partitions; ++p)
      CHECK(owners.at({view.topics.front().name, p})
        == owners.at({view.topics.back().name, p}));
  }
}

TEST_CASE("rubbish is passed over and spoils nothing for others", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    auto view = random_group(
      any, {.topics = 5, .partitions = 6, .members = 5, .racks = seed % 2 == 0 ? 3 : 0});
    for (const auto& with : all_of_them()) {
      own_anything(any, with, view);
      const auto plan = planned(with, view);
      const auto unlike = [&](const group_view& other) {
        const auto got = planned(with, other);
        return std::ranges::count_if(
          plan, [&](const auto& mine) { return got.at(mine.first) != mine.second; });
      };
      // Topics that nobody knows or wants, such as have no partitions, and repeated ones.
      auto strange = view;
      strange.topics.push_back({.name = "unwanted", .partitions = 7});
      strange.topics.push_back(
        {.name = "negative", .partitions = -5, .racks = {{"rack0"}}});
      strange.topics.push_back({.name = view.topics.front().name, .partitions = 100});
      for (auto& m : strange.members) {
        auto& s = m.subscription;
        s.topics.insert(s.topics.end(), {"unknown", "negative", ""});
        const auto again = s.topics;
        s.topics.insert(s.topics.end(), again.begin(), again.end());
      }
      strange.members.push_back(strange.members.front());
      strange.members.back().subscription.generation_id = 99;
      CHECK(unlike(strange) == 0);

      // A stranger's claims: on what is not there, and in bytes that are none.
      auto claims = view;
      auto& stranger = claims.members.emplace_back(member_of("stranger", {}));
      own(with, stranger,
        {{"unknown", {0}},
          {view.topics.front().name, {-1, 1'000'000, -2'147'483'647, 6}}},
        99);
      CHECK(unlike(claims) == 0);
      std::string bytes(static_cast<std::size_t>(any.below(40)), '\0');
      for (auto& b : bytes)
        b = static_cast<char>(any.one_in(2) ? any.below(3) : any.below(256));
      stranger.subscription = {.user_data = shared_bytes::copy_of(bytes)};
      CHECK(unlike(claims) == 0);
    }
  }
}

TEST_CASE("claims with a byte changed still make a valid plan", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    auto view = random_group(any, {.topics = 5, .partitions = 6, .members = 5});
    for (const auto& with : sticky_ones()) {
      own_anything(any, with, view);
      for (auto& m : view.members) {
        auto bytes = *to_metadata(m.subscription, 3);
        bytes[static_cast<std::size_t>(any.below(static_cast<int>(bytes.size())))] =
          static_cast<char>(any.below(256));
        if (auto read = subscription_from(bytes))
          m.subscription = *read;
        auto data =
          std::string{m.subscription.user_data ? m.subscription.user_data->text()
                                               : std::string_view{}};
        if (!data.empty())
          data[static_cast<std::size_t>(any.below(static_cast<int>(data.size())))] ^= 1;
        m.subscription.user_data = shared_bytes::copy_of(data);
      }
      check_valid(view, planned(with, view), with.name == "sticky");
    }
  }
}

TEST_CASE("groups without members, topics or partitions have plans too", "[assignors]") {
  for (const auto& with : all_of_them()) {
    CHECK(with.assign({})->empty());
    CHECK(with.assign({.topics = topics_of({{"t", 3}})})->empty());
    CHECK(*with.assign({.members = {member_of("a", {"t"})}}) == group_plan(1));
    CHECK(
      *with.assign({.topics = topics_of({{"t", 0}}), .members = {member_of("a", {"t"})}})
      == group_plan(1));
    CHECK(with
            .assign({.topics = topics_of({{"t", 0x7fff'ffff}, {"u", 1}}),
              .members = {member_of("a", {"t", "u"})}})
            .error()
            .code
      == error_code::invalid_argument);
  }
}

TEST_CASE("with racks beyond count the first replica's still counts", "[assignors]") {
  chance any{1};
  const auto rack = [&] { return "rack" + std::to_string(any.below(20)); };
  group_view view{.topics = topics_of({{"t", 20'000}})};
  for (int p = 0; p != 20'000; ++p)
    view.topics[0].racks.push_back({rack(), rack(), rack()});
  for (int m = 0; m != 1'000; ++m) {
    view.members.push_back(member_of("m" + std::to_string(m), {"t"}));
    view.members.back().subscription.rack_id = rack();
  }
  const auto plan = planned(sticky_assignor(), view);
  CHECK(least_and_most(plan) == std::pair<std::size_t, std::size_t>{20, 20});
  // By chance it would be one in seven.
  CHECK(cost_of(view, plan, {}).far < 4'000);
}
