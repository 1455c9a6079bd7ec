#include "cli_cluster.hpp"

#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

/// The member that has just joined `billing`, alone.
json joined(const cluster& c) {
  const auto run = c.run({"groups", "join", "-G", "billing", "--topic", "orders",
    "--session-timeout", "10s", "-J"});
  REQUIRE(run.exit_code == 0);
  const auto all = objects(run);
  REQUIRE(all.size() == 1);
  return all[0];
}

} // namespace

// -- topics, as far as the embedded cluster knows them ----------------------------------

TEST_CASE("topics are listed and described") {
  const cluster c;
  const auto list = c.run({"topics", "list"});
  CHECK(list.exit_code == 0);
  CHECK(list.out == "orders  2 partitions\n");
  CHECK(objects(c.run({"topics", "list", "--internal", "-J"}))
    == std::vector<json>{{{"name", "orders"}, {"partitions", 2}, {"internal", false}}});
  const auto described = c.run({"topics", "describe", "orders"});
  CHECK(described.exit_code == 0);
  REQUIRE(described.lines().size() == 3);
  CHECK(described.lines()[0] == "topic orders  2 partitions");
  CHECK_THAT(described.lines()[2], StartsWith("  partition 1  leader 2  replicas "));
  CHECK(c.run({"topics", "describe"}).out == described.out);
  const auto as_json = objects(c.run({"topics", "describe", "orders", "-J"}));
  REQUIRE(as_json.size() == 1);
  CHECK(as_json[0]["partitions"][1]["leader"] == 2);
}

TEST_CASE("a cluster that cannot make topics says so") {
  const cluster c;
  const auto made = c.run({"topics", "create", "new", "--timeout", "5s"});
  CHECK(made.exit_code == 1);
  CHECK(made.out.empty());
  CHECK_THAT(made.err,
    StartsWith("cafka: cannot create topics: UNSUPPORTED_API_VERSION: ")
      && ContainsSubstring("cafka api-versions"));
}

// -- groups -----------------------------------------------------------------------------

TEST_CASE("the coordinator of a group is found") {
  const cluster c;
  const auto text = c.run({"groups", "coordinator", "-G", "billing"});
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out, StartsWith("billing  broker ") && ContainsSubstring("127.0.0.1:"));
  const auto found =
    objects(c.run({"groups", "coordinator", "--transactional-id", "t", "-J"}));
  REQUIRE(found.size() == 1);
  CHECK(found[0]["key"] == "t");
  CHECK(found[0]["broker"].get<int>() >= 1);
  CHECK(found[0]["host"] == "127.0.0.1");
}

TEST_CASE("a group keeps the offsets that are committed for it") {
  const cluster c;
  // The embedded cluster does not say whether a group is known.
  const auto none = c.run({"groups", "offsets", "-G", "billing", "orders"});
  CHECK(none.exit_code == 0);
  CHECK(none.out == "orders/0  -\norders/1  -\n");
  const auto kept = c.run({"groups", "commit", "-G", "billing", "orders/0=42",
    "orders/1=7", "--metadata", "by hand"});
  CHECK(kept.exit_code == 0);
  CHECK(kept.out == "orders/0  42  by hand\norders/1  7  by hand\n");
  const auto one = c.run({"groups", "offsets", "-G", "billing", "orders/1", "-J"});
  CHECK(one.exit_code == 0);
  CHECK(objects(one)
    == std::vector<json>{
      {{"topic", "orders"}, {"partition", 1}, {"offset", 7}, {"metadata", "by hand"}}});
}

TEST_CASE("a group is set to any position") {
  const cluster c;
  REQUIRE(
    c.run({"produce", "-t", "orders", "-p", "0"}, numbered_lines(10)).exit_code == 0);
  struct commit {
    std::string position;
    std::string offset;
  };
  const auto f = GENERATE(commit{"beginning", "0"}, commit{"latest", "10"},
    commit{"-3", "7"}, commit{"4", "4"});
  const auto kept =
    c.run({"groups", "commit", "-G", "billing", "orders/0=" + f.position});
  CHECK(kept.exit_code == 0);
  CHECK(kept.out == "orders/0  " + f.offset + '\n');
  CHECK(c.run({"groups", "offsets", "-G", "billing", "orders/0"}).out == kept.out);
}

TEST_CASE("a member joins, is told what to read, stays, commits and leaves") {
  const cluster c;
  const auto member = joined(c);
  const std::string id = member["member_id"];
  const auto generation = std::to_string(member["generation"].get<int>());
  CHECK(member["group"] == "billing");
  CHECK(member["leader"] == id);
  CHECK(member["protocol"] == "range");
  REQUIRE(member["members"].size() == 1);
  CHECK(member["members"][0]["topics"] == json::array({"orders"}));

  const std::vector<std::string> as_member{
    "-G", "billing", "--generation", generation, "--member-id", id};
  const auto run = [&](std::vector<std::string> args) {
    args.insert(args.begin() + 2, as_member.begin(), as_member.end());
    return c.run(args);
  };
  const auto synced =
    run({"groups", "sync", "--assign", id + "=orders/0,orders/1", "-J"});
  REQUIRE(synced.exit_code == 0);
  CHECK(objects(synced)[0]["partitions"] == json::array({"orders/0", "orders/1"}));
  const auto alive = run({"groups", "heartbeat"});
  CHECK(alive.exit_code == 0);
  CHECK(alive.out == "billing  generation " + generation + "  member " + id + " is in\n");
  CHECK(run({"groups", "commit", "orders/0=3"}).exit_code == 0);
  const auto left = c.run({"groups", "leave", "-G", "billing", "--member-id", id});
  CHECK(left.exit_code == 0);
  CHECK(left.out == id + "  has left\n");
  const auto gone = run({"groups", "heartbeat"});
  CHECK(gone.exit_code == 1);
  CHECK_THAT(gone.err,
    StartsWith("cafka: cannot keep " + id + " in billing: UNKNOWN_MEMBER_ID")
      && ContainsSubstring("try: join the group again"));
}

// -- usage ------------------------------------------------------------------------------

TEST_CASE("wrong usage of topics and groups ends with 2 and a word of what is allowed") {
  struct wrong {
    std::vector<std::string> args;
    std::string says;
    std::string help;
  };
  const auto w = GENERATE(
    wrong{{"topics"}, "a command is missing", "cafka topics --help"},
    wrong{{"topics", "create"}, "NAME", "cafka topics create --help"},
    wrong{{"topics", "create", "x", "--partitions", "0"}, "from 1", "create --help"},
    wrong{{"topics", "create", "x", "--replication-factor", "40000"}, "from 1 to 32767",
      "create --help"},
    wrong{{"topics", "create", "x", "--assign", "1:2,x"}, "1:2,2:3", "create --help"},
    wrong{{"topics", "create", "x", "--assign", "1", "--partitions", "1"}, "excludes",
      "create --help"},
    wrong{{"topics", "create", "x", "--set", "retention"}, "NAME=VALUE", "create --help"},
    wrong{{"topics", "delete"}, "NAME", "cafka topics delete --help"},
    wrong{{"groups", "coordinator"}, "--transactional-id", "coordinator --help"},
    wrong{{"groups", "join"}, "--group", "cafka groups join --help"},
    wrong{{"groups", "join", "-G", "g", "--session-timeout", "5"}, "10s", "join --help"},
    wrong{{"groups", "sync", "-G", "g"}, "--generation", "sync --help"},
    wrong{{"groups", "sync", "-G", "g", "--generation", "1", "--member-id", "m",
            "--assign", "m=orders"},
      "ID=orders/0,orders/1", "sync --help"},
    wrong{{"groups", "heartbeat", "-G", "g", "--generation", "1"}, "--member-id",
      "heartbeat --help"},
    wrong{{"groups", "leave", "-G", "g"}, "--member-id or --instance-id", "leave --help"},
    wrong{{"groups", "commit", "-G", "g", "orders/0"}, "orders/0=42", "commit --help"},
    wrong{{"groups", "commit", "-G", "g", "orders/0=1", "--generation", "1"},
      "--member-id", "commit --help"},
    wrong{{"groups", "offsets", "-G", "g", "a/b"}, "orders/0", "offsets --help"});
  const auto run = run_cafka(w.args);
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK(run.out.empty());
  CHECK_THAT(run.err,
    StartsWith("cafka: ") && ContainsSubstring(w.says) && ContainsSubstring(w.help));
}
