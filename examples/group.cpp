// Two members of a group share a topic; then one leaves, and the other goes on with all
// of it.
//
//   CAFKA_KAFKA=localhost:9092 example_group [topic]

#include <cafka/cafka.hpp>

#include <caf/actor_system.hpp>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

namespace {

using namespace std::chrono_literals;

/// Polls once, and tells what happened; the records handled, or nothing for an error.
std::optional<std::size_t> poll(const cafka::consumer& from) {
  const auto got = from.poll(50ms);
  if (!got) {
    std::cerr << from.name() << ": " << to_string(got.error()) << '\n';
    return std::nullopt;
  }
  for (const auto& e : got->group) {
    std::cout << from.name() << ": " << to_string(e.kind);
    for (const auto& p : e.partitions)
      std::cout << ' ' << to_string(p);
    std::cout << '\n';
  }
  return got->records(); // The next poll acknowledges them.
}

} // namespace

int main(int argc, char** argv) {
  const char* brokers = std::getenv("CAFKA_KAFKA");
  if (brokers == nullptr) {
    std::cerr << "CAFKA_KAFKA names no brokers, as in host:port,host:port\n";
    return 1;
  }
  cafka::configuration config;
  caf::actor_system system{config};
  auto app = cafka::application::start(system, {.brokers = brokers});
  if (!app) {
    std::cerr << to_string(app.error()) << '\n';
    return 1;
  }
  // A name of its own, so that each run has its records to itself.
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  const auto topic =
    argc > 1 ? std::string{argv[1]} : "example-group-" + std::to_string(now);
  if (const auto made = (*app)->create_topics({.topics = {{topic, 4}}}); !made) {
    std::cerr << to_string(made.error()) << '\n';
    return 1;
  }
  const auto writer = (*app)->producer("writer");
  constexpr std::size_t count = 1'000;
  const auto send_all = [&] {
    for (std::size_t i = 0; i != count; ++i) {
      const cafka::partition_id to{static_cast<std::int32_t>(i % 4)};
      if (!writer->send(topic, {.value = std::to_string(i), .partition = to}))
        return false;
    }
    return writer->flush(10s).has_value();
  };

  cafka::consumer_options options;
  options.group = topic;
  options.auto_offset_reset = cafka::offset_reset::earliest;
  options.name = "one";
  const auto one = (*app)->consumer(options);
  options.name = "two";
  const auto two = (*app)->consumer(options);
  if (!writer || !one || !two || !one->subscribe({topic}) || !two->subscribe({topic}))
    return 1;

  std::size_t by_one = 0, by_two = 0;
  while (one->assignment().size() != 2 || two->assignment().size() != 2) {
    if (!poll(*one) || !poll(*two))
      return 1;
  }
  if (!send_all())
    return 1;
  while (by_one + by_two < count) {
    const auto a = poll(*one), b = poll(*two);
    if (!a || !b)
      return 1;
    by_one += *a;
    by_two += *b;
  }
  std::cout << "one has handled " << by_one << " records, two " << by_two << '\n';

  // It commits what it was handed, and the others need not wait for its session to end.
  if (!two->close(10s) || !send_all())
    return 1;
  while (by_one + by_two < 2 * count) {
    const auto more = poll(*one);
    if (!more)
      return 1;
    by_one += *more;
  }
  if (const auto committed = one->commit(10s); !committed) {
    std::cerr << to_string(committed.error()) << '\n';
    return 1;
  }
  std::cout << "one has handled " << by_one << " records\n";
  return one->close(10s) ? 0 : 1;
}
