#pragma once

#include "../messages/find_coordinator.hpp"
#include "call.hpp"

namespace cafka::protocol {

/// The versions of FindCoordinator that can ask about it.
[[nodiscard]] version_range lookup_versions(const coordinator_of& what);

/// The request that asks who coordinates it.
[[nodiscard]] result<frame> encode_lookup(const coordinator_of& what,
  std::int16_t version, std::int32_t correlation_id, std::string_view client_id);

/// A broker and where it listens.
struct found_node {
  broker_id id = -1;
  endpoint address;
};

/// Reads the answer; an error is the broker's own, or `malformed_response`.
[[nodiscard]] result<found_node> decode_lookup(const coordinator_of& what,
  std::int16_t version, const result<find_coordinator_response>& answer);

} // namespace cafka::protocol
