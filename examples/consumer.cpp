// Writes some records to a topic, reads them all, and then the last ones once more.
//
//   CAFKA_KAFKA=localhost:9092 example_consumer [topic]

#include <cafka/cafka.hpp>

#include <caf/actor_system.hpp>

#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  using namespace std::chrono_literals;
  const char* brokers = std::getenv("CAFKA_KAFKA");
  if (brokers == nullptr) {
    std::cerr << "CAFKA_KAFKA names no brokers, as in host:port,host:port\n";
    return 1;
  }
  const std::string topic = argc > 1 ? argv[1] : "example-consumer";
  cafka::configuration config;
  caf::actor_system system{config};
  auto app = cafka::application::start(
    system, {.brokers = brokers, .disable_default_worker = true});
  if (!app) {
    std::cerr << to_string(app.error()) << '\n';
    return 1;
  }

  constexpr std::size_t count = 10'000;
  const auto writer = (*app)->producer("writer");
  if (!writer) {
    std::cerr << to_string(writer.error()) << '\n';
    return 1;
  }
  const auto to = writer->to(topic);
  for (std::size_t i = 0; i != count; ++i) {
    if (!writer->send(to, std::string_view{std::to_string(i)}))
      return 1;
  }
  const auto partitions = writer->partitions(to, 10s);
  const auto flushed = writer->flush(10s);
  if (!partitions || !flushed) {
    std::cerr << to_string(partitions ? flushed.error() : partitions.error()) << '\n';
    return 1;
  }

  cafka::consumer_options options;
  options.name = "example";
  options.auto_offset_reset = cafka::offset_reset::earliest;
  const auto consumer = (*app)->consumer(options);
  if (!consumer) {
    std::cerr << to_string(consumer.error()) << '\n';
    return 1;
  }
  std::vector<cafka::assigned_partition> wanted;
  for (int p = 0; p != *partitions; ++p)
    wanted.push_back({topic, p, cafka::start_at::earliest()});
  if (const auto assigned = consumer->assign(wanted); !assigned) {
    std::cerr << to_string(assigned.error()) << '\n';
    return 1;
  }

  // All that is there at a time; nothing by the deadline is an empty answer.
  std::size_t records = 0;
  std::size_t bytes = 0;
  std::vector<cafka::record> kept;
  while (records < count) {
    const auto got = consumer->poll(10s);
    if (!got || got->empty()) {
      std::cerr << (got ? "nothing more" : to_string(got.error())) << '\n';
      return 1;
    }
    for (const auto& e : got->errors)
      std::cerr << e.topic << '/' << e.partition.value() << ": " << to_string(e.why)
                << '\n';
    for (const auto& batch : got->batches) {
      for (const auto& record : batch) { // Views: nothing is copied.
        bytes += record.text().size();
        if (record.offset.value() % 1'000 == 0)
          kept.push_back(record.copy()); // This one outlives the batch.
      }
      records += batch.size();
    }
  }
  std::cout << records << " records, " << bytes << " bytes, " << kept.size()
            << " of them kept\n";

  // Once more from a place that is known.
  const auto end = consumer->position(topic, 0);
  if (!end || !consumer->seek(topic, 0, cafka::start_at::offset(end->value() - 1)))
    return 1;
  const auto last = consumer->poll(10s);
  if (!last || last->records() != 1)
    return 1;
  std::cout << "the last one of partition 0: " << last->batches[0].begin()->text()
            << '\n';

  const auto closed = consumer->close(10s);
  return closed ? 0 : 1;
}
