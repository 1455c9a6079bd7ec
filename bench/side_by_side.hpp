#pragma once

#include "bench.hpp"
#include "mock_process.hpp"
#include <cafka/app/application.hpp>

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// What the benchmarks of cafka's clients beside librdkafka's share: the same records to
/// the same brokers, and what each of the two spent on them.
namespace bench {

template <class T>
T must(cafka::result<T> x) {
  if (!x)
    throw std::runtime_error(to_string(x.error()));
  return *std::move(x);
}

// -- what is sent and read --------------------------------------------------------------

/// One line of a table.
struct workload {
  std::size_t value_size = 100;
  int partitions = 1;
  cafka::codec compression = cafka::codec::none;
  std::size_t records = 1'000'000;
};

/// 10 to 10,000 bytes, each codec, 1 to 1,000 partitions.
[[nodiscard]] std::vector<workload> workloads();

/// Texts that compress as log lines do.
[[nodiscard]] std::vector<std::string> values_of(std::size_t size);

// -- where to ---------------------------------------------------------------------------

/// A topic's name and its number of partitions.
using topics = std::vector<std::pair<std::string, int>>;

/// The Kafka that CAFKA_KAFKA names, else librdkafka's mock cluster in a process of its
/// own. To be made before the first thread.
class cluster {
public:
  explicit cluster(topics needed);

  [[nodiscard]] const std::string& brokers() const { return brokers_; }
  [[nodiscard]] bool real() const { return mock_ == nullptr; }
  [[nodiscard]] const char* name() const { return real() ? "Kafka" : "mock cluster"; }

  /// Makes the topics on a real Kafka, where they are missing.
  void prepare(cafka::application& app) const;

private:
  topics needed_;
  std::unique_ptr<mock_process> mock_;
  std::string brokers_;
};

// -- what it costs ----------------------------------------------------------------------

/// Calls of `operator new` in this process so far; librdkafka is C and not counted.
[[nodiscard]] std::size_t allocations();

struct cost {
  double nanoseconds = 0; ///< Processor time of the whole process per record.
  double seconds = 0;     ///< Of the wall's clock, for all records.
  double allocations = 0; ///< Per record.
};

template <class F>
cost measure(std::size_t records, F what) {
  const auto began = clock::now();
  const auto before = cpu_nanoseconds();
  const auto allocated = allocations();
  what();
  const auto n = static_cast<double>(records);
  return {(cpu_nanoseconds() - before) / n, microseconds(clock::now() - began) / 1e6,
    static_cast<double>(allocations() - allocated) / n};
}

/// What several runs of one client cost.
struct series {
  std::vector<double> nanoseconds;
  std::vector<double> millions_per_second;
  std::vector<double> allocations;

  void add(const cost& c, std::size_t records) {
    nanoseconds.push_back(c.nanoseconds);
    millions_per_second.push_back(static_cast<double>(records) / c.seconds / 1e6);
    allocations.push_back(c.allocations);
  }
  [[nodiscard]] double ns() const { return median(nanoseconds); }
  [[nodiscard]] double rate() const { return median(millions_per_second); }
  [[nodiscard]] double allocated() const { return median(allocations); }
};

/// Times what `theirs` spent as much as `ours`, by the median of the runs' own ratios.
[[nodiscard]] double ratio(const series& theirs, const series& ours);

// -- latency ----------------------------------------------------------------------------

/// When each record was sent, and how long it took until it was answered or read.
class latencies {
public:
  explicit latencies(std::size_t n) : sent_(n), took_(n) {}

  void send(std::size_t i) { sent_[i] = now(); }
  void arrive(std::size_t first, std::size_t count);
  /// Waits until all have arrived.
  void await() const;
  /// One line: percentiles of all but the first fifth, and the processor's time.
  void print(const char* who, std::size_t rate, int linger, const cost& c) const;
  static void print_head(const char* what);

private:
  static double now();

  std::vector<double> sent_;
  std::vector<double> took_;
  std::atomic<std::size_t> arrived_ = 0;
};

/// Sleeps for a moment, without a clock's wake-ups.
void pause_for(std::chrono::microseconds time);

/// Calls `send` at an even rate, in bursts of what is due every half millisecond.
template <class Send>
void at_rate(std::size_t per_second, std::size_t count, Send send) {
  const auto began = clock::now();
  for (std::size_t i = 0; i != count;) {
    const auto elapsed = std::chrono::duration<double>(clock::now() - began).count();
    const auto due = std::min(
      count, static_cast<std::size_t>(elapsed * static_cast<double>(per_second)));
    for (; i < due; ++i)
      send(i);
    pause_for(std::chrono::microseconds{500});
  }
}

// -- librdkafka -------------------------------------------------------------------------

struct rdkafka_deleter {
  void operator()(rd_kafka_t* x) const { rd_kafka_destroy(x); }
  void operator()(rd_kafka_topic_t* x) const { rd_kafka_topic_destroy(x); }
  void operator()(rd_kafka_queue_t* x) const { rd_kafka_queue_destroy(x); }
  void operator()(rd_kafka_topic_partition_list_t* x) const {
    rd_kafka_topic_partition_list_destroy(x);
  }
};
template <class T>
using rdkafka = std::unique_ptr<T, rdkafka_deleter>;
using rdkafka_settings = std::vector<std::pair<std::string, std::string>>;
using rdkafka_delivery = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);

/// With acks from all; everything that is not set has librdkafka's default, but for the
/// length of a producer's queue, which is large enough for the runs.
[[nodiscard]] rdkafka<rd_kafka_t> make_rdkafka(rd_kafka_type_t type,
  const std::string& brokers, const rdkafka_settings& settings = {},
  rdkafka_delivery on_delivery = nullptr);

/// A topic whose partitions it knows already.
[[nodiscard]] rdkafka<rd_kafka_topic_t> rdkafka_topic(
  rd_kafka_t* handle, const std::string& name);

/// Partitions 0 to `count`, from this offset on.
[[nodiscard]] rdkafka<rd_kafka_topic_partition_list_t> rdkafka_partitions(
  const std::string& topic, int count, std::int64_t offset);

} // namespace bench
