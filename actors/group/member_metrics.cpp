#include "member_metrics.hpp"

#include <array>
#include <chrono>
#include <string_view>

namespace cafka::actors {

namespace {

// CAF takes no pointer to characters where clang compiles it.
constexpr std::string_view prefix = "cafka.member";

/// Upper bounds of what rebalances take, in seconds.
constexpr std::array rebalance_bounds{
  0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0};

double in_seconds(protocol::time_point::duration d) {
  return std::chrono::duration<double>(d).count();
}

} // namespace

member_metrics::member_metrics(caf::actor_system& sys, const std::string& owner)
  : all_(sys.metrics()), label_(metric_name(sys, "consumer", owner)) {
  const auto counter = [&](std::string_view name, std::string_view help) {
    return all_.counter_family(prefix, name, {"consumer"}, help, "1", true)
      ->get_or_add({{"consumer", label_}});
  };
  rebalances_ = counter("rebalances", "Rebalances that the member has taken part in.");
  lost_ = counter("lost-partitions", "Partitions lost without having been given up.");
  commits_ = counter("commits", "Requests by which offsets were committed.");
  partitions_ =
    all_.gauge_family(prefix, "partitions", {"consumer"}, "Partitions that it has.", "1")
      ->get_or_add({{"consumer", label_}});
  rebalance_time_ =
    all_
      .histogram_family<double>(prefix, "rebalance-time", {"consumer"}, rebalance_bounds,
        "From the beginning of a rebalance to its end.", "seconds")
      ->get_or_add({{"consumer", label_}});
}

void member_metrics::request_took(protocol::api_key what, time_point::duration d) {
  auto& latency = latencies_[what];
  if (latency == nullptr)
    latency = all_
                .histogram_family<double>(prefix, "request-latency", {"consumer", "api"},
                  latency_bounds, "From a request to its answer.", "seconds")
                ->get_or_add({{"consumer", label_}, {"api", protocol::name(what)}});
  latency->observe(in_seconds(d));
}

void member_metrics::is(
  time_point now, protocol::group_member::phase doing, std::size_t partitions) {
  using phase = protocol::group_member::phase;
  partitions_.value(static_cast<std::int64_t>(partitions));
  switch (doing) {
  case phase::waiting:
  case phase::revoking:
  case phase::joining:
  case phase::assigning:
  case phase::syncing:
    if (!rebalances_since_)
      rebalances_since_ = now;
    break;
  case phase::stable:
    if (rebalances_since_)
      rebalance_time_->observe(in_seconds(now - *rebalances_since_));
    rebalances_since_.reset();
    break;
  case phase::idle:
  case phase::leaving:
  case phase::ended: rebalances_since_.reset(); break;
  }
}

} // namespace cafka::actors
