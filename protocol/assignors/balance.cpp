#include "balance.hpp"

#include "partition_flow.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

using numbers = std::vector<std::uint32_t>;

/// Some subscriptions and audiences, apart from all others.
struct balance_part {
  numbers members;
  numbers partitions;
};

/// Splits parts until all members of one can have the same share, or one less. The parts
/// are those of Frank and Murota, "Decreasing minimization on M-convex sets": the members
/// that must have more than k are those that the partitions which find no room, where
/// nobody takes more than k, can be handed to by any chain.
class balance_search {
public:
  explicit balance_search(const balance_question& asked)
    : asked_(asked), place_(asked.partitions.size(), nowhere) {
    answer_.most.resize(asked.members.size());
    answer_.part_of_members.resize(asked.members.size());
    answer_.part_of_partitions.resize(asked.partitions.size());
  }

  balance run() && {
    balance_part all;
    for (std::uint32_t m = 0; m != asked_.members.size(); ++m)
      all.members.push_back(m);
    for (std::uint32_t p = 0; p != asked_.partitions.size(); ++p) {
      if (asked_.partitions[p] > 0)
        all.partitions.push_back(p);
    }
    open_.push_back(std::move(all));
    while (!open_.empty()) {
      const auto part = std::move(open_.back());
      open_.pop_back();
      settle(part);
    }
    return std::move(answer_);
  }

private:
  static constexpr std::uint32_t nowhere = 0xffff'ffff;

  void settle(const balance_part& part) {
    std::int64_t members = 0;
    std::int64_t partitions = 0;
    for (const auto m : part.members)
      members += asked_.members[m];
    for (const auto p : part.partitions)
      partitions += asked_.partitions[p];
    if (members == 0)
      return;
    // An even share is possible with at most one more, or the part is none.
    for (auto share = partitions / members;; ++share) {
      auto [more, less] = cut(part, share);
      if (more.members.empty()) {
        finish(part, share);
        return;
      }
      if (!less.members.empty()) {
        open_.push_back(std::move(less));
        open_.push_back(std::move(more));
        return;
      }
    }
  }

  /// Who must have more than `share`, and the others.
  std::pair<balance_part, balance_part> cut(
    const balance_part& part, std::int64_t share) {
    std::vector<std::int32_t> supply;
    for (const auto p : part.partitions) {
      place_[p] = static_cast<std::uint32_t>(supply.size());
      supply.push_back(asked_.partitions[p]);
    }
    std::vector<partition_flow::cell> cells;
    std::vector<std::int64_t> room;
    for (const auto m : part.members) {
      const auto row = static_cast<std::uint32_t>(room.size());
      room.push_back(share * asked_.members[m]);
      for (const auto p : asked_.wishes[m]) {
        if (place_[p] != nowhere)
          cells.push_back({.row = row, .column = place_[p]});
      }
    }
    for (const auto p : part.partitions)
      place_[p] = nowhere;
    partition_flow flow{room.size(), std::move(supply), std::move(cells)};
    flow.fill(room);
    std::pair<balance_part, balance_part> halves;
    for (std::uint32_t r = 0; r != part.members.size(); ++r)
      (flow.tight_row(r) ? halves.first : halves.second)
        .members.push_back(part.members[r]);
    for (std::uint32_t c = 0; c != part.partitions.size(); ++c)
      (flow.tight_column(c) ? halves.first : halves.second)
        .partitions.push_back(part.partitions[c]);
    return halves;
  }

  void finish(const balance_part& part, std::int64_t most) {
    for (const auto m : part.members) {
      answer_.most[m] = most;
      answer_.part_of_members[m] = parts_;
    }
    for (const auto p : part.partitions)
      answer_.part_of_partitions[p] = parts_;
    ++parts_;
  }

  const balance_question& asked_;
  balance answer_;
  std::vector<balance_part> open_;
  /// Where an audience stands in the part that is looked at.
  numbers place_;
  std::uint32_t parts_ = 0;
};

} // namespace

balance best_balance(const balance_question& asked) {
  return balance_search{asked}.run();
}

} // namespace cafka::protocol
