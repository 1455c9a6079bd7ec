#include "certificates.hpp"
#include <cafka/actors/transport/tls.hpp>

#include <caf/deep_to_string.hpp>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <utility>
#include <vector>

using namespace cafka::testing;
using cafka::ssl_options;
using cafka::actors::tls_context;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;

namespace {

/// What is wrong with these.
std::string refused(const ssl_options& options) {
  const auto made = tls_context::make(options);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == error_code::invalid_argument);
  return made.error().detail;
}

} // namespace

TEST_CASE("a file that cannot be used is named, with its option and what is wrong") {
  const authority ca{"cafka test CA"};
  const auto client = ca.issue();
  const auto other = ca.issue();
  const scratch_folder files;
  const auto missing = files.path("missing");
  const auto no_pem = files.write("no.pem", "nothing of the kind\n");
  const auto empty = files.write("empty", "");
  const auto ca_file = files.write("ca.crt", ca.certificate());
  const auto damaged =
    files.write("damaged.crt", ca.certificate() + ca.certificate().substr(0, 200));
  const auto crt = files.write("client.crt", client.certificate);
  const auto key = files.write("client.key", client.key);
  const auto other_key = files.write("other.key", other.key);
  const auto locked = files.write("locked.key", encrypted(client.key, "sesame"));

  CHECK(refused({.cacertfile = missing})
    == "ssl_options.cacertfile = " + missing
      + ": cannot be read: no such file or directory");
  CHECK(refused({.cacertfile = files.path()})
    == "ssl_options.cacertfile = " + files.path() + ": is not a file");
  CHECK(refused({.cacertfile = no_pem})
    == "ssl_options.cacertfile = " + no_pem + ": holds no certificate in PEM");
  CHECK_THAT(refused({.cacertfile = empty}), ContainsSubstring("holds no certificate"));
  CHECK_THAT(refused({.cacertfile = key}), ContainsSubstring("holds no certificate"));
  CHECK(refused({.cacertfile = damaged})
    == "ssl_options.cacertfile = " + damaged + ": its certificate 2 is damaged");

  CHECK(refused({.cacertdir = missing})
    == "ssl_options.cacertdir = " + missing
      + ": cannot be read: no such file or directory");
  CHECK(refused({.cacertdir = files.path()})
    == "ssl_options.cacertdir = " + files.path()
      + ": holds no file that is named by the hash of its CA: see openssl rehash");

  CHECK_THAT(refused({.certfile = missing, .keyfile = key}),
    ContainsSubstring("ssl_options.certfile = " + missing));
  CHECK_THAT(refused({.certfile = crt, .keyfile = missing}),
    ContainsSubstring("ssl_options.keyfile = " + missing));
  CHECK(refused({.certfile = crt})
    == "ssl_options.certfile = " + crt
      + ": holds no private key in PEM, and there is no keyfile");
  CHECK(refused({.keyfile = key})
    == "ssl_options.keyfile = " + key + ": there is no certfile to go with it");
  CHECK(refused({.certfile = crt, .keyfile = ca_file})
    == "ssl_options.keyfile = " + ca_file + ": holds no private key in PEM");
  CHECK(refused({.certfile = crt, .keyfile = other_key})
    == "ssl_options.keyfile = " + other_key
      + ": is not the key of the certificate in certfile");
  CHECK(refused({.certfile = crt, .keyfile = locked})
    == "ssl_options.keyfile = " + locked + ": its key is encrypted: set password");
  CHECK(refused({.certfile = crt, .keyfile = locked, .password = "guess"})
    == "ssl_options.keyfile = " + locked
      + ": its key does not open with the password that is set");
  CHECK(tls_context::make({.certfile = crt, .keyfile = locked, .password = "sesame"}));
  CHECK(refused({.certfile = crt, .keyfile = locked, .password_file = missing})
    == "ssl_options.password_file = " + missing
      + ": cannot be read: no such file or directory");
  CHECK(refused({.ciphers = "NO-SUCH-CIPHER"})
    == "ssl_options.ciphers = NO-SUCH-CIPHER: names no cipher of TLS 1.2 that OpenSSL "
       "allows: see openssl ciphers");
}

TEST_CASE(
  "the password of a key comes from a file, and is read again when that changes") {
  const scratch_folder files;
  const authority ca{"cafka test CA"};
  const auto own = ca.issue();
  const auto password = files.write("password", "guess\n");
  const ssl_options options{.certfile = files.write("client.crt", own.certificate),
    .keyfile = files.write("locked.key", encrypted(own.key, "sesame")),
    .password_file = password};
  const auto why = refused(options);
  CHECK(why
    == "ssl_options.keyfile = " + options.keyfile
      + ": its key does not open with the password that is set");
  // As editors leave it on any system; only the first line counts.
  files.write("password", "sesame\r\nanother line\n");
  const auto context = tls_context::make(options);
  REQUIRE(context);
  CHECK((*context)->open(-1, "kafka"));
  files.write("password", "\n");
  const auto empty = (*context)->open(-1, "kafka");
  REQUIRE_FALSE(empty);
  CHECK(empty.error()
    == cafka::protocol::error{error_code::tls_failed,
      "ssl_options.password_file = " + password + ": its first line is empty"});
}

TEST_CASE(
  "files that changed and cannot be used are told once, and so is that it is over") {
  const scratch_folder files;
  const authority ca{"cafka test CA"};
  const auto first = ca.issue();
  const auto second = ca.issue();
  const auto both = [&](const identity& certificate, const identity& key) {
    files.write("client.crt", certificate.certificate);
    files.write("client.key", key.key);
  };
  both(first, first);
  const ssl_options options{
    .certfile = files.path("client.crt"), .keyfile = files.path("client.key")};
  const auto context = *tls_context::make(options);
  using cafka::protocol::log_level;
  std::vector<std::pair<log_level, std::string>> told;
  context->tell(
    [&](log_level level, const std::string& text) { told.emplace_back(level, text); });
  const auto look = [&] {
    const auto before = context->version();
    for (int i = 0; i != 3; ++i)
      CHECK(context->version() == before);
    return before;
  };
  const auto warning = [](const std::string& why) {
    return std::pair{log_level::warning,
      "the files of TLS have changed and cannot be used: ssl_options." + why
        + "; connections that are up stay so, new ones fail until that is put right"};
  };
  const std::pair over{
    log_level::info, std::string{"the files of TLS can be used again"}};
  const auto begun_with = look();
  CHECK(told.empty());
  SECTION("a key that is another's, a file that is gone, and one that is broken") {
    both(second, first);
    CHECK(look() == begun_with);
    std::filesystem::remove(options.certfile);
    CHECK(look() == begun_with);
    files.write("client.crt", "-----BEGIN CERTIFICATE-----\nhalf of one\n");
    CHECK(look() == begun_with);
    both(second, second);
    CHECK(look() > begun_with);
    CHECK(told
      == std::vector{warning("keyfile = " + options.keyfile
                       + ": is not the key of the certificate in certfile"),
        warning("certfile = " + options.certfile
          + ": cannot be read: no such file or directory"),
        warning("certfile = " + options.certfile + ": its certificate 1 is damaged"),
        over});
  }
  SECTION("files that are again what they were") {
    const auto aside = files.path("aside");
    std::filesystem::rename(options.certfile, aside);
    CHECK(look() == begun_with);
    std::filesystem::rename(aside, options.certfile);
    static_cast<void>(look());
    REQUIRE(told.size() == 2);
    CHECK(told.back() == over);
    // It is told anew when it begins anew.
    std::filesystem::rename(options.certfile, aside);
    static_cast<void>(look());
    CHECK(told.size() == 3);
  }
  SECTION("a connection that begins is the first that finds them in order") {
    both(second, first);
    CHECK(look() == begun_with);
    CHECK_FALSE(context->open(-1, "kafka"));
    CHECK(told.size() == 1);
    both(second, second);
    CHECK(context->open(-1, "kafka"));
    CHECK(context->open(-1, "kafka"));
    REQUIRE(told.size() == 2);
    CHECK(told.back() == over);
  }
}

TEST_CASE("the password of a key comes from an environment variable") {
  const scratch_folder files;
  const authority ca{"cafka test CA"};
  const auto own = ca.issue();
  const ssl_options options{.certfile = files.write("client.crt", own.certificate),
    .keyfile = files.write("locked.key", encrypted(own.key, "sesame")),
    .password_env = "CAFKA_TEST_KEY_PASSWORD"};
  ::unsetenv("CAFKA_TEST_KEY_PASSWORD");
  CHECK(refused(options)
    == "ssl_options.password_env = CAFKA_TEST_KEY_PASSWORD: there is no such environment "
       "variable, or it is empty");
  ::setenv("CAFKA_TEST_KEY_PASSWORD", "sesame", 1);
  CHECK(tls_context::make(options));
  ::unsetenv("CAFKA_TEST_KEY_PASSWORD");
}

TEST_CASE("a password that comes from two places is refused without being shown") {
  for (const auto& why : {refused({.password = "sesame", .password_file = "/a/file"}),
         refused({.password = "sesame", .password_env = "NAME"}),
         refused({.password_file = "/a/file", .password_env = "NAME"})}) {
    CHECK_THAT(why,
      ContainsSubstring(
        "only one of password, password_file and password_env can be set"));
    CHECK_THAT(why, !ContainsSubstring("sesame"));
  }
}

TEST_CASE("a pipe in the place of a file is refused, and not waited for") {
  const scratch_folder files;
  const auto pipe = files.path("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THAT(refused({.cacertfile = pipe}), ContainsSubstring("is not a file"));
}

TEST_CASE("options are printed without the password, and say whether there is one") {
  ssl_options options{.certfile = "client.crt", .password = "sesame"};
  const auto printed = caf::deep_to_string(options);
  CHECK_THAT(printed, ContainsSubstring("client.crt") && ContainsSubstring("<redacted>"));
  CHECK_THAT(printed, !ContainsSubstring("sesame"));
  CHECK(options.password == "sesame");
  options.password.clear();
  CHECK_THAT(caf::deep_to_string(options), !ContainsSubstring("<redacted>"));
}
