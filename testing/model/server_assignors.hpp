#pragma once

#include "../../protocol/schema/uuid.hpp"

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

// The assignors of a coordinator of KIP-848, as functions.

namespace cafka::testing {

/// A partition of a topic that goes by its id.
struct group_place {
  protocol::uuid topic = {};
  std::int32_t partition = 0;

  friend auto operator<=>(const group_place&, const group_place&) = default;
};

using group_places = std::set<group_place>;

/// A member, for an assignor.
struct assignable_member {
  std::string id = {};
  std::optional<std::string> instance = {};
  /// The topics that it subscribes to and that there are.
  std::set<protocol::uuid> topics = {};
  /// What it is to have up to now.
  group_places has = {};
};

/// How many partitions each topic has.
using topic_sizes = std::map<protocol::uuid, std::int32_t>;
/// What each member is to have, by its id.
using group_assignment = std::map<std::string, group_places>;

/// Kafka's assignor `range`: of each topic a range to each subscriber, the first ones in
/// the order of instance ids, then of member ids, one more where it does not come out
/// even.
[[nodiscard]] group_assignment assign_ranges(
  const std::vector<assignable_member>& members, const topic_sizes& sizes);

/// Kafka's assignor `uniform`: members with the same subscriptions have numbers that
/// differ by one at most, and keep what they had as far as that allows.
///
/// Which partitions of several topics move, and which of equal members gets one more,
/// hangs in Kafka on how ids are hashed, and here on their order.
[[nodiscard]] group_assignment assign_uniformly(
  const std::vector<assignable_member>& members, const topic_sizes& sizes);

} // namespace cafka::testing
