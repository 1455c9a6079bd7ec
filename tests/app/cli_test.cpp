#include "cli_cluster.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

/// The fields of a line of text.
std::vector<std::string> fields(const std::string& line) {
  std::vector<std::string> result{""};
  for (const char c : line) {
    if (c == '\t')
      result.emplace_back();
    else
      result.back() += c;
  }
  return result;
}

} // namespace

TEST_CASE("lines that are produced are fetched as text") {
  const cluster c;
  const auto produced =
    c.run({"produce", "--topic", "orders", "--partition", "1", "--key-delimiter", ":",
            "--header", "source=test", "--header", "empty="},
      "a:first\nb:second:half\n:no key text\n");
  REQUIRE(produced.exit_code == 0);
  CHECK_THAT(produced.out, StartsWith("orders/1  3 records from offset 0  "));
  CHECK(produced.err.empty());

  const auto fetched = c.run({"fetch", "--topic", "orders", "--partition", "1", "--all"});
  REQUIRE(fetched.exit_code == 0);
  const auto lines = fetched.lines();
  REQUIRE(lines.size() == 3);
  const auto second = fields(lines[1]);
  REQUIRE(second.size() == 5);
  CHECK(second[0] == "1");
  CHECK_THAT(
    second[1], StartsWith("20") && ContainsSubstring("T") && ContainsSubstring("Z"));
  CHECK(second[2] == "b");
  CHECK(second[3] == "second:half");
  CHECK(second[4] == "source=test,empty=");
  CHECK(fields(lines[2])[2].empty());
}

TEST_CASE("any bytes that are produced come back as valid JSON") {
  const cluster c;
  const std::string not_utf8 = "\xff\xfe\x01";
  const std::string surrogate = "\xed\xa0\x80";
  const std::string overlong = "\xc0\xaf";
  const auto produced =
    c.run({"produce", "--topic", "orders", "-p", "0", "--header", "bytes=\xfe"},
      "plain \"quoted\" \\ \t text\ngr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x99\n" + not_utf8
        + '\n' + surrogate + '\n' + overlong + "\n\n");
  REQUIRE(produced.exit_code == 0);

  const auto fetched = c.run({"fetch", "--topic", "orders", "--all", "--output", "json"});
  REQUIRE(fetched.exit_code == 0);
  const auto records = objects(fetched);
  REQUIRE(records.size() == 6);
  CHECK(records[0]["topic"] == "orders");
  CHECK(records[0]["partition"] == 0);
  CHECK(records[0]["offset"] == 0);
  CHECK(records[0]["timestamp"].is_number_integer());
  CHECK(records[0]["key"].is_null());
  CHECK(records[0]["value"] == "plain \"quoted\" \\ \t text");
  CHECK(records[0]["headers"]
    == json::array({{{"name", "bytes"}, {"value", {{"base64", "/g=="}}}}}));
  CHECK(records[1]["value"] == "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x99");
  CHECK(records[2]["value"] == json{{"base64", "//4B"}});
  CHECK(records[3]["value"] == json{{"base64", "7aCA"}});
  CHECK(records[4]["value"] == json{{"base64", "wK8="}});
  CHECK(records[5]["value"] == "");

  const auto as_text = c.run({"fetch", "--topic", "orders", "--all"});
  REQUIRE(as_text.exit_code == 0);
  const auto lines = as_text.lines();
  REQUIRE(lines.size() == 6);
  CHECK(fields(lines[0])[2] == "\\N");
  CHECK(fields(lines[0])[3] == "plain \"quoted\" \\\\ \\t text");
  CHECK(fields(lines[1])[3] == "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\x99");
  CHECK(fields(lines[2])[3] == "\\xff\\xfe\\x01");
}

TEST_CASE("every codec that the cluster knows carries lines to and fro") {
  const cluster c;
  const auto codec = GENERATE("none", "gzip", "snappy", "lz4");
  const auto produced = c.run(
    {"produce", "-t", "orders", "-p", "0", "--compression", codec, "--output", "json"},
    numbered_lines(500));
  REQUIRE(produced.exit_code == 0);
  const auto fetched = c.run({"fetch", "-t", "orders", "--all", "-J"});
  REQUIRE(fetched.exit_code == 0);
  const auto records = objects(fetched);
  REQUIRE(records.size() == 500);
  CHECK(records[499]["value"] == "line 499");
}

TEST_CASE("lines become batches of the size that was asked for") {
  const cluster c;
  REQUIRE(
    c.run({"produce", "-t", "orders", "-p", "0", "--batch-size", "2"}, numbered_lines(5))
      .exit_code
    == 0);
  // One fetch of a byte brings one batch, whole.
  std::size_t at = 0;
  while (at < 5) {
    const auto batch = c.run(
      {"fetch", "-t", "orders", "--offset", std::to_string(at), "--max-bytes", "1"});
    REQUIRE_FALSE(batch.lines().empty());
    CHECK(batch.lines().size() <= 2);
    at += batch.lines().size();
  }
  CHECK(at == 5);
}

TEST_CASE("a fetch begins at an offset and ends at a count") {
  const cluster c;
  REQUIRE(
    c.run({"produce", "-t", "orders", "-p", "0"}, numbered_lines(100)).exit_code == 0);
  const auto middle = c.run({"fetch", "-t", "orders", "--offset", "40", "--count", "3"});
  REQUIRE(middle.exit_code == 0);
  REQUIRE(middle.lines().size() == 3);
  CHECK_THAT(middle.out, StartsWith("40\t"));
  // Fewer than asked for: the end of the log is the end.
  CHECK(
    c.run({"fetch", "-t", "orders", "--offset", "98", "-n", "10"}).lines().size() == 2);
  CHECK(c.run({"fetch", "-t", "orders", "--offset", "latest", "--all"}).out.empty());
  CHECK(c.run({"fetch", "-t", "orders", "-n", "0"}).out.empty());
}

TEST_CASE("what needs several fetches comes whole and once") {
  const cluster c;
  const auto produced = c.run(
    {"produce", "-t", "orders", "-p", "0", "--batch-size", "10"}, numbered_lines(1'000));
  REQUIRE(produced.exit_code == 0);
  const auto fetched =
    c.run({"fetch", "-t", "orders", "--all", "--max-bytes", "1", "-J"});
  REQUIRE(fetched.exit_code == 0);
  const auto records = objects(fetched);
  REQUIRE(records.size() == 1'000);
  CHECK(std::ranges::is_sorted(
    records, {}, [](const json& r) { return r["offset"].get<int>(); }));
  CHECK(records.back()["value"] == "line 999");
}

TEST_CASE("acks 0 says that there is no answer") {
  const cluster c;
  const auto run = c.run({"produce", "-t", "orders", "--acks", "0"}, "x\n");
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, ContainsSubstring("no answer was asked for"));
}

TEST_CASE("offsets are told for one and for all partitions") {
  const cluster c;
  REQUIRE(c.run({"produce", "-t", "orders", "-p", "1"}, "x\ny\n").exit_code == 0);
  const auto all = c.run({"offsets", "--topic", "orders"});
  CHECK(all.exit_code == 0);
  CHECK(all.out
    == "orders/0  earliest  0\norders/0  latest  0\n"
       "orders/1  earliest  0\norders/1  latest  2\n");
  const auto one = c.run({"offsets", "--topic", "orders", "--partition", "1", "--at",
    "latest", "--output", "json"});
  CHECK(c.run({"offsets", "-t", "orders", "-p", "1", "--at", "-1", "--at", "end", "--at",
                "beginning"})
          .out
    == "orders/1  -1  1\norders/1  end  2\norders/1  beginning  0\n");
  CHECK(one.exit_code == 0);
  CHECK(objects(one)
    == std::vector<json>{{{"topic", "orders"}, {"partition", 1}, {"at", "latest"},
      {"offset", 2}, {"timestamp", nullptr}}});
}

TEST_CASE("metadata lists brokers, topics and partitions") {
  const cluster c;
  const auto text = c.run({"metadata"});
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out,
    StartsWith("cluster ") && ContainsSubstring("\nbroker 3  127.0.0.1:")
      && ContainsSubstring("\ntopic orders  2 partitions\n  partition 0  leader "));
  const auto run = c.run({"metadata", "--topic", "orders", "--output", "json"});
  CHECK(run.exit_code == 0);
  const auto all = objects(run);
  REQUIRE(all.size() == 1);
  CHECK(all[0]["brokers"].size() == 3);
  REQUIRE(all[0]["topics"].size() == 1);
  CHECK(all[0]["topics"][0]["name"] == "orders");
  CHECK(all[0]["topics"][0]["error"].is_null());
  CHECK(all[0]["topics"][0]["partitions"].size() == 2);
  CHECK(all[0]["topics"][0]["partitions"][1]["replicas"].size() == 3);
}

TEST_CASE("api-versions lists what a broker knows") {
  const cluster c;
  const auto text = c.run({"api-versions"});
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, ContainsSubstring("  0  Produce  0 to "));
  const auto run = c.run({"api-versions", "--broker", "2", "-J"});
  CHECK(run.exit_code == 0);
  const auto apis = objects(run);
  REQUIRE_FALSE(apis.empty());
  CHECK(apis[0]["name"] == "Produce");
  CHECK(apis[0]["max"] > apis[0]["min"]);
  CHECK(c.run({"api-versions", "--broker", "99", "--timeout", "1s"}).exit_code == 1);
}

TEST_CASE("brokers whose release is told are not asked") {
  const cluster c;
  const auto old = c.run({"metadata", "--kafka-version", "0.10.0.1"});
  CHECK(old.exit_code == 0);
  const auto refused = c.run({"api-versions", "--kafka-version", "0.9.0.1"});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err,
    ContainsSubstring("ApiVersions: the broker does not have this API")
      && ContainsSubstring("Kafka 0.10.0 and later"));
}

TEST_CASE("without librdkafka there is no embedded broker, and it is said how to go on") {
  const auto broker = cafka::cli::embedded_broker::start(1, "librdkafka-of-nowhere.so");
  REQUIRE_FALSE(broker);
  CHECK(broker.error().code == cafka::error_code::not_found);
  CHECK_THAT(broker.error().detail,
    ContainsSubstring("librdkafka-of-nowhere.so") && ContainsSubstring("install it"));
}

TEST_CASE("a configuration file names the brokers") {
  auto broker = cafka::cli::embedded_broker::start(1);
  REQUIRE(broker);
  const temporary_file file{"cafka { brokers = \"" + (*broker)->bootstrap() + "\" }"};
  const auto run = run_cafka({"metadata", "--config", file.path()});
  INFO(run.err);
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, ContainsSubstring("broker 1  " + (*broker)->bootstrap()));
}

TEST_CASE("a line without a key says which and how much was written") {
  const cluster c;
  const auto run = c.run(
    {"produce", "-t", "orders", "--key-delimiter", ":"}, "a:1\nb:2\nnothing\nc:3\n");
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err,
    ContainsSubstring("cannot produce line 3")
      && ContainsSubstring("2 records before it were written"));
  CHECK(c.run({"fetch", "-t", "orders", "--all"}).lines().size() == 2);
}

TEST_CASE("an offset beyond the log says where to look for the range") {
  const cluster c;
  const auto run = c.run({"fetch", "-t", "orders", "--offset", "7"});
  CHECK(run.exit_code == 1);
  CHECK(run.out.empty());
  CHECK_THAT(run.err,
    ContainsSubstring("cannot fetch from orders/0")
      && ContainsSubstring("OFFSET_OUT_OF_RANGE") && ContainsSubstring("cafka offsets"));
}

TEST_CASE("a partition that is not there is told as one") {
  const cluster c;
  const auto run = c.run({"offsets", "-t", "orders", "-p", "9", "--timeout", "3s"});
  CHECK(run.exit_code == 1);
  CHECK_THAT(
    run.err, ContainsSubstring("orders/9") && ContainsSubstring("cafka metadata"));
}

TEST_CASE("a cluster that is not there is told with its address") {
  // Nobody listens on port 1.
  const auto run =
    run_cafka({"metadata", "--brokers", "127.0.0.1:1", "--timeout", "500ms"});
  CHECK(run.exit_code == 1);
  CHECK(run.out.empty());
  CHECK_THAT(run.err,
    ContainsSubstring("\ncafka: cannot reach the cluster")
      && ContainsSubstring("127.0.0.1:1") && ContainsSubstring("--brokers"));
}

TEST_CASE("wrong usage ends with 2 and a word of what is allowed") {
  struct wrong {
    std::vector<std::string> args;
    std::string says;
  };
  const auto w = GENERATE(wrong{{}, "cafka --help"}, wrong{{"frobnicate"}, "--help"},
    wrong{{"produce"}, "--topic"}, wrong{{"fetch", "-t", "x", "--bogus"}, "--bogus"},
    wrong{{"fetch", "-t", "x", "-p", "-1"}, "partition"},
    wrong{{"fetch", "-t", "x", "-p", "4294967296"}, "a partition's number"},
    wrong{{"fetch", "-t", "x", "--offset", "yesterday"},
      "beginning (or earliest), end (or latest)"},
    wrong{{"fetch", "-t", "x", "--count", "many"}, "a number of records"},
    wrong{{"offsets", "-t", "x", "--at", "2024-13-01T00:00:00Z"}, "2024-05-01T12:30:00Z"},
    wrong{
      {"produce", "-t", "x", "--compression", "rar"}, "none, gzip, snappy, lz4 or zstd"},
    wrong{{"produce", "-t", "x", "--acks", "2"}, "0, 1 or all"},
    wrong{{"produce", "-t", "x", "--header", "nothing"}, "NAME=VALUE"},
    wrong{{"metadata", "--output", "xml"}, "text or json"},
    wrong{{"metadata", "--output", "json", "-J"}, "--json"},
    wrong{{"fetch", "-t", "x", "-o", "stored"}, "beginning (or earliest)"},
    wrong{{"offsets", "-t", "x", "--at", "@-1w"}, "@-1h"},
    wrong{{"metadata", "--tls-verify-chain", "--tls-no-verify"}, "--tls-no-verify"},
    wrong{{"metadata", "--timeout", "0s"}, "500ms, 10s or 1min"},
    wrong{{"metadata", "--timeout", "soon"}, "500ms, 10s or 1min"},
    wrong{{"metadata", "--brokers", "a:b"}, "a:b"},
    wrong{{"metadata", "--kafka-version", "0.7"}, "from 0.8.0 to 4.3"},
    wrong{{"metadata", "--config", "/no/such/file"}, "/no/such/file cannot be opened"});
  const auto run = run_cafka(w.args);
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  CHECK_THAT(run.err, StartsWith("cafka: ") && ContainsSubstring(w.says));
}

TEST_CASE("a wrong configuration file is named with what is wrong in it") {
  const temporary_file value{"cafka { io_threads = 1000 }"};
  const auto run = run_cafka({"metadata", "--config", value.path()});
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err,
    ContainsSubstring(value.path()) && ContainsSubstring("cafka.io_threads = 1000")
      && ContainsSubstring("from 1 to 64"));
  const temporary_file syntax{"cafka { io_threads = = 3 }"};
  const auto broken = run_cafka({"metadata", "--config", syntax.path()});
  CHECK(broken.exit_code == 2);
  CHECK_THAT(broken.err, ContainsSubstring(syntax.path()));
}

TEST_CASE("help names every command, every option and the exit codes") {
  const auto root = run_cafka({"--help"});
  CHECK(root.exit_code == 0);
  CHECK(root.err.empty());
  for (const auto* word :
    {"demo", "metadata", "topics", "produce", "fetch", "stream", "offsets", "groups",
      "api-versions", "broker", "Exit codes: 0 it worked, 1 it did not, 2 wrong usage"})
    CHECK_THAT(root.out, ContainsSubstring(word));
  struct command {
    std::vector<std::string> name;
    std::vector<std::string> options;
  };
  const std::vector<std::string> common{
    "--brokers", "--config", "--kafka-version", "--timeout", "--verbose"};
  for (const auto& [name, options] :
    std::vector<command>{{{"demo"}, {"--tree"}}, {{"metadata"}, {"--topic", "--output"}},
      {{"produce"},
        {"FILE", "--topic", "--partition", "--lines", "--delimiter", "--key-delimiter",
          "--record-key", "--null", "--header", "--timestamp", "--compression", "--acks",
          "--batch-size", "--quiet", "--output"}},
      {{"fetch"},
        {"--topic", "--partition", "--offset", "--until", "--all", "--count",
          "--max-bytes", "--read-committed", "--output"}},
      {{"stream"},
        {"--topic", "--partition", "--offset", "--exit", "--count", "--group", "--format",
          "--null", "--read-committed", "--output", "%R"}},
      {{"offsets"}, {"--topic", "--partition", "--at", "--output"}},
      {{"api-versions"}, {"--broker", "--output"}},
      {{"topics", "create"},
        {"NAME", "--partitions", "--replication-factor", "--assign", "--set",
          "--validate-only", "--output"}},
      {{"topics", "delete"}, {"NAME", "--output"}},
      {{"topics", "list"}, {"--internal", "--output"}},
      {{"topics", "describe"}, {"NAME", "--output"}},
      {{"groups", "coordinator"}, {"--group", "--transactional-id", "--output"}},
      {{"groups", "join"},
        {"--group", "--topic", "--protocol", "--protocol-type", "--session-timeout",
          "--rebalance-timeout", "--member-id", "--instance-id", "--reason", "--output"}},
      {{"groups", "sync"},
        {"--group", "--generation", "--member-id", "--instance-id", "--assign",
          "--assign-text", "--protocol-type", "--protocol", "--output"}},
      {{"groups", "heartbeat"},
        {"--group", "--generation", "--member-id", "--instance-id", "--output"}},
      {{"groups", "leave"},
        {"--group", "--member-id", "--instance-id", "--reason", "--output"}},
      {{"groups", "offsets"}, {"TOPIC", "--group", "--require-stable", "--output"}},
      {{"groups", "commit"},
        {"OFFSET", "--group", "--generation", "--member-id", "--instance-id",
          "--metadata", "--retention", "--output"}}}) {
    auto args = name;
    args.push_back("--help");
    const auto help = run_cafka(args);
    INFO(name.back());
    CHECK(help.exit_code == 0);
    for (const auto& option : common)
      CHECK_THAT(help.out, ContainsSubstring(option));
    for (const auto& option : options)
      CHECK_THAT(help.out, ContainsSubstring(option));
  }
  CHECK_THAT(run_cafka({"--version"}).out, StartsWith("cafka "));
}

TEST_CASE("the demo tells its story to the good end") {
  const auto run = run_cafka({"demo"});
  INFO(run.out << run.err);
  CHECK(run.exit_code == 0);
  CHECK(run.err.empty());
  // No colour where there is no terminal.
  CHECK(run.out.find('\033') == std::string::npos);
  for (const auto* word : {"snappy", "restarted", "is down", "all went as described"})
    CHECK_THAT(run.out, ContainsSubstring(word));
  CHECK_THAT(run.out, !ContainsSubstring("├─"));
}

TEST_CASE("the demo draws the tree of supervisors and workers as it changes") {
  const auto run = run_cafka({"demo", "--tree"});
  INFO(run.out << run.err);
  CHECK(run.exit_code == 0);
  for (const auto* line : {"cafka: supervisor, one_for_one, 0 of 1 restarts in 60 s\n",
         "├─ workers: supervisor, simple_one_for_one, 0 of 10 restarts in 60 s\n",
         "│  ├─ default: worker, permanent\n", "│  ├─ orders: worker, permanent\n",
         "│  └─ audit: worker, permanent\n",
         "│  ├─ orders: worker, permanent, restarted 2 times\n",
         "├─ streams: supervisor, simple_one_for_one, 0 of 10 restarts in 60 s\n",
         "├─ producers: supervisor, simple_one_for_one, 0 of 10 restarts in 60 s\n",
         "├─ consumers: supervisor, simple_one_for_one, 0 of 10 restarts in 60 s\n",
         "└─ groups: supervisor, simple_one_for_one, 0 of 10 restarts in 60 s\n",
         "there is no tree: "})
    CHECK_THAT(run.out, ContainsSubstring(line));
}

TEST_CASE("a demo on a cluster that is not there fails") {
  const auto run = run_cafka({"demo", "--brokers", "127.0.0.1:1", "--timeout", "300ms"});
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.out, ContainsSubstring("127.0.0.1:1"));
}
