#pragma once

#include <cafka/protocol/machines/time_point.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cafka::simulate {

using protocol::time_point;
using duration = time_point::duration;

/// Numbers that follow from a seed, the same on every machine: the distributions of the
/// standard library are not.
///
/// Source: Steele and others, SplitMix64.
class random_source {
public:
  explicit random_source(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9E3779B97F4A7C15U;
    return mixed(state_);
  }
  /// From 0 to `n` - 1; 0 for none.
  std::uint64_t below(std::uint64_t n) { return n == 0 ? 0 : next() % n; }
  /// Both ends included.
  std::int64_t between(std::int64_t first, std::int64_t last) {
    return first
      + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(last - first) + 1));
  }
  /// Both ends included, to the microsecond.
  duration between(duration first, duration last) {
    using std::chrono::microseconds;
    return microseconds{between(std::chrono::duration_cast<microseconds>(first).count(),
      std::chrono::duration_cast<microseconds>(last).count())};
  }
  /// So many times in a thousand.
  bool chance(unsigned in_a_thousand) { return below(1'000) < in_a_thousand; }
  /// Small numbers are more likely than large ones: each power of two is as likely as any
  /// other, up to `most`.
  std::uint64_t skewed(std::uint64_t most) {
    auto bits = 0U;
    while (bits < 63 && (std::uint64_t{1} << bits) < most)
      ++bits;
    const auto drawn = below(std::uint64_t{1} << below(bits + 1));
    return drawn < most ? drawn : most;
  }
  template <class T>
  const T& pick(const std::vector<T>& all) {
    return all[static_cast<std::size_t>(below(all.size()))];
  }
  /// A source of its own for a part of the world: what one part draws does not change
  /// what the others do.
  [[nodiscard]] random_source fork(std::string_view part) const {
    auto sum = state_;
    for (const auto c : part)
      sum = mixed(sum ^ static_cast<std::uint8_t>(c));
    return random_source{sum};
  }

private:
  static std::uint64_t mixed(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
    return x ^ (x >> 31);
  }

  std::uint64_t state_;
};

} // namespace cafka::simulate
