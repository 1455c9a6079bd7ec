#include "crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <array>
#include <climits>

namespace cafka::protocol::sasl {

namespace {

using buffer = std::array<unsigned char, EVP_MAX_MD_SIZE>;

const EVP_MD* of(digest d) {
  return d == digest::sha_256 ? EVP_sha256() : EVP_sha512();
}

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

secret taken(buffer& from, std::size_t size) {
  secret result{std::string_view{reinterpret_cast<const char*>(from.data()), size}};
  OPENSSL_cleanse(from.data(), from.size());
  return result;
}

/// OpenSSL counts in `int`.
bool fits(std::string_view text) {
  return text.size() <= INT_MAX / 2;
}

} // namespace

std::size_t size_of(digest d) {
  return d == digest::sha_256 ? 32 : 64;
}

secret hash(digest d, std::string_view data) {
  buffer out;
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), out.data(), &size, of(d), nullptr) != 1)
    return {};
  return taken(out, size);
}

secret hmac(digest d, std::string_view key, std::string_view data) {
  buffer out;
  unsigned size = 0;
  if (!fits(key)
    || HMAC(of(d), key.data(), static_cast<int>(key.size()), raw(data), data.size(),
         out.data(), &size)
      == nullptr)
    return {};
  return taken(out, size);
}

secret pbkdf2(
  digest d, std::string_view password, std::string_view salt, std::uint32_t iterations) {
  buffer out;
  const auto size = size_of(d);
  if (!fits(password) || !fits(salt) || iterations > INT_MAX
    || PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), raw(salt),
         static_cast<int>(salt.size()), static_cast<int>(iterations), of(d),
         static_cast<int>(size), out.data())
      != 1)
    return {};
  return taken(out, size);
}

bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string base64(std::string_view bytes) {
  if (bytes.empty() || !fits(bytes))
    return {};
  // EVP_EncodeBlock ends with a zero byte, which std::string has room for.
  std::string text((bytes.size() + 2) / 3 * 4, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), raw(bytes),
    static_cast<int>(bytes.size()));
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.empty())
    return std::string{};
  if (text.size() % 4 != 0 || !fits(text))
    return std::nullopt;
  std::string bytes(text.size() / 4 * 3, '\0');
  const auto size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
    raw(text), static_cast<int>(text.size()));
  const auto padding = text.ends_with("==") ? 2U : text.ends_with('=') ? 1U : 0U;
  if (size != static_cast<int>(bytes.size()))
    return std::nullopt;
  bytes.resize(bytes.size() - padding);
  // OpenSSL passes over spaces around, and over bits that do not count.
  if (base64(bytes) != text)
    return std::nullopt;
  return bytes;
}

std::string random_nonce() {
  std::array<unsigned char, 24> bytes{};
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return {};
  return base64({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

} // namespace cafka::protocol::sasl
