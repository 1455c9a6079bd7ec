#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <sys/resource.h>
#include <vector>

/// What the benchmarks share: percentiles, processor time, and a way to print them.
namespace bench {

using clock = std::chrono::steady_clock;

inline double microseconds(clock::duration d) {
  return std::chrono::duration<double, std::micro>(d).count();
}

/// The value below which the share `q` of all samples lies; sorts them.
inline double percentile(std::vector<double>& samples, double q) {
  std::ranges::sort(samples);
  const auto at = static_cast<std::size_t>(q * static_cast<double>(samples.size()));
  return samples[std::min(at, samples.size() - 1)];
}

inline double median(std::vector<double> samples) {
  return percentile(samples, 0.5);
}

/// Processor time of this process so far, user and system, in nanoseconds.
inline double cpu_nanoseconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto in_ns = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_usec) * 1e3;
  };
  return in_ns(usage.ru_utime) + in_ns(usage.ru_stime);
}

} // namespace bench
