#include "producer_metrics.hpp"

#include <string_view>

namespace cafka::actors {

namespace {

// CAF takes no pointer to characters where clang compiles it.
constexpr std::string_view prefix = "cafka.producer";

} // namespace

producer_metrics::producer_metrics(caf::actor_system& sys, const std::string& owner) {
  const auto producer = metric_name(sys, "producer", owner);
  auto& all = sys.metrics();
  const auto counter = [&](std::string_view name, std::string_view help,
                         std::string_view unit = "1") {
    return all.counter_family(prefix, name, {"producer"}, help, unit, true)
      ->get_or_add({{"producer", producer}});
  };
  const auto gauge = [&](std::string_view name, std::string_view help,
                       std::string_view unit = "1") {
    return all.gauge_family(prefix, name, {"producer"}, help, unit)
      ->get_or_add({{"producer", producer}});
  };
  const auto request_latency = [&](std::string_view api) {
    return all
      .histogram_family<double>(prefix, "request-latency", {"producer", "api"},
        latency_bounds, "From a request to its answer.", "seconds")
      ->get_or_add({{"producer", producer}, {"api", api}});
  };
  records_ = counter("records", "Records in the log.");
  failed_records_ = counter("failed-records", "Records whose outcome is an error.");
  bytes_ = counter("sent", "Bytes of batches in the log, compressed.", "bytes");
  batches_ = counter("batches", "Batches in the log.");
  requests_ = counter("requests", "Produce requests sent.");
  retries_ = counter("retries", "Batches sent again.");
  epoch_bumps_ = counter("epoch-bumps", "Epochs begun after an error.");
  buffer_bytes_ = gauge("buffer", "Memory of records without an outcome.", "bytes");
  pending_batches_ = gauge("pending-batches", "Closed batches without an outcome.");
  stalled_topics_ = gauge("stalled-topics", "Topics whose records make no progress.");
  callback_errors_ = counter("callback-errors", "Exceptions of the program's callbacks.");
  splits_ = counter("splits", "Batches made two, as brokers found them too large.");
  produce_latency_ = request_latency("Produce");
  metadata_latency_ = request_latency("Metadata");
  identity_latency_ = request_latency("InitProducerId");
  delivery_latency_ =
    all
      .histogram_family<double>(prefix, "delivery-latency", {"producer"}, latency_bounds,
        "From a batch's first record to its outcome.", "seconds")
      ->get_or_add({{"producer", producer}});
}

producer_metrics::~producer_metrics() {
  buffer_bytes_.value(0);
  pending_batches_.value(0);
  stalled_topics_.value(0);
}

void producer_metrics::delivered(
  const protocol::delivery_report& report, time_point now) {
  if (report.error)
    failed_records_->inc(report.count);
  delivery_latency_->observe(std::chrono::duration<double>(now - report.opened).count());
}

void producer_metrics::request_took(protocol::api_key what, time_point::duration d) {
  auto* latency = what == protocol::api_key::produce ? produce_latency_
    : what == protocol::api_key::metadata            ? metadata_latency_
                                                     : identity_latency_;
  latency->observe(std::chrono::duration<double>(d).count());
}

void producer_metrics::update(const protocol::producer_machine& machine,
  std::size_t buffer_bytes, std::uint64_t thrown) {
  const auto& now = machine.totals();
  const auto advance = [](auto* counter, std::uint64_t& before, std::uint64_t after) {
    if (after != before)
      counter->inc(static_cast<std::int64_t>(after - before));
    before = after;
  };
  advance(records_, told_.records, now.records);
  advance(bytes_, told_.bytes, now.bytes);
  advance(batches_, told_.batches, now.batches);
  advance(requests_, told_.requests, now.requests);
  advance(retries_, told_.retries, now.retries);
  advance(epoch_bumps_, told_.epoch_bumps, now.epoch_bumps);
  advance(splits_, told_.splits, now.splits);
  if (thrown > 0)
    callback_errors_->inc(static_cast<std::int64_t>(thrown));
  stalled_topics_.value(static_cast<std::int64_t>(machine.stalled()));
  buffer_bytes_.value(static_cast<std::int64_t>(buffer_bytes));
  pending_batches_.value(static_cast<std::int64_t>(machine.outstanding()));
}

} // namespace cafka::actors
