#pragma once

#include <memory>

namespace cafka::actors {

class transport_factory;

} // namespace cafka::actors

namespace cafka::testing {

struct cluster_core;

/// Connections to a cluster without sockets. The time is that of the actor system of
/// whom a connection belongs to; an actor there lets it go on.
[[nodiscard]] std::shared_ptr<actors::transport_factory> make_memory_transports(
  std::shared_ptr<cluster_core> core);

} // namespace cafka::testing
