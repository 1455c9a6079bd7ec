#pragma once

#include "../../protocol/machines/producer_machine.hpp"
#include "../../protocol/schema/api_key.hpp"
#include "../metric_names.hpp"

#include <caf/actor_system.hpp>
#include <caf/telemetry/metric_registry.hpp>

#include <string>

namespace cafka::actors {

/// A producer's metrics in CAF's registry, labelled with its name; docs/metrics.md lists
/// them.
class producer_metrics {
public:
  using time_point = std::chrono::steady_clock::time_point;

  producer_metrics(caf::actor_system& sys, const std::string& producer);
  /// Takes what the gauges counted with it.
  ~producer_metrics();
  producer_metrics(const producer_metrics&) = delete;
  producer_metrics& operator=(const producer_metrics&) = delete;

  void delivered(const protocol::delivery_report& report, time_point now);
  /// A request of the API, of those that a producer sends, was answered.
  void request_took(protocol::api_key what, time_point::duration d);
  /// `thrown`: by the program's callbacks, since the last time.
  void update(const protocol::producer_machine& machine, std::size_t buffer_bytes,
    std::uint64_t thrown);

private:
  caf::telemetry::int_counter* records_;
  caf::telemetry::int_counter* failed_records_;
  caf::telemetry::int_counter* bytes_;
  caf::telemetry::int_counter* batches_;
  caf::telemetry::int_counter* requests_;
  caf::telemetry::int_counter* retries_;
  caf::telemetry::int_counter* epoch_bumps_;
  caf::telemetry::int_counter* splits_;
  caf::telemetry::int_counter* callback_errors_;
  gauge_share buffer_bytes_;
  gauge_share pending_batches_;
  gauge_share stalled_topics_;
  caf::telemetry::dbl_histogram* produce_latency_;
  caf::telemetry::dbl_histogram* metadata_latency_;
  caf::telemetry::dbl_histogram* identity_latency_;
  caf::telemetry::dbl_histogram* delivery_latency_;
  protocol::producer_machine::counters told_;
};

} // namespace cafka::actors
