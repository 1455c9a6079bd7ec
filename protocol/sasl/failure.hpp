#pragma once

#include "../error_code.hpp"

namespace cafka::protocol::sasl {

/// Whether the code says why a login failed, or that one is missing: what waits for
/// that broker is told so at once.
[[nodiscard]] constexpr bool is_login_failure(error_code e) {
  switch (e) {
  case error_code::unsupported_sasl_mechanism:
  case error_code::illegal_sasl_state:
  case error_code::sasl_authentication_failed:
  case error_code::credentials_unavailable:
  case error_code::bearer_token_refused:
  case error_code::broker_not_authenticated:
  case error_code::sasl_not_enabled: return true;
  default: return false;
  }
}

} // namespace cafka::protocol::sasl
