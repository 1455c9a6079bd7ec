#pragma once

#include <cstdint>
#include <vector>

namespace cafka::protocol {

/// What is known of a group where only the balance is to be decided: members with the
/// same subscription are alike, and so are topics with the same subscribers.
struct balance_question {
  /// How many members have each subscription; none is 0.
  std::vector<std::int64_t> members = {};
  /// How many partitions the topics of each audience have.
  std::vector<std::int32_t> partitions = {};
  /// For each subscription the audiences of its topics, ascending.
  std::vector<std::vector<std::uint32_t>> wishes = {};
};

/// The balance that cannot be improved: no chain of members that hand partitions on makes
/// a large share smaller and a small one larger. It falls into parts that have nothing to
/// do with each other.
struct balance {
  /// The most partitions that a member with this subscription gets. All get so many or
  /// one less.
  std::vector<std::int64_t> most = {};
  /// The part of each subscription. A member gets only what is in the part of its own.
  std::vector<std::uint32_t> part_of_members = {};
  /// The part of each audience.
  std::vector<std::uint32_t> part_of_partitions = {};
};

/// The best balance.
[[nodiscard]] balance best_balance(const balance_question& asked);

} // namespace cafka::protocol
