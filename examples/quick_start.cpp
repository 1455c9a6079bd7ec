// Writes a record and reads it back: the program that README.md begins with.
//
//   CAFKA_KAFKA=localhost:9092 example_quick_start

#include <cafka/cafka.hpp>

#include <caf/actor_system.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

namespace {

// README.md quotes what stands between the marks; the test `quoted_examples` compares.

// [quick start]
void write_and_read(caf::actor_system& system, const std::string& brokers) {
  auto app = cafka::application::start(system, {.brokers = brokers}).value();

  auto producer = app->producer("writer").value();
  producer.send("greetings", {.key = "en", .value = "hello", .partition = 0});
  producer.flush(30s).value(); // throws with the error's words, as each value() here

  auto consumer = app->consumer({.name = "reader"}).value();
  consumer.assign({{"greetings", 0, cafka::start_at::earliest()}}).value();
  const auto polled = consumer.poll(30s).value();
  for (const auto& batch : polled.batches)
    for (const auto& record : batch)
      std::cout << record.offset.value() << ": " << record.text() << '\n';
}
// [quick start]

} // namespace

int main() {
  const char* brokers = std::getenv("CAFKA_KAFKA");
  if (brokers == nullptr) {
    std::cerr << "CAFKA_KAFKA names no brokers, as in host:port,host:port\n";
    return 1;
  }
  cafka::configuration config;
  caf::actor_system system{config};
  try {
    write_and_read(system, brokers);
  } catch (const std::exception& e) {
    std::cerr << e.what() << '\n';
    return 1;
  }
  return 0;
}
