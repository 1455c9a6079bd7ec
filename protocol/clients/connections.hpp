#pragma once

#include "../machines/dispatcher.hpp"
#include "status.hpp"

#include <vector>

namespace cafka::protocol {

/// How a dispatcher's connections are, for people.
[[nodiscard]] std::vector<connection_status> connections_of(
  const dispatcher& all, time_point now);

} // namespace cafka::protocol
