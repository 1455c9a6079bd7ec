#include "cli_program.hpp"
#include <cafka/app/cli/broker_words.hpp>
#include <cafka/app/configuration.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <csignal>

using Catch::Matchers::ContainsSubstring;

TEST_CASE("a broker serves other commands until it is told to end") {
  running_cafka broker{{"broker", "--port", "0", "--brokers", "2", "--topic", "orders:3",
    "--fault", "ListOffsets:TOPIC_AUTHORIZATION_FAILED:1"}};
  const auto brokers = broker.read_lines(1).at(0);
  const auto run = [&](std::vector<std::string> args, const std::string& input = {}) {
    args.insert(args.end(), {"--brokers", brokers});
    auto done = run_cafka(std::move(args), input);
    UNSCOPED_INFO(done.out << done.err);
    return done;
  };
  const auto cluster = run({"metadata", "--topic", "orders"});
  CHECK(cluster.exit_code == 0);
  CHECK_THAT(cluster.out, ContainsSubstring("broker 2"));
  CHECK(
    run({"produce", "--topic", "orders", "--partition", "1"}, "a\nb\n").exit_code == 0);
  const auto refused =
    run({"fetch", "--topic", "orders", "--partition", "1", "--offset", "-1", "--all"});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, ContainsSubstring("TOPIC_AUTHORIZATION_FAILED"));
  const auto read = run({"fetch", "--topic", "orders", "--partition", "1", "--all"});
  CHECK(read.exit_code == 0);
  CHECK(read.lines().size() == 2);
  broker.signal(SIGTERM);
  CHECK(broker.wait().exit_code == 0);
}

TEST_CASE("what a broker cannot be is refused, with what it can be") {
  for (const auto& [words, why] :
    std::vector<std::pair<std::vector<std::string>, std::string>>{
      {{"--brokers", "0"}, "from 1 to 1000"}, {{"--fault", "Produce"}, "API:WHAT"},
      {{"--fault", "Frobnicate:drop"}, "there is no API Frobnicate"},
      {{"--fault", "Produce:frobnicate"}, "NOT_LEADER_OR_FOLLOWER"},
      {{"--topic", "a:0"}, "1 or more"}, {{"--kafka-version", "new"}, "release"}}) {
    auto args = words;
    args.insert(args.begin(), "broker");
    const auto run = run_cafka(args);
    INFO(run.err);
    CHECK(run.exit_code == 2);
    CHECK_THAT(run.err, ContainsSubstring(why));
  }
}

TEST_CASE("the words of a fault") {
  // Durations are read by CAF, whose errors are made of these.
  cafka::init_global_meta_objects();
  using cafka::cli::parse_broker_fault;
  using cafka::protocol::api_key;
  using cafka::protocol::error_code;
  using cafka::testing::fate;
  const auto error = parse_broker_fault("produce:not_leader_or_follower:3");
  REQUIRE(error);
  CHECK(error->key == api_key::produce);
  CHECK(error->error == error_code::not_leader_or_follower);
  CHECK(error->times == 3);
  const auto delay = parse_broker_fault("ListOffsets:delay=200ms");
  REQUIRE(delay);
  CHECK(delay->key == api_key::list_offsets);
  CHECK(delay->how.delay == std::chrono::milliseconds{200});
  CHECK(delay->times == cafka::testing::always);
  CHECK(parse_broker_fault("Fetch:drop")->how.what == fate::lost);
  CHECK(parse_broker_fault("Fetch:cut")->how.what == fate::cut);
  CHECK(parse_broker_fault("Fetch:cut-answer:1")->how.what == fate::answer_cut);
  CHECK_FALSE(parse_broker_fault("Fetch:cut:0"));
  CHECK_FALSE(parse_broker_fault("Fetch:NONE"));
  CHECK_FALSE(parse_broker_fault("Fetch:delay=soon"));
  CHECK_FALSE(cafka::cli::parse_broker_topic(":3"));
  CHECK(cafka::cli::parse_broker_topic("a")->partitions == 1);
}
