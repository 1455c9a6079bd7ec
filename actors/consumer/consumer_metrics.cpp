#include "consumer_metrics.hpp"

#include <string_view>

namespace cafka::actors {

namespace {

// CAF takes no pointer to characters where clang compiles it.
constexpr std::string_view prefix = "cafka.consumer";

} // namespace

consumer_metrics::consumer_metrics(caf::actor_system& sys, const std::string& owner) {
  const auto consumer = metric_name(sys, "consumer", owner);
  auto& all = sys.metrics();
  const auto counter = [&](std::string_view name, std::string_view help,
                         std::string_view unit = "1") {
    return all.counter_family(prefix, name, {"consumer"}, help, unit, true)
      ->get_or_add({{"consumer", consumer}});
  };
  const auto gauge = [&](std::string_view name, std::string_view help,
                       std::string_view unit = "1") {
    return all.gauge_family(prefix, name, {"consumer"}, help, unit)
      ->get_or_add({{"consumer", consumer}});
  };
  const auto request_latency = [&](std::string_view api) {
    return all
      .histogram_family<double>(prefix, "request-latency", {"consumer", "api"},
        latency_bounds, "From a request to its answer.", "seconds")
      ->get_or_add({{"consumer", consumer}, {"api", api}});
  };
  records_ = counter("records", "Records handed out.");
  bytes_ = counter("received", "Bytes of records handed out, compressed.", "bytes");
  batches_ = counter("batches", "Batches handed out.");
  fetches_ = counter("fetches", "Fetches answered.");
  sessions_ = counter("full-fetches", "Fetches that named all partitions.");
  errors_ = counter("errors", "Errors of fetches and of their partitions.");
  queue_bytes_ = gauge("queue", "Bytes fetched and not handed out.", "bytes");
  held_bytes_ = gauge("held", "Bytes of frames handed out and still held.", "bytes");
  lag_ = gauge("lag", "Records in the log and not fetched.");
  stalled_ =
    gauge("stalled-partitions", "Partitions without progress for stalled_after.");
  fetch_latency_ = request_latency("Fetch");
  offsets_latency_ = request_latency("ListOffsets");
  metadata_latency_ = request_latency("Metadata");
}

void consumer_metrics::ended() {
  queue_bytes_.value(0);
  held_bytes_.value(0);
  lag_.value(0);
  stalled_.value(0);
}

void consumer_metrics::handed_out(
  std::size_t records, std::size_t bytes, std::size_t batches) {
  records_->inc(static_cast<std::int64_t>(records));
  bytes_->inc(static_cast<std::int64_t>(bytes));
  batches_->inc(static_cast<std::int64_t>(batches));
}

void consumer_metrics::memory(std::size_t queue, std::size_t held) {
  queue_bytes_.value(static_cast<std::int64_t>(queue));
  held_bytes_.value(static_cast<std::int64_t>(held));
}

void consumer_metrics::request_took(protocol::api_key what, time_point::duration d) {
  auto* latency = what == protocol::api_key::fetch ? fetch_latency_
    : what == protocol::api_key::list_offsets      ? offsets_latency_
                                                   : metadata_latency_;
  latency->observe(std::chrono::duration<double>(d).count());
}

void consumer_metrics::update(const protocol::consumer_machine& machine) {
  const auto& now = machine.totals();
  const auto advance = [](auto* counter, std::uint64_t& before, std::uint64_t after) {
    if (after != before)
      counter->inc(static_cast<std::int64_t>(after - before));
    before = after;
  };
  advance(fetches_, told_.fetches, now.fetches);
  advance(sessions_, told_.sessions, now.sessions);
  advance(errors_, told_.errors, now.errors);
  lag_.value(machine.lag());
  stalled_.value(static_cast<std::int64_t>(machine.stalled()));
}

} // namespace cafka::actors
