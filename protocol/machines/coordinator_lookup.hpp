#pragma once

#include "../messages/find_coordinator.hpp"
#include "call.hpp"

namespace cafka::protocol {

/// The versions of FindCoordinator that can ask about it.
[[nodiscard]] version_range lookup_versions(const coordinator_of& what);

/// The request that asks who coordinates it.
[[nodiscard]] find_coordinator_request lookup_request(
  const coordinator_of& what, std::int16_t version);

/// A broker and where it listens.
struct found_node {
  broker_id id = -1;
  endpoint address;
};

/// What the answer says of it; an error is the broker's own, or `malformed_response`.
[[nodiscard]] result<found_node> found_in(const coordinator_of& what,
  std::int16_t version, const find_coordinator_response& answer);

} // namespace cafka::protocol
