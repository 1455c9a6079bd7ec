#include "cli_cluster.hpp"

#include <catch2/matchers/catch_matchers_string.hpp>

using Catch::Matchers::ContainsSubstring;

TEST_CASE("with -vv standard output has the data alone, as without") {
  const cluster c;
  REQUIRE(
    c.run({"produce", "-t", "orders", "-p", "0"}, numbered_lines(3)).exit_code == 0);
  const std::vector<std::string> fetch{"fetch", "-t", "orders", "-p", "0", "--all"};
  const auto quiet = c.run(fetch);
  CHECK(quiet.err.empty());
  auto verbose = fetch;
  verbose.emplace_back("-v");
  const auto connections = c.run(verbose);
  CHECK(connections.out == quiet.out);
  CHECK_THAT(connections.err,
    ContainsSubstring("debug worker default: connecting to ")
      && ContainsSubstring("debug worker default: connected to ")
      && !ContainsSubstring("trace"));
  verbose.back() = "-vv";
  const auto requests = c.run(verbose);
  CHECK(requests.out == quiet.out);
  CHECK_THAT(requests.err,
    ContainsSubstring("debug worker default: connected to ")
      && ContainsSubstring("trace worker default: Fetch v"));
}

TEST_CASE("a broker that is not there is logged on standard error, once") {
  // Nothing listens on this port of the loopback.
  const auto run = run_cafka({"metadata", "-b", "127.0.0.1:1", "--timeout", "1s"});
  CHECK(run.exit_code == 1);
  CHECK(run.out.empty());
  INFO(run.err);
  const std::string line = "warning worker default: cannot connect to 127.0.0.1:1: ";
  const auto at = run.err.find(line);
  REQUIRE(at != std::string::npos);
  CHECK(run.err.find(line, at + 1) == std::string::npos);
}

TEST_CASE("the configuration file says from which level on is logged, unless -v does") {
  const temporary_file config{R"(cafka { log_level = "off" })"};
  const std::vector<std::string> args{
    "metadata", "-b", "127.0.0.1:1", "--timeout", "300ms", "--config", config.path()};
  const auto quiet = run_cafka(args);
  CHECK(quiet.exit_code == 1);
  CHECK_THAT(quiet.err, !ContainsSubstring("worker default: "));
  auto verbose = args;
  verbose.emplace_back("-v");
  CHECK_THAT(
    run_cafka(verbose).err, ContainsSubstring("debug worker default: connecting to "));
}
