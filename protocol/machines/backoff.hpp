#pragma once

#include "../defaults.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

namespace cafka::protocol {

/// How long to wait before trying again: doubling, with jitter.
struct backoff_options {
  std::chrono::milliseconds initial;
  std::chrono::milliseconds max;
  /// Each wait is drawn from `1 - jitter` to `1 + jitter` times its nominal length.
  double jitter = defaults::backoff_jitter;
};

namespace defaults {

inline constexpr backoff_options reconnect{reconnect_backoff, reconnect_backoff_max};
/// After a login that failed: brokers take their time for each, and log it.
inline constexpr backoff_options login{login_backoff, login_backoff_max};
inline constexpr backoff_options retry{retry_backoff, retry_backoff_max};

} // namespace defaults

/// The wait before attempt `n` + 1, `n` failures having come before (at least one). Never
/// less than a millisecond, so that nothing tries again and again in the same moment.
template <class Generator>
[[nodiscard]] std::chrono::milliseconds backoff(
  const backoff_options& options, std::uint32_t n, Generator& random) {
  auto nominal = options.initial;
  for (std::uint32_t i = 1; i < n && nominal < options.max; ++i)
    nominal *= 2;
  nominal = std::min(nominal, options.max);
  // The standard library's distributions differ from one to the other.
  const auto share = static_cast<double>(random() - Generator::min())
    / static_cast<double>(Generator::max() - Generator::min());
  const auto factor = 1 - options.jitter + 2 * options.jitter * share;
  const auto wait = static_cast<double>(nominal.count()) * factor;
  return std::chrono::milliseconds{std::max<std::int64_t>(std::llround(wait), 1)};
}

} // namespace cafka::protocol
