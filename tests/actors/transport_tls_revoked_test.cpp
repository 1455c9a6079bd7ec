#include "tls_peer.hpp"
#include "transport_fixture.hpp"
#include <cafka/actors/transport/tls.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace cafka::testing;
using cafka::ssl_crl_check;
using cafka::ssl_options;
using cafka::ssl_verify;
using cafka::actors::tls_context;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

namespace {

struct stage {
  authority ca{"cafka test CA"};
  identity broker = ca.issue();
  scratch_folder files;
  ssl_options options{.cacertfile = files.write("ca.crt", ca.certificate())};
  transport_fixture f;

  /// The state of a connection to the broker: `none` where it is up.
  cafka::protocol::error outcome(const tls_peer& peer) {
    auto made = tls_context::make(options);
    INFO(to_string(made.error()));
    REQUIRE(made);
    return outcome(peer, *made);
  }

  cafka::protocol::error outcome(
    const tls_peer& peer, const std::shared_ptr<tls_context>& context) {
    transport_options how;
    how.tls = context;
    wired_owner l{f, peer.by_name(), how};
    return l.box->wait_up_or_down() ? cafka::protocol::error{} : l.box->reason();
  }

  cafka::protocol::error with_list(const std::string& list) {
    options.crlfile = files.write("ca.crl", list);
    tls_peer peer{{.who = broker}, tls_peer::silent()};
    return outcome(peer);
  }
};

} // namespace

TEST_CASE("a certificate that its CA has revoked is refused, and others are not") {
  stage s;
  const auto other = s.ca.issue();
  CHECK(s.with_list(s.ca.revoke({other})).code == error_code::none);
  const auto refused = s.with_list(s.ca.revoke({other, s.broker}));
  CHECK(refused.code == error_code::tls_failed);
  CHECK_THAT(refused.detail,
    EndsWith(": its certificate (CN=cafka test) was revoked by its CA (CN=cafka test CA) "
             "on 2026-01-01 00:00:00 UTC, as crlfile says: the broker needs a new one"));
}

TEST_CASE("a list that is out of its time, another CA's, or forged is no list") {
  stage s;
  const auto late = s.with_list(s.ca.revoke({}, -40, -10));
  CHECK(late.code == error_code::tls_failed);
  CHECK_THAT(late.detail,
    ContainsSubstring("the revocation list that crlfile has of the CA (CN=cafka test CA) "
                      "of its certificate (CN=cafka test) expired on 20"));
  CHECK_THAT(
    s.with_list(s.ca.revoke({}, 5, 40)).detail, ContainsSubstring("is not valid before"));
  const authority other{"another CA"};
  CHECK_THAT(s.with_list(other.revoke({})).detail,
    ContainsSubstring("crlfile has no revocation list of the CA (CN=cafka test CA)"));
  const authority forger{"cafka test CA"};
  CHECK_THAT(
    s.with_list(forger.revoke({})).detail, ContainsSubstring("is not signed by that CA"));
  // Several in one file.
  CHECK(s.with_list(other.revoke({}) + s.ca.revoke({})).code == error_code::none);
}

TEST_CASE("the CAs' own certificates are looked up if that is wanted") {
  stage s;
  const authority between{"between", s.ca};
  s.broker = between.issue();
  const auto lists =
    between.revoke({}) + s.ca.revoke({{.certificate = between.certificate(), .key = {}}});
  CHECK(s.with_list(lists).code == error_code::none);
  s.options.crl_check = ssl_crl_check::chain;
  CHECK_THAT(s.with_list(lists).detail,
    ContainsSubstring(
      "the certificate (CN=between) that vouches for its own was revoked"));
  CHECK(s.with_list(between.revoke({}) + s.ca.revoke({})).code == error_code::none);
  CHECK_THAT(s.with_list(between.revoke({})).detail,
    ContainsSubstring("crlfile has no revocation list of the CA (CN=cafka test CA)"));
}

TEST_CASE("a file of revocation lists that is none is refused at once") {
  stage s;
  const auto why = [&] {
    const auto made = tls_context::make(s.options);
    REQUIRE_FALSE(made);
    CHECK(made.error().code == error_code::invalid_argument);
    return made.error().detail;
  };
  s.options.crlfile = "/no/such/file";
  CHECK(why()
    == "ssl_options.crlfile = /no/such/file: cannot be read: no such file or directory");
  s.options.crlfile = s.files.write("none", "nothing here");
  CHECK_THAT(why(), EndsWith(": holds no revocation list in PEM (BEGIN X509 CRL)"));
  auto list = s.ca.revoke({});
  s.options.crlfile = s.files.write("cut", list + list.substr(0, list.size() / 2));
  CHECK_THAT(why(), EndsWith(": its revocation list 2 is damaged"));
  s.options.crlfile = s.files.write("ca.crl", list);
  s.options.verify = ssl_verify::verify_none;
  CHECK_THAT(why(), EndsWith(": nothing is looked up in it with verify_none"));
}

TEST_CASE("a new revocation list counts for the next connection") {
  stage s;
  s.options.crlfile = s.files.write("ca.crl", s.ca.revoke({}));
  const auto context = *tls_context::make(s.options);
  tls_peer peer{{.who = s.broker}, tls_peer::silent()};
  CHECK(s.outcome(peer, context).code == error_code::none);
  s.files.write("ca.crl", s.ca.revoke({s.broker}));
  CHECK_THAT(s.outcome(peer, context).detail, ContainsSubstring("was revoked by its CA"));
}
