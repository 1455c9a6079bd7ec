#pragma once

#include "assertion.hpp"
#include "http_message.hpp"

#include <vector>

namespace cafka::protocol::sasl {

/// The request that asks a token endpoint, and what of it must not be shown.
struct prepared_request {
  /// The request.
  http_request http;
  /// Its secrets, in each form in which the provider may repeat them.
  std::vector<secret> hidden = {};
};

/// The request that asks a token endpoint for a token.
///
/// Error `invalid_argument`: what the files hold is not what the options say.
[[nodiscard]] result<prepared_request> token_request(
  const oidc_options& options, const oidc_material& with, wall_time now);

} // namespace cafka::protocol::sasl
