#include "kept_log.hpp"
#include "temporary_file.hpp"
#include <cafka/actors/sasl/credentials_source.hpp>
#include <cafka/app/application.hpp>
#include <cafka/app/configuration.hpp>
#include <cafka/app/options.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <fstream>
#include <future>
#include <iostream>
#include <sstream>

using namespace cafka;
using actors::credentials_source;
using cafka::testing::kept_log;
using Catch::Matchers::ContainsSubstring;

namespace {

result<application_options> sasl_read(const std::string& block) {
  configuration config;
  std::istringstream file{"cafka { sasl { " + block + " } }"};
  const auto wrong = config.parse({}, file);
  REQUIRE(wrong.empty());
  return options_from(caf::content(config));
}

sasl_options by_plain() {
  sasl_options how;
  how.mechanism = {sasl_mechanism::plain};
  how.username = "alice";
  return how;
}

error refused_source(const sasl_options& how) {
  const auto made = credentials_source::make(how);
  CHECK(made.error().code == error_code::invalid_argument);
  CHECK(made.error().detail.find("sesame") == std::string::npos);
  return made.error();
}

/// The credentials for a login, whichever thread they come in.
result<sasl_credentials> found_by(credentials_source& source,
  sasl_mechanism m = sasl_mechanism::plain, bool refused = false) {
  std::promise<credentials_source::found> come;
  source.ask({1, {"b", 9092}, m, refused},
    [&](credentials_source::found what) { come.set_value(std::move(what)); });
  auto what = come.get_future().get();
  if (!what)
    return what.error();
  CHECK(what->nonce.size() == 32);
  return what->who;
}

std::string password_of(const result<sasl_credentials>& found) {
  INFO(to_string(found.error()));
  REQUIRE(found.has_value());
  return std::string{std::get<sasl_password>(*found).password.reveal()};
}

} // namespace

TEST_CASE("the block sasl says how brokers are logged in to") {
  const auto read =
    sasl_read(R"(mechanism = ["SCRAM-SHA-512", "plain"], username = "alice",
    password = "sesame", tokenauth = true)");
  REQUIRE(read);
  CHECK(read->sasl.mechanism
    == std::vector{sasl_mechanism::scram_sha_512, sasl_mechanism::plain});
  CHECK(read->sasl.username == "alice");
  CHECK(read->sasl.password == "sesame");
  CHECK(read->sasl.tokenauth);
  CHECK(
    sasl_read(R"(mechanism = "OAUTHBEARER", token_file = "t")")->sasl.token_file == "t");
  CHECK(sasl_read(R"(mechanism = "PLAIN, SCRAM-SHA-256")")->sasl.mechanism.size() == 2);
  CHECK(sasl_read("mechanism = []")->sasl.mechanism.empty());
  const auto unknown = sasl_read(R"(mechanism = ["CRAM-MD5"])").error();
  CHECK_THAT(unknown.detail,
    ContainsSubstring("cafka.sasl.mechanism") && ContainsSubstring("SCRAM-SHA-512"));
  CHECK_FALSE(sasl_read("mechanism = 7"));
  const auto number = sasl_read("password = 1234").error();
  CHECK_THAT(number.detail, ContainsSubstring("sasl.password"));
  CHECK_THAT(number.detail, !ContainsSubstring("1234"));
}

TEST_CASE("what --dump-config prints shows no password and no token of a login") {
  configuration config;
  std::istringstream file{R"(dump-config = true
    cafka { sasl { username = "alice", password = "sesame", token = "sesame" } })"};
  std::ostringstream printed;
  auto* const before = std::cout.rdbuf(printed.rdbuf());
  const auto wrong = config.parse({}, file);
  std::cout.rdbuf(before);
  REQUIRE(wrong.empty());
  CHECK_THAT(printed.str(), !ContainsSubstring("sesame"));
  CHECK_THAT(printed.str(), ContainsSubstring("alice"));
}

TEST_CASE("options of a login that do not go together are refused") {
  auto how = by_plain();
  CHECK_THAT(refused_source(how).detail, ContainsSubstring("sasl.password_file"));
  how.password = "sesame";
  CHECK(credentials_source::make(how));
  how.password_file = "/no/such/file";
  CHECK_THAT(refused_source(how).detail, ContainsSubstring("only one of"));
  how.password.clear();
  CHECK(refused_source(how).detail
    == "sasl.password_file = /no/such/file: cannot be read: no such file or directory");
  how.password_file = {};
  how.password_env = "CAFKA_NO_SUCH_VARIABLE";
  CHECK_THAT(
    refused_source(how).detail, ContainsSubstring("no such environment variable"));
  how = by_plain();
  how.password = "sesame";
  how.username = {};
  CHECK_THAT(refused_source(how).detail, ContainsSubstring("sasl.username"));
  sasl_options by_token;
  by_token.mechanism = {sasl_mechanism::oauthbearer};
  CHECK_THAT(refused_source(by_token).detail, ContainsSubstring("sasl.token_file"));
  by_token.token = "sesame";
  CHECK(credentials_source::make(by_token));
  by_token.token_file = "/no/such/file";
  CHECK_THAT(refused_source(by_token).detail, ContainsSubstring("only one of"));
  // A function stands for all of it.
  by_token.credentials = [](const sasl_request&) -> result<sasl_credentials> {
    return error{error_code::not_found, {}};
  };
  CHECK(credentials_source::make(by_token));
}

TEST_CASE("a password that travels as it is is warned of, once per worker") {
  configuration config;
  caf::actor_system system{config};
  const kept_log log;
  application_options options;
  options.brokers = "127.0.0.1:1"; // Nothing listens there.
  options.disable_default_worker = true;
  options.on_log = log.writer();
  auto plain = by_plain();
  plain.password = "sesame";
  auto scram = plain;
  scram.mechanism = {sasl_mechanism::scram_sha_256};
  const auto app = application::start(system, options);
  REQUIRE(app);
  const auto create = [&](const char* name, const sasl_options& how, bool tls) {
    CHECK((*app)->create_worker(name, {.use_ssl = tls, .sasl = how, .wait = false}));
  };
  create("careless", plain, false);
  create("over-tls", plain, true);
  create("scram", scram, false);
  CHECK(log.count("without TLS") == 1);
  CHECK(log.count("warning worker careless: may log in by PLAIN without TLS") == 1);
  CHECK(log.count("sesame") == 0);
}

TEST_CASE("GSSAPI takes a keytab, or the tickets of kinit") {
  const auto read = sasl_read(R"(mechanism = "GSSAPI",
    kerberos { keytab = "k", principal = "alice", service_name = "http" })");
  REQUIRE(read);
  CHECK(read->sasl.kerberos == kerberos_options{"k", "alice", "http"});
  CHECK_THAT(sasl_read(R"(kerberos { service_name = "" })").error().detail,
    ContainsSubstring("sasl.kerberos.service_name"));
  sasl_options how;
  how.mechanism = {sasl_mechanism::gssapi};
  if (!actors::knows_gssapi()) {
    CHECK_THAT(refused_source(how).detail, ContainsSubstring("CAFKA_WITH_GSSAPI"));
    return;
  }
  CHECK(credentials_source::make(how));
  how.kerberos.keytab = "/no/such/file";
  CHECK_THAT(refused_source(how).detail,
    ContainsSubstring("sasl.kerberos.keytab = /no/such/file: the file cannot be read"));
  how.kerberos.keytab = {};
  // Of several each must have what it needs.
  how.mechanism.push_back(sasl_mechanism::scram_sha_256);
  CHECK_THAT(refused_source(how).detail, ContainsSubstring("sasl.username"));
}

TEST_CASE("a worker logs in as its application does, or in its own way") {
  application_options application;
  CHECK(connection_options_from(application, {}, "w")->sasl == nullptr);
  application.sasl = by_plain();
  application.sasl.password = "sesame";
  const auto same = connection_options_from(application, {}, "w");
  REQUIRE(same);
  CHECK(same->sasl->mechanisms() == application.sasl.mechanism);
  CHECK(
    connection_options_from(application, {.sasl = sasl_options{}}, "w")->sasl == nullptr);
  const auto refused = connection_options_from(application, {.sasl = by_plain()}, "w");
  CHECK(refused.error().code == error_code::invalid_argument);
}

TEST_CASE("a password comes from a file's first line, read at each login") {
  const temporary_file file{"sesame\r\nmore\n"};
  auto how = by_plain();
  how.password_file = file.path();
  const auto source = credentials_source::make(how).value();
  CHECK(password_of(found_by(*source)) == "sesame");
  std::ofstream{file.path()} << "another";
  CHECK(password_of(found_by(*source)) == "another");
  std::ofstream{file.path()} << "\nsecond";
  CHECK(found_by(*source).error().code == error_code::credentials_unavailable);
  std::ofstream{file.path()} << std::string(2 * 1024 * 1024, 'x');
  const auto large = found_by(*source).error();
  CHECK(large.code == error_code::credentials_unavailable);
  CHECK_THAT(large.detail, ContainsSubstring("is too large, over 1024 KiB"));
}

TEST_CASE("a token comes from a file, and a password from the environment") {
  const temporary_file file{"  tok.en\n"};
  sasl_options how;
  how.mechanism = {sasl_mechanism::oauthbearer};
  how.token_file = file.path();
  how.authorization_id = "me";
  how.extensions = {{"pool", "a"}};
  const auto source = credentials_source::make(how).value();
  const auto found = found_by(*source, sasl_mechanism::oauthbearer);
  REQUIRE(found);
  CHECK(std::get<sasl_token>(*found) == sasl_token{"tok.en", "me", {{"pool", "a"}}});
  REQUIRE(::setenv("CAFKA_TEST_PASSWORD", "sesame", 1) == 0);
  auto other = by_plain();
  other.password_env = "CAFKA_TEST_PASSWORD";
  CHECK(password_of(found_by(*credentials_source::make(other).value())) == "sesame");
}

TEST_CASE("a function for credentials is told for what, and may block") {
  std::promise<void> go_on;
  sasl_options how;
  how.mechanism = {sasl_mechanism::plain};
  sasl_request last;
  how.credentials = [&, open = go_on.get_future().share()](
                      const sasl_request& wanted) -> result<sasl_credentials> {
    open.wait();
    last = wanted;
    return sasl_credentials{sasl_password{"alice", "sesame", false}};
  };
  const auto source = credentials_source::make(how).value();
  std::promise<credentials_source::found> come;
  source->ask({1, {"b", 9092}, sasl_mechanism::plain, true},
    [&](credentials_source::found what) { come.set_value(std::move(what)); });
  // It has returned although the function has not.
  go_on.set_value();
  CHECK(come.get_future().get().has_value());
  CHECK(last.refused);
  CHECK(to_string(last.broker) == "b:9092");
}
