#pragma once

#include "exchange.hpp"
#include "security_context.hpp"

#include <cstdint>

namespace cafka::protocol::sasl {

/// GSSAPI (RFC 4752), without a security layer, which Kafka does not have.
class gssapi_exchange : public exchange {
public:
  explicit gssapi_exchange(kerberos_login who) : who_(std::move(who)) {}

  [[nodiscard]] static error check(const kerberos_login& who);

  [[nodiscard]] std::string_view mechanism() const override { return "GSSAPI"; }
  [[nodiscard]] result<secret> first() override;
  [[nodiscard]] result<std::optional<secret>> next(std::string_view answer) override;
  [[nodiscard]] bool is_complete() const override { return phase_ == phase::verdict; }

private:
  enum class phase : std::uint8_t { context, layers, verdict };

  result<secret> taken(result<security_context::step> step);
  result<secret> choose_layer(std::string_view offer);

  kerberos_login who_;
  phase phase_ = phase::context;
};

} // namespace cafka::protocol::sasl
