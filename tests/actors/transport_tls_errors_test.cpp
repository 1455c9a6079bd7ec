#include "tls_peer.hpp"
#include "transport_fixture.hpp"
#include <cafka/actors/transport/tls.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <optional>

using namespace cafka::testing;
using cafka::ssl_options;
using cafka::ssl_verify;
using cafka::tls_version;
using cafka::actors::tls_context;
using cafka::protocol::error_code;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::EndsWith;

namespace {

struct stage {
  authority ca{"cafka test CA"};
  scratch_folder files;
  ssl_options options{.cacertfile = files.write("ca.crt", ca.certificate())};
  transport_fixture f;

  /// What a connection to this peer ends with; without TLS if there are no options.
  cafka::protocol::error reason(
    const cafka::protocol::endpoint& peer, const std::optional<ssl_options>& ssl) {
    transport_options how;
    if (ssl) {
      auto made = tls_context::make(*ssl);
      INFO(to_string(made.error()));
      REQUIRE(made);
      how.tls = *made;
    }
    wired_owner l{f, peer, how};
    // A side that is told only after the handshake is told while it asks.
    if (l.box->wait_up_or_down())
      l.send(as_bytes("hello"));
    REQUIRE(l.box->wait_down());
    CHECK(l.box->in_order());
    CHECK(l.box->frame_count() == 0);
    const auto reason = l.box->reason();
    CHECK_THAT(reason.detail, Catch::Matchers::StartsWith(to_string(peer) + ": "));
    return reason;
  }

  cafka::protocol::error reason(const cafka::protocol::endpoint& peer) {
    return reason(peer, options);
  }
};

} // namespace

TEST_CASE("a broker's certificate that is not for its host is refused, with its hosts") {
  stage s;
  tls_peer peer{{.who = s.ca.issue({.hosts = "DNS:kafka-1.example.com,IP:10.0.0.1"})},
    tls_peer::silent()};
  const auto named = s.reason(peer.by_name());
  CHECK(named.code == error_code::tls_failed);
  CHECK_THAT(named.detail,
    EndsWith(": its certificate is for kafka-1.example.com, 10.0.0.1 and not for "
             "localhost: name the broker as the certificate does, or set server_name"));
  CHECK_THAT(s.reason(peer.address()).detail,
    ContainsSubstring("is for kafka-1.example.com, 10.0.0.1 and not for 127.0.0.1: "));
}

TEST_CASE("a name in a certificate is no address, and an address no name") {
  stage s;
  tls_peer by_name{
    {.who = s.ca.issue({.hosts = "DNS:localhost,DNS:127.0.0.1"})}, tls_peer::silent()};
  const auto as_name = s.reason(by_name.address());
  CHECK(as_name.code == error_code::tls_failed);
  CHECK_THAT(as_name.detail,
    ContainsSubstring("its certificate has 127.0.0.1 as a name (DNS:127.0.0.1), where an "
                      "address counts alone (IP:127.0.0.1): "));
  tls_peer by_number{{.who = s.ca.issue({.hosts = "IP:127.0.0.1"})}, tls_peer::silent()};
  CHECK(s.reason(by_number.by_name()).code == error_code::tls_failed);
}

TEST_CASE("a broker's certificate out of its time is refused, with the time") {
  stage s;
  tls_peer expired{
    {.who = s.ca.issue({.valid_from = -400, .valid_until = -1})}, tls_peer::silent()};
  const auto late = s.reason(expired.by_name());
  CHECK(late.code == error_code::tls_failed);
  CHECK_THAT(late.detail,
    ContainsSubstring(": its certificate (CN=cafka test) expired on 20")
      && EndsWith(" UTC: it needs a new one, unless this machine's clock is wrong"));
  tls_peer early{
    {.who = s.ca.issue({.valid_from = 1, .valid_until = 9})}, tls_peer::silent()};
  CHECK_THAT(s.reason(early.by_name()).detail,
    ContainsSubstring(": its certificate (CN=cafka test) is not valid before 20")
      && EndsWith(" UTC: wait, or correct this machine's clock"));
}

TEST_CASE("a CA that is not trusted is refused, with its name") {
  stage s;
  const authority other{"some other CA"};
  tls_peer peer{{.who = other.issue()}, tls_peer::silent()};
  const auto unknown = s.reason(peer.by_name());
  CHECK(unknown.code == error_code::tls_failed);
  CHECK_THAT(unknown.detail,
    EndsWith(
      ": its certificate (CN=cafka test) is signed by an unknown CA (CN=some other "
      "CA): put that CA into cacertfile or cacertdir"));
  // Of the same name, with another key.
  const authority impostor{"cafka test CA"};
  tls_peer forged{{.who = impostor.issue()}, tls_peer::silent()};
  CHECK(s.reason(forged.by_name()).code == error_code::tls_failed);
  // The system knows neither.
  CHECK_THAT(
    s.reason(peer.by_name(), ssl_options{}).detail, ContainsSubstring("an unknown CA"));
}

TEST_CASE("a certificate that is signed by itself is refused until it is trusted") {
  stage s;
  const auto own = self_signed();
  tls_peer peer{{.who = own}, [](tls_session& session) { session.read_frame(); }};
  const auto refused = s.reason(peer.by_name());
  CHECK(refused.code == error_code::tls_failed);
  CHECK_THAT(refused.detail,
    EndsWith(
      ": its certificate (CN=cafka test) is signed by itself and not trusted: if it "
      "is the right one, put it into cacertfile"));
  CHECK(s.reason(peer.by_name(),
           ssl_options{.cacertfile = s.files.write("own", own.certificate)})
          .code
    == error_code::disconnected);
}

TEST_CASE("a chain is followed to the CA, in a file or a directory of them") {
  stage s;
  const authority between{"cafka test intermediate", s.ca};
  tls_peer peer{
    {.who = between.issue()}, [](tls_session& session) { session.read_frame(); }};
  CHECK(s.reason(peer.by_name()).code == error_code::disconnected);
  s.files.write("cas/" + s.ca.hashed_name(), s.ca.certificate());
  CHECK(s.reason(peer.by_name(), ssl_options{.cacertdir = s.files.path("cas")}).code
    == error_code::disconnected);
}

TEST_CASE("a demanded client certificate that there is none of is told") {
  const int version = GENERATE(2, 3);
  stage s;
  tls_peer peer{
    {.who = s.ca.issue(), .client_ca = s.ca.certificate(), .max_version = version},
    tls_peer::silent()};
  const auto reason = s.reason(peer.by_name());
  CHECK(reason.code == error_code::tls_failed);
  CHECK_THAT(reason.detail,
    ContainsSubstring(
      "a client certificate, and there is none: set certfile and keyfile"));
}

TEST_CASE("a client certificate that the broker refuses is named, with its reason") {
  const int version = GENERATE(2, 3);
  stage s;
  const authority other{"some other CA"};
  tls_peer peer{
    {.who = s.ca.issue(), .client_ca = s.ca.certificate(), .max_version = version},
    tls_peer::silent()};
  auto options = s.options;
  const auto stranger = other.issue({.hosts = {}});
  options.certfile = s.files.write("client.pem", stranger.certificate + stranger.key);
  const auto refused = s.reason(peer.by_name(), options);
  CHECK(refused.code == error_code::tls_failed);
  CHECK_THAT(refused.detail,
    ContainsSubstring("client certificate " + options.certfile)
      || ContainsSubstring("it may have refused " + options.certfile));
  const auto old = s.ca.issue({.hosts = {}, .valid_from = -9, .valid_until = -1});
  options.certfile = s.files.write("old.pem", old.certificate + old.key);
  CHECK_THAT(
    s.reason(peer.by_name(), options).detail, ContainsSubstring(options.certfile));
}

TEST_CASE("a broker whose TLS is too old is told as one") {
  stage s;
  tls_peer older{{.who = s.ca.issue(),
                   .min_version = 1,
                   .max_version = 1,
                   .ciphers = "ALL:@SECLEVEL=0"},
    tls_peer::silent()};
  CHECK_THAT(s.reason(older.by_name()).detail,
    EndsWith(": the peer speaks no version of TLS from 1.2 on: see its "
             "ssl.enabled.protocols, or lower min_version"));
  tls_peer old{{.who = s.ca.issue(), .max_version = 2}, tls_peer::silent()};
  auto options = s.options;
  options.min_version = tls_version::tls_1_3;
  const auto reason = s.reason(old.by_name(), options);
  CHECK(reason.code == error_code::tls_failed);
  CHECK_THAT(reason.detail, ContainsSubstring("no version of TLS from 1.3 on"));
}

TEST_CASE("a lack of common ciphers is reported") {
  stage s;
  tls_peer peer{
    {.who = s.ca.issue(), .max_version = 2, .ciphers = "ECDHE-ECDSA-AES256-GCM-SHA384"},
    tls_peer::silent()};
  auto options = s.options;
  options.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  CHECK_THAT(s.reason(peer.by_name(), options).detail,
    ContainsSubstring("the peer finds nothing that both sides can do"));
}

TEST_CASE("TLS spoken to a peer that speaks none is told") {
  stage s;
  const std::string answer = GENERATE(values<std::string>(
    {"HTTP/1.1 400 Bad Request\r\n\r\n", "-ERR what?\r\n", "\x01\x02\x03\x04\x05"}));
  scripted_peer peer{[&](scripted_peer::session& session) {
    session.send(as_bytes(answer));
    session.wait_until_closed();
  }};
  const auto reason = s.reason(peer.address());
  CHECK(reason.code == error_code::tls_failed);
  CHECK_THAT(reason.detail,
    EndsWith(": what answers there does not speak TLS: use the broker's TLS port, or set "
             "use_ssl to false"));
}

TEST_CASE("plaintext spoken to a peer that speaks TLS is told") {
  stage s;
  // One that answers with an alert, as TLS has it.
  scripted_peer peer{[&](scripted_peer::session& session) {
    session.read_frame();
    session.send(as_bytes(std::string{"\x15\x03\x03\x00\x02\x02\x32", 7}));
    session.wait_until_closed();
  }};
  const auto reason = s.reason(peer.address(), std::nullopt);
  CHECK(reason.code == error_code::tls_failed);
  CHECK_THAT(reason.detail,
    EndsWith(
      ": the peer speaks TLS on this port: set use_ssl, or use its plaintext port"));
  // One that just goes, as OpenSSL does.
  tls_peer silent{{.who = s.ca.issue()}, tls_peer::silent()};
  CHECK_THAT(s.reason(silent.by_name(), std::nullopt).detail,
    EndsWith(" before any answer: if it speaks TLS on this port, set use_ssl"));
}

TEST_CASE("the reason of TLS is told though other addresses are left") {
  const authority ca{"cafka test CA"};
  const scratch_folder files;
  tls_peer peer{{.who = ca.issue({.hosts = "DNS:elsewhere"})}, tls_peer::silent()};
  transport_fixture f{1, [](const std::string&) {
                        return std::vector<std::string>{"127.0.0.1", "127.0.0.2"};
                      }};
  transport_options how;
  how.tls = *tls_context::make({.cacertfile = files.write("ca.crt", ca.certificate())});
  wired_owner l{f, peer.by_name(), how};
  REQUIRE(l.box->wait_down());
  CHECK(l.box->reason().code == error_code::tls_failed);
  CHECK_THAT(l.box->reason().detail, ContainsSubstring("is for elsewhere and not for"));
}

TEST_CASE("with verification off, or of the chain alone, what it would refuse is taken") {
  stage s;
  const authority other{"some other CA"};
  const auto read_one = [](tls_session& session) { session.read_frame(); };
  tls_peer unknown{
    {.who = other.issue({.hosts = "DNS:elsewhere", .valid_until = -1})}, read_one};
  tls_peer misnamed{{.who = s.ca.issue({.hosts = "DNS:elsewhere"})}, read_one};
  auto options = s.options;
  options.verify = ssl_verify::verify_none;
  CHECK(s.reason(unknown.by_name(), options).code == error_code::disconnected);
  options.verify = ssl_verify::verify_chain;
  CHECK(s.reason(misnamed.by_name(), options).code == error_code::disconnected);
  CHECK(s.reason(unknown.by_name(), options).code == error_code::tls_failed);
}
