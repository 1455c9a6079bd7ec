#include "cli_program.hpp"
#include "embedded_broker.hpp"
#include <cafka/app/cli/flag_words.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
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
    ContainsSubstring(
      "--ca-file /no/such/ca.crt: cannot be read: no such file or directory"));
  const auto directory = metadata_with({"--ca-dir", "/no/such"});
  CHECK_THAT(directory.err, ContainsSubstring("--ca-dir /no/such: "));
  const auto key = metadata_with({"--key", "/no/such/key"});
  CHECK_THAT(
    key.err, ContainsSubstring("--key /no/such/key: there is no --cert to go with it"));
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
  CHECK_THAT(of_file.err, ContainsSubstring("ssl_options.cacertfile = /file/ca.crt"));
  const auto of_both =
    metadata_with({"--config", config.path(), "--ca-file", "/line/ca.crt"});
  CHECK_THAT(of_both.err, ContainsSubstring("--ca-file /line/ca.crt"));
}

TEST_CASE("verification that is turned off is warned of") {
  const auto careless = metadata_with({"--tls-no-verify"});
  CHECK(careless.exit_code == 1);
  CHECK_THAT(careless.err,
    ContainsSubstring("does not check brokers' certificates (--tls-no-verify)"));
  const auto any_host = metadata_with({"--tls-verify-chain"});
  CHECK(any_host.exit_code == 1);
  CHECK_THAT(
    any_host.err, ContainsSubstring("for whatever host it is (--tls-verify-chain)"));
  const auto careful = metadata_with({"--tls"});
  CHECK(careful.exit_code == 1);
  CHECK_THAT(careful.err, !ContainsSubstring("certificates"));
}

TEST_CASE("what TLS has met is not taken for a broker that does not listen") {
  auto broker = cafka::cli::embedded_broker::start(1);
  REQUIRE(broker);
  // It speaks no TLS.
  const auto run = run_cafka(
    {"metadata", "--brokers", (*broker)->bootstrap(), "--server-name", "kafka"});
  INFO(run.err);
  CHECK(run.exit_code == 1);
  CHECK_THAT(run.err,
    ContainsSubstring("TLS_FAILED") && ContainsSubstring("try: see what is said of TLS")
      && !ContainsSubstring("listens there"));
}

TEST_CASE("settings are named by their flags, unless the configuration file made them") {
  struct row {
    std::string text;
    std::string in_flags;
  };
  const auto r = GENERATE(row{"its CA is unknown: put it into cacertfile or cacertdir",
                            "its CA is unknown: put it into --ca-file or --ca-dir"},
    row{"there is none: set certfile and keyfile", "there is none: use --cert and --key"},
    row{"ssl_options.keyfile = /a/keyfile: its key is encrypted: set password",
      "--key /a/keyfile: its key is encrypted: use --key-password-file"},
    row{"name it as the certificate does, or set server_name",
      "name it as the certificate does, or use --server-name"},
    row{"use the broker's TLS port, or set use_ssl to false",
      "use the broker's TLS port, or leave out --tls"},
    row{"if it speaks TLS on this port, set use_ssl",
      "if it speaks TLS on this port, use --tls"},
    row{
      "20 bytes, receive_message_max_bytes is 10", "20 bytes, --receive-max-bytes is 10"},
    row{
      "my_certfile, certfile-2 and certfiles", "my_certfile, certfile-2 and certfiles"});
  CHECK(cafka::cli::flag_words{}.in(r.text) == r.in_flags);
  const cafka::cli::flag_words of_file{{"use_ssl", "ssl_options.cacertfile",
    "ssl_options.cacertdir", "ssl_options.certfile", "ssl_options.keyfile",
    "ssl_options.password", "ssl_options.server_name", "receive_message_max_bytes"}};
  CHECK(of_file.in(r.text) == r.text);
}
