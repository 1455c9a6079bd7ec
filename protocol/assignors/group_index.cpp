#include "group_index.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_set>

namespace cafka::protocol {

namespace {

using number_list = std::vector<std::uint32_t>;

/// The number of a list among different ones; a new list gets the next.
std::uint32_t number_of(std::map<number_list, std::uint32_t>& known,
  std::vector<number_list>& lists, number_list&& list) {
  const auto next = static_cast<std::uint32_t>(lists.size());
  const auto [at, is_new] = known.try_emplace(std::move(list), next);
  if (is_new)
    lists.push_back(at->first);
  return at->second;
}

std::size_t hash_of(const std::vector<std::string>& names) {
  std::size_t all = names.size();
  for (const auto& name : names)
    all = all * 0x9e3779b97f4a7c15 + std::hash<std::string_view>{}(name);
  return all;
}

} // namespace

group_index::group_index(const group_view& view) {
  read_topics(view);
  read_members(view);
  read_wishes();
  read_audiences();
}

void group_index::read_topics(const group_view& view) {
  std::unordered_set<std::string_view> seen;
  for (const auto& t : view.topics) {
    if (seen.insert(t.name).second)
      topics_.push_back({.from = &t});
  }
  std::ranges::sort(
    topics_, {}, [](const topic& t) { return std::string_view{t.from->name}; });
  for (std::uint32_t t = 0; t != topics_.size(); ++t)
    by_name_.emplace(topics_[t].from->name, t);
}

void group_index::read_members(const group_view& view) {
  places_ = view.members.size();
  std::unordered_set<std::string_view> seen;
  for (std::uint32_t place = 0; place != places_; ++place) {
    const auto& m = view.members[place];
    if (seen.insert(m.member_id).second)
      members_.push_back({.from = &m, .place = place});
  }
  std::ranges::sort(members_, {}, [](const member& m) {
    const auto& id = m.from->instance_id;
    return std::tuple{!id.has_value(), id ? std::string_view{*id} : std::string_view{},
      std::string_view{m.from->member_id}};
  });
}

/// Most members have the subscription of another one, word by word: names are looked up
/// once for all of these.
void group_index::read_wishes() {
  std::unordered_multimap<std::size_t, const member*> by_hash;
  std::map<number_list, std::uint32_t> known;
  const member* last = nullptr;
  const auto like = [](const member& m) -> const auto& {
    return m.from->subscription.topics;
  };
  for (auto& m : members_) {
    if (last == nullptr || like(*last) != like(m)) {
      const auto hash = hash_of(like(m));
      const auto [from, to] = by_hash.equal_range(hash);
      const auto same = std::find_if(
        from, to, [&](const auto& other) { return like(*other.second) == like(m); });
      if (same != to) {
        last = same->second;
      } else {
        number_list wish;
        std::uint32_t near = 0;
        for (const auto& name : like(m)) {
          const auto t = topic_named(name, near);
          near = t + 1;
          // Without a partition it makes no difference to anybody.
          if (t != none && topics_[t].from->partitions > 0)
            wish.push_back(t);
        }
        std::ranges::sort(wish);
        wish.erase(std::unique(wish.begin(), wish.end()), wish.end());
        m.wish = number_of(known, wishes_, std::move(wish));
        by_hash.emplace(hash, &m);
        last = &m;
      }
    }
    m.wish = last->wish;
  }
}

void group_index::read_audiences() {
  std::vector<number_list> wanted_by(topics_.size());
  for (std::uint32_t w = 0; w != wishes_.size(); ++w) {
    for (const auto t : wishes_[w])
      wanted_by[t].push_back(w);
  }
  std::map<number_list, std::uint32_t> known;
  for (std::uint32_t t = 0; t != topics_.size(); ++t) {
    auto& x = topics_[t];
    x.first = static_cast<std::uint32_t>(partitions_);
    if (wanted_by[t].empty())
      continue;
    x.audience = number_of(known, audiences_, std::move(wanted_by[t]));
    x.partitions = static_cast<std::uint32_t>(x.from->partitions);
    partitions_ += x.partitions;
  }
}

std::vector<number_list> group_index::subscribers() const {
  std::vector<number_list> with_wish(wishes_.size());
  for (std::uint32_t m = 0; m != members_.size(); ++m)
    with_wish[members_[m].wish].push_back(m);
  std::vector<number_list> all(audiences_.size());
  for (std::uint32_t a = 0; a != audiences_.size(); ++a) {
    for (const auto w : audiences_[a])
      all[a].insert(all[a].end(), with_wish[w].begin(), with_wish[w].end());
    std::ranges::sort(all[a]);
  }
  return all;
}

std::uint32_t group_index::topic_named(std::string_view name, std::uint32_t near) const {
  if (near < topics_.size() && topics_[near].from->name == name)
    return near;
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? none : at->second;
}

error group_index::check() const {
  constexpr std::uint64_t limit = 0x7fff'ffff;
  if (partitions_ <= limit)
    return {};
  return {error_code::invalid_argument,
    "the group's topics have " + std::to_string(partitions_)
      + " partitions, an assignor takes at most " + std::to_string(limit)};
}

group_plan group_index::plan(std::span<const std::uint32_t> owners) const {
  struct place {
    std::uint32_t topic;
    std::uint32_t partition;
  };
  std::vector<std::size_t> from(members_.size() + 1);
  for (const auto owner : owners) {
    if (owner != none)
      ++from[owner + 1];
  }
  std::partial_sum(from.begin(), from.end(), from.begin());
  std::vector<place> places(from.back());
  auto next = from;
  for (std::uint32_t t = 0; t != topics_.size(); ++t) {
    for (std::uint32_t p = 0; p != topics_[t].partitions; ++p) {
      const auto owner = owners[topics_[t].first + p];
      if (owner != none)
        places[next[owner]++] = {t, p};
    }
  }
  group_plan all(places_);
  for (std::uint32_t m = 0; m != members_.size(); ++m) {
    auto& mine = all[members_[m].place];
    const std::span had{places.data() + from[m], from[m + 1] - from[m]};
    std::size_t topics = 0;
    for (std::size_t i = 0; i != had.size(); ++i)
      topics += i == 0 || had[i].topic != had[i - 1].topic ? 1 : 0;
    mine.reserve(topics);
    for (auto i = had.begin(); i != had.end();) {
      const auto end =
        std::find_if(i, had.end(), [&](const place& x) { return x.topic != i->topic; });
      auto& t = mine.emplace_back();
      t.topic = topics_[i->topic].from->name;
      t.partitions.reserve(static_cast<std::size_t>(end - i));
      for (; i != end; ++i)
        t.partitions.push_back(static_cast<std::int32_t>(i->partition));
    }
  }
  return all;
}

member_racks::member_racks(const group_index& index) {
  for (const auto& m : index.members()) {
    const auto& rack = m.from->subscription.rack_id;
    // Some clients say "no rack" with an empty name.
    if (!rack || rack->empty()) {
      of_.push_back(group_index::none);
      continue;
    }
    const auto next = static_cast<std::uint32_t>(names_.size());
    const auto [at, is_new] = by_name_.try_emplace(*rack, next);
    if (is_new)
      names_.push_back(*rack);
    of_.push_back(at->second);
  }
}

std::uint32_t member_racks::named(std::string_view name) const {
  constexpr std::size_t few = 8;
  if (names_.size() <= few) {
    const auto at = std::ranges::find(names_, name);
    return at == names_.end() ? group_index::none
                              : static_cast<std::uint32_t>(at - names_.begin());
  }
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? group_index::none : at->second;
}

void member_racks::of_partition(const group_index::topic& topic, std::uint32_t partition,
  std::size_t replicas, number_list& out) const {
  out.clear();
  if (partition >= topic.from->racks.size())
    return;
  const auto& names = topic.from->racks[partition];
  for (const auto& name : std::span{names}.first(std::min(replicas, names.size()))) {
    const auto rack = named(name);
    if (rack != group_index::none && std::ranges::find(out, rack) == out.end())
      out.push_back(rack);
  }
  std::ranges::sort(out);
}

} // namespace cafka::protocol
