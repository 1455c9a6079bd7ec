#pragma once

#include "../secret.hpp"
#include "crypto.hpp"

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

namespace cafka::protocol::sasl {

/// What SCRAM derives from a password, which takes 4 to 5 ms with a broker's usual number
/// of iterations: kept, so that the next login of the same user takes none of it. The
/// last few are; any thread may ask.
class scram_keys {
public:
  /// Most that are kept.
  static constexpr std::size_t most = 8;

  /// The two keys of RFC 5802; empty where OpenSSL fails.
  struct pair {
    /// Proves the client.
    secret client;
    /// Proves the broker.
    secret server;
  };

  /// Derives the keys, or takes those that it has derived for the same before.
  [[nodiscard]] pair of(digest d, std::string_view user, const secret& password,
    std::string_view salt, std::uint32_t iterations);

  /// How often keys were derived.
  [[nodiscard]] std::uint64_t derivations() const;

private:
  struct entry {
    digest hash{};
    std::string user;
    secret password;
    std::string salt;
    std::uint32_t iterations = 0;
    pair keys;
  };

  mutable std::mutex mutex_;
  std::deque<entry> entries_; // The one used last is the first.
  std::uint64_t derivations_ = 0;
};

} // namespace cafka::protocol::sasl
