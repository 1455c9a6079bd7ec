#pragma once

#include "../../protocol/sasl/oidc/assertion.hpp"

namespace cafka::actors {

/// Reads what files and the environment hold for one attempt to get a token.
///
/// Error `credentials_unavailable` names the option, its value and what is wrong with it.
[[nodiscard]] protocol::result<protocol::sasl::oidc_material> read_token_material(
  const protocol::sasl::oidc_options& options);

} // namespace cafka::actors
