#include "cli_cluster.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <map>
#include <set>

using cafka::protocol::broker_id;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

/// All records of the topic, both partitions.
std::vector<json> all_records(const cluster& c) {
  auto result = objects(c.run({"fetch", "-t", "orders", "-p", "0", "--all", "-J"}));
  const auto more = objects(c.run({"fetch", "-t", "orders", "-p", "1", "--all", "-J"}));
  result.insert(result.end(), more.begin(), more.end());
  return result;
}

} // namespace

TEST_CASE("records with the same key go to the same partition, and keys to several") {
  const cluster c;
  std::string input;
  for (int i = 0; i != 60; ++i)
    input += "key" + std::to_string(i % 20) + ':' + std::to_string(i) + '\n';
  REQUIRE(c.run({"produce", "-t", "orders", "-K", ":"}, input).exit_code == 0);
  std::map<std::string, std::set<int>> partitions;
  std::set<int> used;
  const auto records = all_records(c);
  REQUIRE(records.size() == 60);
  for (const auto& r : records) {
    partitions[r["key"]].insert(r["partition"].get<int>());
    used.insert(r["partition"].get<int>());
  }
  CHECK(
    std::ranges::all_of(partitions, [](const auto& p) { return p.second.size() == 1; }));
  CHECK(used == std::set{0, 1});
}

TEST_CASE("keys lead where Kafka's Java client would send them") {
  const cluster c;
  // murmur2 of these, as Kafka's own tests have it: -973932308, -790332482, 479470107.
  REQUIRE(
    c.run({"produce", "-t", "orders", "-K", ":"}, "21:1\nfoobar:2\nabc:3\n").exit_code
    == 0);
  std::map<std::string, int> found;
  for (const auto& r : all_records(c))
    found[r["key"]] = r["partition"];
  CHECK(found == std::map<std::string, int>{{"21", 0}, {"foobar", 0}, {"abc", 1}});
}

TEST_CASE("a file is one record, whole, and a fixed key and time go with it") {
  const cluster c;
  const temporary_file picture{std::string("two\nlines\0and a null", 20)};
  const temporary_file text{"text"};
  const auto run = c.run({"produce", "-t", "orders", "-p", "1", "--record-key", "cat",
    "--timestamp", "2024-05-01T12:30:00Z", picture.path(), text.path()});
  REQUIRE(run.exit_code == 0);
  // Two values, and twice their key.
  CHECK_THAT(run.out, StartsWith("orders/1  2 records from offset 0  30 bytes  "));
  const auto records = all_records(c);
  REQUIRE(records.size() == 2);
  CHECK(records[0]["value"] == std::string("two\nlines\0and a null", 20));
  CHECK(records[0]["key"] == "cat");
  CHECK(records[0]["timestamp"] == 1'714'566'600'000);
  CHECK(records[1]["value"] == "text");
}

TEST_CASE("with --lines the records of files are produced, by any delimiter") {
  const cluster c;
  const temporary_file first{"a\\1;b\\2;"};
  const temporary_file second{"c\\3"};
  const auto run = c.run({"produce", "-t", "orders", "-p", "0", "--lines", "-D", "\\x3b",
    "-K", "\\\\", first.path(), second.path()});
  REQUIRE(run.exit_code == 0);
  const auto records = all_records(c);
  REQUIRE(records.size() == 3);
  CHECK(records[1]["key"] == "b");
  CHECK(records[1]["value"] == "2");
  CHECK(records[2]["value"] == "3");
}

TEST_CASE("with -Z what is empty is null, so that tombstones can be written") {
  const cluster c;
  REQUIRE(c.run({"produce", "-t", "orders", "-p", "0", "-K", ":", "-Z"}, "gone:\n:new\n")
            .exit_code
    == 0);
  const auto records = all_records(c);
  REQUIRE(records.size() == 2);
  CHECK(records[0]["key"] == "gone");
  CHECK(records[0]["value"].is_null());
  CHECK(records[1]["key"].is_null());
}

TEST_CASE("what is wrong in a file is told with its line and what was written") {
  const cluster c;
  const temporary_file good{"a:1\nb:2\n"};
  const temporary_file bad{"c:3\nnothing\n"};
  const auto run = c.run({"produce", "-t", "orders", "-p", "0", "--lines", "-K", ":",
    good.path(), bad.path()});
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err,
    ContainsSubstring("cannot produce line 2 of " + bad.path() + ": ")
      && ContainsSubstring("3 records before it were written"));
  CHECK(all_records(c).size() == 3);
  const auto missing =
    c.run({"produce", "-t", "orders", "-p", "0", good.path(), "/no/such/file"});
  CHECK(missing.exit_code == 1);
  CHECK_THAT(missing.err,
    ContainsSubstring("cannot open /no/such/file") && ContainsSubstring("No such file")
      && ContainsSubstring("1 record before it was written"));
  const auto directory = c.run({"produce", "-t", "orders", "/"});
  CHECK(directory.exit_code == 1);
  CHECK_THAT(directory.err,
    ContainsSubstring("cannot read /") && ContainsSubstring("0 records before it were"));
}

TEST_CASE("the first record that the cluster refuses is told with its line") {
  const cluster c;
  const auto run =
    c.run({"produce", "-t", "orders", "-p", "7", "--timeout", "2s"}, "one\ntwo\nthree\n");
  CHECK(run.exit_code == 1);
  CHECK(run.out.empty());
  CHECK_THAT(run.err,
    StartsWith("cafka: cannot produce line 1 to orders/7: UNKNOWN_TOPIC_OR_PARTITION")
      && ContainsSubstring("0 records were written, 1 not"));
}

TEST_CASE("a line is sent before the next one is there") {
  const cluster c;
  running_cafka program{c.args({"produce", "-t", "orders", "-p", "0"})};
  const auto so_far = [&](const std::string& count) {
    return c.run({"stream", "-t", "orders", "-p", "0", "-c", count, "-f", "%s "}).out;
  };
  program.write("first\n");
  CHECK(so_far("1") == "first ");
  program.write("second\nhalf");
  CHECK(so_far("2") == "first second ");
  const auto end = program.wait();
  CHECK(end.exit_code == 0);
  REQUIRE(end.lines().size() == 1);
  CHECK_THAT(end.lines()[0], StartsWith("orders/0  3 records from offset 0  15 bytes  "));
}

TEST_CASE("records without a key go to all partitions") {
  const cluster c;
  std::string input;
  for (int i = 0; i != 4'000; ++i)
    input += std::string(100, 'x') + std::to_string(i) + '\n';
  const auto run = c.run({"produce", "-t", "orders", "-J"}, input);
  REQUIRE(run.exit_code == 0);
  const auto summary = objects(run);
  REQUIRE(summary.size() == 1);
  CHECK(summary[0]["topic"] == "orders");
  CHECK(summary[0]["records"] == 4'000);
  CHECK(summary[0]["not_written"] == 0);
  const auto& parts = summary[0]["partitions"];
  REQUIRE(parts.size() == 2);
  std::int64_t sum = 0;
  for (const auto& part : parts) {
    CHECK(part["base_offset"] == 0);
    const auto records = part["records"].get<std::int64_t>();
    CHECK(part["last_offset"] == records - 1);
    CHECK(records > 100);
    sum += records;
  }
  CHECK(sum == 4'000);
  const auto text = c.run({"produce", "-t", "orders"}, input);
  CHECK_THAT(text.out, StartsWith("orders  4000 records  2 partitions  414890 bytes  "));
}

TEST_CASE("with -q nothing is printed that is no error") {
  const cluster c;
  const auto run = c.run({"produce", "-t", "orders", "-p", "0", "-q"}, numbered_lines(9));
  CHECK(run.exit_code == 0);
  CHECK(run.out.empty());
  CHECK(run.err.empty());
  CHECK(all_records(c).size() == 9);
  const auto bad = c.run({"produce", "-t", "orders", "-q", "-K", ":"}, "no key\n");
  CHECK(bad.exit_code == 1);
  CHECK(bad.out.empty());
  CHECK_THAT(bad.err, ContainsSubstring("cannot produce line 1"));
}

TEST_CASE("leaders that go and come back cost no record") {
  const cluster c;
  running_cafka program{c.args({"produce", "-t", "orders", "-K", ":"})};
  std::string input;
  for (int i = 0; i != 2'500; ++i)
    input += std::to_string(i) + ":value\n";
  program.write(input.substr(0, input.size() / 2));
  // Some of it is written.
  REQUIRE(c.run({"stream", "-t", "orders", "-c", "100", "-f", "%o "}).exit_code == 0);
  for (const broker_id id : {1, 2})
    REQUIRE(c.brokers().set_down(id));
  program.write(input.substr(input.size() / 2));
  program.read_errors("records"); // It goes on trying, and shows how far it is.
  for (const broker_id id : {1, 2})
    REQUIRE(c.brokers().set_up(id));
  const auto end = program.wait();
  INFO(end.err);
  CHECK(end.exit_code == 0);
  CHECK_THAT(end.out, ContainsSubstring("orders  2500 records  2 partitions"));
  std::set<int> keys;
  for (const auto& r : all_records(c))
    keys.insert(std::stoi(r["key"].get<std::string>()));
  CHECK(keys.size() == 2'500);
}

TEST_CASE("a file that is too large for a producer is one record nevertheless") {
  const cluster c;
  // The embedded cluster keeps 5 MiB of a partition.
  const temporary_file large{std::string(4'300'000, 'x')};
  const temporary_file first{"before"};
  const temporary_file last{"after it"};
  const auto run = c.run(
    {"produce", "-t", "orders", "-p", "0", first.path(), large.path(), last.path()});
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, StartsWith("orders/0  3 records from offset 0  4300014 bytes  "));
  CHECK(c.run({"stream", "-t", "orders", "-p", "0", "-e", "-f", "%S "}).out
    == "6 4300000 8 ");
}

TEST_CASE("long work shows how far it is, on a terminal only") {
  const cluster c;
  running_cafka program{c.args({"produce", "-t", "orders"})};
  program.write("some line\n");
  // Its first half a second is no long work yet.
  CHECK_THAT(program.read_errors("records"), ContainsSubstring("B/s"));
  const auto end = program.wait();
  CHECK(end.exit_code == 0);
  // In the end the line is gone.
  CHECK(end.err.ends_with("\r\033[K"));
  const auto quiet = c.run({"produce", "-t", "orders"}, numbered_lines(100'000));
  CHECK(quiet.exit_code == 0);
  CHECK(quiet.err.empty());
}

TEST_CASE("wrong options of produce are told before anything is written") {
  struct wrong {
    std::vector<std::string> args;
    std::string says;
  };
  const auto w =
    GENERATE(wrong{{"--lines"}, "FILE"}, wrong{{"-D", ""}, "must not be empty"},
      wrong{{"-D", "\\q"}, "character 1"}, wrong{{"-K", ":", "file"}, "--lines"},
      wrong{{"-K", ":", "--record-key", "k"}, "excludes"},
      wrong{{"--timestamp", "yesterday"}, "2024-05-01T12:30:00Z"},
      wrong{{"--batch-size", "0"}, "from 1 to 1000000"});
  auto args = w.args;
  args.insert(args.begin(), {"produce", "-t", "x"});
  const auto run = run_cafka(args);
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err,
    StartsWith("cafka: ") && ContainsSubstring(w.says)
      && ContainsSubstring("try: cafka produce --help"));
}
