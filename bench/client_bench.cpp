// Processor time of the client per record produced and fetched, cafka's worker beside
// librdkafka, both on the same mock cluster in a process of its own.

#include "side_by_side.hpp"
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>

#include <functional>
#include <iostream>

namespace {

using namespace cafka;

constexpr int runs = 15;
// What the mock cluster keeps of a partition, five megabytes, must hold them.
constexpr std::size_t records_per_run = 30'000;
constexpr std::size_t records_per_batch = 1'000;
constexpr std::size_t value_size = 100;

using bench::must;

void produce_with_cafka(application& app, const std::string& topic) {
  for (std::size_t i = 0; i < records_per_run; i += records_per_batch) {
    cafka::produce batch;
    batch.topic = topic;
    batch.partition = 0; // The one that is read; without it the worker chooses.
    batch.records.reserve(records_per_batch);
    for (std::size_t j = 0; j < records_per_batch; ++j)
      batch.records.push_back({{}, std::string(value_size, 'x'), {}, {}});
    must(app.produce(batch));
  }
}

void fetch_with_cafka(application& app, const std::string& topic) {
  std::size_t seen = 0;
  std::size_t bytes = 0;
  log_offset at = 0;
  while (seen < records_per_run) {
    const auto got =
      must(app.fetch({.topic = topic, .offset = at, .wait_time = milliseconds{100}}));
    for (const auto& r : got.records) {
      bytes += r.value->size();
      ++seen;
    }
    if (got.records.empty() && at >= got.high_watermark)
      throw std::runtime_error("cafka has read " + std::to_string(seen) + " of "
        + std::to_string(records_per_run) + " records, and the log ends there");
    at = got.records.next_offset();
  }
  if (bytes != seen * value_size)
    throw std::runtime_error("cafka read other bytes than were written");
}

void produce_with_rdkafka(rd_kafka_t* handle, rd_kafka_topic_t* topic) {
  const std::string value(value_size, 'x');
  for (std::size_t i = 0; i < records_per_run; ++i) {
    while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY,
             const_cast<char*>(value.data()), value.size(), nullptr, 0, nullptr)
      != 0)
      rd_kafka_poll(handle, 1);
    if (i % 1'000 == 0)
      rd_kafka_poll(handle, 0);
  }
  if (rd_kafka_flush(handle, 60'000) != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error("librdkafka did not flush");
}

void fetch_with_rdkafka(rd_kafka_topic_t* topic) {
  std::vector<rd_kafka_message_t*> batch(1'000);
  std::size_t seen = 0;
  std::size_t bytes = 0;
  if (rd_kafka_consume_start(topic, 0, 0) != 0)
    throw std::runtime_error("librdkafka did not start to consume");
  while (seen < records_per_run) {
    const auto n = rd_kafka_consume_batch(topic, 0, 1'000, batch.data(), batch.size());
    for (ssize_t i = 0; i < n; ++i) {
      auto* m = batch[static_cast<std::size_t>(i)];
      if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        bytes += m->len;
        ++seen;
      }
      rd_kafka_message_destroy(m);
    }
  }
  rd_kafka_consume_stop(topic, 0);
  if (bytes < seen * value_size)
    throw std::runtime_error("librdkafka read other bytes than were written");
}

double per_record(const std::function<void()>& what) {
  const auto before = bench::cpu_nanoseconds();
  what();
  return (bench::cpu_nanoseconds() - before) / static_cast<double>(records_per_run);
}

void print(
  const char* what, const std::vector<double>& ours, const std::vector<double>& theirs) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours.size(); ++i)
    ratios.push_back(ours[i] / theirs[i]);
  std::printf("%-10s %14.1f %14.1f %10.2f\n", what, bench::median(ours),
    bench::median(theirs), bench::median(ratios));
}

int run() {
  const bench::mock_process mock;
  configuration config;
  caf::actor_system sys{config};
  auto app = must(application::start(sys, {.brokers = mock.brokers()}));
  const auto producer =
    bench::make_rdkafka(RD_KAFKA_PRODUCER, mock.brokers(), {{"linger.ms", "5"}});
  const auto consumer = bench::make_rdkafka(RD_KAFKA_CONSUMER, mock.brokers());
  std::vector<double> produce_ours;
  std::vector<double> produce_theirs;
  std::vector<double> fetch_ours;
  std::vector<double> fetch_theirs;
  for (int i = -1; i < runs; ++i) {
    const auto topic = "bench-" + std::to_string(i + 1);
    const auto their_topic = topic + "-theirs";
    const bench::rdkafka<rd_kafka_topic_t> to{
      rd_kafka_topic_new(producer.get(), their_topic.c_str(), nullptr)};
    const bench::rdkafka<rd_kafka_topic_t> from{
      rd_kafka_topic_new(consumer.get(), their_topic.c_str(), nullptr)};
    const auto ours = per_record([&] { produce_with_cafka(*app, topic); });
    const auto theirs =
      per_record([&] { produce_with_rdkafka(producer.get(), to.get()); });
    const auto ours_in = per_record([&] { fetch_with_cafka(*app, topic); });
    const auto theirs_in = per_record([&] { fetch_with_rdkafka(from.get()); });
    if (i < 0)
      continue; // warming up
    produce_ours.push_back(ours);
    produce_theirs.push_back(theirs);
    fetch_ours.push_back(ours_in);
    fetch_theirs.push_back(theirs_in);
  }
  std::printf(
    "\nProcessor time of the client per record of %zu bytes, mock cluster, medians of "
    "%d runs of %zu records\n",
    value_size, runs, records_per_run);
  std::printf("%-10s %14s %14s %10s\n", "", "cafka ns",
    (std::string{"librdkafka "} + rd_kafka_version_str()).c_str(), "ratio");
  print("produce", produce_ours, produce_theirs);
  print("fetch", fetch_ours, fetch_theirs);
  std::printf(
    "cafka: one produce message of %zu records at a time, blocking; fetch of 1 MB. "
    "librdkafka: linger 5 ms; consume_batch.\n",
    records_per_batch);
  return 0;
}

} // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& e) {
    std::cerr << "client_bench: " << e.what() << '\n';
    return 1;
  }
}
