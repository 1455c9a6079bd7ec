// The sticky assignors against the best plan there is, found in two other ways.

#include "assignor_fixture.hpp"
#include <cafka/protocol/assignors/partition_flow.hpp>

#include <catch2/catch_test_macros.hpp>

#include <limits>

namespace assignor_test {

namespace {

void try_all(const plain_group& group, std::size_t at, std::vector<std::int64_t>& counts,
  plan_cost cost, plan_cost& best) {
  if (at == group.partitions.size()) {
    for (const auto n : counts)
      cost.squares += n * n;
    best = std::min(best, cost);
    return;
  }
  for (const auto& choice : group.partitions[at]) {
    auto next = cost;
    next.far += choice.far ? 1 : 0;
    next.moved += choice.moves ? 1 : 0;
    ++counts[static_cast<std::size_t>(choice.member)];
    try_all(group, at + 1, counts, next, best);
    --counts[static_cast<std::size_t>(choice.member)];
  }
}

constexpr std::int64_t rack_weight = 1'000;
constexpr std::int64_t count_weight = 1'000'000;

} // namespace

plan_cost best_by_force(const plain_group& group) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(group.members));
  plan_cost best{.squares = std::numeric_limits<std::int64_t>::max()};
  try_all(group, 0, counts, {}, best);
  return best;
}

plan_cost best_by_flow(const plain_group& group) {
  constexpr auto unreached = std::numeric_limits<std::int64_t>::max() / 2;
  const auto members = static_cast<std::size_t>(group.members);
  std::vector<std::int64_t> counts(members);
  // The choice that each partition has taken.
  std::vector<const plain_group::choice*> taken(group.partitions.size());
  const auto weight = [](const plain_group::choice& c) {
    return (c.far ? rack_weight : 0) + (c.moves ? 1 : 0);
  };
  for (std::size_t next = 0; next != taken.size(); ++next) {
    std::vector<std::int64_t> at(members, unreached);
    // Over which partition, by which choice, a member is reached.
    std::vector<std::pair<std::size_t, const plain_group::choice*>> over(members);
    const auto reach = [&](std::size_t p, std::int64_t from) {
      bool nearer = false;
      for (const auto& c : group.partitions[p]) {
        const auto m = static_cast<std::size_t>(c.member);
        if (from + weight(c) < at[m]) {
          at[m] = from + weight(c);
          over[m] = {p, &c};
          nearer = true;
        }
      }
      return nearer;
    };
    reach(next, 0);
    for (bool again = true; again;) {
      again = false;
      for (std::size_t p = 0; p != next; ++p) {
        const auto from = at[static_cast<std::size_t>(taken[p]->member)];
        if (from != unreached)
          again = reach(p, from - weight(*taken[p])) || again;
      }
    }
    std::size_t end = 0;
    const auto whole = [&](std::size_t m) {
      return at[m] == unreached ? unreached : at[m] + count_weight * (2 * counts[m] + 1);
    };
    for (std::size_t m = 1; m != members; ++m)
      end = whole(m) < whole(end) ? m : end;
    ++counts[end];
    for (auto p = next + 1; p != next;) {
      const auto [via, choice] = over[end];
      p = via;
      if (p != next)
        end = static_cast<std::size_t>(taken[p]->member);
      taken[p] = choice;
    }
  }
  plan_cost cost;
  for (const auto n : counts)
    cost.squares += n * n;
  for (const auto* c : taken) {
    cost.far += c->far ? 1 : 0;
    cost.moved += c->moves ? 1 : 0;
  }
  return cost;
}

} // namespace assignor_test

using namespace assignor_test;

namespace {

std::vector<assignor> sticky_ones() {
  return {sticky_assignor(), cooperative_sticky_assignor()};
}

/// What a cooperative group has after two rounds, an eager one after the first.
plan_by_member in_the_end(const assignor& with, const group_view& view) {
  auto plan = planned(with, view);
  if (with.protocol == rebalance_protocol::cooperative)
    plan = planned(with, settled(with, view, plan, 9));
  return plan;
}

void check_optimum(std::uint32_t seed, const group_limits& limits, bool by_force) {
  chance any{seed};
  auto view = random_group(any, limits);
  for (const auto& with : sticky_ones()) {
    auto asked = view;
    const auto before = own_anything(any, with, asked);
    const auto group = plain(asked, before);
    const auto best = best_by_flow(group);
    if (by_force)
      REQUIRE(best == best_by_force(group));
    const auto plan = in_the_end(with, asked);
    INFO("seed " << seed << ", " << with.name);
    const auto cost = cost_of(asked, plan, before);
    CHECK(owners_of(plan).size() == group.partitions.size());
    CHECK(cost.squares == best.squares);
    CHECK(cost.far == best.far);
    CHECK(cost.moved == best.moved);
  }
}

} // namespace

TEST_CASE("sticky plans are the best of all plans", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 1'500; ++seed) {
    const auto racks = seed % 2 == 0 ? 3 : 0;
    check_optimum(seed,
      {.topics = 3,
        .partitions = 3,
        .members = 4,
        .uniform = seed % 5 == 0,
        .racks = racks},
      true);
  }
}

TEST_CASE(
  "sticky plans of larger groups are as good as a min-cost flow's", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 400; ++seed)
    check_optimum(seed,
      {.topics = 9,
        .partitions = 14,
        .members = 12,
        .uniform = seed % 5 == 0,
        .racks = seed % 2 == 0 ? 3 : 0},
      false);
}

TEST_CASE("sticky plans are the best with many racks too", "[assignors]") {
  for (std::uint32_t seed = 1; seed <= 40; ++seed)
    check_optimum(
      seed, {.topics = 6, .partitions = 20, .members = 90, .racks = 60}, false);
}

TEST_CASE("a flow without patience gives as much, at another price", "[assignors]") {
  const auto moved = [](const partition_flow& flow) {
    std::int64_t all = 0;
    for (const auto& c : flow.cells())
      all += std::max(c.units - c.owned, 0);
    return all;
  };
  std::int64_t dearer = 0;
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    chance any{seed};
    const auto rows = static_cast<std::uint32_t>(1 + any.below(12));
    std::vector<std::int32_t> supply;
    for (auto columns = 1 + any.below(9); columns != 0; --columns)
      supply.push_back(any.below(20));
    std::vector<partition_flow::cell> cells;
    for (std::uint32_t r = 0; r != rows; ++r) {
      for (std::uint32_t c = 0; c != supply.size(); ++c) {
        if (!any.one_in(3))
          cells.push_back({.row = r, .column = c, .owned = any.below(4)});
      }
    }
    partition_flow cheap{rows, supply, cells};
    partition_flow hasty{rows, supply, cells, 0};
    for (const std::int64_t room : {3, 5, 6}) {
      const std::vector<std::int64_t> rooms(rows, room);
      cheap.fill(rooms);
      hasty.fill(rooms);
      CHECK(hasty.left() == cheap.left());
      for (std::uint32_t r = 0; r != rows; ++r) {
        std::int64_t load = 0;
        for (auto i = hasty.first_cell(r); i != hasty.first_cell(r + 1); ++i)
          load += hasty.cells()[i].units;
        CHECK(load <= room);
      }
    }
    CHECK(moved(hasty) >= moved(cheap));
    dearer += moved(hasty) - moved(cheap);
  }
  CHECK(dearer > 0);
}
