#pragma once

#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <span>

namespace cafka::protocol {

/// A view of bytes: it does not own them.
using byte_view = std::span<const std::byte>;

/// Timestamps on the wire: milliseconds since the Unix epoch, UTC.
using timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

/// The first whole millisecond that is not before a moment.
template <class Duration>
constexpr timestamp timestamp_from(std::chrono::sys_time<Duration> moment) {
  return std::chrono::ceil<std::chrono::milliseconds>(moment);
}

/// An integer with a meaning: built from a plain integer in silence, turned back into one
/// by `value()` only, so that a partition never passes for an offset.
template <class Tag, class Rep>
class strong_int {
public:
  using rep = Rep;

  constexpr strong_int() = default;
  /// The integer with this meaning.
  constexpr strong_int(Rep value) : value_(value) {}

  /// The plain integer.
  [[nodiscard]] constexpr Rep value() const { return value_; }

  friend constexpr auto operator<=>(strong_int, strong_int) = default;
  /// The sum, with the same meaning.
  friend constexpr strong_int operator+(strong_int a, Rep b) {
    return {static_cast<Rep>(a.value_ + b)};
  }
  /// The distance, a plain integer.
  friend constexpr Rep operator-(strong_int a, strong_int b) {
    return static_cast<Rep>(a.value_ - b.value_);
  }
  /// Adds one.
  constexpr strong_int& operator++() {
    ++value_;
    return *this;
  }

  /// Prints the plain integer.
  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(
    std::basic_ostream<char, Traits>& out, strong_int x) {
    return out << x.value_;
  }

  template <class Inspector>
  friend bool inspect(Inspector& f, strong_int& x) {
    return f.apply(x.value_);
  }

private:
  Rep value_ = 0;
};

/// Whether a type is a `strong_int`.
template <class T>
inline constexpr bool is_strong_int = false;
/// A `strong_int` is one.
template <class Tag, class Rep>
inline constexpr bool is_strong_int<strong_int<Tag, Rep>> = true;

/// A partition's number within its topic, from 0.
using partition_id = strong_int<struct partition_tag, std::int32_t>;
/// A record's place in its partition's log; -1 where Kafka says "none".
using log_offset = strong_int<struct offset_tag, std::int64_t>;
/// A leader's epoch; -1 where it is not known.
using leader_epoch = strong_int<struct epoch_tag, std::int32_t>;
/// A broker's number in its cluster; -1 where there is none.
using broker_id = strong_int<struct broker_tag, std::int32_t>;

} // namespace cafka::protocol

template <class Tag, class Rep>
struct std::hash<cafka::protocol::strong_int<Tag, Rep>> {
  std::size_t operator()(cafka::protocol::strong_int<Tag, Rep> x) const noexcept {
    return std::hash<Rep>{}(x.value());
  }
};
