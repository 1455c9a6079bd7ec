#pragma once

#include "../../protocol/machines/group_member.hpp"
#include "../metric_names.hpp"

#include <caf/actor_system.hpp>
#include <caf/telemetry/metric_registry.hpp>

#include <cstddef>
#include <map>
#include <optional>
#include <string>

namespace cafka::actors {

/// The metrics of a consumer's membership in CAF's registry, labelled with the consumer's
/// name; docs/metrics.md lists them. The member's actor alone.
class member_metrics {
public:
  using time_point = protocol::time_point;

  member_metrics(caf::actor_system& sys, const std::string& consumer);
  member_metrics(const member_metrics&) = delete;
  member_metrics& operator=(const member_metrics&) = delete;
  /// It has no partitions any more.
  ~member_metrics() { partitions_.value(0); }

  /// Partitions were given: a rebalance is over.
  void given() { rebalances_->inc(); }
  /// So many may be another member's already.
  void lost(std::size_t partitions) { lost_->inc(static_cast<std::int64_t>(partitions)); }
  /// Offsets were committed, in one request.
  void committed() { commits_->inc(); }
  /// The answer to a request took so long.
  void request_took(protocol::api_key what, time_point::duration d);
  /// What the member does, and how many partitions it has.
  void is(time_point now, protocol::group_member::phase doing, std::size_t partitions);

private:
  caf::telemetry::metric_registry& all_;
  std::string label_;
  caf::telemetry::int_counter* rebalances_;
  caf::telemetry::int_counter* lost_;
  caf::telemetry::int_counter* commits_;
  gauge_share partitions_;
  caf::telemetry::dbl_histogram* rebalance_time_;
  std::map<protocol::api_key, caf::telemetry::dbl_histogram*> latencies_;
  std::optional<time_point> rebalances_since_;
};

} // namespace cafka::actors
