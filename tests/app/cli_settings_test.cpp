#include "cli_program.hpp"
#include "embedded_broker.hpp"

#include <catch2/catch_test_macros.hpp>
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
