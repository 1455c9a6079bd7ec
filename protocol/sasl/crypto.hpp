#pragma once

#include "../secret.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cafka::protocol::sasl {

// OpenSSL's, for SASL. What comes of these functions is empty where OpenSSL fails:
// without memory, or where its configuration does not allow the algorithm.

enum class digest : std::uint8_t { sha_256, sha_512 };

/// How many bytes it has.
[[nodiscard]] std::size_t size_of(digest d);

[[nodiscard]] secret hash(digest d, std::string_view data);
[[nodiscard]] secret hmac(digest d, std::string_view key, std::string_view data);
/// PBKDF2 (RFC 8018) with HMAC, of the digest's length.
[[nodiscard]] secret pbkdf2(
  digest d, std::string_view password, std::string_view salt, std::uint32_t iterations);

/// Whether both are the same; the time that it takes does not depend on where they
/// differ.
[[nodiscard]] bool equal(std::string_view a, std::string_view b);

/// Base64 with padding, without line breaks (RFC 4648, section 4).
[[nodiscard]] std::string base64(std::string_view bytes);
/// Nothing for a text that `base64` does not write.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

/// 32 characters from 24 random bytes; empty where OpenSSL has no randomness.
[[nodiscard]] std::string random_nonce();

} // namespace cafka::protocol::sasl
