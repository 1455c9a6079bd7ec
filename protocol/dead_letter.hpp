#pragma once

#include "records/record.hpp"
#include "result.hpp"
#include "topic_partition.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

/// Whose names the headers of a dead letter have.
enum class dead_letter_headers : std::uint8_t {
  spring,  ///< Spring's: `kafka_dlt-original-topic`, ...; numbers are big-endian.
  connect, ///< Kafka Connect's: `__connect.errors.topic`, ...; numbers are text
           ///< (KIP-298).
  streams  ///< Kafka Streams': `__streams.errors.topic`, ...; likewise (KIP-1034).
};

/// The name, as `spring`.
[[nodiscard]] std::string_view to_string(dead_letter_headers h);

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
