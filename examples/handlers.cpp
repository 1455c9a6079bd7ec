// A group with supervised handlers, one per partition, as KafkaEx's GenConsumer: one
// crashes and is made anew, one meets a record that it cannot handle, and nobody else
// notices.
//
//   CAFKA_KAFKA=localhost:9092 example_handlers

#include <cafka/cafka.hpp>

#include <caf/actor_system.hpp>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

using namespace std::chrono_literals;

/// What all handlers have in common.
struct ledger {
  std::atomic<std::size_t> handled = 0;
  std::atomic<bool> crash = true;
};

// [handler]
/// Handles the records of one partition.
class payments : public cafka::partition_handler {
public:
  payments(const cafka::partition_assignment& of, ledger& all)
    : partition_(of.partition()), all_(all) {}

  cafka::handled on_batch(const cafka::consumed_batch& batch) override {
    for (const auto& record : batch) {
      if (record.text() == "crash" && all_.crash.exchange(false))
        throw std::runtime_error{"a bug"}; // Another handler gets the batch.
      if (record.text() == "poison")
        return cafka::handled::failed(record.offset, "no such customer");
      ++all_.handled;
    }
    return cafka::handled::async_commit();
  }

  void on_revoked(std::chrono::milliseconds) override {
    std::cout << "partition " << partition_.value() << " goes\n";
  }

private:
  const cafka::partition_id partition_;
  ledger& all_;
};
// [handler]

} // namespace

int main() {
  const char* brokers = std::getenv("CAFKA_KAFKA");
  if (brokers == nullptr) {
    std::cerr << "CAFKA_KAFKA names no brokers, as in host:port,host:port\n";
    return 1;
  }
  cafka::configuration config;
  caf::actor_system system{config};
  ledger all; // Handlers end with the application.
  auto app = cafka::application::start(system, {.brokers = brokers}).value();
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const auto topic = "example-handlers-" + std::to_string(now);
  app->create_topics({.topics = {{topic, 4}, {topic + "-dlt", 1}}}).value();

  const auto writer = app->producer("writer").value();
  constexpr std::size_t count = 1'000;
  for (std::size_t i = 0; i != count; ++i) {
    const auto value = i == 300 ? "crash" : i == 600 ? "poison" : std::to_string(i);
    const cafka::partition_id to{static_cast<std::int32_t>(i % 4)};
    writer.send(topic, {.value = value, .partition = to});
  }
  writer.flush(10s).value();

  // [group]
  cafka::consumer_group_options options{.group = topic, .topics = {topic}};
  options.reading.auto_offset_reset = cafka::offset_reset::earliest;
  options.max_attempts = 3;
  options.on_failure = cafka::failure_policy::dead_letter;
  const auto group = app
                       ->consumer_group(options,
                         [&](const cafka::partition_assignment& of) {
                           return std::make_unique<payments>(of, all);
                         })
                       .value();
  // [group]

  // Records that were handled before the crash, and not acknowledged, come again.
  for (bool through = false; !through; std::this_thread::sleep_for(20ms)) {
    const auto how = group.status().value();
    through = how.handlers.size() == 4;
    for (const auto& h : how.handlers)
      through = through && h.offset.value() == count / 4;
  }
  for (const auto& h : group.status().value().handlers)
    std::cout << "partition " << h.partition.value() << ": " << h.state << " at offset "
              << h.offset.value() << ", started again " << h.restarts << " times\n";
  std::cout << all.handled << " records were handled\n";
  group.close(10s).value(); // It commits what was handled, and leaves the group.
  const auto letters =
    app->latest_offset(topic + "-dlt", cafka::partition_id{0}).value().offset;
  std::cout << letters.value().value() << " is in the dead-letter topic\n";
  return 0;
}
