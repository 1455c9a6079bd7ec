#pragma once

#include "../types.hpp"

#include <concepts>
#include <cstdint>
#include <optional>

namespace cafka::protocol {

/// Where the reading of a partition begins: an offset, or a moment that is looked up.
///
/// A number is an offset and a time is a moment: `start_at{42}`,
/// `start_at{std::chrono::system_clock::now()}`.
class start_at {
public:
  /// At the first record still in the log.
  constexpr start_at() = default;
  /// At an offset, as `offset`.
  constexpr start_at(log_offset o) : moment_(false), value_(o.value()) {}
  /// At an offset.
  template <std::integral Number>
  constexpr start_at(Number o) : start_at(log_offset{static_cast<std::int64_t>(o)}) {}
  /// At a moment, as `time`.
  template <class Duration>
  constexpr start_at(std::chrono::sys_time<Duration> t)
    : value_(timestamp_from(t).time_since_epoch().count()) {}

  /// At this offset; when it is out of range, as `auto_offset_reset` says.
  static constexpr start_at offset(log_offset o) { return {o}; }
  /// The first record still in the log.
  static constexpr start_at earliest() { return mark(-2); }
  /// Behind the last record that is there when the broker is asked.
  static constexpr start_at latest() { return mark(-1); }
  /// The record with the latest time. Kafka 3.0 and later (KIP-734).
  static constexpr start_at max_timestamp() { return mark(-3); }
  /// The first record at or after a moment; behind the last one where there is none.
  template <class Duration>
  static constexpr start_at time(std::chrono::sys_time<Duration> t) {
    return {t};
  }

  /// Whether `value` is to be looked up, as ListOffsets takes it.
  [[nodiscard]] constexpr bool is_moment() const { return moment_; }
  /// As Kafka numbers it: an offset or a time in milliseconds since the epoch, by the
  /// kind of start.
  [[nodiscard]] constexpr std::int64_t value() const { return value_; }

  friend bool operator==(const start_at&, const start_at&) = default;

private:
  static constexpr start_at mark(std::int64_t of_kafka) {
    start_at result;
    result.value_ = of_kafka;
    return result;
  }

  bool moment_ = true;
  std::int64_t value_ = -2;
};

/// Where reading goes on whose offset is out of range, and begins that is told no other
/// place. Kafka: `auto.offset.reset`.
enum class offset_reset : std::uint8_t {
  none,     ///< Nowhere: an offset out of range is an error. Without one, at the first
            ///< offset still in the log.
  earliest, ///< At the first offset still in the log.
  latest,   ///< At the end of the log.
};

/// The place that the policy names; nothing for `none`.
[[nodiscard]] constexpr std::optional<start_at> place_of(offset_reset policy) {
  switch (policy) {
  case offset_reset::none: break;
  case offset_reset::earliest: return start_at::earliest();
  case offset_reset::latest: return start_at::latest();
  }
  return std::nullopt;
}

} // namespace cafka::protocol
