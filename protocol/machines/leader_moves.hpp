#pragma once

#include "../types.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace cafka::protocol {

/// Collects which partitions got another leader, so that one line can tell of all that
/// one answer brought.
class leader_moves {
public:
  /// What was told last of a partition's leader: one that never had one, and one that has
  /// none any more.
  static constexpr broker_id never = -1;
  /// Partitions that have no leader now.
  static constexpr broker_id none_now = -2;

  /// A broker says that `leader` leads, -1 for none. `told` is what was told last, and
  /// is changed; it begins as `never`, and a first leader is no move.
  void note(broker_id& told, broker_id leader, const std::string& topic, partition_id p) {
    const auto now = leader.value() < 0 ? (told == never ? never : none_now) : leader;
    const auto before = std::exchange(told, now);
    if (before == never || before == now)
      return;
    ++count_;
    if (first_.size() < most_named)
      first_.push_back({topic, p, before, now});
  }

  [[nodiscard]] bool empty() const { return count_ == 0; }

  /// `leader moved: t/0 from broker 1 to 2, t/1 from broker 1 to none and 7 more`.
  [[nodiscard]] std::string text() const;

private:
  static constexpr std::size_t most_named = 5;

  struct move {
    std::string topic;
    partition_id partition;
    broker_id from;
    broker_id to;
  };

  std::vector<move> first_;
  std::size_t count_ = 0;
};

} // namespace cafka::protocol
