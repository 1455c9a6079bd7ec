#pragma once

#include <cafka/protocol/assignors/assignor.hpp>

#include <algorithm>
#include <compare>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

/// Groups by chance, and what is to be true of every plan.
namespace assignor_test {

using namespace cafka::protocol;

using partition_name = std::pair<std::string, std::int32_t>;
using plan_by_member = std::map<std::string, std::vector<consumer_topic_partitions>>;

/// The topics' names, `partitions` each.
inline std::vector<group_topic> topics_of(
  const std::vector<std::pair<std::string, std::int32_t>>& all) {
  std::vector<group_topic> topics;
  for (const auto& [name, partitions] : all)
    topics.push_back({.name = name, .partitions = partitions});
  return topics;
}

inline group_participant member_of(std::string id, std::vector<std::string> topics) {
  return {.member_id = std::move(id), .subscription = {.topics = std::move(topics)}};
}

/// A member's claim, as its client writes it.
inline void own(const assignor& with, group_participant& m,
  std::vector<consumer_topic_partitions> owned, std::int32_t generation) {
  auto& s = m.subscription;
  const auto bytes = join_metadata(with,
    {.topics = s.topics,
      .owned = std::move(owned),
      .generation = generation,
      .rack = s.rack_id});
  s = *subscription_from(*bytes);
}

inline plan_by_member planned(const assignor& with, const group_view& view) {
  const auto plan = with.assign(view);
  plan_by_member all;
  for (std::size_t m = 0; m != view.members.size(); ++m)
    all.try_emplace(view.members[m].member_id, (*plan)[m]);
  return all;
}

/// All members have joined again with what a plan gave them.
inline group_view settled(
  const assignor& with, group_view view, const plan_by_member& plan, int generation = 1) {
  for (auto& m : view.members) {
    const auto at = plan.find(m.member_id);
    own(with, m, at == plan.end() ? std::vector<consumer_topic_partitions>{} : at->second,
      generation);
  }
  return view;
}

inline std::map<partition_name, std::string> owners_of(const plan_by_member& plan) {
  std::map<partition_name, std::string> owners;
  for (const auto& [member, topics] : plan) {
    for (const auto& t : topics) {
      for (const auto p : t.partitions)
        owners[{t.topic, p.value()}] = member;
    }
  }
  return owners;
}

inline std::size_t count_of(const std::vector<consumer_topic_partitions>& topics) {
  std::size_t count = 0;
  for (const auto& t : topics)
    count += t.partitions.size();
  return count;
}

/// The same numbers with every library.
class chance {
public:
  explicit chance(std::uint32_t seed) : source_(seed) {}
  /// From 0 to `limit` - 1.
  int below(int limit) {
    return static_cast<int>(source_() % static_cast<unsigned>(limit));
  }
  bool one_in(int n) { return below(n) == 0; }
  template <class T>
  void shuffle(std::vector<T>& all) {
    for (std::size_t i = all.size(); i > 1; --i)
      std::swap(all[i - 1], all[static_cast<std::size_t>(below(static_cast<int>(i)))]);
  }

private:
  std::mt19937 source_;
};

struct group_limits {
  int topics = 4;
  int partitions = 5;
  int members = 5;
  bool uniform = false;
  int racks = 0; ///< How many different ones.
};

/// A group in which nobody owns anything.
inline group_view random_group(chance& any, const group_limits& limits) {
  group_view view;
  const auto rack = [&] { return "rack" + std::to_string(any.below(limits.racks)); };
  const auto topics = 1 + any.below(limits.topics);
  for (int t = 0; t != topics; ++t) {
    auto& topic = view.topics.emplace_back();
    topic.name = "t" + std::to_string(t);
    topic.partitions = any.below(limits.partitions + 1);
    for (int p = 0; limits.racks != 0 && p != topic.partitions; ++p) {
      auto& racks = topic.racks.emplace_back();
      for (int r = any.below(3); r != 0; --r)
        racks.push_back(rack());
    }
  }
  const auto members = 1 + any.below(limits.members);
  for (int m = 0; m != members; ++m) {
    auto member = member_of("m" + std::to_string(m), {});
    for (const auto& t : view.topics) {
      if (limits.uniform || !any.one_in(3))
        member.subscription.topics.push_back(t.name);
    }
    if (limits.racks != 0 && !any.one_in(4))
      member.subscription.rack_id = rack();
    view.members.push_back(std::move(member));
  }
  any.shuffle(view.members);
  any.shuffle(view.topics);
  return view;
}

/// Gives partitions to members by chance, also such as they do not subscribe to.
inline std::map<partition_name, std::string> own_anything(
  chance& any, const assignor& with, group_view& view) {
  std::map<std::string, std::map<std::string, std::vector<partition_id>>> owned;
  std::map<partition_name, std::string> owners;
  // Sometimes one member has had nearly all, as the first of a group.
  const auto greedy = any.below(static_cast<int>(view.members.size()));
  const auto mostly = any.one_in(3);
  for (const auto& t : view.topics) {
    for (std::int32_t p = 0; p < t.partitions; ++p) {
      if (any.one_in(4))
        continue;
      const auto m = mostly && !any.one_in(5)
        ? greedy
        : any.below(static_cast<int>(view.members.size()));
      const auto& id = view.members[static_cast<std::size_t>(m)].member_id;
      owned[id][t.name].push_back(p);
      owners[{t.name, p}] = id;
    }
  }
  for (auto& m : view.members) {
    std::vector<consumer_topic_partitions> mine;
    for (const auto& [topic, partitions] : owned[m.member_id])
      mine.push_back({topic, partitions});
    own(with, m, mine, 3);
  }
  return owners;
}

/// What makes one plan better than another, first things first.
struct plan_cost {
  std::int64_t squares = 0; ///< Of the members' counts: less is more even.
  std::int64_t far = 0;     ///< Partitions without a replica in their member's rack.
  std::int64_t moved = 0;   ///< Partitions that had another owner.
  friend auto operator<=>(const plan_cost&, const plan_cost&) = default;
};

/// One group as a matrix: for each partition and member what it costs, if it is allowed.
struct plain_group {
  struct choice {
    int member = 0;
    bool far = false;
    bool moves = false;
  };
  std::vector<std::vector<choice>> partitions;
  int members = 0;
};

inline plain_group plain(
  const group_view& view, const std::map<partition_name, std::string>& owners) {
  plain_group all;
  all.members = static_cast<int>(view.members.size());
  for (const auto& t : view.topics) {
    for (std::int32_t p = 0; p < t.partitions; ++p) {
      std::vector<plain_group::choice> choices;
      const auto owner = owners.find({t.name, p});
      for (int i = 0; i != all.members; ++i) {
        const auto& m = view.members[static_cast<std::size_t>(i)];
        if (std::ranges::find(m.subscription.topics, t.name)
          == m.subscription.topics.end())
          continue;
        const auto& rack = m.subscription.rack_id;
        const auto at = static_cast<std::size_t>(p);
        const auto known = rack && at < t.racks.size() && !t.racks[at].empty();
        choices.push_back({.member = i,
          .far = known && std::ranges::find(t.racks[at], *rack) == t.racks[at].end(),
          .moves = owner != owners.end() && owner->second != m.member_id});
      }
      if (!choices.empty())
        all.partitions.push_back(std::move(choices));
    }
  }
  return all;
}

/// The least cost of all plans, by trying all.
plan_cost best_by_force(const plain_group& group);

/// The least cost, by shortest paths for one partition at a time: a textbook's min-cost
/// flow that knows nothing of kinds and parts.
plan_cost best_by_flow(const plain_group& group);

/// What a plan costs.
inline plan_cost cost_of(const group_view& view, const plan_by_member& plan,
  const std::map<partition_name, std::string>& before) {
  plan_cost cost;
  for (const auto& [member, topics] : plan) {
    const auto count = static_cast<std::int64_t>(count_of(topics));
    cost.squares += count * count;
  }
  const auto owners = owners_of(plan);
  for (const auto& t : view.topics) {
    for (std::int32_t p = 0; p < t.partitions; ++p) {
      const auto owner = owners.find({t.name, p});
      if (owner == owners.end())
        continue;
      const auto was = before.find({t.name, p});
      cost.moved += was != before.end() && was->second != owner->second ? 1 : 0;
      const auto& m =
        *std::ranges::find(view.members, owner->second, &group_participant::member_id);
      const auto& rack = m.subscription.rack_id;
      const auto at = static_cast<std::size_t>(p);
      cost.far += rack && at < t.racks.size() && !t.racks[at].empty()
          && std::ranges::find(t.racks[at], *rack) == t.racks[at].end()
        ? 1
        : 0;
    }
  }
  return cost;
}

} // namespace assignor_test
