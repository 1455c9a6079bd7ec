#pragma once

#include "../base/inspect.hpp"
#include "topic_partition.hpp"
#include "types.hpp"

namespace cafka::protocol {

/// An offset that a program has committed or commits, by hand.
struct offset_of_partition {
  /// Which partition.
  topic_partition which = {};
  /// The next record to read.
  log_offset offset = -1;
  /// The leader's epoch of the record before it; -1: it is not known (KIP-320).
  leader_epoch epoch = -1;

  friend bool operator==(
    const offset_of_partition&, const offset_of_partition&) = default;
};

CAFKA_INSPECT(offset_of_partition, which, offset, epoch)

} // namespace cafka::protocol
