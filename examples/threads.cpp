// Plain threads use cafka: no actor is to be seen.
//
// Every function of cafka::application may be called from any thread. It blocks until
// there is an answer, at the latest until its deadline; errors are values.
//
//   example_threads localhost:9092

#include <cafka/cafka.hpp>

#include <caf/actor_system.hpp>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

namespace {

const std::string topic = "example-threads";
constexpr int threads = 4;
constexpr int records_per_thread = 25;

/// A line that no other thread writes into.
void say(const std::string& text) {
  std::cout << text + '\n' << std::flush;
}

/// Produces a few records through a worker of its own, and tells where they went.
bool produce_some(cafka::application& kafka, int number) {
  const auto name = "thread-" + std::to_string(number);
  // Returns when a broker has answered the worker.
  if (const auto worker = kafka.create_worker(name, {}, 10s); !worker) {
    say(name + " has no worker: " + to_string(worker.error()));
    return false;
  }
  for (int i = 0; i < records_per_thread; ++i) {
    const auto written = kafka.produce(topic, 0, name + '/' + std::to_string(i),
      {.key = name, .compression = cafka::codec::lz4, .deadline = 10s, .worker = name});
    if (!written) {
      say(name + " cannot produce: " + to_string(written.error()));
      return false;
    }
    if (i == 0)
      say(name + " writes from offset " + std::to_string(written->base_offset->value()));
  }
  const auto stopped = kafka.stop_worker(name);
  return stopped.has_value();
}

/// Fetches from `offset` up to the end of the log, through the default worker.
cafka::result<std::set<std::string>> fetch_all(
  cafka::application& kafka, cafka::log_offset offset) {
  const auto end = kafka.latest_offset(topic, 0);
  if (!end)
    return end.error();
  std::set<std::string> values;
  while (offset < *end->offset) {
    const auto found = kafka.fetch({.topic = topic,
      .partition = 0,
      .offset = offset,
      .wait_time = 500ms,
      .deadline = 10s});
    if (!found)
      return found.error();
    // Views on the frame that came in: valid as long as `found` lives.
    for (const auto& record : found->records) {
      if (record.value)
        values.emplace(record.text());
    }
    offset = found->records.next_offset();
  }
  return values;
}

} // namespace

int main(int argc, char** argv) {
  const char* brokers = argc > 1 ? argv[1] : std::getenv("CAFKA_KAFKA");
  if (brokers == nullptr) {
    std::cerr << "Which cluster? Say " << argv[0] << " host:port, or set CAFKA_KAFKA.\n";
    return 2;
  }
  // cafka's threads are CAF's: a program without an actor system makes one for it.
  cafka::configuration config;
  caf::actor_system system{config};
  auto started = cafka::application::start(system, {.brokers = brokers});
  if (!started) {
    std::cerr << "cafka does not start: " << to_string(started.error()) << '\n';
    return 1;
  }
  auto& kafka = **started;

  // The first record creates the topic where the cluster allows that.
  const auto first = kafka.produce(topic, 0, "begin", {.deadline = 20s});
  if (!first) {
    std::cerr << "cannot produce: " << to_string(first.error()) << '\n';
    return 1;
  }

  std::atomic<int> failures = 0;
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i)
    all.emplace_back([&kafka, &failures, i] { failures += !produce_some(kafka, i); });
  for (auto& t : all)
    t.join();

  const auto values = fetch_all(kafka, *first->base_offset);
  if (!values) {
    std::cerr << "cannot fetch: " << to_string(values.error()) << '\n';
    return 1;
  }
  int missing = 0;
  for (int t = 0; t < threads; ++t) {
    for (int i = 0; i < records_per_thread; ++i)
      missing +=
        !values->contains("thread-" + std::to_string(t) + '/' + std::to_string(i));
  }
  say(std::to_string(threads * records_per_thread - missing) + " of "
    + std::to_string(threads * records_per_thread) + " records came back");
  return failures == 0 && missing == 0 ? 0 : 1;
}
