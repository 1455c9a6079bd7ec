#include "cli_cluster.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <csignal>
#include <map>

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

/// A cluster whose topic holds ten lines in partition 0 and three in partition 1.
struct filled_cluster : cluster {
  filled_cluster() {
    REQUIRE(
      run({"produce", "-t", "orders", "-p", "0"}, numbered_lines(10)).exit_code == 0);
    REQUIRE(run({"produce", "-t", "orders", "-p", "1", "-K", ":", "-H", "h=1"},
              "a:x\nb:y\nc:z\n")
              .exit_code
      == 0);
  }
};

std::string offset_of_group(const cluster& c, const std::string& place) {
  const auto run = c.run({"groups", "offsets", "-G", "billing", place});
  REQUIRE(run.exit_code == 0);
  return run.out;
}

} // namespace

TEST_CASE("a stream of all partitions comes whole, each partition in its order") {
  const filled_cluster c;
  const auto run = c.run({"stream", "-t", "orders", "-e", "--output", "json"});
  REQUIRE(run.exit_code == 0);
  CHECK(run.err.empty());
  std::map<int, std::vector<int>> offsets;
  for (const auto& r : objects(run))
    offsets[r["partition"]].push_back(r["offset"]);
  CHECK(offsets[0] == std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  CHECK(offsets[1] == std::vector{0, 1, 2});
  const auto text = c.run({"stream", "-t", "orders", "-p", "1", "-e"});
  REQUIRE(text.lines().size() == 3);
  CHECK_THAT(text.lines()[1], StartsWith("1\t1\t20") && ContainsSubstring("\tb\ty\th=1"));
}

TEST_CASE("a stream begins where it is told") {
  const filled_cluster c;
  struct from {
    std::string offset;
    std::string prints;
  };
  const auto f = GENERATE(from{"beginning", "0 1 2 3 4 5 6 7 8 9 "}, from{"end", ""},
    from{"7", "7 8 9 "}, from{"-2", "8 9 "}, from{"-100", "0 1 2 3 4 5 6 7 8 9 "},
    from{"-0", ""}, from{"@2099-01-01T00:00:00Z", ""},
    from{"earliest", "0 1 2 3 4 5 6 7 8 9 "}, from{"latest", ""});
  const auto run =
    c.run({"stream", "-t", "orders", "-p", "0", "-e", "-o", f.offset, "-f", "%o "});
  CHECK(run.exit_code == 0);
  CHECK(run.out == f.prints);
  // The same words for one fetch after the other.
  const auto fetched =
    c.run({"fetch", "-t", "orders", "--all", "-o", f.offset, "--json"});
  CHECK(fetched.exit_code == 0);
  std::string offsets;
  for (const auto& r : objects(fetched))
    offsets += std::to_string(r["offset"].get<int>()) + ' ';
  CHECK(offsets == f.prints);
}

TEST_CASE("reading ends where it is told") {
  const filled_cluster c;
  struct until {
    std::vector<std::string> options;
    std::string prints;
  };
  const auto f =
    GENERATE(until{{"-u", "3"}, "0 1 2 "}, until{{"-o", "4", "--until", "7"}, "4 5 6 "},
      until{{"--until", "-8"}, "0 1 "}, until{{"-o", "-4", "-u", "end"}, "6 7 8 9 "},
      until{{"-u", "beginning"}, ""}, until{{"-o", "8", "-u", "3"}, ""},
      until{{"-o", "2", "-o", "e@2099-01-01T00:00:00Z"}, "2 3 4 5 6 7 8 9 "},
      until{{"-u", "1000", "--timeout", "5s", "-e"}, "0 1 2 3 4 5 6 7 8 9 "});
  std::vector<std::string> args{"stream", "-t", "orders", "-p", "0", "-f", "%o "};
  args.insert(args.end(), f.options.begin(), f.options.end());
  const auto run = c.run(args);
  CHECK(run.exit_code == 0);
  CHECK(run.out == f.prints);
  if (f.options.back() == "-e")
    return; // A fetch never waits for what is not there yet.
  args = {"fetch", "-t", "orders", "--json"};
  args.insert(args.end(), f.options.begin(), f.options.end());
  const auto fetched = c.run(args);
  CHECK(fetched.exit_code == 0);
  std::string offsets;
  for (const auto& r : objects(fetched))
    offsets += std::to_string(r["offset"].get<int>()) + ' ';
  CHECK(offsets == f.prints);
}

TEST_CASE("a stream waits for the offset that is its end") {
  const filled_cluster c;
  running_cafka program{
    c.args({"stream", "-t", "orders", "-p", "0", "-u", "11", "-f", "%o\n"})};
  program.read_lines(10);
  REQUIRE(c.run({"produce", "-t", "orders", "-p", "0"}, "a\nb\n").exit_code == 0);
  const auto end = program.wait();
  CHECK(end.exit_code == 0);
  CHECK(end.lines().size() == 11);
}

TEST_CASE("a stream prints by a format, and nothing else") {
  const filled_cluster c;
  const auto run = c.run({"stream", "-t", "orders", "-p", "1", "-e", "-f",
    "%t [%p] at offset %o: key %k (%K): %s (%S) %h\\n"});
  CHECK(run.exit_code == 0);
  CHECK(run.out
    == "orders [1] at offset 0: key a (1): x (1) h=1\n"
       "orders [1] at offset 1: key b (1): y (1) h=1\n"
       "orders [1] at offset 2: key c (1): z (1) h=1\n");
  const auto nulls =
    c.run({"stream", "-t", "orders", "-p", "0", "-o", "9", "-e", "-Z", "-f", "%k=%s;"});
  CHECK(nulls.out == "NULL=line 9;");
}

TEST_CASE("a stream stops after a count, over all partitions") {
  const filled_cluster c;
  CHECK(c.run({"stream", "-t", "orders", "-c", "5"}).lines().size() == 5);
  CHECK(c.run({"stream", "-t", "orders", "-e", "-c", "100"}).lines().size() == 13);
  CHECK(c.run({"stream", "-t", "orders", "-c", "0"}).out.empty());
}

TEST_CASE("a stream follows, until Ctrl-C ends it in order") {
  const filled_cluster c;
  running_cafka program{
    c.args({"stream", "-t", "orders", "-p", "0", "-f", "%s\n", "-G", "billing"})};
  program.read_lines(10);
  REQUIRE(c.run({"produce", "-t", "orders", "-p", "0"}, "and one more\n").exit_code == 0);
  CHECK(program.read_lines(11).back() == "and one more");
  program.signal(GENERATE(SIGINT, SIGTERM));
  const auto end = program.wait();
  CHECK(end.exit_code == 0);
  CHECK(end.err.empty());
  CHECK(end.lines().size() == 11);
  CHECK(offset_of_group(c, "orders/0") == "orders/0  11\n");
}

TEST_CASE("a group goes on where it has stopped") {
  const filled_cluster c;
  const auto first =
    c.run({"stream", "-t", "orders", "-p", "0", "-G", "billing", "-c", "4", "-f", "%o "});
  CHECK(first.exit_code == 0);
  CHECK(first.out == "0 1 2 3 ");
  CHECK(offset_of_group(c, "orders/0") == "orders/0  4\n");
  const auto rest = c.run({"stream", "-t", "orders", "-p", "0", "-G", "billing", "-o",
    "stored", "-e", "-f", "%o "});
  CHECK(rest.exit_code == 0);
  CHECK(rest.out == "4 5 6 7 8 9 ");
  CHECK(offset_of_group(c, "orders/0") == "orders/0  10\n");
}

TEST_CASE("a hundred partitions cost no thread each, and a record comes at once") {
  const cluster c;
  REQUIRE(c.brokers().create_topic("many", 100, 1));
  running_cafka few{c.args({"stream", "-t", "orders"})};
  running_cafka many{c.args({"stream", "-t", "many", "-f", "%p %s\n"})};
  for (const auto* p : {"0", "50", "99"})
    REQUIRE(c.run({"produce", "-t", "many", "-p", p, "-q"}, "one\n").exit_code == 0);
  CHECK(many.read_lines(3).size() == 3);
  // It reads and rests now. A fresh one is there long before a thread's turn would come.
  REQUIRE(c.run({"produce", "-t", "many", "-p", "70", "-q"}, "two\n").exit_code == 0);
  CHECK(many.read_lines(4).back() == "70 two");
  REQUIRE(c.run({"produce", "-t", "orders", "-q"}, "one\n").exit_code == 0);
  few.read_lines(1);
  CHECK(many.threads() == few.threads());
}

TEST_CASE("many partitions of which few hold records end where their logs do") {
  const cluster c;
  REQUIRE(c.brokers().create_topic("many", 300, 1));
  for (const auto* p : {"7", "299"})
    REQUIRE(
      c.run({"produce", "-t", "many", "-p", p, "-q"}, numbered_lines(20)).exit_code == 0);
  const auto all = c.run({"stream", "-t", "many", "-e"});
  CHECK(all.exit_code == 0);
  CHECK(all.lines().size() == 40);
  const auto last = c.run({"stream", "-t", "many", "-e", "-o", "-1", "-f", "%p %s\n"});
  CHECK(last.exit_code == 0);
  CHECK(last.lines().size() == 2);
}

TEST_CASE("a reader that goes in the middle of much ends a stream well") {
  const cluster c;
  REQUIRE(
    c.run({"produce", "-t", "orders", "-p", "0", "-q"}, numbered_lines(100'000)).exit_code
    == 0);
  for (int i = 0; i != 5; ++i) {
    running_cafka program{c.args({"stream", "-t", "orders"})};
    program.read_lines(1);
    program.close_output();
    const auto end = program.wait();
    CHECK(end.exit_code == 0);
    CHECK(end.err.empty());
  }
}

TEST_CASE("a stream whose reader goes ends without a message") {
  const filled_cluster c;
  running_cafka program{c.args({"stream", "-t", "orders", "-p", "0"})};
  program.read_lines(10);
  program.close_output();
  const auto end = program.wait();
  CHECK(end.exit_code == 0);
  CHECK(end.err.empty());
}

TEST_CASE("a stream that cannot go on says where and why") {
  const filled_cluster c;
  const auto beyond = c.run({"stream", "-t", "orders", "-p", "0", "-o", "77"});
  CHECK(beyond.exit_code == 1);
  CHECK_THAT(beyond.err,
    ContainsSubstring("cannot stream orders/0")
      && ContainsSubstring("OFFSET_OUT_OF_RANGE") && ContainsSubstring("cafka offsets"));
  const auto missing =
    c.run({"stream", "-t", "orders", "-p", "9", "-e", "--timeout", "2s"});
  CHECK(missing.exit_code == 1);
  CHECK_THAT(missing.err, ContainsSubstring("orders/9"));
}

TEST_CASE("wrong options of stream are told with what is allowed") {
  struct wrong {
    std::vector<std::string> args;
    std::string says;
  };
  const auto w = GENERATE(wrong{{"-o", "middle"}, "stored, beginning (or earliest), end"},
    wrong{{"-o", "@soon"}, "@2024-05-01T12:30:00Z"}, wrong{{"-o", "--5"}, "-NUMBER"},
    wrong{{"-o", "stored"}, "--group"},
    wrong{{"-f", "%s %y"}, "character 4 of \"%s %y\""},
    wrong{{"-f", "%s", "--output", "json"}, "--output"}, wrong{{"-Z"}, "--format"},
    wrong{{"-c", "-1"}, "a number of records"});
  auto args = w.args;
  args.insert(args.begin(), {"stream", "-t", "x"});
  const auto run = run_cafka(args);
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  CHECK_THAT(run.err,
    StartsWith("cafka: ") && ContainsSubstring(w.says)
      && ContainsSubstring("try: cafka stream --help"));
}
