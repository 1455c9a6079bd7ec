#pragma once

#include "../base/inspect.hpp"
#include "types.hpp"

#include <compare>
#include <string>

namespace cafka::protocol {

/// A partition of a topic.
struct topic_partition {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};

  friend auto operator<=>(const topic_partition&, const topic_partition&) = default;
};

CAFKA_INSPECT(topic_partition, topic, partition)

/// `topic/partition`.
[[nodiscard]] inline std::string to_string(const topic_partition& p) {
  return p.topic + '/' + std::to_string(p.partition.value());
}

} // namespace cafka::protocol
