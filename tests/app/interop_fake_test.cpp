// The clients that others wrote, on the cluster for tests: it needs no Kafka but its
// tools.
#include "fixture_kafka.hpp"
#include <cafka/testing/cluster.hpp>
#include <cafka/testing/records.hpp>

using namespace cafka::testing;

namespace {

struct fake_service {
  fake_service() {
    fake.create_topic("orders", 3);
    for (int i = 0; i != 30; ++i)
      fake.append("orders", i % 3, {make_record(std::to_string(i))});
  }

  [[nodiscard]] std::size_t committed() const {
    std::size_t sum = 0;
    for (int p = 0; p != 3; ++p)
      sum += static_cast<std::size_t>(
        fake.committed("g", "orders", p).value_or(cafka::log_offset{0}).value());
    return sum;
  }

  cafka::testing::cluster fake{{.brokers = 2}};
  const std::string brokers = fake.listen();
};

} // namespace

TEST_CASE("kcat, and so librdkafka, writes and reads as a group on a cluster for tests") {
  fake_service f;
  const auto wrote =
    run_program({"kcat", "-b", f.brokers, "-P", "-t", "orders"}, "a\nb\nc\n");
  INFO(wrote.err);
  REQUIRE(wrote.status == 0);
  const auto read = run_program({"kcat", "-b", f.brokers, "-X",
    "auto.offset.reset=earliest", "-c", "33", "-q", "-G", "g", "orders"});
  INFO(read.err);
  REQUIRE(read.status == 0);
  CHECK(lines(read.out).size() == 33);
  CHECK(f.committed() == 33);
}

TEST_CASE("Java's console clients write and read as a group on a cluster for tests") {
  const kafka_cluster kafka;
  fake_service f;
  const auto wrote = kafka.tool(
    {"kafka-console-producer", "--bootstrap-server", f.brokers, "--topic", "orders"},
    "a\nb\nc\n");
  INFO(wrote.err);
  REQUIRE(wrote.status == 0);
  const auto read = kafka.tool({"kafka-console-consumer", "--bootstrap-server", f.brokers,
    "--topic", "orders", "--group", "g", "--from-beginning", "--max-messages", "33",
    "--timeout-ms", "60000"});
  INFO(read.out << read.err);
  REQUIRE(read.status == 0);
  CHECK(lines(read.out).size() == 33);
  CHECK(f.committed() == 33);
}
