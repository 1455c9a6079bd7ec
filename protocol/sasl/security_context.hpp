#pragma once

#include "../result.hpp"
#include "../secret.hpp"

#include <string>
#include <string_view>

namespace cafka::protocol::sasl {

/// A client's end of a security context of GSSAPI (RFC 2743) with one broker. Whoever
/// knows Kerberos has begun it: the ticket is there, and nothing here asks the network.
class security_context {
public:
  security_context() = default;
  security_context(const security_context&) = delete;
  security_context& operator=(const security_context&) = delete;
  virtual ~security_context() = default;

  /// What the context wants to be sent, and whether it holds with that.
  struct step {
    secret token = {};
    bool established = false;
  };

  /// The first step; asked for once.
  [[nodiscard]] virtual result<step> begin() = 0;
  /// The broker's token: the next step. Error `broker_not_authenticated`: the broker is
  /// not the one that the ticket is for.
  [[nodiscard]] virtual result<step> next(std::string_view token) = 0;

  /// Whose ticket it is, for people: `alice@EXAMPLE.COM`.
  [[nodiscard]] virtual std::string principal() const = 0;

  // Once it is established: messages whose integrity is protected, not encrypted.

  [[nodiscard]] virtual result<secret> wrap(std::string_view message) = 0;
  [[nodiscard]] virtual result<secret> unwrap(std::string_view token) = 0;
};

} // namespace cafka::protocol::sasl
