#include "cli_cluster.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

/// All records of the topic, both partitions.
std::vector<json> all_records(const cluster& c) {
  auto result =
    objects(c.run({"fetch", "-t", "orders", "-p", "0", "--all", "-o", "json"}));
  const auto more =
    objects(c.run({"fetch", "-t", "orders", "-p", "1", "--all", "-o", "json"}));
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
  CHECK(run.out == "orders/1  2 records from offset 0\n");
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

TEST_CASE("a batch that the cluster refuses is told with its lines") {
  const cluster c;
  const auto run =
    c.run({"produce", "-t", "orders", "-p", "7", "--timeout", "2s"}, "one\ntwo\nthree\n");
  CHECK(run.exit_code == 1);
  CHECK(run.out.empty());
  CHECK_THAT(run.err,
    StartsWith("cafka: cannot produce 3 records to orders/7, line 1 to line 3: ")
      && ContainsSubstring("0 records before it were written"));
}

TEST_CASE("a line is sent before the next one is there") {
  const cluster c;
  running_cafka program{c.args({"produce", "-t", "orders"})};
  program.write("first\n");
  CHECK(program.read_lines(1)[0] == "orders/0  1 record from offset 0");
  program.write("second\nhalf");
  CHECK(program.read_lines(2)[1] == "orders/0  1 record from offset 1");
  const auto end = program.wait();
  CHECK(end.exit_code == 0);
  CHECK(end.lines().back() == "orders/0  1 record from offset 2");
}

TEST_CASE("long work shows how far it is, on a terminal only") {
  const cluster c;
  running_cafka program{c.args({"produce", "-t", "orders"})};
  // Its first half a second is no long work yet; from then on each batch shows it.
  std::size_t sent = 0;
  std::string shown;
  const std::string some = "some line\n";
  const auto began = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - began < std::chrono::seconds{1}) {
    program.write(some);
    program.read_lines(++sent);
  }
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
