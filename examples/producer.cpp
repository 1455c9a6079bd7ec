// Sends a stream of records from two threads and prints how many were written.
//
//   CAFKA_KAFKA=localhost:9092 example_producer [topic]

#include <cafka/cafka.hpp>

#include <caf/actor_system.hpp>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  const char* brokers = std::getenv("CAFKA_KAFKA");
  if (brokers == nullptr) {
    std::cerr << "CAFKA_KAFKA names no brokers, as in host:port,host:port\n";
    return 1;
  }
  const std::string topic = argc > 1 ? argv[1] : "example-producer";
  cafka::configuration config;
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = brokers, .disable_default_worker = true});
  if (!app) {
    std::cerr << to_string(app.error()) << '\n';
    return 1;
  }

  std::atomic<int> written = 0;
  std::atomic<int> failed = 0;
  std::mutex output;
  cafka::producer_options options;
  options.name = "example";
  options.compression = cafka::codec::lz4;
  // Once per batch, in the producer's actor.
  options.on_delivery = [&](const cafka::delivery& d) {
    if (d.error.code == cafka::error_code::none) {
      written += d.count;
      return;
    }
    failed += d.count;
    const std::lock_guard guard{output};
    std::cerr << d.count << " records: " << to_string(d.error) << '\n';
  };
  const auto producer = (*app)->producer(options);
  if (!producer) {
    std::cerr << to_string(producer.error()) << '\n';
    return 1;
  }

  // The handle serves any number of threads; the topic is looked up once.
  const auto to = producer->to(topic);
  std::vector<std::thread> threads;
  for (int t = 0; t != 2; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i != 50'000; ++i) {
        // What has the same key goes to the same partition, in this order.
        const auto key = "sensor-" + std::to_string(t) + '-' + std::to_string(i % 10);
        const auto sent = producer->send(to, {.key = key, .value = std::to_string(i)});
        if (!sent) {
          const std::lock_guard guard{output};
          std::cerr << "not taken: " << to_string(sent.status) << '\n';
          return;
        }
      }
    });
  }
  for (auto& t : threads)
    t.join();

  // Waits until all that was taken has an outcome.
  if (auto closed = producer->close(30s); !closed)
    std::cerr << to_string(closed.error()) << '\n';
  std::cout << written << " records written, " << failed << " failed\n";
  return written == 100'000 ? 0 : 1;
}
