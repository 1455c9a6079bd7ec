#pragma once

#include "failure_policy.hpp"
#include "records/record.hpp"
#include "result.hpp"
#include "topic_partition.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cafka::protocol {

/// What is known of a record that could not be handled.
struct dead_letter_origin {
  std::string group = {};
  topic_partition which = {};
  log_offset offset = -1;
  timestamp time = no_timestamp;
  timestamp_type time_type = timestamp_type::none;
  std::uint32_t attempts = 0;
  error why = {};
};

/// The headers that say where a dead letter comes from, and why.
[[nodiscard]] std::vector<record::header> headers_of(
  const dead_letter_origin& from, dead_letter_headers names);

} // namespace cafka::protocol
