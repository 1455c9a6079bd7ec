#include "cli_program.hpp"
#include <cafka/protocol/messages/fetch.hpp>
#include <cafka/testing/cluster.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <atomic>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>

using cafka::protocol::record;
using Catch::Matchers::ContainsSubstring;

namespace {

/// A cluster whose topic `orders` holds ten records in partition 0 and three in
/// partition 1.
struct groups_cluster {
  cafka::testing::cluster model{{.brokers = 2}};
  std::string brokers = model.listen();

  groups_cluster() {
    model.create_topic("orders", 2);
    fill(0, 10);
    fill(1, 3);
  }

  void fill(std::int32_t partition, int count) {
    for (int i = 0; i != count; ++i)
      model.append("orders", partition, {record{.value = "line " + std::to_string(i)}});
  }

  [[nodiscard]] std::vector<std::string> args(std::vector<std::string> given) const {
    given.insert(given.begin(), {"consume", "-G", "billing"});
    given.insert(given.end(), {"--brokers", brokers});
    return given;
  }

  [[nodiscard]] program_run run(std::vector<std::string> given) const {
    auto done = run_cafka(args(std::move(given)));
    UNSCOPED_INFO("stdout: " << done.out << "\nstderr: " << done.err);
    return done;
  }

  [[nodiscard]] std::string committed() const {
    return run_cafka(
      {"groups", "offsets", "-G", "billing", "orders", "--brokers", brokers})
      .out;
  }
};

/// How many different records these lines name, each once; their times differ.
std::size_t different(const std::vector<std::string>& lines) {
  std::set<std::string> all;
  for (const auto& line : lines)
    all.insert(line.substr(0, line.find('\t', line.find('\t', line.find('\t') + 1) + 1)));
  return all.size();
}

} // namespace

TEST_CASE("a member prints what its group gives it, and the next one goes on") {
  groups_cluster c;
  const std::string protocol = GENERATE("classic", "consumer", "automatic");
  const auto first = c.run({"-t", "orders", "-e", "--group-protocol", protocol});
  REQUIRE(first.exit_code == 0);
  CHECK(first.lines().size() == 13);
  CHECK(different(first.lines()) == 13);
  CHECK_THAT(first.out,
    ContainsSubstring("orders\t1\t2\t") && ContainsSubstring("\t\\N\tline 9\t"));
  CHECK_THAT(
    first.err, ContainsSubstring("cafka: billing: assigned orders/0, orders/1\n"));
  CHECK(c.committed() == "orders/0  10\norders/1  3\n");
  c.fill(1, 1);
  const auto second =
    c.run({"-t", "orders", "-e", "-q", "-J", "--group-protocol", protocol});
  REQUIRE(second.exit_code == 0);
  CHECK(second.err.empty());
  const auto one = nlohmann::json::parse(second.out);
  CHECK(one["topic"] == "orders");
  CHECK(one["partition"] == 1);
  CHECK(one["offset"] == 3);
}

TEST_CASE("a member commits what it has printed, and no more") {
  groups_cluster c;
  const auto first = c.run({"-t", "orders", "-c", "4", "-f", "%t\t%p\t%o\n"});
  REQUIRE(first.exit_code == 0);
  CHECK(first.lines().size() == 4);
  const auto rest = c.run({"-t", "orders", "-e", "-f", "%t\t%p\t%o\n"});
  REQUIRE(rest.exit_code == 0);
  CHECK(rest.lines().size() == 9);
  const auto lines = rest.lines();
  std::set<std::string> each(lines.begin(), lines.end());
  for (const auto& line : first.lines())
    each.insert(line);
  CHECK(each.size() == 13);
}

TEST_CASE("members share out partitions, and one that ends gives its own to the other") {
  groups_cluster c;
  running_cafka one{c.args({"-t", "orders", "-f", "one %p %o\n"})};
  one.read_lines(13);
  running_cafka other{c.args({"--pattern", "ord.*", "-f", "other %p %o\n"})};
  other.read_errors("assigned orders/");
  one.read_errors("revoked orders/");
  one.signal(GENERATE(SIGINT, SIGTERM));
  CHECK(one.wait().exit_code == 0);
  // It has both then.
  c.fill(0, 1);
  c.fill(1, 1);
  const auto lines = other.read_lines(2);
  CHECK(std::set<std::string>(lines.begin(), lines.end())
    == std::set<std::string>{"other 0 10", "other 1 3"});
  other.signal(SIGINT);
  CHECK(other.wait().exit_code == 0);
  CHECK(c.committed() == "orders/0  11\norders/1  4\n");
}

TEST_CASE("what nobody reads is not committed") {
  groups_cluster c;
  const auto unread = run_cafka_unread(c.args({"-t", "orders", "-q"}));
  CHECK(unread.exit_code == 0);
  CHECK(unread.err.empty());
  CHECK(c.run({"-t", "orders", "-e"}).lines().size() == 13);
}

TEST_CASE("a command reads committed records alone where its block says so") {
  groups_cluster c;
  const std::string command = GENERATE("consume", "stream");
  std::atomic<int> level = -1;
  c.model.on<cafka::protocol::fetch_request>(
    [&](auto& x) { level = x.request.isolation_level; });
  const auto run = run_cafka({command, "-G", "billing", "-t", "orders", "-e", "--brokers",
    c.brokers, "-X", "consumers.cafka-" + command + ".isolation=read_committed"});
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK(level == 1);
}

TEST_CASE("wrong options of consume are told with what is allowed") {
  const auto wrong = [](std::vector<std::string> given) {
    given.insert(given.begin(), "consume");
    const auto run = run_cafka(std::move(given));
    CHECK(run.exit_code == 2);
    return run.err;
  };
  CHECK_THAT(wrong({"-t", "orders"}), ContainsSubstring("--group"));
  CHECK_THAT(wrong({"-G", "billing"}), ContainsSubstring("--pattern"));
  CHECK_THAT(wrong({"-G", "billing", "-t", "a,,b"}), ContainsSubstring("topics' names"));
  CHECK_THAT(wrong({"-G", "billing", "-t", "a", "--group-protocol", "new"}),
    ContainsSubstring("automatic"));
}

TEST_CASE("a member of a group that does not let it in says why") {
  groups_cluster c;
  const auto run = c.run({"-t", "orders", "--assignor", "best"});
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err, ContainsSubstring("best") && ContainsSubstring("range"));
  const auto broken = c.run({"--pattern", "ord("});
  CHECK(broken.exit_code == 1);
  CHECK_THAT(broken.err, ContainsSubstring("ord("));
}
