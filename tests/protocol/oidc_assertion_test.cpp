#include <cafka/protocol/sasl/oidc/assertion.hpp>
#include <cafka/protocol/sasl/oidc/encoding.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

using namespace cafka::protocol;
using namespace cafka::protocol::sasl;
using Catch::Matchers::ContainsSubstring;
using nlohmann::json;

namespace {

using shared_key = std::shared_ptr<EVP_PKEY>;

shared_key held(EVP_PKEY* key) {
  REQUIRE(key != nullptr);
  return {key, &EVP_PKEY_free};
}

const shared_key& rsa_key() {
  static const auto key = held(EVP_RSA_gen(2048));
  return key;
}
const shared_key& ec_key() {
  static const auto key = held(EVP_EC_gen("P-256"));
  return key;
}

std::string pem_of(const shared_key& key, const std::string& passphrase = {}) {
  const std::shared_ptr<BIO> out{BIO_new(BIO_s_mem()), &BIO_free_all};
  const auto* bytes = reinterpret_cast<const unsigned char*>(passphrase.data());
  REQUIRE(PEM_write_bio_PrivateKey(out.get(), key.get(),
            passphrase.empty() ? nullptr : EVP_aes_256_cbc(), bytes,
            static_cast<int>(passphrase.size()), nullptr, nullptr)
    == 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(out.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::vector<std::string> parts_of(std::string_view jwt) {
  std::vector<std::string> parts;
  while (true) {
    const auto dot = jwt.find('.');
    parts.emplace_back(jwt.substr(0, dot));
    if (dot == std::string_view::npos)
      return parts;
    jwt.remove_prefix(dot + 1);
  }
}

json json_in(const std::string& part) {
  return json::parse(from_base64url(part).value());
}

/// Two numbers of 32 bytes as OpenSSL has them.
std::string der_of(const std::string& flat) {
  REQUIRE(flat.size() == 64);
  const auto* bytes = reinterpret_cast<const unsigned char*>(flat.data());
  auto* numbers = ECDSA_SIG_new();
  ECDSA_SIG_set0(
    numbers, BN_bin2bn(bytes, 32, nullptr), BN_bin2bn(bytes + 32, 32, nullptr));
  unsigned char* out = nullptr;
  const auto size = i2d_ECDSA_SIG(numbers, &out);
  std::string der{reinterpret_cast<char*>(out), static_cast<std::size_t>(size)};
  OPENSSL_free(out);
  ECDSA_SIG_free(numbers);
  return der;
}

bool is_signed_by(const shared_key& key, std::string_view jwt, bool ecdsa) {
  const auto parts = parts_of(jwt);
  REQUIRE(parts.size() == 3);
  const auto text = parts[0] + '.' + parts[1];
  auto signature = from_base64url(parts[2]).value();
  if (ecdsa)
    signature = der_of(signature);
  const std::shared_ptr<EVP_MD_CTX> digest{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
  const auto bytes = [](const std::string& s) {
    return reinterpret_cast<const unsigned char*>(s.data());
  };
  REQUIRE(
    EVP_DigestVerifyInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1);
  return EVP_DigestVerify(
           digest.get(), bytes(signature), signature.size(), bytes(text), text.size())
    == 1;
}

/// The public key with these coordinates.
shared_key public_key(const std::string& x, const std::string& y) {
  const auto point = '\x04' + from_base64url(x).value() + from_base64url(y).value();
  auto* build = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(
    build, OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  auto* params = OSSL_PARAM_BLD_to_param(build);
  auto* maker = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_fromdata_init(maker);
  EVP_PKEY_fromdata(maker, &key, EVP_PKEY_PUBLIC_KEY, params);
  EVP_PKEY_CTX_free(maker);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(build);
  return held(key);
}

oidc_options key_options(jwt_algorithm algorithm) {
  oidc_options o;
  o.assertion_algorithm = algorithm;
  o.assertion_private_key_file = "key.pem";
  o.assertion_claim_iss = "me";
  o.assertion_claim_sub = "me";
  o.assertion_claim_aud = "https://login.example.com";
  return o;
}

constexpr wall_time at{std::chrono::milliseconds{1'700'000'000'999}};

std::string why_no_assertion(const oidc_options& o, const oidc_material& with) {
  const auto made = make_assertion(o, with, at);
  REQUIRE_FALSE(made);
  CHECK(made.error().code == error_code::invalid_argument);
  return made.error().detail;
}

} // namespace

TEST_CASE("the test's own check takes the signature of RFC 7515, A.3", "[oidc]") {
  const auto key = public_key("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
  const std::string jwt =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
    "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
    "pmWQxfKTUJqPP3-Kg6NU1Q";
  CHECK(is_signed_by(key, jwt, true));
  CHECK_FALSE(is_signed_by(ec_key(), jwt, true));
}

TEST_CASE("an assertion has its claims and is signed by the key", "[oidc]") {
  const bool ecdsa = GENERATE(false, true);
  const auto& key = ecdsa ? ec_key() : rsa_key();
  const auto o = key_options(ecdsa ? jwt_algorithm::es256 : jwt_algorithm::rs256);
  const bool encrypted = GENERATE(false, true);
  oidc_material with;
  with.private_key = pem_of(key, encrypted ? "open up" : "");
  if (encrypted)
    with.passphrase = "open up";
  // A signature of ES256 has numbers of fewer than 32 bytes now and then.
  for (int i = 0; i != (ecdsa && !encrypted ? 600 : 1); ++i) {
    const auto made = make_assertion(o, with, at);
    INFO(to_string(made.error()));
    REQUIRE(made);
    REQUIRE(is_signed_by(key, made->reveal(), ecdsa));
    const auto parts = parts_of(made->reveal());
    CHECK(json_in(parts[0]) == json{{"alg", ecdsa ? "ES256" : "RS256"}, {"typ", "JWT"}});
    CHECK(json_in(parts[1])
      == json{{"iss", "me"}, {"sub", "me"}, {"aud", "https://login.example.com"},
        {"iat", 1'700'000'000}, {"exp", 1'700'000'300}, {"nbf", 1'699'999'940}});
  }
}

TEST_CASE(
  "an assertion has what its template says, and over it what options say", "[oidc]") {
  auto o = key_options(jwt_algorithm::es256);
  o.assertion_claim_sub = {};
  o.assertion_claim_exp = std::chrono::seconds{10};
  o.assertion_claim_nbf = std::chrono::seconds{0};
  o.assertion_claim_jti = true;
  oidc_material with;
  with.private_key = pem_of(ec_key());
  with.unique = "number 1";
  with.assertion_template =
    R"({"header":{"kid":"k1","alg":"none"},"payload":{"sub":"s","iss":"i","exp":1,"roles":["a"]}})";
  const auto made = make_assertion(o, with, at);
  REQUIRE(made);
  const auto parts = parts_of(made->reveal());
  CHECK(json_in(parts[0]) == json{{"kid", "k1"}, {"alg", "ES256"}, {"typ", "JWT"}});
  CHECK(json_in(parts[1])
    == json{{"sub", "s"}, {"iss", "me"}, {"aud", "https://login.example.com"},
      {"roles", {"a"}}, {"iat", 1'700'000'000}, {"exp", 1'700'000'010},
      {"nbf", 1'700'000'000}, {"jti", "number 1"}});
}

TEST_CASE("a key that does not do is refused with the reason", "[oidc]") {
  const std::string says = "sasl.oidc.assertion_private_key_file = key.pem: ";
  const auto rs256 = key_options(jwt_algorithm::rs256);
  const auto es256 = key_options(jwt_algorithm::es256);
  oidc_material with;
  CHECK(why_no_assertion(rs256, with) == says + "holds no private key in PEM");
  with.private_key = "no key";
  CHECK(why_no_assertion(rs256, with) == says + "holds no private key in PEM");
  with.private_key = pem_of(ec_key());
  CHECK(why_no_assertion(rs256, with) == says + "holds no RSA key, as RS256 needs");
  with.private_key = pem_of(rsa_key());
  CHECK(why_no_assertion(es256, with)
    == says + "holds no key of the curve P-256, as ES256 needs");
  with.private_key = pem_of(held(EVP_EC_gen("P-384")));
  CHECK(why_no_assertion(es256, with)
    == says + "holds no key of the curve P-256, as ES256 needs");
  with.private_key = pem_of(held(EVP_RSA_gen(1024)));
  CHECK(why_no_assertion(rs256, with)
    == says + "its RSA key has 1024 bits, and RS256 needs 2048");
  with.private_key = pem_of(rsa_key(), "right");
  CHECK(why_no_assertion(rs256, with)
    == says + "its key is encrypted: set assertion_private_key_passphrase");
  with.passphrase = "wrong";
  CHECK(why_no_assertion(rs256, with)
    == says + "its key does not open with the passphrase that is set");
  with.passphrase = "right";
  CHECK(make_assertion(rs256, with, at));
}

TEST_CASE("a template that does not do is refused with the reason", "[oidc]") {
  auto o = key_options(jwt_algorithm::es256);
  o.assertion_template_file = "t.json";
  oidc_material with;
  with.private_key = pem_of(ec_key());
  const auto why = [&](std::string text) {
    with.assertion_template = std::move(text);
    return why_no_assertion(o, with);
  };
  const std::string says = "sasl.oidc.assertion_template_file = t.json: ";
  CHECK(why("{") == says + "holds no JSON object");
  CHECK(why("[]") == says + "holds no JSON object");
  CHECK(why(R"({"claims":{}})") == says + "only header and payload can stand in it");
  CHECK(why(R"({"payload":[]})") == says + "its payload is no object");
  CHECK(why(R"({"payload":{"a":)" + std::string(100'000, '[') + std::string(100'000, ']')
          + "}}")
    == says + "is nested too deeply");
  CHECK(why(std::string((1 << 20) + 1, ' ')) == says + "is larger than 1 MiB");
}
