#pragma once

#include "../result.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol::sasl {

/// How a client proves to a broker who it is.
enum class mechanism : std::uint8_t {
  plain,         ///< Name and password as they are: over TLS only. RFC 4616.
  scram_sha_256, ///< A proof that both sides know the password. RFC 5802, RFC 7677.
  scram_sha_512, ///< The same with a longer hash.
  oauthbearer,   ///< A token that another server has issued. RFC 7628, KIP-255.
  gssapi,        ///< A ticket of Kerberos. RFC 4752.
};

/// The name that brokers know it by: `SCRAM-SHA-256`.
[[nodiscard]] std::string_view to_string(mechanism m);

/// The mechanism of this name, in capital or small letters. Error `invalid_argument` with
/// the names there are.
[[nodiscard]] result<mechanism> parse_mechanism(std::string_view name);

/// `PLAIN, SCRAM-SHA-256`.
[[nodiscard]] std::string names_of(std::span<const mechanism> all);

/// The first of the wanted that the broker offers. Error `unsupported_sasl_mechanism`
/// with both lists.
[[nodiscard]] result<mechanism> choose(
  std::span<const mechanism> wanted, std::span<const std::string> offered);

} // namespace cafka::protocol::sasl
