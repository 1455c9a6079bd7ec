#include "variable.hpp"
#include <cafka/actors/sasl/token_source.hpp>
#include <cafka/actors/transport/asio_transport.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <future>
#include <string>

// A certified provider, oidc-provider, as scripts/kafka starts it: it takes id and secret
// as RFC 6749 has them encoded, and nothing else.

using cafka::actors::asio_transport_factory;
using cafka::actors::make_token_source;
using cafka::actors::token_source;
using cafka::actors::token_source_settings;
using cafka::protocol::error_code;
using cafka::protocol::sasl::jwt_algorithm;
using cafka::protocol::sasl::oauth_grant;
using Catch::Matchers::ContainsSubstring;
using namespace std::chrono_literals;

namespace {

using outcome = cafka::protocol::result<token_source::token>;

token_source_settings provider(const std::string& path) {
  token_source_settings s;
  s.options.token_endpoint_url = variable("CAFKA_KAFKA_TOKENS") + path;
  s.options.scope = "kafka";
  return s;
}

token_source_settings client(const std::string& id, const std::string& secret) {
  auto s = provider("/token");
  s.options.client_id = id;
  s.options.client_secret = secret;
  return s;
}

outcome ask(token_source_settings s) {
  s.io = std::make_shared<asio_transport_factory>();
  const auto source = make_token_source(s);
  INFO(to_string(source.error()));
  REQUIRE(source);
  std::promise<outcome> promise;
  (*source)->ask(std::chrono::steady_clock::now() + 10s, false,
    [&](outcome what) { promise.set_value(std::move(what)); });
  auto future = promise.get_future();
  REQUIRE(future.wait_for(30s) == std::future_status::ready);
  return future.get();
}

const std::string odd_id = "o:d d%+&=";
const std::string odd_secret = "se:cr et%+,=";

} // namespace

TEST_CASE(
  "the provider gives a token for id and secret, whatever is in them", "[sasl_kafka]") {
  const bool odd = GENERATE(false, true);
  const auto token =
    ask(odd ? client(odd_id, odd_secret) : client("alice", "alice-secret"));
  INFO(to_string(token.error()));
  REQUIRE(token);
  CHECK((*token)->subject == (odd ? odd_id : "alice"));
  const auto left = (*token)->expires - std::chrono::steady_clock::now();
  CHECK(left > 15s);
  CHECK(left <= 30s);
}

TEST_CASE("the provider refuses odd characters that are sent raw", "[sasl_kafka]") {
  auto s = client(odd_id, odd_secret);
  s.options.header_urlencode = false;
  const auto token = ask(s);
  REQUIRE_FALSE(token);
  CHECK(token.error().code == error_code::credentials_unavailable);
  CHECK_THAT(token.error().detail, ContainsSubstring("/token: HTTP 4"));
  CHECK_THAT(token.error().detail, !ContainsSubstring(odd_secret));
}

TEST_CASE("the provider says why it gives no token", "[sasl_kafka]") {
  const auto wrong = ask(client("alice", "wrong"));
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().detail,
    ContainsSubstring("HTTP 401, invalid_client: client authentication failed (check "
                      "client_id and client_secret"));
  auto other = client("alice", "alice-secret");
  other.options.token_endpoint_url = variable("CAFKA_KAFKA_TOKENS") + "/nowhere";
  const auto nowhere = ask(other);
  REQUIRE_FALSE(nowhere);
  CHECK_THAT(nowhere.error().detail, ContainsSubstring("HTTP 404"));
}

TEST_CASE("the provider is asked over TLS", "[sasl_kafka]") {
  auto s = client("alice", "alice-secret");
  s.options.token_endpoint_url = variable("CAFKA_KAFKA_TOKENS_TLS") + "/token";
  const auto stranger = ask(s);
  REQUIRE_FALSE(stranger);
  CHECK(stranger.error().code == error_code::tls_failed);
  s.tls.cacertfile = variable("CAFKA_KAFKA_DIR") + "/tls/ca.crt";
  const auto token = ask(s);
  INFO(to_string(token.error()));
  CHECK(token);
}

TEST_CASE("another's check takes assertions that are signed here", "[sasl_kafka]") {
  const bool es256 = GENERATE(false, true);
  const auto folder = variable("CAFKA_KAFKA_SASL_DIR");
  auto s = provider("/assertion");
  auto& o = s.options;
  o.grant = oauth_grant::jwt_bearer;
  o.assertion_algorithm = es256 ? jwt_algorithm::es256 : jwt_algorithm::rs256;
  o.assertion_private_key_file =
    folder + (es256 ? "/assertion-es256.key" : "/assertion-rs256.key");
  o.assertion_claim_iss = "alice";
  o.assertion_claim_sub = "alice";
  o.assertion_claim_aud = variable("CAFKA_KAFKA_TOKENS");
  o.assertion_claim_jti = true;
  SECTION("as they are to be") {
    const auto token = ask(s);
    INFO(to_string(token.error()));
    REQUIRE(token);
    CHECK((*token)->subject == "alice");
  }
  SECTION("and no others") {
    o.assertion_claim_aud = "https://other.example";
    const auto token = ask(s);
    REQUIRE_FALSE(token);
    CHECK_THAT(token.error().detail, ContainsSubstring("HTTP 400, invalid_grant"));
    CHECK_THAT(token.error().detail, ContainsSubstring("check the assertion"));
  }
}
