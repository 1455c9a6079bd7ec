#pragma once

#include "../result.hpp"
#include "../secret.hpp"
#include "credentials.hpp"
#include "mechanism.hpp"
#include "scram_keys.hpp"

#include <memory>
#include <optional>
#include <string_view>

namespace cafka::protocol::sasl {

/// The client's side of a login: the broker's bytes in, the client's bytes out.
class exchange {
public:
  exchange() = default;
  exchange(const exchange&) = delete;
  exchange& operator=(const exchange&) = delete;
  virtual ~exchange() = default;

  /// The name that brokers know the mechanism by.
  [[nodiscard]] virtual std::string_view mechanism() const = 0;

  /// The client's first message; asked for once.
  [[nodiscard]] virtual result<secret> first() = 0;

  /// The broker has answered the last message: the client's next one, or nothing where
  /// the client is satisfied. After an error, and after nothing, no more is to be asked.
  ///
  /// Errors: `malformed_response`; `broker_not_authenticated` where the broker does not
  /// prove that it knows the password; `sasl_authentication_failed` and
  /// `bearer_token_refused` where it says why it refuses.
  [[nodiscard]] virtual result<std::optional<secret>> next(std::string_view answer) = 0;

  /// Whether the client's last message was its last of all, and only a verdict is due.
  /// A broker that takes bare frames gives none.
  [[nodiscard]] virtual bool is_complete() const { return false; }

  /// Why the broker is about to refuse the login, where it has said so within the
  /// exchange.
  [[nodiscard]] virtual error refusal() const { return {}; }
};

/// The exchange of a mechanism. `keys` must outlive it.
///
/// Error `invalid_argument` for credentials that the mechanism cannot use: of another
/// kind, empty, or with characters that it cannot carry.
[[nodiscard]] result<std::unique_ptr<exchange>> make_exchange(
  mechanism m, login with, scram_keys& keys);

/// No message of a broker's is longer, in bytes.
inline constexpr std::size_t longest_challenge = 64 * 1024;

} // namespace cafka::protocol::sasl
