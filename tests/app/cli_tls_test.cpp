#include "cli_program.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using Catch::Matchers::ContainsSubstring;

namespace {

program_run metadata_with(std::vector<std::string> options) {
  // Nothing listens on this port of the loopback.
  std::vector<std::string> all{
    "metadata", "--brokers", "127.0.0.1:1", "--timeout", "300ms"};
  all.insert(all.end(), options.begin(), options.end());
  return run_cafka(all);
}

} // namespace

TEST_CASE("files for TLS that cannot be used are told by option and name") {
  const auto ca = metadata_with({"--ca-file", "/no/such/ca.crt"});
  CHECK(ca.exit_code == 1);
  CHECK_THAT(ca.err,
    ContainsSubstring("ssl_options.cacertfile = /no/such/ca.crt: cannot be read: no such "
                      "file or directory"));
  const auto directory = metadata_with({"--ca-dir", "/no/such"});
  CHECK_THAT(directory.err, ContainsSubstring("ssl_options.cacertdir = /no/such: "));
  const auto key = metadata_with({"--key", "/no/such/key"});
  CHECK_THAT(key.err, ContainsSubstring("there is no certfile to go with it"));
  const auto password = metadata_with({"--key-password-file", "/no/such/password"});
  CHECK(password.exit_code == 2);
  CHECK_THAT(password.err,
    ContainsSubstring("--key-password-file /no/such/password: has no first line"));
}

TEST_CASE("what the command line says of TLS goes before the configuration file") {
  const temporary_file config{R"(cafka {
    use_ssl = true
    ssl_options { cacertfile = "/file/ca.crt", certfile = "/file/client.crt" }
  })"};
  const auto of_file = metadata_with({"--config", config.path()});
  CHECK_THAT(of_file.err, ContainsSubstring("cacertfile = /file/ca.crt"));
  const auto of_both =
    metadata_with({"--config", config.path(), "--ca-file", "/line/ca.crt"});
  CHECK_THAT(of_both.err, ContainsSubstring("cacertfile = /line/ca.crt"));
}

TEST_CASE("verification that is turned off is warned of") {
  const auto careless = metadata_with({"--tls-no-verify"});
  CHECK(careless.exit_code == 1);
  CHECK_THAT(careless.err, ContainsSubstring("does not check brokers' certificates"));
  const auto careful = metadata_with({"--tls"});
  CHECK(careful.exit_code == 1);
  CHECK_THAT(careful.err, !ContainsSubstring("certificates"));
}
