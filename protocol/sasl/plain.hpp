#pragma once

#include "exchange.hpp"

namespace cafka::protocol::sasl {

/// PLAIN (RFC 4616).
class plain_exchange : public exchange {
public:
  explicit plain_exchange(password_login who) : who_(std::move(who)) {}

  /// What PLAIN cannot carry.
  [[nodiscard]] static error check(const password_login& who);

  [[nodiscard]] std::string_view mechanism() const override { return "PLAIN"; }
  [[nodiscard]] result<secret> first() override;
  [[nodiscard]] result<std::optional<secret>> next(std::string_view answer) override;

private:
  password_login who_;
};

} // namespace cafka::protocol::sasl
