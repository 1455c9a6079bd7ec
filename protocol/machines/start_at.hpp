#pragma once

#include "../types.hpp"

namespace cafka::protocol {

/// Where the reading of a partition begins: an offset, or a moment that is looked up.
class start_at {
public:
  /// At this offset; when it is out of range, as `auto_offset_reset` says.
  static constexpr start_at offset(log_offset o) { return {false, o.value()}; }
  /// The first record still in the log.
  static constexpr start_at earliest() { return {true, -2}; }
  /// Behind the last record that is there when the broker is asked.
  static constexpr start_at latest() { return {true, -1}; }
  /// The first record at or after a moment; behind the last one where there is none.
  template <class Duration>
  static constexpr start_at time(std::chrono::sys_time<Duration> t) {
    return {true, timestamp_from(t).time_since_epoch().count()};
  }

  constexpr start_at() = default;

  /// Whether `value` is to be looked up, as ListOffsets takes it.
  [[nodiscard]] constexpr bool is_moment() const { return moment_; }
  /// As Kafka numbers it: an offset or a time in milliseconds since the epoch, by the
  /// kind of start.
  [[nodiscard]] constexpr std::int64_t value() const { return value_; }

  friend bool operator==(const start_at&, const start_at&) = default;

private:
  constexpr start_at(bool moment, std::int64_t value) : moment_(moment), value_(value) {}

  bool moment_ = true;
  std::int64_t value_ = -2;
};

} // namespace cafka::protocol
