// What a record costs its consumer: cafka's beside librdkafka's in the same run, which is
// polled for single messages and for batches of them; against librdkafka's mock cluster
// in a process of its own, or a real Kafka when CAFKA_KAFKA names one.
//
//   consumer_bench [cpu] [drain] [latency]   all three unless told
//   consumer_bench alone [bytes]             cafka alone, for a profiler; 100 bytes
//                                            unless told

#include "side_by_side.hpp"
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>

#include <cstring>
#include <iostream>
#include <thread>

namespace {

using namespace cafka;
using bench::cost;
using bench::must;
using bench::workload;

constexpr int runs = 5;
constexpr const char* latency_topic = "bench-latency";

std::string topic_of(const workload& w) {
  return "bench-consume-" + std::to_string(w.value_size) + '-'
    + std::string{protocol::to_string(w.compression)} + '-' + std::to_string(w.partitions)
    + '-' + std::to_string(::getpid());
}

/// The mock cluster keeps 5 MB of a partition, so that one partition does not hold what
/// can be measured.
std::vector<workload> workloads(bool real) {
  auto all = bench::workloads();
  if (!real) {
    std::erase_if(all, [](const workload& w) { return w.partitions == 10; });
    for (auto& w : all) {
      w.partitions = std::max(w.partitions, 32);
      w.records = std::min(w.records, 100'000'000 / w.value_size);
    }
  }
  return all;
}

/// What is left behind by something that was down for a while.
const workload backlog{1'000, 10, codec::none, 500'000};

/// Fills the workload's topic, evenly.
void fill(application& app, const workload& w) {
  const auto values = bench::values_of(w.value_size);
  producer_options options;
  options.name = topic_of(w);
  options.compression = w.compression;
  std::atomic<std::size_t> failed = 0;
  options.on_delivery = [&](const delivery& d) { failed += !d.error ? 0 : 1; };
  const auto p = must(app.producer(options));
  const auto to = p.to(topic_of(w));
  for (std::size_t i = 0; i != w.records; ++i)
    if (!p.send(to,
          outgoing_record{.value = protocol::as_bytes(values[i % values.size()]),
            .partition =
              static_cast<std::int32_t>(i) % static_cast<std::int32_t>(w.partitions)}))
      throw std::runtime_error("a record was not taken");
  must(p.close(milliseconds{120'000}));
  if (failed != 0)
    throw std::runtime_error("a record was not written");
}

/// What a client has seen of a workload's records.
struct seen {
  std::size_t records = 0;
  std::size_t bytes = 0;

  void check(const workload& w) const {
    if (records != w.records || bytes != w.records * w.value_size)
      throw std::runtime_error("other records were read than were written");
  }
};

cost consume_with_cafka(const consumer& c, const workload& w) {
  const auto topic = topic_of(w);
  std::vector<assigned_partition> from;
  std::vector<topic_partition> all;
  for (int p = 0; p != w.partitions; ++p) {
    from.push_back({topic, p, start_at::offset(0)});
    all.push_back({topic, p});
  }
  seen s;
  const auto spent = bench::measure(w.records, [&] {
    must(c.assign(from));
    while (s.records < w.records) {
      const auto got = must(c.poll(milliseconds{30'000}));
      if (got.empty() || !got.errors.empty())
        throw std::runtime_error("cafka could not read on");
      for (const auto& batch : got.batches)
        for (const auto& r : batch) {
          ++s.records;
          s.bytes += r.value->size();
        }
    }
  });
  must(c.unassign(all));
  s.check(w);
  return spent;
}

/// Assigns everything, runs `poll` until it has seen all, and takes it away again.
template <class Poll>
cost consume_with_rdkafka(rd_kafka_t* handle, const workload& w, Poll poll) {
  const auto from = bench::rdkafka_partitions(topic_of(w), w.partitions, 0);
  seen s;
  const auto take = [&](rd_kafka_message_t* m) {
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++s.records;
      s.bytes += m->len;
    }
    rd_kafka_message_destroy(m);
  };
  const auto spent = bench::measure(w.records, [&] {
    if (rd_kafka_assign(handle, from.get()) != RD_KAFKA_RESP_ERR_NO_ERROR)
      throw std::runtime_error("librdkafka took no assignment");
    while (s.records < w.records)
      poll(take);
  });
  rd_kafka_assign(handle, nullptr);
  s.check(w);
  return spent;
}

cost consume_single(rd_kafka_t* handle, const workload& w) {
  return consume_with_rdkafka(handle, w, [&](auto take) {
    if (auto* m = rd_kafka_consumer_poll(handle, 1'000))
      take(m);
  });
}

cost consume_batches(rd_kafka_t* handle, const workload& w) {
  const bench::rdkafka<rd_kafka_queue_t> queue{rd_kafka_queue_get_consumer(handle)};
  std::vector<rd_kafka_message_t*> batch(1'000);
  return consume_with_rdkafka(handle, w, [&](auto take) {
    const auto n =
      rd_kafka_consume_batch_queue(queue.get(), 1'000, batch.data(), batch.size());
    for (ssize_t i = 0; i < n; ++i)
      take(batch[static_cast<std::size_t>(i)]);
  });
}

struct sides {
  bench::series ours;
  bench::series batches;
  bench::series single;
};

sides measure(application& app, const std::string& brokers, const workload& w) {
  fill(app, w);
  consumer_options options;
  options.name = topic_of(w);
  const auto mine = must(app.consumer(options));
  const auto theirs = bench::make_rdkafka(RD_KAFKA_CONSUMER, brokers);
  sides all;
  for (int i = -1; i < runs; ++i) {
    const auto a = consume_with_cafka(mine, w);
    const auto b = consume_batches(theirs.get(), w);
    const auto c = consume_single(theirs.get(), w);
    if (i < 0)
      continue; // Warming up.
    all.ours.add(a, w.records);
    all.batches.add(b, w.records);
    all.single.add(c, w.records);
  }
  must(mine.close());
  rd_kafka_consumer_close(theirs.get());
  return all;
}

void cpu_table(application& app, const std::string& brokers, bool real) {
  std::printf(
    "\nProcessor time of the client per record consumed, user and system; medians\n");
  std::printf("%6s %6s %5s %10s %10s %10s %7s %7s %8s %8s %10s\n", "bytes", "codec",
    "parts", "cafka ns", "batches", "single", "ratio", "ratio", "M/s", "batches",
    "allocs");
  for (const auto& w : workloads(real)) {
    const auto all = measure(app, brokers, w);
    std::printf("%6zu %6s %5d %10.1f %10.1f %10.1f %7.1f %7.1f %8.2f %8.2f %10.4f\n",
      w.value_size, std::string{protocol::to_string(w.compression)}.c_str(), w.partitions,
      all.ours.ns(), all.batches.ns(), all.single.ns(),
      bench::ratio(all.batches, all.ours), bench::ratio(all.single, all.ours),
      all.ours.rate(), all.batches.rate(), all.ours.allocated());
    std::fflush(stdout);
    // A frame takes some; a record must not, and a frame has thousands of small ones.
    if (real && w.value_size <= 100 && w.partitions == 1 && all.ours.allocated() > 0.01)
      throw std::runtime_error("a record costs an allocation");
  }
}

void drain_table(application& app, const std::string& brokers) {
  std::printf("\nA backlog of %zu records of %zu bytes in %d partitions; medians\n",
    backlog.records, backlog.value_size, backlog.partitions);
  std::printf("%-20s %12s %12s\n", "", "M records/s", "MB/s");
  const auto all = measure(app, brokers, backlog);
  const auto print = [](const char* who, const bench::series& s) {
    std::printf("%-20s %12.2f %12.0f\n", who, s.rate(),
      s.rate() * static_cast<double>(backlog.value_size));
  };
  print("cafka", all.ours);
  print("librdkafka, batches", all.batches);
  print("librdkafka, single", all.single);
}

// -- latency ----------------------------------------------------------------------------

/// A value that carries the record's number.
std::string numbered(std::string value, std::size_t i) {
  std::memcpy(value.data(), &i, sizeof i);
  return value;
}

std::size_t number_in(const void* value) {
  std::size_t i = 0;
  std::memcpy(&i, value, sizeof i);
  return i;
}

void latency_of_cafka(
  application& app, std::size_t rate, int linger, const std::string& value) {
  const auto count = rate * 5;
  bench::latencies all{count};
  const auto suffix = '-' + std::to_string(rate) + '-' + std::to_string(linger);
  producer_options out;
  out.name = "latency" + suffix;
  out.linger = milliseconds{linger};
  const auto p = must(app.producer(out));
  const auto to = p.to(latency_topic);
  must(p.partitions(to, milliseconds{30'000}));
  consumer_options in;
  in.name = "latency" + suffix;
  const auto c = must(app.consumer(in));
  const auto end = must(app.latest_offset(latency_topic, 0)).offset.value_or(0);
  must(c.assign({{latency_topic, 0, start_at::offset(end)}}));
  std::atomic<bool> done = false;
  std::thread reader{[&] {
    while (!done) {
      const auto got = c.poll(milliseconds{100});
      if (!got)
        return;
      for (const auto& batch : got->batches)
        for (const auto& r : batch)
          all.arrive(number_in(r.value->data()), 1);
    }
  }};
  const auto spent = bench::measure(count, [&] {
    bench::at_rate(rate, count, [&](std::size_t i) {
      all.send(i);
      if (!p.send(to, std::string_view{numbered(value, i)}))
        throw std::runtime_error("cafka did not take a record");
    });
    all.await();
  });
  done = true;
  reader.join();
  must(p.close(milliseconds{10'000}));
  must(c.close());
  all.print("cafka", rate, linger, spent);
}

void latency_of_rdkafka(
  const std::string& brokers, std::size_t rate, int linger, const std::string& value) {
  const auto count = rate * 5;
  bench::latencies all{count};
  const auto out = bench::make_rdkafka(
    RD_KAFKA_PRODUCER, brokers, {{"linger.ms", std::to_string(linger)}});
  const auto topic = bench::rdkafka_topic(out.get(), latency_topic);
  const auto in = bench::make_rdkafka(RD_KAFKA_CONSUMER, brokers);
  std::int64_t first = 0;
  std::int64_t end = 0;
  if (rd_kafka_query_watermark_offsets(in.get(), latency_topic, 0, &first, &end, 30'000)
    != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error("librdkafka found no end of the log");
  rd_kafka_assign(in.get(), bench::rdkafka_partitions(latency_topic, 1, end).get());
  std::atomic<bool> done = false;
  std::thread reader{[&] {
    while (!done)
      if (auto* m = rd_kafka_consumer_poll(in.get(), 100)) {
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
          all.arrive(number_in(m->payload), 1);
        rd_kafka_message_destroy(m);
      }
  }};
  const auto spent = bench::measure(count, [&] {
    bench::at_rate(rate, count, [&](std::size_t i) {
      all.send(i);
      const auto text = numbered(value, i);
      while (rd_kafka_produce(topic.get(), 0, RD_KAFKA_MSG_F_COPY,
               const_cast<char*>(text.data()), text.size(), nullptr, 0, nullptr)
        != 0)
        std::this_thread::yield();
      if (i % 1'000 == 0)
        rd_kafka_poll(out.get(), 0);
    });
    all.await();
  });
  done = true;
  reader.join();
  rd_kafka_flush(out.get(), 10'000);
  rd_kafka_consumer_close(in.get());
  all.print("librdkafka", rate, linger, spent);
}

void latency_table(application& app, const std::string& brokers) {
  bench::latencies::print_head("Produce to consume");
  const auto value = bench::values_of(100).front();
  for (const std::size_t rate : {std::size_t{1'000}, std::size_t{100'000}})
    for (const int linger : {0, 5}) {
      latency_of_cafka(app, rate, linger, value);
      latency_of_rdkafka(brokers, rate, linger, value);
    }
}

void alone(application& app, const workload& w) {
  fill(app, w);
  const auto c = must(app.consumer({.name = "alone"}));
  std::vector<double> all;
  for (int i = 0; i != 20; ++i)
    all.push_back(consume_with_cafka(c, w).nanoseconds);
  std::printf("cafka alone: %.1f ns per record\n", bench::median(all));
}

int run(const std::vector<std::string>& wanted) {
  const auto wants = [&](const char* what) {
    return wanted.empty() || std::ranges::find(wanted, what) != wanted.end();
  };
  const auto real = std::getenv("CAFKA_KAFKA") != nullptr;
  workload only;
  if (!wanted.empty() && wanted.front() == "alone") {
    only.value_size = wanted.size() > 1 ? std::stoul(wanted[1]) : 100;
    only.partitions = wanted.size() > 2 ? std::stoi(wanted[2]) : real ? 1 : 32;
    only.records = 100'000'000 / only.value_size;
  }
  bench::topics topics{{latency_topic, 1}, {topic_of(backlog), backlog.partitions},
    {topic_of(only), only.partitions}};
  for (const auto& w : workloads(real))
    if (topic_of(w) != topic_of(only))
      topics.emplace_back(topic_of(w), w.partitions);
  const bench::cluster cluster{topics};
  configuration config;
  caf::actor_system sys{config};
  const auto app = must(application::start(sys, {.brokers = cluster.brokers()}));
  cluster.prepare(*app);
  std::printf("cafka beside librdkafka %s, %s; everything at its default: cafka compares "
              "checksums, librdkafka does not\n",
    rd_kafka_version_str(), cluster.name());
  if (!wanted.empty() && wanted.front() == "alone") {
    alone(*app, only);
    return 0;
  }
  if (wants("cpu"))
    cpu_table(*app, cluster.brokers(), real);
  // The mock cluster's own pace is no measure of these.
  if (wants("drain") && real)
    drain_table(*app, cluster.brokers());
  if (wants("latency") && real)
    latency_table(*app, cluster.brokers());
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const std::exception& e) {
    std::cerr << "consumer_bench: " << e.what() << '\n';
    return 1;
  }
}
