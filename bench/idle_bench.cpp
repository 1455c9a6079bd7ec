// What a client holds when it does little: processor time and threads of a producer and a
// consumer that rest, and memory of a consumer that is slower than its topic; cafka
// beside librdkafka, each in a process of its own, on a real Kafka that CAFKA_KAFKA
// names.

#include "side_by_side.hpp"
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>

#include <fstream>
#include <functional>
#include <iostream>
#include <thread>

namespace {

using namespace cafka;
using bench::must;

constexpr std::size_t value_size = 1'000;
constexpr std::size_t backlog = 300'000;
constexpr std::chrono::seconds resting{10};
constexpr std::chrono::seconds slow_for{10};
constexpr std::size_t slow_per_second = 5'000;

/// A figure of /proc/self/status: threads, or memory in kB.
double status(const std::string& key) {
  std::ifstream in{"/proc/self/status"};
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(key + ':'))
      return std::stod(line.substr(key.size() + 1));
  throw std::runtime_error("/proc/self/status has no " + key);
}

/// Runs it in a child process, which prints.
void apart(const std::function<void()>& what) {
  std::fflush(stdout);
  const auto child = ::fork();
  if (child == 0) {
    try {
      what();
      std::fflush(stdout);
      std::_Exit(0);
    } catch (const std::exception& e) {
      std::cerr << "idle_bench: " << e.what() << '\n';
      std::_Exit(1);
    }
  }
  int result = 0;
  ::waitpid(child, &result, 0);
  if (child < 0 || result != 0)
    throw std::runtime_error("a child process failed");
}

/// A cafka of its own.
struct service {
  configuration config;
  caf::actor_system system{config};
  std::unique_ptr<application> app;

  explicit service(const std::string& brokers)
    : app(must(application::start(system, {.brokers = brokers}))) {}
};

/// Fills one topic, and leaves the other one nearly empty.
void prepare(
  const std::string& brokers, const std::string& full, const std::string& calm) {
  service s{brokers};
  create_topics missing;
  missing.topics.push_back({full, 1, 1});
  missing.topics.push_back({calm, 1, 1});
  must(s.app->create_topics(missing));
  const auto p = must(s.app->producer("filler"));
  const auto values = bench::values_of(value_size);
  for (std::size_t i = 0; i != backlog; ++i)
    if (!p.send(full, std::string_view{values[i % values.size()]}))
      throw std::runtime_error("a record was not taken");
  must(p.close(milliseconds{120'000}));
}

// -- at rest ----------------------------------------------------------------------------

/// Lets `poll` wait for what never comes, and prints what that takes.
void rest(const char* who, const std::function<void()>& poll) {
  for (int i = 0; i != 3; ++i)
    poll(); // Until everything is looked up and connected.
  const auto began = bench::clock::now();
  const auto before = bench::cpu_nanoseconds();
  while (bench::clock::now() - began < resting)
    poll();
  const auto seconds = bench::microseconds(bench::clock::now() - began) / 1e6;
  std::printf("%-12s %14.2f %9.0f %9.1f\n", who,
    (bench::cpu_nanoseconds() - before) / 1e6 / seconds, status("Threads"),
    status("VmRSS") / 1024);
}

void cafka_at_rest(const std::string& brokers, const std::string& topic) {
  service s{brokers};
  const auto p = must(s.app->producer("resting"));
  if (!p.send(topic, "x"))
    throw std::runtime_error("a record was not taken");
  must(p.flush(milliseconds{30'000}));
  const auto c = must(s.app->consumer());
  must(c.assign({{topic, 0, start_at::latest()}}));
  rest("cafka", [&] { must(c.poll(milliseconds{1'000})); });
}

void rdkafka_at_rest(const std::string& brokers, const std::string& topic) {
  const auto p = bench::make_rdkafka(RD_KAFKA_PRODUCER, brokers);
  const auto to = bench::rdkafka_topic(p.get(), topic);
  char text[] = "x";
  if (rd_kafka_produce(to.get(), 0, RD_KAFKA_MSG_F_COPY, text, 1, nullptr, 0, nullptr)
    != 0)
    throw std::runtime_error("a record was not taken");
  rd_kafka_flush(p.get(), 30'000);
  const auto c = bench::make_rdkafka(RD_KAFKA_CONSUMER, brokers);
  rd_kafka_assign(
    c.get(), bench::rdkafka_partitions(topic, 1, RD_KAFKA_OFFSET_END).get());
  rest("librdkafka", [&] {
    if (auto* m = rd_kafka_consumer_poll(c.get(), 1'000))
      rd_kafka_message_destroy(m);
  });
}

// -- a slow consumer --------------------------------------------------------------------

/// Calls `handle_next` for a record at a time, slowly, and prints the most memory it took
/// beyond what the process had at `before` kB.
void slowly(const char* who, double before, const std::function<void()>& handle_next) {
  bench::at_rate(slow_per_second,
    slow_per_second * static_cast<std::size_t>(slow_for.count()),
    [&](std::size_t) { handle_next(); });
  std::printf("%-12s %14d %16.1f\n", who, 64, (status("VmHWM") - before) / 1024);
}

void slow_cafka(const std::string& brokers, const std::string& topic) {
  const auto before = status("VmRSS");
  service s{brokers};
  const auto c = must(s.app->consumer());
  must(c.assign({{topic, 0, start_at::earliest()}}));
  std::vector<consumed_batch> held;
  consumed_batch::iterator at;
  std::size_t bytes = 0;
  slowly("cafka", before, [&] {
    while (held.empty() || at == std::default_sentinel) {
      // Walked to its end: let it go.
      if (!held.empty())
        held.pop_back();
      if (held.empty()) {
        held = must(c.poll(milliseconds{30'000})).batches;
        std::ranges::reverse(held);
        if (held.empty())
          throw std::runtime_error("nothing came");
      }
      at = held.back().begin();
    }
    bytes += at->value->size();
    ++at;
  });
  if (bytes != slow_per_second * static_cast<std::size_t>(slow_for.count()) * value_size)
    throw std::runtime_error("other records were read than were written");
}

void slow_rdkafka(const std::string& brokers, const std::string& topic) {
  const auto before = status("VmRSS");
  const auto c = bench::make_rdkafka(RD_KAFKA_CONSUMER, brokers);
  rd_kafka_assign(c.get(), bench::rdkafka_partitions(topic, 1, 0).get());
  slowly("librdkafka", before, [&] {
    for (;;)
      if (auto* m = rd_kafka_consumer_poll(c.get(), 1'000)) {
        const auto good = m->err == RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_message_destroy(m);
        if (good)
          return;
      }
  });
}

int run() {
  const char* list = std::getenv("CAFKA_KAFKA");
  if (list == nullptr)
    throw std::runtime_error("CAFKA_KAFKA must hold the bootstrap list of a Kafka");
  const std::string brokers = list;
  const auto suffix = std::to_string(::getpid());
  const auto full = "bench-slow-" + suffix;
  const auto calm = "bench-calm-" + suffix;
  apart([&] { prepare(brokers, full, calm); });
  std::printf("cafka beside librdkafka %s\n", rd_kafka_version_str());
  std::printf("\nA producer and a consumer of one partition that rest for %lld s\n",
    static_cast<long long>(resting.count()));
  std::printf("%-12s %14s %9s %9s\n", "", "cpu ms/s", "threads", "MB");
  apart([&] { cafka_at_rest(brokers, calm); });
  apart([&] { rdkafka_at_rest(brokers, calm); });
  std::printf("\nA consumer that handles %zu records of %zu bytes a second, of a backlog "
              "of %zu MB, for %lld s\n",
    slow_per_second, value_size, backlog * value_size / 1'000'000,
    static_cast<long long>(slow_for.count()));
  std::printf("%-12s %14s %16s\n", "", "budget, MiB", "most taken, MiB");
  apart([&] { slow_cafka(brokers, full); });
  apart([&] { slow_rdkafka(brokers, full); });
  return 0;
}

} // namespace

int main() {
  try {
    return run();
  } catch (const std::exception& e) {
    std::cerr << "idle_bench: " << e.what() << '\n';
    return 1;
  }
}
