#pragma once

#include "../../protocol/machines/consumer_machine.hpp"
#include "../../protocol/schema/api_key.hpp"
#include "../metric_names.hpp"

#include <caf/actor_system.hpp>
#include <caf/telemetry/metric_registry.hpp>

#include <string>

namespace cafka::actors {

/// A consumer's metrics in CAF's registry, labelled with its name; docs/metrics.md lists
/// them. Any thread; `update` the consumer's actor alone.
class consumer_metrics {
public:
  using time_point = std::chrono::steady_clock::time_point;

  consumer_metrics(caf::actor_system& sys, const std::string& consumer);
  consumer_metrics(const consumer_metrics&) = delete;
  consumer_metrics& operator=(const consumer_metrics&) = delete;

  /// The program was handed so much.
  void handed_out(std::size_t records, std::size_t bytes, std::size_t batches);
  /// So many bytes lie there, and so many more are still held.
  void memory(std::size_t queue, std::size_t held);
  /// A request of the API, of those that a consumer sends, was answered.
  void request_took(protocol::api_key what, time_point::duration d);
  void restarted() { told_ = {}; }
  /// Nothing is held, lies there or lags any more. A handle may live longer than the
  /// registry, so it must not wait for the last one.
  void ended();
  void update(const protocol::consumer_machine& machine);

private:
  caf::telemetry::int_counter* records_;
  caf::telemetry::int_counter* bytes_;
  caf::telemetry::int_counter* batches_;
  caf::telemetry::int_counter* fetches_;
  caf::telemetry::int_counter* sessions_;
  caf::telemetry::int_counter* errors_;
  gauge_share queue_bytes_;
  gauge_share held_bytes_;
  gauge_share lag_;
  gauge_share stalled_;
  caf::telemetry::dbl_histogram* fetch_latency_;
  caf::telemetry::dbl_histogram* offsets_latency_;
  caf::telemetry::dbl_histogram* metadata_latency_;
  protocol::consumer_machine::counters told_;
};

} // namespace cafka::actors
