#include "side_by_side.hpp"

#include <cstdlib>
#include <new>
#include <time.h>

namespace {

std::atomic<std::size_t> allocation_count = 0;

} // namespace

void* operator new(std::size_t size) {
  allocation_count.fetch_add(1, std::memory_order_relaxed);
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

namespace bench {

using cafka::codec;

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

// -- where to ---------------------------------------------------------------------------

cluster::cluster(topics needed) : needed_(std::move(needed)) {
  if (const auto* list = std::getenv("CAFKA_KAFKA")) {
    brokers_ = list;
    return;
  }
  mock_ = std::make_unique<mock_process>(needed_);
  brokers_ = mock_->brokers();
}

void cluster::prepare(cafka::application& app) const {
  if (!real())
    return;
  cafka::create_topics missing;
  for (const auto& [name, partitions] : needed_)
    missing.topics.push_back({name, partitions, 1});
  must(app.create_topics(missing)); // Each answer is its own: they may be there.
}

// -- what it costs ----------------------------------------------------------------------

std::size_t allocations() {
  return allocation_count.load(std::memory_order_relaxed);
}

double ratio(const series& theirs, const series& ours) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i != ours.nanoseconds.size(); ++i)
    ratios.push_back(theirs.nanoseconds[i] / ours.nanoseconds[i]);
  return median(std::move(ratios));
}

// -- latency ----------------------------------------------------------------------------

double latencies::now() {
  return std::chrono::duration<double, std::micro>(clock::now().time_since_epoch())
    .count();
}

void latencies::arrive(std::size_t first, std::size_t count) {
  const auto time = now();
  for (auto i = first; i != first + count; ++i)
    took_[i] = time - sent_[i];
  arrived_ += count;
}

void latencies::await() const {
  while (arrived_.load() < took_.size())
    pause_for(std::chrono::milliseconds{1});
}

void latencies::print_head(const char* what) {
  std::printf("\n%s, microseconds; 100 bytes, one partition\n", what);
  std::printf("%-12s %9s %7s %9s %9s %9s %12s\n", "", "records/s", "linger", "p50", "p99",
    "p99.9", "cpu ns/rec");
}

void latencies::print(
  const char* who, std::size_t rate, int linger, const cost& c) const {
  std::vector<double> took{
    took_.begin() + static_cast<std::ptrdiff_t>(took_.size() / 5), took_.end()};
  std::printf("%-12s %9zu %7d %9.0f %9.0f %9.0f %12.0f\n", who, rate, linger,
    percentile(took, 0.5), percentile(took, 0.99), percentile(took, 0.999),
    c.nanoseconds);
  std::fflush(stdout);
}

void pause_for(std::chrono::microseconds time) {
  const timespec pause{time.count() / 1'000'000, time.count() % 1'000'000 * 1'000};
  ::nanosleep(&pause, nullptr);
}

// -- librdkafka -------------------------------------------------------------------------

rdkafka<rd_kafka_t> make_rdkafka(rd_kafka_type_t type, const std::string& brokers,
  const rdkafka_settings& settings, rdkafka_delivery on_delivery) {
  char errors[512];
  auto* conf = rd_kafka_conf_new();
  const auto set = [&](const std::string& key, const std::string& value) {
    if (rd_kafka_conf_set(conf, key.c_str(), value.c_str(), errors, sizeof errors)
      != RD_KAFKA_CONF_OK)
      throw std::runtime_error(errors);
  };
  set("bootstrap.servers", brokers);
  if (type == RD_KAFKA_PRODUCER) {
    set("acks", "all");
    set("queue.buffering.max.messages", "1000000");
  } else {
    // It takes no part in a group; without a name of one it would not start.
    set("group.id", "bench");
    set("enable.auto.commit", "false");
  }
  for (const auto& [key, value] : settings)
    set(key, value);
  if (on_delivery != nullptr)
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rdkafka<rd_kafka_t> handle{rd_kafka_new(type, conf, errors, sizeof errors)};
  if (handle == nullptr)
    throw std::runtime_error(errors);
  if (type == RD_KAFKA_CONSUMER)
    rd_kafka_poll_set_consumer(handle.get());
  return handle;
}

rdkafka<rd_kafka_topic_t> rdkafka_topic(rd_kafka_t* handle, const std::string& name) {
  rdkafka<rd_kafka_topic_t> topic{rd_kafka_topic_new(handle, name.c_str(), nullptr)};
  const rd_kafka_metadata_t* known = nullptr;
  if (rd_kafka_metadata(handle, 0, topic.get(), &known, 30'000)
    != RD_KAFKA_RESP_ERR_NO_ERROR)
    throw std::runtime_error("librdkafka got no metadata");
  rd_kafka_metadata_destroy(known);
  return topic;
}

rdkafka<rd_kafka_topic_partition_list_t> rdkafka_partitions(
  const std::string& topic, int count, std::int64_t offset) {
  rdkafka<rd_kafka_topic_partition_list_t> list{rd_kafka_topic_partition_list_new(count)};
  for (int p = 0; p != count; ++p)
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), p)->offset = offset;
  return list;
}

} // namespace bench
