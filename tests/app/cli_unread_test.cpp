#include "cli_cluster.hpp"

// The reader of what is printed may go at any time: nothing has failed then.

TEST_CASE("a command whose output nobody reads ends with 0 and without a message") {
  const cluster c;
  REQUIRE(
    c.run({"produce", "-t", "orders", "-p", "0"}, numbered_lines(10)).exit_code == 0);
  REQUIRE(c.run({"groups", "commit", "-G", "billing", "orders/0=4"}).exit_code == 0);
  for (const auto& args : std::vector<std::vector<std::string>>{{"metadata"},
         {"metadata", "--json"}, {"api-versions"}, {"api-versions", "--json"},
         {"topics", "list"}, {"topics", "describe"}, {"topics", "describe", "--json"},
         {"produce", "-t", "orders"}, {"produce", "-t", "orders", "--json"},
         {"fetch", "-t", "orders"}, {"fetch", "-t", "orders", "--all", "--json"},
         {"stream", "-t", "orders"}, {"stream", "-t", "orders", "-e"},
         {"stream", "-t", "orders", "-e", "--json"},
         {"stream", "-t", "orders", "-f", "%s\n"},
         {"stream", "-t", "orders", "-G", "billing", "-e"}, {"offsets", "-t", "orders"},
         {"consume", "-t", "orders", "-G", "readers", "-q"},
         {"groups", "coordinator", "-G", "billing"},
         {"groups", "offsets", "-G", "billing", "orders"},
         {"groups", "commit", "-G", "billing", "orders/0=5"}}) {
    INFO(args[0] << ' ' << args[1 % args.size()] << ' ' << args.back());
    const auto run = run_cafka_unread(c.args(args), "a line\n");
    CHECK(run.exit_code == 0);
    CHECK(run.err.empty());
  }
}

TEST_CASE("what needs no cluster ends with 0, too, when it is not read") {
  for (const auto& args : std::vector<std::vector<std::string>>{{"--help"}, {"--version"},
         {"stream", "--help"}, {"topics", "--help"}, {"completion", "bash"}, {"man"},
         {"man", "stream"}, {"demo"}}) {
    INFO(args.back());
    const auto run = run_cafka_unread(args);
    CHECK(run.exit_code == 0);
    CHECK(run.err.empty());
  }
}
