#include "cli_program.hpp"
#include "embedded_broker.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <filesystem>
#include <fstream>

// Where settings come from: the command line, the environment, files.

using Catch::Matchers::ContainsSubstring;

namespace {

std::string naming(const std::string& brokers) {
  return "cafka { brokers = \"" + brokers + "\" }";
}

/// A home with a default configuration file.
class home {
public:
  explicit home(const std::string& content) : path_(place_.path() + ".d") {
    std::filesystem::create_directories(path_ + "/.config");
    std::ofstream{path_ + "/.config/cafka.conf"} << content;
  }
  ~home() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string variable() const { return "HOME=" + path_; }
  [[nodiscard]] std::string config() const { return path_ + "/.config"; }

private:
  temporary_file place_;
  std::string path_;
};

/// Which broker is asked: nobody answers on these ports.
std::string asked(std::vector<std::string> args, const variables& environment) {
  args.insert(args.begin(), {"metadata", "--timeout", "300ms"});
  const auto run = run_cafka(args, {}, environment);
  INFO(run.err);
  CHECK(run.exit_code == 1);
  for (const auto* host :
    {"127.0.0.1:1:", "127.0.0.1:2:", "127.0.0.1:3:", "127.0.0.1:4:"})
    if (run.err.find(host) != std::string::npos)
      return host;
  return run.err;
}

} // namespace

TEST_CASE("brokers come from what is nearest to the command line") {
  const home own{naming("127.0.0.1:1")};
  const temporary_file named{naming("127.0.0.1:2")};
  const temporary_file silent{"cafka { client_id = \"x\" }"};
  const std::string of_environment = "CAFKA_BROKERS=127.0.0.1:3";
  const auto default_file = own.variable();
  CHECK(asked({}, {default_file}) == "127.0.0.1:1:");
  CHECK(asked({}, {"XDG_CONFIG_HOME=" + own.config()}) == "127.0.0.1:1:");
  CHECK(asked({}, {default_file, "CAFKA_CONFIG=" + named.path()}) == "127.0.0.1:2:");
  CHECK(asked({}, {default_file, of_environment}) == "127.0.0.1:3:");
  CHECK(asked({}, {default_file, "CAFKA_CONFIG=" + named.path(), of_environment})
    == "127.0.0.1:3:");
  // What somebody names now goes before what is set for all commands.
  CHECK(
    asked({"--config", named.path()}, {default_file, of_environment}) == "127.0.0.1:2:");
  CHECK(
    asked({"--config", silent.path()}, {default_file, of_environment}) == "127.0.0.1:3:");
  CHECK(asked({"-b", "127.0.0.1:4", "--config", named.path()}, {of_environment})
    == "127.0.0.1:4:");
}

TEST_CASE("a default configuration file need not be there, and must be right if it is") {
  auto broker = cafka::cli::embedded_broker::start(1);
  REQUIRE(broker);
  const auto brokers = "CAFKA_BROKERS=" + (*broker)->bootstrap();
  CHECK(
    run_cafka({"metadata"}, {}, {brokers, "XDG_CONFIG_HOME=/no/such"}).exit_code == 0);
  const home wrong{"cafka { io_threads = 1000 }"};
  const auto run = run_cafka({"metadata"}, {}, {brokers, wrong.variable()});
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err,
    ContainsSubstring(wrong.config() + "/cafka.conf")
      && ContainsSubstring("cafka.io_threads = 1000"));
  CHECK(run_cafka({"metadata", "--config", "/dev/null"}, {}, {brokers, wrong.variable()})
          .exit_code
    == 0);
  const auto missing = run_cafka({"metadata"}, {}, {brokers, "CAFKA_CONFIG=/no/such"});
  CHECK(missing.exit_code == 2);
  CHECK_THAT(missing.err, ContainsSubstring("/no/such cannot be opened"));
}

TEST_CASE("wrong brokers of the environment are told by its variable") {
  const auto run = run_cafka({"metadata"}, {}, {"CAFKA_BROKERS=a:b"});
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, ContainsSubstring("CAFKA_BROKERS") && ContainsSubstring("a:b"));
}

TEST_CASE("the demo plays on its own cluster whatever is set for other commands") {
  const home own{"cafka { brokers = \"127.0.0.1:1\", use_ssl = true }"};
  const auto run = run_cafka({"demo"}, {}, {own.variable(), "CAFKA_BROKERS=127.0.0.1:3"});
  INFO(run.out << run.err);
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, ContainsSubstring("in this process"));
}

TEST_CASE("-X sets anything that a configuration file can, and goes before it") {
  const temporary_file named{naming("127.0.0.1:2")};
  const std::string of_environment = "CAFKA_BROKERS=127.0.0.1:3";
  CHECK(asked({"-X", "brokers=127.0.0.1:4"}, {of_environment}) == "127.0.0.1:4:");
  CHECK(asked({"--config", named.path(), "-X", "brokers=127.0.0.1:4"}, {of_environment})
    == "127.0.0.1:4:");
  CHECK(asked({"--setting", "brokers=[\"127.0.0.1:4\"]", "-X", "client_id=x"}, {})
    == "127.0.0.1:4:");
  // An option of its own goes before.
  CHECK(asked({"-X", "brokers=127.0.0.1:3", "-b", "127.0.0.1:4"}, {}) == "127.0.0.1:4:");
}

TEST_CASE("what is wrong with -X is named by key and range") {
  struct wrong {
    std::string setting, says;
  };
  const auto w = GENERATE(wrong{"io_threads=1000",
                            "-X: cafka.io_threads = 1000: must be a whole number from 1 "
                            "to 64"},
    wrong{"ssl_options.verify=maybe",
      "-X: cafka.ssl_options.verify = maybe: must be one "
      "of \"verify_peer\""},
    wrong{"producers.cafka-produce.linger=-1ms",
      "-X: cafka.producers.cafka-produce.linger = -1ms: must be a duration"},
    wrong{"lingr=5ms", "-X: cafka.lingr is no setting; there are: brokers, "},
    wrong{"initial_topics=[", "-X initial_topics: its value cannot be read"},
    wrong{"=5", "\"=5\" is not a setting as KEY=VALUE"},
    wrong{"linger", "\"linger\" is not a setting as KEY=VALUE"});
  const auto run = run_cafka({"metadata", "-X", w.setting});
  INFO(run.err);
  CHECK(run.exit_code == 2);
  CHECK_THAT(run.err, ContainsSubstring(w.says));
}

TEST_CASE("-X goes before a file's word for the same setting, by whichever name") {
  const temporary_file file{
    "cafka { brokers = \"127.0.0.1:1\", sleep_for_reconnect = 1h }"};
  const auto run = run_cafka({"metadata", "--config", file.path(), "--timeout", "300ms",
    "-X", "reconnect_backoff=10ms"});
  INFO(run.err);
  // Otherwise it would be refused that there are two.
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err, ContainsSubstring("127.0.0.1:1:"));
}

TEST_CASE("a setting that -X has made is named by its key") {
  const auto run = run_cafka({"metadata", "-b", "127.0.0.1:1", "-X", "use_ssl=true", "-X",
    "ssl_options.cacertfile=/no/such/ca.crt"});
  INFO(run.err);
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err, ContainsSubstring("ssl_options.cacertfile = /no/such/ca.crt: "));
}

TEST_CASE("settings prints the configuration file with all of them") {
  const auto run = run_cafka({"settings"});
  CHECK(run.exit_code == 0);
  std::ifstream file{std::string{CAFKA_CONFIGS} + "/defaults.conf"};
  const std::string wanted{
    std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  CHECK(run.out == wanted);
}

TEST_CASE("produce is set up by the block of its producer") {
  auto broker = cafka::cli::embedded_broker::start(1);
  REQUIRE(broker);
  const auto produce = [&](std::vector<std::string> more) {
    std::vector<std::string> args{"produce", "-t", "t", "-b", (*broker)->bootstrap()};
    args.insert(args.end(), more.begin(), more.end());
    return run_cafka(args, "a record of twenty bytes\n");
  };
  CHECK(produce({}).exit_code == 0);
  const auto wrong = produce({"-X", "producers.cafka-produce.acks=1"});
  INFO(wrong.err);
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err,
    ContainsSubstring("cafka.producers.cafka-produce.acks = 1: must be -1 with"));
  const auto unanswered = produce({"-X", "producers.cafka-produce.acks=0", "-X",
    "producers.cafka-produce.idempotence=false"});
  INFO(unanswered.out << unanswered.err);
  CHECK(unanswered.exit_code == 0);
  CHECK_THAT(unanswered.out, ContainsSubstring("no answer was asked for"));
  CHECK_THAT(produce({}).out, !ContainsSubstring("no answer was asked for"));
}
