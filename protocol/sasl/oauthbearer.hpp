#pragma once

#include "exchange.hpp"

namespace cafka::protocol::sasl {

/// Whether the text can be a token: RFC 6750, section 2.1. In OAUTHBEARER another one
/// would be read as something else.
[[nodiscard]] bool may_be_token(std::string_view text);

/// OAUTHBEARER (RFC 7628, KIP-255).
///
/// A broker that refuses the token says so in JSON, as if all were well; the client then
/// sends one byte, which the broker answers with the error.
class oauthbearer_exchange : public exchange {
public:
  explicit oauthbearer_exchange(bearer_token who) : who_(std::move(who)) {}

  /// What OAUTHBEARER cannot carry.
  [[nodiscard]] static error check(const bearer_token& who);

  [[nodiscard]] std::string_view mechanism() const override { return "OAUTHBEARER"; }
  [[nodiscard]] result<secret> first() override;
  [[nodiscard]] result<std::optional<secret>> next(std::string_view answer) override;
  [[nodiscard]] error refusal() const override { return refusal_; }

private:
  bearer_token who_;
  error refusal_;
};

} // namespace cafka::protocol::sasl
