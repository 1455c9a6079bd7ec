#include "assertion.hpp"

#include "encoding.hpp"

#include <openssl/bio.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <array>
#include <cstring>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>

namespace cafka::protocol::sasl {

namespace {

using ordered = nlohmann::ordered_json;

template <class T, auto Free>
struct freed_by {
  void operator()(T* x) const { Free(x); }
};
using bio_ptr = std::unique_ptr<BIO, freed_by<BIO, &BIO_free_all>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY, &EVP_PKEY_free>>;
using digest_ptr = std::unique_ptr<EVP_MD_CTX, freed_by<EVP_MD_CTX, &EVP_MD_CTX_free>>;
using ecdsa_ptr = std::unique_ptr<ECDSA_SIG, freed_by<ECDSA_SIG, &ECDSA_SIG_free>>;

/// Half a signature of ES256; RFC 7518, section 3.4.
constexpr std::size_t half = 32;
constexpr int least_rsa_bits = 2'048;
constexpr std::size_t largest_template = 1 << 20;
constexpr int deepest_template = 16;

error wrong(const std::string& member, const std::string& value, const std::string& why) {
  return {
    error_code::invalid_argument, "sasl.oidc." + member + " = " + value + ": " + why};
}

/// What OpenSSL asks when a key is encrypted. Without it it would ask the terminal.
struct passphrase_source {
  const secret& passphrase;
  bool asked = false;

  static int give(char* out, int size, int, void* source) {
    auto& self = *static_cast<passphrase_source*>(source);
    self.asked = true;
    const auto text = self.passphrase.reveal();
    if (text.empty() || text.size() > static_cast<std::size_t>(size))
      return -1;
    std::memcpy(out, text.data(), text.size());
    return static_cast<int>(text.size());
  }
};

result<key_ptr> key_of(const oidc_options& options, const oidc_material& with) {
  const auto refuse = [&](const std::string& why) {
    return wrong("assertion_private_key_file", options.assertion_private_key_file, why);
  };
  const auto pem = with.private_key.reveal();
  if (pem.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return refuse("is larger than keys are");
  const bio_ptr in{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  passphrase_source source{with.passphrase};
  key_ptr key{
    PEM_read_bio_PrivateKey(in.get(), nullptr, &passphrase_source::give, &source)};
  ERR_clear_error();
  if (key == nullptr && source.asked)
    return refuse(with.passphrase.empty()
        ? "its key is encrypted: set assertion_private_key_passphrase"
        : "its key does not open with the passphrase that is set");
  if (key == nullptr)
    return refuse("holds no private key in PEM");
  if (options.assertion_algorithm == jwt_algorithm::rs256) {
    if (EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA)
      return refuse("holds no RSA key, as RS256 needs");
    if (EVP_PKEY_bits(key.get()) < least_rsa_bits)
      return refuse("its RSA key has " + std::to_string(EVP_PKEY_bits(key.get()))
        + " bits, and RS256 needs " + std::to_string(least_rsa_bits));
    return key;
  }
  std::array<char, 64> curve{};
  std::size_t length = 0;
  if (EVP_PKEY_base_id(key.get()) != EVP_PKEY_EC
    || EVP_PKEY_get_group_name(key.get(), curve.data(), curve.size(), &length) != 1
    || std::string_view{curve.data(), length} != "prime256v1")
    return refuse("holds no key of the curve P-256, as ES256 needs");
  return key;
}

/// The two numbers of a signature one after the other; RFC 7518, section 3.4.
bool flatten(std::string& signature) {
  const auto* at = reinterpret_cast<const unsigned char*>(signature.data());
  const ecdsa_ptr numbers{
    d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(signature.size()))};
  if (numbers == nullptr)
    return false;
  signature.assign(2 * half, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  return BN_bn2binpad(ECDSA_SIG_get0_r(numbers.get()), out, half) == half
    && BN_bn2binpad(ECDSA_SIG_get0_s(numbers.get()), out + half, half) == half;
}

/// The signature, not encoded; empty: OpenSSL gives none.
std::string signature_of(EVP_PKEY* key, jwt_algorithm algorithm, std::string_view text) {
  const digest_ptr digest{EVP_MD_CTX_new()};
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  std::size_t size = 0;
  std::string signature;
  bool fine = digest != nullptr
    && EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key) == 1
    && EVP_DigestSign(digest.get(), nullptr, &size, bytes, text.size()) == 1;
  if (fine) {
    signature.resize(size);
    fine =
      EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()),
        &size, bytes, text.size())
      == 1;
    signature.resize(size);
  }
  if (fine && algorithm == jwt_algorithm::es256)
    fine = flatten(signature);
  ERR_clear_error();
  return fine ? signature : std::string{};
}

/// Header and payload of the template; an error where it has anything else.
result<ordered> template_of(const oidc_options& options, const oidc_material& with) {
  auto parts = ordered{{"header", ordered::object()}, {"payload", ordered::object()}};
  if (with.assertion_template.empty())
    return parts;
  const auto refuse = [&](const std::string& why) {
    return wrong("assertion_template_file", options.assertion_template_file, why);
  };
  if (with.assertion_template.size() > largest_template)
    return refuse("is larger than 1 MiB");
  // What is nested deeper is no claim, and writing it again would need a deep stack.
  bool too_deep = false;
  const auto read = ordered::parse(
    with.assertion_template,
    [&](int depth, ordered::parse_event_t, const ordered&) {
      too_deep = too_deep || depth > deepest_template;
      return !too_deep;
    },
    false);
  if (too_deep)
    return refuse("is nested too deeply");
  if (!read.is_object())
    return refuse("holds no JSON object");
  for (const auto& [name, value] : read.items()) {
    if (!parts.contains(name))
      return refuse("only header and payload can stand in it");
    if (!value.is_object())
      return refuse("its " + name + " is no object");
    parts[name] = value;
  }
  return parts;
}

} // namespace

result<secret> make_assertion(
  const oidc_options& options, const oidc_material& with, wall_time now) {
  auto parts = template_of(options, with);
  if (!parts)
    return parts.error();
  const auto key = key_of(options, with);
  if (!key)
    return key.error();
  auto& header = (*parts)["header"];
  auto& payload = (*parts)["payload"];
  header["alg"] = to_string(options.assertion_algorithm);
  header["typ"] = "JWT";
  const auto claim = [&](const char* name, const std::string& value) {
    if (!value.empty())
      payload[name] = value;
  };
  claim("aud", options.assertion_claim_aud);
  claim("iss", options.assertion_claim_iss);
  claim("sub", options.assertion_claim_sub);
  const auto seconds =
    std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch());
  payload["iat"] = seconds.count();
  payload["exp"] = (seconds + options.assertion_claim_exp).count();
  payload["nbf"] = (seconds - options.assertion_claim_nbf).count();
  if (options.assertion_claim_jti)
    payload["jti"] = with.unique;
  constexpr auto replace = ordered::error_handler_t::replace;
  auto text = base64url_of(header.dump(-1, ' ', false, replace)) + '.'
    + base64url_of(payload.dump(-1, ' ', false, replace));
  const auto signature = signature_of(key->get(), options.assertion_algorithm, text);
  if (signature.empty())
    return error{error_code::invalid_argument,
      "OpenSSL does not sign with the key in " + options.assertion_private_key_file};
  text += '.' + base64url_of(signature);
  return secret{std::move(text)};
}

} // namespace cafka::protocol::sasl
