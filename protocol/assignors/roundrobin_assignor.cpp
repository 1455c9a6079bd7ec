#include "assignor.hpp"
#include "group_index.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

result<group_plan> assign_in_turn(const group_view& view) {
  const group_index index{view};
  if (auto e = index.check())
    return e;
  const auto subscribers = index.subscribers();
  std::vector<std::uint32_t> owners(index.partitions(), group_index::none);
  // Who comes next, among all members: those without the subscription are passed over.
  std::uint32_t turn = 0;
  for (const auto& t : index.topics()) {
    if (t.partitions == 0)
      continue;
    const auto& takers = subscribers[t.audience];
    auto next = std::ranges::lower_bound(takers, turn);
    for (std::uint32_t p = 0; p != t.partitions; ++p) {
      if (next == takers.end())
        next = takers.begin();
      owners[t.first + p] = *next++;
    }
    turn = *std::prev(next) + 1;
  }
  return index.plan(owners);
}

} // namespace

assignor roundrobin_assignor() {
  return {.name = "roundrobin", .assign = assign_in_turn};
}

} // namespace cafka::protocol
