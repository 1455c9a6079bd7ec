#include <cafka/protocol/sasl/crypto.hpp>
#include <cafka/protocol/sasl/oidc/encoding.hpp>
#include <cafka/protocol/sasl/oidc/http_message.hpp>
#include <cafka/protocol/sasl/oidc/oidc_options.hpp>
#include <cafka/protocol/sasl/oidc/token_answer.hpp>
#include <cafka/protocol/sasl/oidc/token_request.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <random>

using namespace cafka::protocol;
using namespace cafka::protocol::sasl;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;

namespace {

constexpr wall_time noon{std::chrono::hours{480'000}};

oidc_options secret_options() {
  oidc_options o;
  o.token_endpoint_url = "https://login.example.com/oauth2/token";
  o.client_id = "me";
  o.client_secret = "hidden";
  return o;
}

/// A JWT without a signature that counts.
std::string jwt_with(std::string_view payload) {
  return base64url_of(R"({"alg":"none"})") + '.' + base64url_of(payload) + '.';
}

std::string why_not(std::string_view body) {
  const auto read = read_token_answer(body, "sub", noon);
  REQUIRE_FALSE(read);
  CHECK(read.error().code == error_code::malformed_response);
  return read.error().detail;
}

} // namespace

TEST_CASE("form encoding is that of RFC 6749", "[oidc]") {
  // Appendix B: space, percent, ampersand, plus, pound sign, euro sign.
  CHECK(form_encoded(" %&+\xC2\xA3\xE2\x82\xAC").reveal() == "+%25%26%2B%C2%A3%E2%82%AC");
  CHECK(form_encoded("aZ09*-._").reveal() == "aZ09*-._");
  CHECK(form_encoded("~!:/=").reveal() == "%7E%21%3A%2F%3D");
  CHECK(form_encoded(std::string_view{"\0", 1}).reveal() == "%00");
  CHECK(form_encoded("").empty());
}

TEST_CASE("base64 for URLs is that of RFC 4648", "[oidc]") {
  CHECK(base64url_of("").empty());
  CHECK(base64url_of("f") == "Zg");
  CHECK(base64url_of("fo") == "Zm8");
  CHECK(base64url_of("foo") == "Zm9v");
  CHECK(base64url_of("\xfb\xff") == "-_8");
  CHECK(base64url_of("foob") == "Zm9vYg");
  std::minstd_rand random{3};
  for (std::size_t size = 0; size != 100; ++size) {
    std::string bytes(size, '\0');
    for (auto& b : bytes)
      b = static_cast<char>(random());
    CHECK(from_base64url(base64url_of(bytes)) == bytes);
  }
}

TEST_CASE("what is no base64 for URLs is not decoded", "[oidc]") {
  // "Zh" and "Zm9" have bits behind the last byte.
  for (const auto* text : {"A", "AAAAA", "Zg==", "Zm+v", "Zm/v", "Zm9 v", "Zh", "Zm9"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64url(text));
  }
  CHECK(from_base64url("Zm8") == "fo");
}

TEST_CASE("URLs of token endpoints are read", "[oidc]") {
  const auto url = [](std::string_view text) {
    const auto read = parse_http_url(text);
    INFO(to_string(read.error()));
    REQUIRE(read);
    return *read;
  };
  CHECK(url("https://a.example/token") == http_url{true, {"a.example", 443}, "/token"});
  CHECK(url("HTTP://a.example") == http_url{false, {"a.example", 80}, "/"});
  CHECK(url("http://[::1]:8080/t?x=1&y=/#part")
    == http_url{false, {"::1", 8080}, "/t?x=1&y=/"});
  CHECK(url("https://[::1]/") == http_url{true, {"::1", 443}, "/"});
  CHECK(url("https://a.example?x=1") == http_url{true, {"a.example", 443}, "/?x=1"});
  CHECK(host_header(url("https://a.example:443/")) == "a.example");
  CHECK(host_header(url("https://a.example:80/")) == "a.example:80");
  CHECK(host_header(url("http://[::1]/")) == "[::1]");
  CHECK(to_string(url("https://a.example/t?key=k")) == "https://a.example/t");
}

TEST_CASE("what is no URL of a token endpoint is refused with the reason", "[oidc]") {
  const auto why = [](std::string_view text) {
    const auto read = parse_http_url(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == error_code::invalid_argument);
    return read.error().detail;
  };
  CHECK(why("ftp://a")
    == "\"ftp://a\": a URL that begins with https:// or http:// is "
       "wanted");
  CHECK(why("") == "\"\": a URL that begins with https:// or http:// is wanted");
  CHECK(why("https:///token") == "\"https:///token\": the host is missing");
  CHECK(why("https://a:0/")
    == "\"https://a:0/\": the port must be a number from 1 to "
       "65535");
  CHECK(why("https://a/ b")
    == "\"https://a/ b\": a URL has no spaces and only characters "
       "of ASCII");
  CHECK_THAT(why("https://a/\r\nX: y"), ContainsSubstring("a URL has no spaces"));
  // Neither a password nor a query is repeated.
  CHECK_THAT(why("https://me:hidden@a/"), !ContainsSubstring("hidden"));
  CHECK_THAT(why("https://a:0/?key=hidden"), !ContainsSubstring("hidden"));
}

TEST_CASE("URLs of files are read", "[oidc]") {
  CHECK(path_of_file_url("file:///run/token") == "/run/token");
  CHECK(path_of_file_url("FILE:/run/token") == "/run/token");
  CHECK(path_of_file_url("file://localhost/run/a%20b%25") == "/run/a b%");
  CHECK(path_of_file_url("file://other/run/token").empty());
  CHECK(path_of_file_url("file:token").empty());
  CHECK(path_of_file_url("file:///a%2").empty());
  CHECK(path_of_file_url("file:///a%00b").empty());
  CHECK(path_of_file_url("file:///a%zz").empty());
  CHECK(path_of_file_url("/run/token").empty());
}

TEST_CASE("a token is read with its life and its subject", "[oidc]") {
  const auto read = [](const std::string& body) {
    auto token = read_token_answer(body, "sub", noon);
    INFO(to_string(token.error()));
    REQUIRE(token);
    return *std::move(token);
  };
  const auto plain = read(
    R"({"access_token":"a.b~+/_-=","expires_in":3600,"token_type":"bEaReR","x":[1]})");
  CHECK(plain.value.reveal() == "a.b~+/_-=");
  CHECK(plain.life == 3'600s);
  CHECK(plain.subject.empty());
  CHECK(read(R"({"access_token":"t","expires_in":"3599"})").life == 3'599s);
  CHECK(read(R"({"access_token":"t","expires_in":59.9})").life == 59s);
  CHECK(read(R"({"access_token":"t","expires_in":1e300})").life > 24h * 3'650);
  CHECK(
    read(R"({"access_token":"t","expires_in":18446744073709551615})").life > 24h * 3'650);
  CHECK(read(R"({"id_token":"t","access_token":null,"expires_in":60})").value.reveal()
    == "t");

  const auto second = noon.time_since_epoch() / 1s;
  const auto jwt =
    jwt_with(R"({"sub":"alice","exp":)" + std::to_string(second + 50) + "}");
  const auto from_jwt = read(R"({"access_token":")" + jwt + R"("})");
  CHECK(from_jwt.life == 50s);
  CHECK(from_jwt.subject == "alice");
  // What the provider says itself goes before what the token says: clocks differ.
  CHECK(read(R"({"access_token":")" + jwt + R"(","expires_in":70})").life == 70s);
}

TEST_CASE("the subject is that of the claim that is named", "[oidc]") {
  const auto jwt = jwt_with(R"({"sub":"a","azp":"b\u0007c","exp":"soon","n":7})");
  CHECK(claims_of(jwt, "sub").subject == "a");
  CHECK(claims_of(jwt, "azp").subject
    == "b\xEF\xBF\xBD"
       "c");
  CHECK(claims_of(jwt, "n").subject.empty());
  CHECK(claims_of(jwt, "none").subject.empty());
  CHECK_FALSE(claims_of(jwt, "sub").until);
  for (const auto* text : {"", ".", "..", "a.b.c", "e30.W10.", "e30.e30"})
    CHECK(claims_of(text, "sub").subject.empty());
  CHECK_FALSE(claims_of(jwt_with(R"({"exp":1e18})"), "sub").until);
  CHECK_FALSE(claims_of(jwt_with(R"({"exp":-5})"), "sub").until);
  CHECK(claims_of(jwt_with(R"({"exp":1700000000.5})"), "sub").until
    == wall_time{1'700'000'000s});
}

TEST_CASE(
  "an answer without a token that can be used is refused with the reason", "[oidc]") {
  const std::string says = "the token endpoint's answer ";
  CHECK(why_not("") == says + "is empty");
  CHECK(why_not("<html>hello") == says + "is no JSON object");
  CHECK(why_not("[]") == says + "is no JSON object");
  CHECK(why_not(R"({"access_token":"t")") == says + "is no JSON object");
  CHECK(why_not("{}") == says + "has no access_token");
  CHECK(why_not(R"({"access_token":7})") == says + "has an access_token that is no text");
  CHECK(why_not(R"({"id_token":{}})") == says + "has an id_token that is no text");
  CHECK(why_not(R"({"access_token":""})") == says + "has an empty access_token");
  for (const auto* token : {"a b", R"(a\u0001auth=b)", R"(a\n)", "\xC3\xA9", "=", "a=b"})
    CHECK(why_not(R"({"access_token":")" + std::string{token} + R"(","expires_in":60})")
      == says + "has an access_token with characters that no token has");
  CHECK(why_not(R"({"access_token":"t","token_type":"DPoP","expires_in":60})")
    == says + "has a token of another type than Bearer");
  CHECK(why_not(R"({"access_token":"t","token_type":1,"expires_in":60})")
    == says + "has a token_type that is no text");
  for (const auto* life : {R"("soon")", R"("")", R"("1h")", "true", "{}", "[60]"})
    CHECK(why_not(R"({"access_token":"t","expires_in":)" + std::string{life} + "}")
      == says + "has an expires_in that is no number of seconds");
  for (const auto* life : {"0", "-1", "0.5", "-1e300", R"("-60")"})
    CHECK(why_not(R"({"access_token":"t","expires_in":)" + std::string{life} + "}")
      == says + "has a token that holds no longer: check this machine's clock");
  CHECK_THAT(why_not(R"({"access_token":"t"})"),
    ContainsSubstring("does not say how long the token holds"));
  CHECK(why_not(R"({"access_token":")" + jwt_with(R"({"exp":1000})") + R"("})")
    == says + "has a token that holds no longer: check this machine's clock");
  CHECK(why_not(std::string((1 << 20) + 1, '{')) == says + "is larger than 1 MiB");
}

TEST_CASE("a megabyte of brackets is no danger", "[oidc]") {
  CHECK_THAT(why_not(std::string(1 << 20, '[')), ContainsSubstring("is no JSON object"));
  const std::size_t half = (1 << 19) - 10;
  CHECK_THAT(why_not(R"({"a":)" + std::string(half, '[') + std::string(half, ']') + '}'),
    ContainsSubstring("has no access_token"));
  const http_response refused{400, {},
    secret{R"({"error":)" + std::string(half, '[') + std::string(half, ']') + '}'}};
  CHECK(refusal_words(refused, {}) == "HTTP 400");
}

TEST_CASE("a token in a file is taken without the line's end", "[oidc]") {
  const auto jwt = jwt_with(R"({"sub":"alice","exp":1728000060})");
  const auto read = read_token_text('\n' + jwt + " \r\n", "sub", noon);
  REQUIRE(read);
  CHECK(read->value.reveal() == jwt);
  CHECK(read->life == 60s);
  CHECK(read->subject == "alice");
  CHECK(read_token_text("opaque", "sub", noon)->life > 24h * 3'650);
  CHECK(read_token_text(" \n", "sub", noon).error().detail == "is empty");
  CHECK(read_token_text("a\nb", "sub", noon).error().detail
    == "holds something other than one token");
  CHECK(read_token_text(jwt_with(R"({"exp":1})"), "sub", noon).error().detail
    == "holds a token that has expired");
}

TEST_CASE("a refusal says what the provider says, and what to do", "[oidc]") {
  const auto words = [](int status, std::string_view body, std::string location = {}) {
    return refusal_words({status, std::move(location), secret{body}}, {secret{"hidden"}});
  };
  CHECK(words(400, R"({"error":"invalid_scope","error_description":"no a"})")
    == "HTTP 400, invalid_scope: no a (check scope)");
  CHECK_THAT(words(401, "<html>"), ContainsSubstring("HTTP 401 (check client_id"));
  CHECK_THAT(words(404, ""), ContainsSubstring("check token_endpoint_url"));
  CHECK(words(500, R"({"error":7,"error_description":[]})") == "HTTP 500");
  CHECK(words(503, R"("busy")") == "HTTP 503");
  CHECK_THAT(words(307, "", "https://b.example/t"),
    ContainsSubstring("a redirect to https://b.example/t: redirects are not followed"));
  CHECK(words(400, R"({"error":"x","error_description":"it is hidden"})")
    == "HTTP 400, x: (words that repeat a secret)");
  CHECK(words(400, R"({"error":"a\u001b[31m"})") == "HTTP 400, a\xEF\xBF\xBD[31m");
  CHECK(words(400, R"({"error":")" + std::string(100'000, 'x') + "\"}").size() < 500);
}

TEST_CASE(
  "id and secret go into the header as RFC 6749 wants, or as they are", "[oidc]") {
  auto o = secret_options();
  o.client_id = "cli:ent";
  oidc_material with;
  with.client_secret = "se:cr et%+\xC3\xA4";
  const auto encoded = token_request(o, with, noon);
  REQUIRE(encoded);
  CHECK(encoded->http.authorization.reveal()
    == "Basic " + base64("cli%3Aent:se%3Acr+et%25%2B%C3%A4"));
  CHECK(encoded->http.body.reveal() == "grant_type=client_credentials");
  o.header_urlencode = false;
  CHECK(token_request(o, with, noon)->http.authorization.reveal()
    == "Basic " + base64("cli:ent:se:cr et%+\xC3\xA4"));
}

TEST_CASE("scope is encoded", "[oidc]") {
  auto o = secret_options();
  o.scope = "api://kafka/.default read&write";
  oidc_material with;
  with.client_secret = "x";
  CHECK(token_request(o, with, noon)->http.body.reveal()
    == "grant_type=client_credentials&scope=api%3A%2F%2Fkafka%2F.default+read%26write");
}

TEST_CASE("a ready assertion proves the client, or is the grant", "[oidc]") {
  auto o = secret_options();
  o.client_secret = {};
  o.assertion_file = "/run/assertion";
  oidc_material with;
  with.assertion = "a.b.c\n";
  const auto request = token_request(o, with, noon);
  REQUIRE(request);
  CHECK(request->http.authorization.empty());
  CHECK(request->http.body.reveal()
    == "grant_type=client_credentials&client_id=me"
       "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type"
       "%3Ajwt-bearer&client_assertion=a.b.c");
  o.grant = oauth_grant::jwt_bearer;
  o.client_id = {};
  o.scope = "s";
  CHECK(token_request(o, with, noon)->http.body.reveal()
    == "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=s"
       "&assertion=a.b.c");
  with.assertion = "a.b.c&scope=all";
  const auto wrong = token_request(o, with, noon);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().detail
    == "sasl.oidc.assertion_file = /run/assertion: holds something other than one "
       "JWT");
}

TEST_CASE("options that make no sense are refused by name", "[oidc]") {
  const auto why = [](auto change) {
    auto o = secret_options();
    change(o);
    const auto wrong = wrong_in(o);
    CHECK((wrong.code == error_code::invalid_argument || !wrong));
    return wrong.detail;
  };
  CHECK(why([](auto&) {}).empty());
  CHECK(why([](auto& o) { o.token_endpoint_url = {}; })
    == "sasl.oidc.token_endpoint_url is missing");
  CHECK_THAT(why([](auto& o) { o.token_endpoint_url = "login"; }),
    ContainsSubstring("sasl.oidc.token_endpoint_url = \"login\": a URL that begins"));
  CHECK(why([](auto& o) { o.client_id = {}; }) == "sasl.oidc.client_id is missing");
  CHECK_THAT(why([](auto& o) { o.client_secret = {}; }),
    ContainsSubstring("sasl.oidc.client_secret is missing"));
  CHECK_THAT(why([](auto& o) { o.client_secret_file = "/f"; }),
    ContainsSubstring("sasl.oidc.client_secret is set twice"));
  CHECK_THAT(why([](auto& o) { o.assertion_file = "/f"; }),
    ContainsSubstring("client_secret and an assertion are both set"));
  CHECK_THAT(why([](auto& o) {
    o.client_secret = {};
    o.assertion_file = "/f";
    o.assertion_private_key_file = "/k";
  }),
    ContainsSubstring("are both set"));
  CHECK(why([](auto& o) {
    o.client_secret = {};
    o.client_id = {};
    o.assertion_private_key_file = "/k";
  }).empty());
  CHECK_THAT(why([](auto& o) { o.grant = oauth_grant::jwt_bearer; }),
    ContainsSubstring("needs assertion_private_key_file or assertion_file"));
  CHECK(why([](auto& o) {
    o.grant = oauth_grant::jwt_bearer;
    o.assertion_file = "/f";
  }).empty());
  CHECK(why([](auto& o) { o.sub_claim_name = {}; })
    == "sasl.oidc.sub_claim_name = \"\": must be a text that is not empty");
  CHECK(why([](auto& o) { o.refresh_window = 49; })
    == "sasl.oidc.refresh_window = 49: must be from 50 to 100");
  CHECK(why([](auto& o) { o.refresh_jitter = 26; })
    == "sasl.oidc.refresh_jitter = 26: must be from 0 to 25");
  CHECK(why([](auto& o) { o.request_timeout = 0ms; })
    == "sasl.oidc.request_timeout = 0ms: must be from 1 to 600000ms");
  CHECK(why([](auto& o) { o.retry_backoff = 11s; })
    == "sasl.oidc.retry_backoff_max = 10000ms: must not be less than retry_backoff");
  CHECK(why([](auto& o) { o.refresh_buffer = 3'601s; })
    == "sasl.oidc.refresh_buffer = 3601s: must be from 0 to 3600000ms");
}
