#pragma once

#include <cstdint>

namespace cafka::protocol {

/// Where reading begins that has no offset to begin at. KafkaEx: `auto_offset_reset`.
enum class offset_reset : std::uint8_t {
  none,     ///< At the first offset still in the log; an offset out of range is an error.
  earliest, ///< At the first offset still in the log.
  latest,   ///< At the end of the log.
};

} // namespace cafka::protocol
