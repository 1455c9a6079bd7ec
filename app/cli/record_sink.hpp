#pragma once

#include "../application.hpp"
#include "arguments.hpp"
#include "produce_tally.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace cafka::cli {

/// Where the records of one run go, in their order for each partition.
class record_sink {
public:
  record_sink() = default;
  record_sink(const record_sink&) = delete;
  record_sink& operator=(const record_sink&) = delete;
  virtual ~record_sink() = default;

  /// Takes a record, which may be looked at until this returns; `number` counts from zero
  /// over the run. False: no more are wanted, since one has failed.
  virtual bool add(const protocol::outgoing_record& r, std::uint64_t number) = 0;
  /// There is nothing to take now: what was taken goes out. False likewise.
  virtual bool idle() = 0;
  /// Waits until each record has its outcome. False: not all of them were written.
  virtual bool finish() = 0;
};

// Both give `tally` the delivery result of each record, and call `on_delivered` after
// that, in the thread that calls them.

/// By the default worker, a batch after the other; for every Kafka.
[[nodiscard]] std::unique_ptr<record_sink> make_worker_sink(const produce_arguments& what,
  application& app, produce_tally& tally, std::function<void()> on_delivered);

/// By a producer; where brokers are too old for one, and for a record that is too large
/// for one, by the worker. Whatever is wrong with the producer itself is the failure of
/// the first record.
[[nodiscard]] std::unique_ptr<record_sink> make_producer_sink(
  const produce_arguments& what, application& app, produce_tally& tally,
  std::function<void()> on_delivered);

/// Bytes of a record's key, value and headers.
[[nodiscard]] inline std::size_t bytes_of(const protocol::outgoing_record& r) {
  auto bytes = (r.key ? r.key->size() : 0) + (r.value ? r.value->size() : 0);
  for (const auto& h : r.headers)
    bytes += h.key.size() + (h.value ? h.value->size() : 0);
  return bytes;
}

} // namespace cafka::cli
