#pragma once

#include "../../protocol/records/record.hpp"
#include "../../protocol/types.hpp"

namespace cafka::testing {

/// A record with its place in a log, with bytes of its own.
struct logged_record {
  /// Its offset.
  protocol::log_offset offset = -1;
  /// The record.
  protocol::record record;
};

} // namespace cafka::testing
