#include "server_assignors.hpp"

#include <algorithm>
#include <tuple>

namespace cafka::testing {

using protocol::uuid;

namespace {

/// The members that subscribe to a topic, in the order that they were given in.
std::vector<std::string> subscribers(
  const std::vector<assignable_member>& members, const uuid& topic) {
  std::vector<std::string> all;
  for (const auto& m : members) {
    if (m.topics.contains(topic))
      all.push_back(m.id);
  }
  return all;
}

/// Of these members the one with the fewest partitions, the first of equals.
std::string emptiest(const std::vector<std::string>& among, const group_assignment& all) {
  return *std::ranges::min_element(
    among, {}, [&](const auto& m) { return all.at(m).size(); });
}

/// The one with the most, the last of equals: the first ones keep what does not come out
/// even.
std::string fullest(const std::vector<std::string>& among, const group_assignment& all) {
  return *std::max_element(among.rbegin(), among.rend(),
    [&](const auto& a, const auto& b) { return all.at(a).size() < all.at(b).size(); });
}

/// Moves partitions of a topic from the fullest of its subscribers to the emptiest,
/// until these differ by one at most; whether any moved.
bool level(
  const uuid& topic, const std::vector<std::string>& owners, group_assignment& all) {
  auto moved = false;
  auto givers = owners;
  const auto last_of = [&](const std::string& member) {
    auto& mine = all.at(member);
    const auto behind = mine.lower_bound({topic, INT32_MAX});
    return behind != mine.begin() && std::prev(behind)->topic == topic ? std::prev(behind)
                                                                       : mine.end();
  };
  while (!givers.empty()) {
    const auto full = fullest(givers, all);
    const auto empty = emptiest(owners, all);
    if (all.at(full).size() <= all.at(empty).size() + 1)
      break;
    const auto last = last_of(full);
    if (last == all.at(full).end()) {
      std::erase(givers, full);
      continue;
    }
    all.at(empty).insert(*last);
    all.at(full).erase(last);
    moved = true;
  }
  return moved;
}

} // namespace

group_assignment assign_ranges(
  const std::vector<assignable_member>& members, const topic_sizes& sizes) {
  auto sorted = members;
  std::ranges::sort(sorted, {}, [](const auto& m) {
    return std::tuple{!m.instance.has_value(), m.instance.value_or(std::string{}), m.id};
  });
  group_assignment all;
  for (const auto& m : sorted)
    all[m.id];
  for (const auto& [topic, size] : sizes) {
    const auto owners = subscribers(sorted, topic);
    const auto count = static_cast<std::int32_t>(owners.size());
    std::int32_t next = 0;
    for (std::int32_t i = 0; i != count; ++i) {
      const auto end = next + size / count + (i < size % count ? 1 : 0);
      for (; next != end; ++next)
        all[owners[static_cast<std::size_t>(i)]].insert({topic, next});
    }
  }
  return all;
}

group_assignment assign_uniformly(
  const std::vector<assignable_member>& members, const topic_sizes& sizes) {
  group_assignment all;
  group_places taken;
  for (const auto& m : members) {
    auto& mine = all[m.id];
    std::ranges::copy_if(m.has, std::inserter(mine, mine.end()), [&](const auto& p) {
      const auto size = sizes.find(p.topic);
      return m.topics.contains(p.topic) && size != sizes.end()
        && p.partition < size->second && taken.insert(p).second;
    });
  }
  std::vector<uuid> topics;
  for (const auto& [topic, size] : sizes) {
    if (!subscribers(members, topic).empty())
      topics.push_back(topic);
  }
  // Those first that leave the fewest choices.
  std::ranges::stable_sort(topics, std::greater{}, [&](const uuid& topic) {
    return static_cast<double>(sizes.at(topic))
      / static_cast<double>(subscribers(members, topic).size());
  });
  for (const auto& topic : topics) {
    const auto owners = subscribers(members, topic);
    for (std::int32_t p = 0; p != sizes.at(topic); ++p) {
      if (!taken.contains({topic, p}))
        all.at(emptiest(owners, all)).insert({topic, p});
    }
  }
  // Each move makes the sum of squares smaller, so that this ends.
  for (auto moved = true; moved;) {
    moved = false;
    for (const auto& topic : topics)
      moved = level(topic, subscribers(members, topic), all) || moved;
  }
  return all;
}

} // namespace cafka::testing
