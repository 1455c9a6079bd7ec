#pragma once

#include "../../protocol/endpoint.hpp"
#include "../../protocol/sasl/security_context.hpp"
#include "../sasl/kerberos_options.hpp"

#include <memory>

namespace cafka::actors {

/// The tickets of one principal. Calls block as long as a KDC takes; one thread at a time
/// may make them.
class tickets {
public:
  tickets() = default;
  tickets(const tickets&) = delete;
  tickets& operator=(const tickets&) = delete;
  /// What it has got with a keytab is forgotten.
  virtual ~tickets() = default;

  /// A context with a broker, with its ticket in it. `refused`: the broker has refused
  /// the last one, whose ticket is got anew. Error `credentials_unavailable` says in
  /// Kerberos' words why there is none.
  [[nodiscard]] virtual protocol::result<
    std::shared_ptr<protocol::sasl::security_context>>
  context_with(const protocol::endpoint& broker, bool refused) = 0;
};

/// Error `invalid_argument`: a name that none can be.
[[nodiscard]] protocol::result<std::shared_ptr<tickets>> make_tickets(
  kerberos_options options);

} // namespace cafka::actors
