#pragma once

#include "../protocol/result.hpp"

#include <caf/actor_system.hpp>
#include <caf/telemetry/gauge.hpp>
#include <caf/telemetry/metric_registry.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cafka::actors {

/// The label of metrics whose owner comes too late for one of its own.
inline constexpr const char* other_names = "other";

/// Upper bounds of the latencies of requests, in seconds.
inline constexpr std::array latency_bounds{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
  0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0};

/// How many owners of a kind get metrics under their own names.
inline constexpr std::size_t most_metric_names = 128;

/// Error `invalid_argument` for what cannot be the name of a producer or consumer: an
/// empty text, one that is not UTF-8 or longer than 500 bytes, one with a control
/// character, a quotation mark (") or a backslash. CAF writes names into Prometheus' page
/// as they are, and a single one of those makes all of the page unreadable.
[[nodiscard]] protocol::error check_metric_name(const std::string& name);

/// The label for the metrics of an owner of this kind: its name, if it is one of the
/// first `most_metric_names` in the actor system, and otherwise `other`.
///
/// CAF keeps each metric as long as the actor system lives, and finds it by looking at
/// one after the other: names that are made up for a while must not add to them for ever.
/// Those under `other` count together, so that a gauge is changed by differences.
[[nodiscard]] std::string metric_name(
  caf::actor_system& sys, std::string_view kind, const std::string& name);

/// A part of a gauge that several may share. Any thread.
class gauge_share {
public:
  gauge_share& operator=(caf::telemetry::int_gauge* of) {
    of_ = of;
    return *this;
  }

  void value(std::int64_t now) {
    const auto before = told_.exchange(now, std::memory_order_relaxed);
    if (now != before)
      of_->inc(now - before);
  }

private:
  caf::telemetry::int_gauge* of_ = nullptr;
  std::atomic<std::int64_t> told_ = 0;
};

} // namespace cafka::actors
