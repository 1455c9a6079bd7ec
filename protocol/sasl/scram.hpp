#pragma once

#include "crypto.hpp"
#include "exchange.hpp"

#include <cstdint>
#include <string>

namespace cafka::protocol::sasl {

/// SCRAM without channel binding, as Kafka has it (RFC 5802, RFC 7677, KIP-84): names and
/// passwords are the bytes that they are, without SASLprep.
class scram_exchange : public exchange {
public:
  /// Fewer make the proof cheap to guess the password from (RFC 7677).
  static constexpr std::uint32_t fewest_iterations = 4'096;
  /// More keep the client busy for nothing; Kafka's own limit is 16,384.
  static constexpr std::uint32_t most_iterations = 1'000'000;

  scram_exchange(digest d, login with, scram_keys& keys);

  /// What SCRAM cannot carry.
  [[nodiscard]] static error check(const login& with);

  [[nodiscard]] std::string_view mechanism() const override {
    return digest_ == digest::sha_256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512";
  }
  [[nodiscard]] result<secret> first() override;
  [[nodiscard]] result<std::optional<secret>> next(std::string_view answer) override;

private:
  enum class waits_for : std::uint8_t { server_first, server_final, nothing };

  [[nodiscard]] result<std::optional<secret>> prove(std::string_view server_first);
  [[nodiscard]] error verify(std::string_view server_final) const;

  digest digest_;
  password_login who_;
  std::string nonce_;
  scram_keys& keys_;
  waits_for waits_for_ = waits_for::server_first;
  std::string first_bare_;
  secret server_signature_;
};

} // namespace cafka::protocol::sasl
