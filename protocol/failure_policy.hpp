#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cafka::protocol {

namespace defaults {

/// Of a record.
inline constexpr std::uint32_t max_attempts = 3;
inline constexpr std::chrono::milliseconds attempt_backoff{100};
inline constexpr std::chrono::milliseconds attempt_backoff_max{10'000};
inline constexpr std::size_t max_unacknowledged = 16;

} // namespace defaults

/// What becomes of a record that its handler has failed to handle in all its attempts.
enum class failure_policy : std::uint8_t {
  pause,       ///< Its partition is handled no further until it is resumed; others go on.
  skip,        ///< It counts as handled.
  dead_letter, ///< It counts as handled once it is in the dead-letter topic.
  end_group    ///< The member leaves the group.
};

/// The policy's name, as `dead_letter`.
[[nodiscard]] std::string_view to_string(failure_policy p);

/// Whose names the headers of a dead letter have.
enum class dead_letter_headers : std::uint8_t {
  spring,  ///< Spring's: `kafka_dlt-original-topic`, ...; numbers are big-endian.
  connect, ///< Kafka Connect's: `__connect.errors.topic`, ...; numbers are text
           ///< (KIP-298).
  streams  ///< Kafka Streams': `__streams.errors.topic`, ...; likewise (KIP-1034).
};

/// The name, as `spring`.
[[nodiscard]] std::string_view to_string(dead_letter_headers h);

} // namespace cafka::protocol
