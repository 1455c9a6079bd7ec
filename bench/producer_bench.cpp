// What a record costs its producer: cafka's beside librdkafka's in the same run, against
// librdkafka's mock cluster in a process of its own, or a real Kafka when CAFKA_KAFKA
// names one.
//
//   producer_bench [cpu] [latency]    both unless told
//   producer_bench alone [bytes]      cafka alone, for a profiler; 100 bytes unless told

#include "bench.hpp"
#include "mock_process.hpp"
#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <new>
#include <thread>
#include <time.h>

namespace {

std::atomic<std::size_t> allocations = 0;

} // namespace

// All that is allocated in this process by C++; librdkafka's own is C and not counted.
void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (auto* p = std::malloc(size == 0 ? 1 : size))
    return p;
  throw std::bad_alloc{};
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

namespace {

using namespace cafka;

template <class T>
T must(result<T> x) {
  if (!x)
    throw std::runtime_error(to_string(x.error()));
  return *std::move(x);
}

/// One line of the table.
struct workload {
  std::size_t value_size = 100;
  int partitions = 1;
  codec compression = codec::none;
  std::size_t records = 1'000'000;
};

/// Texts that compress as log lines do.
std::vector<std::string> values_of(std::size_t size) {
  std::vector<std::string> all;
  std::uint32_t random = 12'345;
  for (int i = 0; i != 997; ++i) {
    std::string text;
    while (text.size() < size) {
      random = random * 1'664'525 + 1'013'904'223;
      text += R"({"user":)" + std::to_string(random >> 16) + R"(,"event":"click","at":)"
        + std::to_string(random % 100'000) + "}";
    }
    text.resize(size);
    all.push_back(std::move(text));
  }
  return all;
}

struct cost {
  double nanoseconds = 0; ///< Processor time per record.
  double seconds = 0;     ///< Of the wall's clock, for all.
  double allocations = 0; ///< Per record.
};

template <class F>
cost measure(std::size_t records, F what) {
  const auto began = bench::clock::now();
  const auto before = bench::cpu_nanoseconds();
  const auto allocated = allocations.load();
  what();
  const auto n = static_cast<double>(records);
  return {(bench::cpu_nanoseconds() - before) / n,
    bench::microseconds(bench::clock::now() - began) / 1e6,
    static_cast<double>(allocations.load() - allocated) / n};
}

cost produce_with_cafka(
  const producer& p, const workload& w, const std::string& topic,
  const std::vector<std::string>& values) {
  const auto to = p.to(topic);
  must(p.partitions(to, milliseconds{30'000}));
  return measure(w.records, [&] {
    std::size_t at = 0;
    for (std::size_t i = 0; i != w.records; ++i) {
      if (!p.send(to, std::string_view{values[at]}))
        throw std::runtime_error("cafka did not take a record");
      if (++at == values.size())
        at = 0;
    }
    must(p.flush(milliseconds{120'000}));
  });
}

struct rdkafka_deleter {
  void operator()(rd_kafka_t* x) const { rd_kafka_destroy(x); }
  void operator()(rd_kafka_topic_t* x) const { rd_kafka_topic_destroy(x); }
};
using rdkafka_handle = std::unique_ptr<rd_kafka_t, rdkafka_deleter>;
using rdkafka_topic = std::unique_ptr<rd_kafka_topic_t, rdkafka_deleter>;
using delivery_function = void (*)(rd_kafka_t*, const rd_kafka_message_t*, void*);

rdkafka_handle make_rdkafka(const std::string& brokers, codec compression,
  int linger_milliseconds, delivery_function on_delivery = nullptr) {
  char errors[512];
  auto* conf = rd_kafka_conf_new();
  const auto set = [&](const char* key, const std::string& value) {
    if (rd_kafka_conf_set(conf, key, value.c_str(), errors, sizeof errors)
      != RD_KAFKA_CONF_OK)
      throw std::runtime_error(errors);
  };
  set("bootstrap.servers", brokers);
  set("linger.ms", std::to_string(linger_milliseconds));
  set("acks", "all");
  set("compression.codec", std::string{protocol::to_string(compression)});
  set("queue.buffering.max.messages", "1000000");
  if (on_delivery != nullptr)
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rdkafka_handle handle{rd_kafka_new(RD_KAFKA_PRODUCER, conf, errors, sizeof errors)};
  if (handle == nullptr)
    throw std::runtime_error(errors);
  return handle;
}

cost produce_with_rdkafka(rd_kafka_t* handle, const workload& w, const std::string& topic,
  const std::vector<std::string>& values) {
  const rdkafka_topic to{rd_kafka_topic_new(handle, topic.c_str(), nullptr)};
  const rd_kafka_metadata_t* known = nullptr;
  if (rd_kafka_metadata(handle, 0, to.get(), &known, 30'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error("librdkafka got no metadata");
  rd_kafka_metadata_destroy(known);
  return measure(w.records, [&] {
    std::size_t at = 0;
    for (std::size_t i = 0; i != w.records; ++i) {
      auto& value = values[at];
      while (rd_kafka_produce(to.get(), RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
               const_cast<char*>(value.data()), value.size(), nullptr, 0, nullptr)
        != 0)
        rd_kafka_poll(handle, 1);
      if (i % 1'000 == 0)
        rd_kafka_poll(handle, 0);
      if (++at == values.size())
        at = 0;
    }
    if (rd_kafka_flush(handle, 120'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
      throw std::runtime_error("librdkafka did not flush");
  });
}

std::string topic_of(const workload& w) {
  return "bench-produce-" + std::to_string(w.partitions);
}

void print_cost(application& app, const std::string& brokers, const workload& w, int runs) {
  const auto values = values_of(w.value_size);
  producer_options options;
  options.name = "bench-" + std::to_string(w.value_size) + '-'
    + std::to_string(w.partitions) + '-' + std::string{protocol::to_string(w.compression)};
  options.compression = w.compression;
  std::atomic<std::size_t> delivered = 0;
  std::atomic<std::size_t> failed = 0;
  options.on_delivery = [&](const delivery& d) {
    (d.error.code == error_code::none ? delivered : failed) +=
      static_cast<std::size_t>(d.count);
  };
  const auto mine = must(app.producer(options));
  const auto theirs = make_rdkafka(brokers, w.compression, 5);
  std::vector<double> ours_ns;
  std::vector<double> theirs_ns;
  std::vector<double> ratios;
  std::vector<double> allocated;
  std::vector<double> ours_rate;
  std::vector<double> theirs_rate;
  for (int i = -1; i < runs; ++i) {
    const auto a = produce_with_cafka(mine, w, topic_of(w), values);
    const auto b = produce_with_rdkafka(theirs.get(), w, topic_of(w), values);
    if (i < 0)
      continue; // Warming up.
    ours_ns.push_back(a.nanoseconds);
    theirs_ns.push_back(b.nanoseconds);
    ratios.push_back(b.nanoseconds / a.nanoseconds);
    allocated.push_back(a.allocations);
    ours_rate.push_back(static_cast<double>(w.records) / a.seconds / 1e6);
    theirs_rate.push_back(static_cast<double>(w.records) / b.seconds / 1e6);
  }
  must(mine.close(milliseconds{30'000}));
  if (failed != 0 || delivered != w.records * static_cast<std::size_t>(runs + 1))
    throw std::runtime_error(std::to_string(failed) + " records failed, "
      + std::to_string(delivered) + " are in the log");
  std::printf("%6zu %6s %5d %10.1f %10.1f %7.1f %9.2f %9.2f %10.4f\n", w.value_size,
    std::string{protocol::to_string(w.compression)}.c_str(), w.partitions,
    bench::median(ours_ns), bench::median(theirs_ns), bench::median(ratios),
    bench::median(ours_rate), bench::median(theirs_rate), bench::median(allocated));
  std::fflush(stdout);
  // A batch takes some; a record must not, and a batch has thousands of small ones.
  if (w.value_size <= 100 && w.partitions == 1 && bench::median(allocated) > 0.01)
    throw std::runtime_error("a record costs an allocation");
}

std::vector<workload> workloads() {
  std::vector<workload> all;
  all.push_back({10, 1, codec::none, 2'000'000});
  all.push_back({100, 1, codec::none, 1'000'000});
  all.push_back({1'000, 1, codec::none, 200'000});
  all.push_back({10'000, 1, codec::none, 30'000});
  for (const auto c : {codec::gzip, codec::snappy, codec::lz4, codec::zstd})
    all.push_back({100, 1, c, c == codec::gzip ? std::size_t{200'000} : 1'000'000});
  for (const auto partitions : {10, 100, 1'000})
    all.push_back({100, partitions, codec::none, 1'000'000});
  return all;
}

void cpu_table(application& app, const std::string& brokers) {
  std::printf("\nProcessor time of the client per record, user and system; medians\n");
  std::printf("%6s %6s %5s %10s %10s %7s %9s %9s %10s\n", "bytes", "codec", "parts",
    "cafka ns", "theirs ns", "ratio", "M/s", "theirs", "allocs");
  for (const auto& w : workloads())
    print_cost(app, brokers, w, 5);
}

// -- latency ----------------------------------------------------------------------------

double microseconds_now() {
  return std::chrono::duration<double, std::micro>(bench::clock::now().time_since_epoch())
    .count();
}

/// When each record was sent, and how long its acknowledgement took.
struct latencies {
  explicit latencies(std::size_t n) : sent(n), took(n) {}
  std::vector<double> sent;
  std::vector<double> took;
  std::atomic<std::size_t> answered = 0;

  void acknowledge(std::size_t first, std::size_t count) {
    const auto now = microseconds_now();
    for (auto i = first; i != first + count; ++i)
      took[i] = now - sent[i];
    answered += count;
  }
};

/// Calls `send` at an even rate, in bursts of what is due every half millisecond.
template <class Send>
void at_rate(std::size_t per_second, std::size_t count, Send send) {
  const auto began = bench::clock::now();
  for (std::size_t i = 0; i != count;) {
    const auto elapsed = std::chrono::duration<double>(bench::clock::now() - began).count();
    const auto due =
      std::min(count, static_cast<std::size_t>(elapsed * static_cast<double>(per_second)));
    for (; i < due; ++i)
      send(i);
    const timespec pause{0, 500'000};
    ::nanosleep(&pause, nullptr);
  }
}

void print_latency(const char* who, std::size_t rate, int linger, latencies& l, double ns) {
  std::vector<double> took{l.took.begin() + static_cast<std::ptrdiff_t>(l.took.size() / 5),
    l.took.end()};
  std::printf("%-12s %9zu %7d %9.0f %9.0f %9.0f %12.0f\n", who, rate, linger,
    bench::percentile(took, 0.5), bench::percentile(took, 0.99),
    bench::percentile(took, 0.999), ns);
  std::fflush(stdout);
}

void await(const latencies& l, std::size_t count) {
  while (l.answered.load() != count) {
    const timespec pause{0, 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

void latency_table(application& app, const std::string& brokers) {
  std::printf("\nProduce to acknowledgement, microseconds; 100 bytes, one partition\n");
  std::printf("%-12s %9s %7s %9s %9s %9s %12s\n", "", "records/s", "linger", "p50", "p99",
    "p99.9", "cpu ns/rec");
  const auto value = values_of(100).front();
  for (const std::size_t rate : {std::size_t{1'000}, std::size_t{100'000}}) {
    const auto count = rate * 5;
    for (const int linger : {0, 5}) {
      latencies mine{count};
      producer_options options;
      options.name = "latency-" + std::to_string(rate) + '-' + std::to_string(linger);
      options.linger = milliseconds{linger};
      options.on_delivery = [&](const delivery& d) {
        mine.acknowledge(d.first_number, static_cast<std::size_t>(d.count));
      };
      const auto p = must(app.producer(options));
      const auto to = p.to("bench-produce-1");
      must(p.partitions(to, milliseconds{30'000}));
      const auto cost = measure(count, [&] {
        at_rate(rate, count, [&](std::size_t i) {
          mine.sent[i] = microseconds_now();
          if (!p.send(to, std::string_view{value}))
            throw std::runtime_error("cafka did not take a record");
        });
        await(mine, count);
      });
      must(p.close(milliseconds{10'000}));
      print_latency("cafka", rate, linger, mine, cost.nanoseconds);

      latencies theirs{count};
      static latencies* current = nullptr;
      current = &theirs;
      const auto handle = make_rdkafka(
        brokers, codec::none, linger, [](rd_kafka_t*, const rd_kafka_message_t* m, void*) {
          current->acknowledge(reinterpret_cast<std::size_t>(m->_private), 1);
        });
      const rdkafka_topic topic{
        rd_kafka_topic_new(handle.get(), "bench-produce-1", nullptr)};
      const rd_kafka_metadata_t* known = nullptr;
      if (rd_kafka_metadata(handle.get(), 0, topic.get(), &known, 30'000)
        == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(known);
      std::atomic<bool> done = false;
      std::thread poller{[&] {
        while (!done)
          rd_kafka_poll(handle.get(), 100);
      }};
      const auto their_cost = measure(count, [&] {
        at_rate(rate, count, [&](std::size_t i) {
          theirs.sent[i] = microseconds_now();
          while (rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY,
                   const_cast<char*>(value.data()), value.size(), nullptr, 0,
                   reinterpret_cast<void*>(i))
            != 0)
            std::this_thread::yield();
        });
        await(theirs, count);
      });
      done = true;
      poller.join();
      print_latency("librdkafka", rate, linger, theirs, their_cost.nanoseconds);
    }
  }
}

int run(const std::vector<std::string>& wanted) {
  const auto wants = [&](const char* what) {
    return wanted.empty() || std::ranges::find(wanted, what) != wanted.end();
  };
  const char* real = std::getenv("CAFKA_KAFKA");
  std::unique_ptr<bench::mock_process> mock;
  if (real == nullptr) {
    std::vector<std::pair<std::string, int>> topics;
    for (const auto& w : workloads())
      topics.emplace_back(topic_of(w), w.partitions);
    mock = std::make_unique<bench::mock_process>(topics);
  }
  const std::string brokers = real != nullptr ? real : mock->brokers();
  configuration config;
  caf::actor_system sys{config};
  const auto app = must(
    application::start(sys, {.brokers = brokers}));
  if (real != nullptr) {
    create_topics missing;
    for (const auto partitions : {1, 10, 100, 1'000})
      missing.topics.push_back(
        {topic_of({.partitions = partitions}), partitions, 1});
    must(app->create_topics(missing)); // Each answer is its own: they may be there.
  }
  std::printf("cafka beside librdkafka %s, %s; acks all, linger 5 ms; cafka with "
              "idempotence, librdkafka without\n",
    rd_kafka_version_str(), real != nullptr ? "Kafka" : "mock cluster");
  if (wants("cpu"))
    cpu_table(*app, brokers);
  if (wants("latency"))
    latency_table(*app, brokers);
  if (!wanted.empty() && wants("alone")) {
    const auto size = wanted.size() > 1 ? std::stoul(wanted[1]) : 100;
    const auto values = values_of(size);
    const workload w{size, 1, codec::none, 100'000'000 / size};
    const auto p = must(app->producer("alone"));
    std::vector<double> all;
    for (int i = 0; i != 20; ++i)
      all.push_back(produce_with_cafka(p, w, topic_of(w), values).nanoseconds);
    std::printf("cafka alone: %.1f ns per record\n", bench::median(all));
  }
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::cerr << "producer_bench: " << e.what() << '\n';
    return 1;
  }
}
