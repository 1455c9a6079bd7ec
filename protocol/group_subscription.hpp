#pragma once

#include "member_protocol.hpp"
#include "result.hpp"

#include <string>
#include <vector>

namespace cafka::protocol {

/// What a member of a group reads.
struct group_subscription {
  /// Topics by their names.
  std::vector<std::string> topics = {};
  /// And all others whose whole name the expression matches, but for Kafka's own;
  /// ECMAScript's syntax. Members of the consumer protocol leave it to the coordinator,
  /// which reads it as RE2 does. Empty: none.
  std::string pattern = {};

  friend bool operator==(const group_subscription&, const group_subscription&) = default;
};

/// `invalid_argument` for a name that no topic can have, and an expression that cannot be
/// read; with the consumer protocol the coordinator reads it.
[[nodiscard]] error check(
  const group_subscription& what, member_protocol by = member_protocol::classic);

} // namespace cafka::protocol
