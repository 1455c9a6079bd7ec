#include "assignor.hpp"
#include "balance.hpp"
#include "group_index.hpp"
#include "partition_flow.hpp"
#include "sticky_data.hpp"

#include <algorithm>
#include <unordered_map>

namespace cafka::protocol {

namespace {

constexpr auto nobody = group_index::none;

/// Who held each partition, by what the members say.
class claim_table {
public:
  explicit claim_table(const group_index& index)
    : index_(index), claims_(index.partitions()) {}

  /// One member's words. What makes no sense in them is passed over.
  void read(std::uint32_t member, rebalance_protocol protocol) {
    const auto& s = index_.members()[member].from->subscription;
    const auto data = s.user_data ? s.user_data->view() : byte_view{};
    if (protocol == rebalance_protocol::eager) {
      // Its subscription says nothing of what it held: it gave all of it up to join.
      read_sticky_data(
        data, [&](std::int32_t generation, std::string_view topic, byte_view numbers) {
          if (enter(topic)) {
            for (reader in{numbers}; in.remaining() != 0;)
              claim(member, in.i32(), generation);
          }
        });
      return;
    }
    const auto generation =
      s.generation_id >= 0 ? s.generation_id : read_cooperative_data(data);
    for (const auto& t : s.owned_partitions) {
      if (enter(t.topic)) {
        for (const auto p : t.partitions)
          claim(member, p.value(), generation);
      }
    }
  }

  /// Who alone held it in the highest generation.
  [[nodiscard]] std::uint32_t owner(std::uint32_t partition) const {
    const auto& c = claims_[partition];
    return c.disputed ? nobody : c.member;
  }
  /// Whether a member other than `member` may still hold it.
  [[nodiscard]] bool held_by_other(std::uint32_t partition, std::uint32_t member) const {
    const auto& c = claims_[partition];
    return c.member != nobody && (c.disputed || c.member != member);
  }

private:
  struct claimed {
    std::uint32_t member = nobody;
    std::int32_t generation = -1;
    bool disputed = false;
  };

  bool enter(std::string_view topic) {
    at_ = index_.topic_named(topic, near_);
    if (at_ == nobody)
      return false;
    near_ = at_ + 1;
    return true;
  }

  void claim(std::uint32_t member, std::int32_t partition, std::int32_t generation) {
    const auto& t = index_.topics()[at_];
    if (partition < 0 || static_cast<std::uint32_t>(partition) >= t.partitions)
      return;
    generation = std::max(generation, -1);
    auto& c = claims_[t.first + static_cast<std::uint32_t>(partition)];
    if (c.member == nobody || generation > c.generation)
      c = {member, generation, false};
    else if (generation == c.generation && member != c.member)
      c.disputed = true;
  }

  const group_index& index_;
  std::vector<claimed> claims_;
  /// The topic that is read, and the one that probably follows.
  std::uint32_t at_ = nobody;
  std::uint32_t near_ = 0;
};

/// The partitions by kind: those of one kind have the same subscribers and the same
/// racks.
class partition_kinds {
public:
  partition_kinds(const group_index& index, const member_racks& racks)
    : by_audience_(index.audiences().size()) {
    // Beyond this many counts the decision would take longer than it is worth: then only
    // the first replica's rack is looked at, or none.
    constexpr std::size_t limit = 1'000'000;
    const auto most = std::max(limit / std::max<std::size_t>(1, index.members().size()),
      4 * index.audiences().size());
    const auto numbered = !racks.empty()
      && (number(index, racks, all_replicas, most) || number(index, racks, 1, most));
    if (!numbered)
      number_without(index);
  }

  /// A partition's kind.
  [[nodiscard]] std::uint32_t of(std::uint32_t partition) const { return of_[partition]; }
  /// How many partitions each kind has.
  [[nodiscard]] const std::vector<std::int32_t>& sizes() const { return sizes_; }
  /// The kinds of an audience's partitions, ascending.
  [[nodiscard]] const std::vector<std::uint32_t>& of_audience(
    std::uint32_t audience) const {
    return by_audience_[audience];
  }
  /// Whether a member in a rack is far from all replicas of a kind.
  [[nodiscard]] bool far(std::uint32_t kind, std::uint32_t rack) const {
    return rack != group_index::none && known_[kind]
      && !std::ranges::binary_search(racks_[kind], rack);
  }

private:
  static constexpr std::size_t all_replicas = static_cast<std::size_t>(-1);

  std::uint32_t add(
    std::uint32_t audience, bool known, std::vector<std::uint32_t> racks) {
    const auto kind = static_cast<std::uint32_t>(sizes_.size());
    by_audience_[audience].push_back(kind);
    sizes_.push_back(0);
    known_.push_back(known);
    racks_.push_back(std::move(racks));
    return kind;
  }

  void clear(const group_index& index) {
    of_.assign(index.partitions(), 0);
    sizes_.clear();
    known_.clear();
    racks_.clear();
    for (auto& kinds : by_audience_)
      kinds.clear();
  }

  /// Returns false when there are more kinds than `limit`.
  bool number(const group_index& index, const member_racks& racks, std::size_t replicas,
    std::size_t limit) {
    clear(index);
    // Few racks are a set of bits. Many are found one by one: those that were read lead
    // from one number to the next.
    const auto few = racks.size() < 31;
    std::unordered_map<std::uint64_t, std::uint32_t> steps;
    std::unordered_map<std::uint64_t, std::uint32_t> kinds;
    std::uint32_t lists = 2;
    std::vector<std::uint32_t> here;
    for (const auto& t : index.topics()) {
      for (std::uint32_t p = 0; p != t.partitions; ++p) {
        const auto known = p < t.from->racks.size() && !t.from->racks[p].empty();
        racks.of_partition(t, p, replicas, here);
        std::uint32_t list = known ? 1 : 0;
        for (const auto rack : here) {
          if (few) {
            list |= 2U << rack;
            continue;
          }
          const auto [step, is_new] =
            steps.try_emplace(std::uint64_t{list} << 32 | rack, lists);
          lists += is_new ? 1 : 0;
          list = step->second;
        }
        const auto [kind, is_new] =
          kinds.try_emplace(std::uint64_t{t.audience} << 32 | list, 0);
        if (is_new) {
          kind->second = add(t.audience, known, here);
          if (sizes_.size() > limit)
            return false;
        }
        of_[t.first + p] = kind->second;
        ++sizes_[kind->second];
      }
    }
    return true;
  }

  void number_without(const group_index& index) {
    clear(index);
    for (std::uint32_t a = 0; a != by_audience_.size(); ++a)
      add(a, false, {});
    for (const auto& t : index.topics()) {
      if (t.partitions == 0)
        continue;
      std::fill_n(of_.begin() + t.first, t.partitions, t.audience);
      sizes_[t.audience] += static_cast<std::int32_t>(t.partitions);
    }
  }

  std::vector<std::uint32_t> of_;
  std::vector<std::int32_t> sizes_;
  std::vector<bool> known_;
  std::vector<std::vector<std::uint32_t>> racks_;
  std::vector<std::vector<std::uint32_t>> by_audience_;
};

/// Decides in three steps: how large each share is (`best_balance`), how many of each
/// kind each member has (`partition_flow`), and which ones.
class sticky_search {
public:
  sticky_search(const group_index& index, rebalance_protocol protocol)
    : index_(index),
      protocol_(protocol),
      racks_(index),
      kinds_(index, racks_),
      claims_(index) {
    for (std::uint32_t m = 0; m != index_.members().size(); ++m)
      claims_.read(m, protocol_);
  }

  group_plan run() && {
    const auto balanced = best_balance(question());
    auto cells = count_owned(balanced);
    partition_flow flow{index_.members().size(), kinds_.sizes(), std::move(cells)};
    std::vector<std::int64_t> room;
    for (const auto& m : index_.members())
      room.push_back(std::max<std::int64_t>(balanced.most[m.wish] - 1, 0));
    flow.fill(room);
    for (std::size_t m = 0; m != room.size(); ++m)
      room[m] = balanced.most[index_.members()[m].wish];
    flow.fill(room);
    keep(flow);
    deal(flow);
    if (protocol_ == rebalance_protocol::cooperative)
      hold_back();
    return index_.plan(owners_);
  }

private:
  [[nodiscard]] balance_question question() const {
    balance_question asked;
    asked.members.resize(index_.wishes().size());
    for (const auto& m : index_.members())
      ++asked.members[m.wish];
    asked.partitions.resize(index_.audiences().size());
    for (const auto& t : index_.topics()) {
      if (t.partitions != 0)
        asked.partitions[t.audience] += static_cast<std::int32_t>(t.partitions);
    }
    asked.wishes.resize(index_.wishes().size());
    for (std::uint32_t a = 0; a != index_.audiences().size(); ++a) {
      for (const auto w : index_.audiences()[a])
        asked.wishes[w].push_back(a);
    }
    return asked;
  }

  /// The cells of each member, and in them how much it has already.
  std::vector<partition_flow::cell> count_owned(const balance& balanced) {
    // The kinds that members with one subscription may have.
    std::vector<std::vector<std::uint32_t>> kinds_of(index_.wishes().size());
    for (std::uint32_t a = 0; a != index_.audiences().size(); ++a) {
      for (const auto w : index_.audiences()[a]) {
        if (balanced.part_of_members[w] == balanced.part_of_partitions[a])
          kinds_of[w].insert(kinds_of[w].end(), kinds_.of_audience(a).begin(),
            kinds_.of_audience(a).end());
      }
    }
    for (auto& kinds : kinds_of)
      std::ranges::sort(kinds);
    std::vector<partition_flow::cell> cells;
    std::vector<std::uint32_t> from;
    for (std::uint32_t m = 0; m != index_.members().size(); ++m) {
      from.push_back(static_cast<std::uint32_t>(cells.size()));
      for (const auto kind : kinds_of[index_.members()[m].wish])
        cells.push_back(
          {.row = m, .column = kind, .far = kinds_.far(kind, racks_.of(m))});
    }
    cell_of_.assign(index_.partitions(), nobody);
    for (std::uint32_t p = 0; p != cell_of_.size(); ++p) {
      const auto owner = claims_.owner(p);
      if (owner == nobody)
        continue;
      const auto& kinds = kinds_of[index_.members()[owner].wish];
      const auto at = std::ranges::lower_bound(kinds, kinds_.of(p));
      // Not where it has unsubscribed, or where others have less and cannot take more.
      if (at == kinds.end() || *at != kinds_.of(p))
        continue;
      cell_of_[p] = from[owner] + static_cast<std::uint32_t>(at - kinds.begin());
      ++cells[cell_of_[p]].owned;
    }
    return cells;
  }

  /// Each member keeps of what it has as much as it gets of that kind.
  void keep(const partition_flow& flow) {
    owners_.assign(index_.partitions(), nobody);
    lacks_.reserve(flow.cells().size());
    for (const auto& c : flow.cells())
      lacks_.push_back(c.units);
    for (std::uint32_t p = 0; p != owners_.size(); ++p) {
      const auto cell = cell_of_[p];
      if (cell == nobody || lacks_[cell] == 0)
        continue;
      --lacks_[cell];
      owners_[p] = flow.cells()[cell].row;
    }
  }

  /// The others go, in order, to those in turn who lack some of their kind, so that a
  /// topic's partitions come to as many members as possible.
  void deal(const partition_flow& flow) {
    struct round {
      std::vector<std::uint32_t> cells;
      std::size_t next = 0;
    };
    std::vector<round> rounds(kinds_.sizes().size());
    const auto without_the_full = [&](std::vector<std::uint32_t>& cells) {
      std::erase_if(cells, [&](std::uint32_t i) { return lacks_[i] == 0; });
    };
    for (std::uint32_t kind = 0; kind != rounds.size(); ++kind) {
      const auto all = flow.cells_of(kind);
      rounds[kind].cells.assign(all.begin(), all.end());
      without_the_full(rounds[kind].cells);
    }
    for (std::uint32_t p = 0; p != owners_.size(); ++p) {
      if (owners_[p] != nobody)
        continue;
      auto& [cells, next] = rounds[kinds_.of(p)];
      if (next == cells.size()) {
        without_the_full(cells);
        next = 0;
      }
      const auto cell = cells[next++];
      --lacks_[cell];
      owners_[p] = flow.cells()[cell].row;
    }
  }

  /// Whoever is to lose a partition reads it until it has heard of it.
  void hold_back() {
    for (std::uint32_t p = 0; p != owners_.size(); ++p) {
      if (claims_.held_by_other(p, owners_[p]))
        owners_[p] = nobody;
    }
  }

  const group_index& index_;
  rebalance_protocol protocol_;
  member_racks racks_;
  partition_kinds kinds_;
  claim_table claims_;
  /// For each partition the cell of the member that has it and may keep it.
  std::vector<std::uint32_t> cell_of_;
  /// How many each cell is still to get.
  std::vector<std::int32_t> lacks_;
  std::vector<std::uint32_t> owners_;
};

template <rebalance_protocol Protocol>
result<group_plan> assign_sticky(const group_view& view) {
  const group_index index{view};
  if (auto e = index.check())
    return e;
  return sticky_search{index, Protocol}.run();
}

} // namespace

assignor sticky_assignor() {
  return {.name = "sticky",
    .user_data = sticky_user_data,
    .assign = assign_sticky<rebalance_protocol::eager>};
}

assignor cooperative_sticky_assignor() {
  return {.name = "cooperative-sticky",
    .protocol = rebalance_protocol::cooperative,
    .user_data = cooperative_user_data,
    .assign = assign_sticky<rebalance_protocol::cooperative>};
}

} // namespace cafka::protocol
