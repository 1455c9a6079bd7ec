#include "assignor.hpp"
#include "group_index.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <tuple>

namespace cafka::protocol {

namespace {

using member_list = std::vector<std::uint32_t>;

/// One topic's partitions on their way to its subscribers, or those of several topics
/// together as long as the same member gets the same partition of each.
class range_state {
public:
  range_state(const member_list& takers, std::uint32_t partitions)
    : takers_(&takers),
      each_(partitions / takers.size()),
      one_more_(partitions % takers.size()),
      has_(takers.size()),
      taken_(partitions) {}

  /// How many more a subscriber may get: one more than the even share as long as there
  /// are such to give.
  [[nodiscard]] std::size_t room(std::size_t taker) const {
    const auto most = each_ + (one_more_ > 0 ? 1 : 0);
    return most > has_[taker] ? most - has_[taker] : 0;
  }

  void give(std::size_t taker, std::uint32_t partition, std::uint32_t* owners) {
    taken_[partition] = true;
    owners[partition] = (*takers_)[taker];
  }
  /// To be called after a subscriber has got `count` partitions at a time.
  void count(std::size_t taker, std::size_t count) {
    has_[taker] += count;
    if (count > 0 && has_[taker] > each_ && one_more_ > 0)
      --one_more_;
  }

  [[nodiscard]] bool taken(std::uint32_t partition) const { return taken_[partition]; }
  [[nodiscard]] std::uint32_t partitions() const {
    return static_cast<std::uint32_t>(taken_.size());
  }
  [[nodiscard]] const member_list& takers() const { return *takers_; }

private:
  const member_list* takers_;
  std::size_t each_;
  std::size_t one_more_;
  std::vector<std::size_t> has_;
  std::vector<bool> taken_;
};

/// Kafka's RangeAssignor, with the results of its version 3.5 and later.
class range_search {
public:
  explicit range_search(const group_index& index)
    : index_(index),
      racks_(index),
      subscribers_(index.subscribers()),
      owners_(index.partitions(), group_index::none) {}

  group_plan run() && {
    const auto by_rack = !racks_.empty()
      && std::ranges::any_of(
        index_.topics(), [&](const auto& t) { return needs_racks(t); });
    if (by_rack) {
      assign_by_rack();
    } else {
      for (const auto& t : index_.topics()) {
        if (t.partitions != 0)
          finish(t, range_state{subscribers_[t.audience], t.partitions});
      }
    }
    return index_.plan(owners_);
  }

private:
  using topic = group_index::topic;

  /// Whether racks make a difference: a subscriber and a replica share one, and not every
  /// partition is in every rack.
  [[nodiscard]] bool needs_racks(const topic& t) const {
    if (t.partitions == 0)
      return false;
    std::vector<std::string_view> all;
    std::vector<std::string_view> here;
    bool differ = false;
    for (std::uint32_t p = 0; p != t.partitions; ++p) {
      here.clear();
      if (p < t.from->racks.size()) {
        for (const auto& rack : t.from->racks[p]) {
          if (std::ranges::find(here, rack) == here.end())
            here.push_back(rack);
          if (std::ranges::find(all, rack) == all.end()) {
            differ = differ || p != 0;
            all.push_back(rack);
          }
        }
      }
      differ = differ || here.size() != all.size();
    }
    return differ && std::ranges::any_of(subscribers_[t.audience], [&](std::uint32_t m) {
      const auto& rack = index_.members()[m].from->subscription.rack_id;
      return rack && !rack->empty() && std::ranges::find(all, *rack) != all.end();
    });
  }

  void assign_by_rack() {
    // Topics of one size and with the same subscribers stay together.
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<const topic*>> alike;
    for (const auto& t : index_.topics()) {
      if (t.partitions != 0)
        alike[{t.audience, t.partitions}].push_back(&t);
    }
    for (const auto& [key, topics] : alike) {
      range_state state{subscribers_[key.first], key.second};
      if (topics.size() > 1)
        assign_together(topics, state);
      else if (needs_racks(*topics.front()))
        assign_matching(*topics.front(), state);
      for (const auto* t : topics)
        finish(*t, state);
    }
  }

  /// The places among `takers` of those in each rack; behind them, of those in none.
  [[nodiscard]] std::vector<member_list> by_rack(const member_list& takers) const {
    std::vector<member_list> places(racks_.size() + 1);
    for (std::uint32_t i = 0; i != takers.size(); ++i) {
      const auto rack = racks_.of(takers[i]);
      places[rack == group_index::none ? racks_.size() : rack].push_back(i);
    }
    return places;
  }

  /// Each partition, of all topics at once, goes to the first subscriber with room that
  /// shares a rack with all of them. Racks in which nobody has room are left behind.
  void assign_together(const std::vector<const topic*>& topics, range_state& state) {
    const auto places = by_rack(state.takers());
    std::vector<std::size_t> next(places.size());
    std::vector<std::uint32_t> common;
    std::vector<std::uint32_t> here;
    std::vector<std::uint32_t> both;
    for (std::uint32_t p = 0; p != state.partitions(); ++p) {
      racks_.of_partition(*topics.front(), p, common);
      for (std::size_t i = 1; i != topics.size() && !common.empty(); ++i) {
        racks_.of_partition(*topics[i], p, here);
        both.clear();
        std::ranges::set_intersection(common, here, std::back_inserter(both));
        common.swap(both);
      }
      common.push_back(static_cast<std::uint32_t>(racks_.size()));
      auto first = group_index::none;
      for (const auto rack : common) {
        auto& at = next[rack];
        while (at != places[rack].size() && state.room(places[rack][at]) == 0)
          ++at;
        if (at != places[rack].size())
          first = std::min(first, places[rack][at]);
      }
      if (first == group_index::none)
        continue;
      for (const auto* t : topics)
        state.give(first, p, owners_.data() + t->first);
      state.count(first, 1);
    }
  }

  /// Each subscriber in turn takes what is in its rack.
  void assign_matching(const topic& t, range_state& state) {
    std::vector<std::vector<std::uint32_t>> in_rack(racks_.size() + 1);
    std::vector<std::uint32_t> here;
    for (std::uint32_t p = 0; p != t.partitions; ++p) {
      racks_.of_partition(t, p, here);
      for (const auto rack : here)
        in_rack[rack].push_back(p);
      in_rack.back().push_back(p);
    }
    std::vector<std::size_t> next(in_rack.size());
    for (std::size_t i = 0; i != state.takers().size(); ++i) {
      const auto own = racks_.of(state.takers()[i]);
      const auto rack = own == group_index::none ? racks_.size() : own;
      const auto room = state.room(i);
      std::size_t got = 0;
      for (auto& at = next[rack]; got != room && at != in_rack[rack].size(); ++at) {
        if (state.taken(in_rack[rack][at]))
          continue;
        state.give(i, in_rack[rack][at], owners_.data() + t.first);
        ++got;
      }
      state.count(i, got);
    }
  }

  /// What is left goes to the subscribers in turn. Takes the state of its own: topics
  /// that were assigned together go on from the same one.
  void finish(const topic& t, range_state state) {
    std::uint32_t p = 0;
    for (std::size_t i = 0; i != state.takers().size() && p != t.partitions; ++i) {
      const auto room = state.room(i);
      std::size_t got = 0;
      for (; got != room && p != t.partitions; ++p) {
        if (state.taken(p))
          continue;
        state.give(i, p, owners_.data() + t.first);
        ++got;
      }
      state.count(i, got);
    }
  }

  const group_index& index_;
  member_racks racks_;
  std::vector<member_list> subscribers_;
  std::vector<std::uint32_t> owners_;
};

result<group_plan> assign_ranges(const group_view& view) {
  const group_index index{view};
  if (auto e = index.check())
    return e;
  return range_search{index}.run();
}

} // namespace

assignor range_assignor() {
  return {.name = "range", .assign = assign_ranges};
}

} // namespace cafka::protocol
