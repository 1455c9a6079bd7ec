#pragma once

#include "oidc_options.hpp"

#include <chrono>
#include <string>

namespace cafka::protocol::sasl {

/// The time of day.
using wall_time = std::chrono::system_clock::time_point;

/// What files, the environment and chance hold for one attempt. Its owner reads it.
struct oidc_material {
  /// The client's secret.
  secret client_secret = {};
  /// A ready assertion, as `assertion_file` holds it.
  secret assertion = {};
  /// The key that signs an assertion, PEM.
  secret private_key = {};
  /// What the key is encrypted with; empty where it is not.
  secret passphrase = {};
  /// What `assertion_template_file` holds; empty: nothing.
  std::string assertion_template = {};
  /// A text that was never used before, for the claim `jti`.
  std::string unique = {};
};

/// Makes an assertion and signs it: a JWT (RFC 7519) in compact form (RFC 7515).
///
/// Its members are those of the template, over them the claims of the options, over them
/// `alg`, `typ`, `iat`, `exp`, `nbf` and `jti`, as in Kafka's Java client.
///
/// Error `invalid_argument`: the key or the template is not what the options say.
[[nodiscard]] result<secret> make_assertion(
  const oidc_options& options, const oidc_material& with, wall_time now);

} // namespace cafka::protocol::sasl
