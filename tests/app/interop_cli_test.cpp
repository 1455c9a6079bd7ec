// The command line on a real Kafka, against kcat and Kafka's own tools.

#include "fixture_kafka.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <fstream>

using namespace cafka;
using namespace cafka::testing;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

namespace {

struct cli_service {
  kafka_cluster kafka;
  service s{kafka.brokers()};
  application& app = *s.app;

  cli_service() { s.connect("w"); }

  finished run(std::vector<std::string> arguments, std::string_view input = {}) const {
    arguments.insert(arguments.begin(), CAFKA_CLI);
    // A loaded machine makes topics slowly.
    arguments.insert(arguments.end(), {"--brokers", kafka.brokers(), "--timeout", "60s"});
    return run_program(std::move(arguments), input);
  }

  /// Runs the command line to a good end; returns what it printed.
  std::string cafka(
    std::vector<std::string> arguments, std::string_view input = {}) const {
    const auto done = run(std::move(arguments), input);
    INFO(done.out << done.err);
    REQUIRE(done.status == 0);
    return done.out;
  }

  std::string kcat(
    std::vector<std::string> arguments, std::string_view input = {}) const {
    arguments.insert(arguments.begin(), {"kcat", "-b", kafka.brokers()});
    const auto done = run_program(std::move(arguments), input);
    INFO(done.err);
    REQUIRE(done.status == 0);
    return done.out;
  }

  std::string tool(std::vector<std::string> command) const {
    command.insert(command.begin() + 1, {"--bootstrap-server", kafka.brokers()});
    const auto done = kafka.tool(std::move(command));
    INFO(done.out << done.err);
    REQUIRE(done.status == 0);
    return done.out;
  }

  /// Twenty records of every codec, and all kinds of null, in one partition.
  std::string fill() {
    auto topic = kafka.create_topic("cli");
    const timestamp then{1'700'000'000'000ms};
    for (const auto& [compression, name] : all_codecs()) {
      produce request;
      request.topic = topic;
      request.partition = 0;
      request.compression = compression;
      for (int i = 0; i != 20; ++i)
        request.records.push_back({.key = name,
          .value = std::string("a\0b\n\xff", 5) + std::to_string(i),
          .headers = {{"codec", name}, {"none", std::nullopt}, {"empty", ""}},
          .time = then + milliseconds{i}});
      request.records.push_back({.value = "no key", .time = then});
      request.records.push_back({.key = "no value", .time = then});
      request.records.push_back({.time = then});
      request.records.push_back({.key = "", .value = "", .time = then});
      static_cast<void>(REQUIRE_VALUE(app.produce(request, "w")));
    }
    return topic;
  }
};

std::vector<std::string> sorted_lines(const std::string& text) {
  auto result = lines(text);
  std::ranges::sort(result);
  return result;
}

} // namespace

TEST_CASE("cafka and kcat print the same bytes for the same format") {
  cli_service c;
  const auto topic = c.fill();
  for (const std::string format : {"%s\\n", "%k=%s;", "%R%s",
         "%t [%p] %o %T: key %k (%K) value %s (%S) %h\\n", "\\x41\\t100%% %o\\r\\n"}) {
    INFO(format);
    const auto ours =
      c.cafka({"stream", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-f", format});
    CHECK(ours
      == c.kcat(
        {"-C", "-q", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-f", format}));
    CHECK(ours.size() > 100);
  }
}

TEST_CASE("cafka and kcat begin at the same records") {
  cli_service c;
  const auto topic = c.fill();
  for (const std::string from : {"beginning", "end", "17", "-5", "-1000"}) {
    INFO(from);
    CHECK(c.cafka({"stream", "-t", topic, "-p", "0", "-o", from, "-e", "-f", "%o\\n"})
      == c.kcat({"-C", "-q", "-t", topic, "-p", "0", "-o", from, "-e", "-f", "%o\\n"}));
  }
  const std::string moment = "1700000000010";
  const auto ours =
    c.cafka({"stream", "-t", topic, "-p", "0", "-o", "@" + moment, "-e", "-f", "%o\\n"});
  CHECK_THAT(ours, StartsWith("10\n"));
  CHECK(ours
    == c.kcat(
      {"-C", "-q", "-t", topic, "-p", "0", "-o", "s@" + moment, "-e", "-f", "%o\\n"}));
}

TEST_CASE("cafka and kcat end at the same time") {
  cli_service c;
  const auto topic = c.kafka.create_topic("range");
  for (int i = 0; i != 10; ++i)
    c.cafka({"produce", "-t", topic, "-q", "--timestamp",
              std::to_string(1'700'000'000'000 + i * 1'000)},
      "x\n");
  const std::vector<std::string> range{"-t", topic, "-p", "0", "-o", "s@1700000003000",
    "-o", "e@1700000006000", "-f", "%o "};
  auto ours = range;
  ours.insert(ours.begin(), "stream");
  auto theirs = range;
  theirs.insert(theirs.begin(), {"-C", "-q", "-e"});
  CHECK(c.cafka(ours) == "3 4 5 ");
  CHECK(c.kcat(theirs) == "3 4 5 ");
}

TEST_CASE("times back from now are where reading begins and ends") {
  cli_service c;
  const auto topic = c.kafka.create_topic("ago");
  for (const auto* ago : {"-3d", "-2d", "-1h"})
    c.cafka({"produce", "-t", topic, "-q", "--timestamp", ago}, "x\n");
  const auto read = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {"stream", "-t", topic, "-e", "-f", "%o "});
    return c.cafka(args);
  };
  CHECK(read({"-o", "@-50h"}) == "1 2 ");
  CHECK(read({"-o", "@-50h", "-u", "@-2h"}) == "1 ");
  CHECK(read({"--until", "@-90min"}) == "0 1 ");
  CHECK(read({"-o", "@-1s"}).empty());
  CHECK(lines(c.cafka({"fetch", "-t", topic, "-o", "-50h", "-u", "@-2h"})).size() == 1);
  CHECK(
    c.cafka({"groups", "commit", "-G", topic, topic + "/0=@-50h"}) == topic + "/0  1\n");
  CHECK_THAT(c.cafka({"offsets", "-t", topic, "--at", "@-50h"}),
    StartsWith(topic + "/0  @-50h  1  "));
}

TEST_CASE("a group that has committed nothing anywhere is told to be unknown") {
  cli_service c;
  const auto topic = c.kafka.create_topic("unknown-group");
  const auto group = topic + "-group";
  for (const auto& of :
    std::vector<std::vector<std::string>>{{}, {topic}, {topic + "/0"}}) {
    std::vector<std::string> args{"groups", "offsets", "-G", group};
    args.insert(args.end(), of.begin(), of.end());
    const auto unknown = c.run(args);
    CHECK(unknown.status == 1);
    CHECK(unknown.out.empty());
    CHECK_THAT(unknown.err, StartsWith("cafka: no group " + group + " is known"));
  }
  c.cafka({"groups", "commit", "-G", group, topic + "/0=end"});
  CHECK(c.cafka({"groups", "offsets", "-G", group}) == topic + "/0  0\n");
  // A group that is known need not have committed everywhere.
  const auto other = c.kafka.create_topic("unknown-group-other");
  CHECK(c.cafka({"groups", "offsets", "-G", group, other}) == other + "/0  -\n");
}

TEST_CASE("a certificate that is refused is told in flags, and as what it is") {
  kafka_cluster kafka;
  const auto metadata = [](const std::string& listener, std::vector<std::string> flags) {
    flags.insert(flags.begin(),
      {CAFKA_CLI, "metadata", "--brokers", kafka_cluster::brokers(listener)});
    return run_program(flags);
  };
  const auto ca = kafka_cluster::certificate("ca.crt");
  const auto unknown = metadata("TLS", {"--tls"});
  CHECK(unknown.status == 1);
  CHECK_THAT(unknown.err,
    ContainsSubstring("put that CA into --ca-file or --ca-dir")
      && ContainsSubstring("try: see what is said of TLS"));
  const auto host = metadata("WRONG_HOST", {"--ca-file", ca});
  CHECK(host.status == 1);
  CHECK_THAT(host.err, ContainsSubstring("or use --server-name"));
  const auto plain = metadata("TLS", {});
  CHECK_THAT(plain.err, ContainsSubstring("use --tls, or use its plaintext port"));
  for (const auto& run : {unknown, host, plain}) {
    INFO(run.err);
    CHECK(run.err.find("listens there") == std::string::npos);
    CHECK(run.err.find("cacertfile") == std::string::npos);
    CHECK(run.err.find("use_ssl") == std::string::npos);
  }
  CHECK(metadata("WRONG_HOST", {"--ca-file", ca, "--tls-verify-chain"}).status == 0);
  CHECK(
    metadata("WRONG_HOST", {"--ca-file", ca, "--server-name", "elsewhere.example"}).status
    == 0);
}

TEST_CASE("keys lead to the partitions to which the Java client's way leads them") {
  cli_service c;
  const auto ours = c.kafka.create_topic("keys-by-cafka", 5);
  const auto theirs = c.kafka.create_topic("keys-by-kcat", 5);
  std::string input;
  for (int i = 0; i != 300; ++i)
    input += "key" + std::to_string(i * i) + ':' + std::to_string(i) + '\n';
  c.cafka({"produce", "-t", ours, "-K", ":", "-z", "lz4"}, input);
  c.kcat({"-P", "-t", theirs, "-K:", "-X", "topic.partitioner=murmur2"}, input);
  const std::string format = "%p %k %s\\n";
  const auto printed = sorted_lines(c.cafka({"stream", "-t", ours, "-e", "-f", format}));
  CHECK(printed.size() == 300);
  CHECK(printed == sorted_lines(c.kcat({"-C", "-q", "-t", theirs, "-e", "-f", format})));
  CHECK(printed == sorted_lines(c.kcat({"-C", "-q", "-t", ours, "-e", "-f", format})));
}

TEST_CASE("a topic that is not there yet is made by the first key") {
  cli_service c;
  const auto topic = unique_name("made-by-produce");
  c.cafka({"produce", "-t", topic, "-K", ":"}, "a:1\nb:2\nc:3\n");
  CHECK(lines(c.cafka({"stream", "-t", topic, "-e", "-f", "%k\\n"})).size() == 3);
}

TEST_CASE("headers count as much as values in what a batch may hold") {
  cli_service c;
  const auto topic = c.kafka.create_topic("large-headers");
  std::string input;
  for (int i = 0; i != 20'000; ++i)
    input += "line " + std::to_string(i) + '\n';
  const auto header = "large=" + std::string(200, 'h');
  CHECK_THAT(c.cafka({"produce", "-t", topic, "-H", header}, input),
    StartsWith(topic + "/0  20000 records from offset 0  "));
  CHECK(lines(c.cafka({"stream", "-t", topic, "-e", "-f", "%o\n"})).size() == 20'000);
}

TEST_CASE("a leader that is killed and comes back costs no line that is produced") {
  cli_service c;
  const auto topic = c.kafka.create_topic("leader-restarts");
  const std::string script = CAFKA_KAFKA_SCRIPT;
  const auto command = "set -o pipefail; (seq 1 1000; " + script
    + " kill 1 >/dev/null; seq 1001 2500; " + script + " start 1 >/dev/null) | "
    + CAFKA_CLI + " produce -t " + topic + " --timeout 60s --brokers "
    + c.kafka.brokers();
  const auto done = run_program({"bash", "-c", command});
  INFO(done.out << done.err);
  CHECK(done.status == 0);
  CHECK_THAT(done.out, StartsWith(topic + "/0  2500 records from offset 0  "));
  std::string expected;
  for (int i = 1; i <= 2'500; ++i)
    expected += std::to_string(i) + '\n';
  CHECK(c.cafka({"stream", "-t", topic, "-e", "-f", "%s\n"}) == expected);
}

TEST_CASE(
  "a stream that the cluster holds back comes to the end of the log nevertheless") {
  cli_service c;
  const auto topic = c.kafka.create_topic("held-back", 2);
  c.cafka({"produce", "-t", topic, "-q"}, std::string(99, 'x') + '\n');
  std::string input;
  for (int i = 0; i != 3'000; ++i)
    input += std::string(99, 'x') + '\n';
  c.cafka({"produce", "-t", topic, "-q", "--batch-size", "100"}, input);
  const auto client = unique_name("held-back");
  c.tool({"kafka-configs", "--alter", "--add-config", "consumer_byte_rate=50000",
    "--entity-type", "clients", "--entity-name", client});
  const auto config =
    std::filesystem::temp_directory_path() / (unique_name("held-back") + ".conf");
  std::ofstream{config} << "cafka { client_id = \"" << client << "\" }";
  const auto all =
    c.cafka({"stream", "-t", topic, "-e", "-f", "%o\n", "--config", config.string()});
  std::filesystem::remove(config);
  CHECK(lines(all).size() == 3'001);
}

TEST_CASE("Kafka's tool finds the topics as they were made, and not those deleted") {
  cli_service c;
  const auto one = unique_name("made-one");
  const auto two = unique_name("made-two");
  CHECK(c.cafka({"topics", "create", one, two, "--partitions", "3",
          "--replication-factor", "2", "--set", "retention.ms=60000", "--validate-only"})
    == one + "  can be created\n" + two + "  can be created\n");
  CHECK_THAT(c.cafka({"topics", "list"}), !ContainsSubstring(one));
  CHECK(c.cafka({"topics", "create", one, two, "--partitions", "3",
          "--replication-factor", "2", "--set", "retention.ms=60000"})
    == one + "  created\n" + two + "  created\n");
  CHECK_THAT(c.tool({"kafka-topics", "--describe", "--topic", two}),
    ContainsSubstring("PartitionCount: 3") && ContainsSubstring("ReplicationFactor: 2")
      && ContainsSubstring("retention.ms=60000"));
  CHECK_THAT(c.cafka({"topics", "list"}), ContainsSubstring(one + "  3 partitions\n"));

  const auto assigned = unique_name("assigned");
  c.cafka({"topics", "create", assigned, "--assign", "2:1,3:2"});
  const auto described = c.tool({"kafka-topics", "--describe", "--topic", assigned});
  CHECK_THAT(
    described, ContainsSubstring("Replicas: 2,1") && ContainsSubstring("Replicas: 3,2"));
  CHECK_THAT(c.cafka({"topics", "describe", assigned}),
    ContainsSubstring("partition 0  leader 2  replicas 2,1  in sync "));

  CHECK(c.cafka({"topics", "delete", one, two, assigned})
    == one + "  deleted\n" + two + "  deleted\n" + assigned + "  deleted\n");
  CHECK_THAT(c.tool({"kafka-topics", "--list"}),
    !ContainsSubstring(one) && !ContainsSubstring(two) && !ContainsSubstring(assigned));
}

TEST_CASE("each topic that cannot be made or deleted says why") {
  cli_service c;
  const auto there = c.kafka.create_topic("there");
  const auto fresh = unique_name("fresh");
  const auto made =
    c.run({"topics", "create", there, fresh, "--replication-factor", "1"});
  CHECK(made.status == 1);
  CHECK(made.out == fresh + "  created\n");
  CHECK_THAT(made.err,
    ContainsSubstring("cannot create topic " + there + ": TOPIC_ALREADY_EXISTS")
      && ContainsSubstring("try: cafka topics describe"));
  const auto wide = c.run({"topics", "create", unique_name("wide"), "--partitions", "1",
    "--replication-factor", "9", "-J"});
  CHECK(wide.status == 1);
  CHECK_THAT(wide.out, ContainsSubstring("\"error\":\"INVALID_REPLICATION_FACTOR\""));
  const auto gone = c.run({"topics", "delete", fresh, "never-was"});
  CHECK(gone.status == 1);
  CHECK(gone.out == fresh + "  deleted\n");
  CHECK_THAT(gone.err,
    ContainsSubstring("cannot delete topic never-was: UNKNOWN_TOPIC_OR_PARTITION"));
}

TEST_CASE("Kafka's tool sees what is committed, and cafka what the tool resets") {
  cli_service c;
  const auto topic = c.fill();
  const auto group = unique_name("cli-group");
  c.cafka({"groups", "commit", "-G", group, topic + "/0=7"});
  CHECK_THAT(c.tool({"kafka-consumer-groups", "--describe", "--group", group}),
    ContainsSubstring(topic + " ") && ContainsSubstring(" 7 "));
  c.tool({"kafka-consumer-groups", "--group", group, "--topic", topic, "--reset-offsets",
    "--to-offset", "3", "--execute"});
  CHECK(c.cafka({"groups", "offsets", "-G", group}) == topic + "/0  3\n");
  CHECK(c.cafka({"stream", "-t", topic, "-G", group, "-c", "2", "-f", "%o "}) == "3 4 ");
  CHECK(c.cafka({"groups", "offsets", "-G", group, topic}) == topic + "/0  5\n");
}

TEST_CASE("a member of a real group joins, is told what to read, and leaves") {
  cli_service c;
  const auto topic = c.kafka.create_topic("cli-member", 2);
  const auto group = unique_name("cli-member");
  const auto joined = c.cafka(
    {"groups", "join", "-G", group, "--topic", topic, "--session-timeout", "20s"});
  // `GROUP  generation N  protocol range  member ID  leads`
  CHECK_THAT(joined,
    StartsWith(group + "  generation 1  protocol range  member cafka-")
      && ContainsSubstring("reads " + topic));
  const auto at = joined.find("  member ") + 9;
  const auto id = joined.substr(at, joined.find("  leads") - at);
  CHECK(c.cafka({"groups", "sync", "-G", group, "--generation", "1", "--member-id", id,
          "--assign", id + "=" + topic + "/1"})
    == "reads " + topic + "/1\n");
  CHECK_THAT(c.tool({"kafka-consumer-groups", "--describe", "--members", "--verbose",
               "--group", group}),
    ContainsSubstring(id) && ContainsSubstring(topic));
  c.cafka({"groups", "heartbeat", "-G", group, "--generation", "1", "--member-id", id});
  CHECK(
    c.cafka({"groups", "leave", "-G", group, "--member-id", id}) == id + "  has left\n");
  const auto again = c.run({"groups", "leave", "-G", group, "--member-id", id});
  CHECK(again.status == 1);
  CHECK_THAT(again.err, ContainsSubstring("UNKNOWN_MEMBER_ID"));
}
