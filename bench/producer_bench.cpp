// What a record costs its producer: cafka's beside librdkafka's in the same run, against
// librdkafka's mock cluster in a process of its own, or a real Kafka when CAFKA_KAFKA
// names one.
//
//   producer_bench [cpu] [latency]    both unless told
//   producer_bench alone [bytes]      cafka alone, for a profiler; 100 bytes unless told

#include "side_by_side.hpp"
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>

#include <iostream>
#include <thread>

namespace {

using namespace cafka;
using bench::cost;
using bench::must;
using bench::workload;

constexpr int runs = 5;

cost produce_with_cafka(const producer& p, const workload& w, const std::string& topic,
  const std::vector<std::string>& values) {
  const auto to = p.to(topic);
  must(p.partitions(to, milliseconds{30'000}));
  return bench::measure(w.records, [&] {
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

cost produce_with_rdkafka(rd_kafka_t* handle, const workload& w, const std::string& topic,
  const std::vector<std::string>& values) {
  const auto to = bench::rdkafka_topic(handle, topic);
  return bench::measure(w.records, [&] {
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

void print_cost(application& app, const std::string& brokers, const workload& w) {
  const auto values = bench::values_of(w.value_size);
  const std::string codec_name{protocol::to_string(w.compression)};
  producer_options options;
  options.name = "bench-" + std::to_string(w.value_size) + '-'
    + std::to_string(w.partitions) + '-' + codec_name;
  options.compression = w.compression;
  std::atomic<std::size_t> delivered = 0;
  std::atomic<std::size_t> failed = 0;
  options.on_delivery = [&](const delivery& d) {
    (!d.error ? delivered : failed) += static_cast<std::size_t>(d.count);
  };
  const auto mine = must(app.producer(options));
  const auto theirs = bench::make_rdkafka(
    RD_KAFKA_PRODUCER, brokers, {{"linger.ms", "5"}, {"compression.codec", codec_name}});
  bench::series a;
  bench::series b;
  for (int i = -1; i < runs; ++i) {
    const auto ours = produce_with_cafka(mine, w, topic_of(w), values);
    const auto other = produce_with_rdkafka(theirs.get(), w, topic_of(w), values);
    if (i < 0)
      continue; // Warming up.
    a.add(ours, w.records);
    b.add(other, w.records);
  }
  must(mine.close(milliseconds{30'000}));
  if (failed != 0 || delivered != w.records * static_cast<std::size_t>(runs + 1))
    throw std::runtime_error(std::to_string(failed) + " records failed, "
      + std::to_string(delivered) + " are in the log");
  std::printf("%6zu %6s %5d %10.1f %10.1f %7.1f %9.2f %9.2f %10.4f\n", w.value_size,
    codec_name.c_str(), w.partitions, a.ns(), b.ns(), bench::ratio(b, a), a.rate(),
    b.rate(), a.allocated());
  std::fflush(stdout);
  // A batch takes some; a record must not, and a batch has thousands of small ones.
  if (w.value_size <= 100 && w.partitions == 1 && a.allocated() > 0.01)
    throw std::runtime_error("a record costs an allocation");
}

void cpu_table(application& app, const std::string& brokers) {
  std::printf(
    "\nProcessor time of the client per record produced, user and system; medians\n");
  std::printf("%6s %6s %5s %10s %10s %7s %9s %9s %10s\n", "bytes", "codec", "parts",
    "cafka ns", "theirs ns", "ratio", "M/s", "theirs", "allocs");
  for (const auto& w : bench::workloads())
    print_cost(app, brokers, w);
}

// -- latency ----------------------------------------------------------------------------

void latency_of_cafka(
  application& app, std::size_t rate, int linger, const std::string& value) {
  const auto count = rate * 5;
  bench::latencies all{count};
  producer_options options;
  options.name = "latency-" + std::to_string(rate) + '-' + std::to_string(linger);
  options.linger = milliseconds{linger};
  options.on_delivery = [&](const delivery& d) {
    all.arrive(d.first_number, static_cast<std::size_t>(d.count));
  };
  const auto p = must(app.producer(options));
  const auto to = p.to("bench-produce-1");
  must(p.partitions(to, milliseconds{30'000}));
  const auto spent = bench::measure(count, [&] {
    bench::at_rate(rate, count, [&](std::size_t i) {
      all.send(i);
      if (!p.send(to, std::string_view{value}))
        throw std::runtime_error("cafka did not take a record");
    });
    all.await();
  });
  must(p.close(milliseconds{10'000}));
  all.print("cafka", rate, linger, spent);
}

void latency_of_rdkafka(
  const std::string& brokers, std::size_t rate, int linger, const std::string& value) {
  const auto count = rate * 5;
  bench::latencies all{count};
  static bench::latencies* current = nullptr;
  current = &all;
  const auto handle = bench::make_rdkafka(RD_KAFKA_PRODUCER, brokers,
    {{"linger.ms", std::to_string(linger)}},
    [](rd_kafka_t*, const rd_kafka_message_t* m, void*) {
      current->arrive(reinterpret_cast<std::size_t>(m->_private), 1);
    });
  const auto topic = bench::rdkafka_topic(handle.get(), "bench-produce-1");
  std::atomic<bool> done = false;
  std::thread poller{[&] {
    while (!done)
      rd_kafka_poll(handle.get(), 100);
  }};
  const auto spent = bench::measure(count, [&] {
    bench::at_rate(rate, count, [&](std::size_t i) {
      all.send(i);
      while (rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY,
               const_cast<char*>(value.data()), value.size(), nullptr, 0,
               reinterpret_cast<void*>(i))
        != 0)
        std::this_thread::yield();
    });
    all.await();
  });
  done = true;
  poller.join();
  all.print("librdkafka", rate, linger, spent);
}

void latency_table(application& app, const std::string& brokers) {
  bench::latencies::print_head("Produce to acknowledgement");
  const auto value = bench::values_of(100).front();
  for (const std::size_t rate : {std::size_t{1'000}, std::size_t{100'000}})
    for (const int linger : {0, 5}) {
      latency_of_cafka(app, rate, linger, value);
      latency_of_rdkafka(brokers, rate, linger, value);
    }
}

void alone(application& app, std::size_t size) {
  const auto values = bench::values_of(size);
  const workload w{size, 1, codec::none, 100'000'000 / size};
  const auto p = must(app.producer("alone"));
  std::vector<double> all;
  for (int i = 0; i != 20; ++i)
    all.push_back(produce_with_cafka(p, w, topic_of(w), values).nanoseconds);
  std::printf("cafka alone: %.1f ns per record\n", bench::median(all));
}

int run(const std::vector<std::string>& wanted) {
  const auto wants = [&](const char* what) {
    return wanted.empty() || std::ranges::find(wanted, what) != wanted.end();
  };
  bench::topics topics;
  for (const auto partitions : {1, 10, 100, 1'000})
    topics.emplace_back(topic_of({.partitions = partitions}), partitions);
  const bench::cluster cluster{topics};
  configuration config;
  caf::actor_system sys{config};
  const auto app = must(application::start(sys, {.brokers = cluster.brokers()}));
  cluster.prepare(*app);
  std::printf("cafka beside librdkafka %s, %s; acks all, linger 5 ms; cafka with "
              "idempotence, librdkafka without\n",
    rd_kafka_version_str(), cluster.name());
  if (!wanted.empty() && wants("alone")) {
    alone(*app, wanted.size() > 1 ? std::stoul(wanted[1]) : 100);
    return 0;
  }
  if (wants("cpu"))
    cpu_table(*app, cluster.brokers());
  if (wants("latency"))
    latency_table(*app, cluster.brokers());
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
