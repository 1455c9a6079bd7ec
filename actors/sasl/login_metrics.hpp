#pragma once

#include "../../protocol/machines/dispatcher.hpp"

#include <caf/actor_system.hpp>
#include <caf/telemetry/counter.hpp>

#include <cstdint>
#include <string_view>

namespace cafka::actors {

/// The logins of an actor system's clients in CAF's registry, by what the client is;
/// docs/metrics.md lists them.
class login_metrics {
public:
  /// `client`: worker, producer or consumer.
  login_metrics(caf::actor_system& sys, std::string_view client);

  /// Adds what has come since the last time.
  void update(const protocol::dispatcher::login_counts& now);

private:
  caf::telemetry::int_counter* authentications_;
  caf::telemetry::int_counter* failures_;
  caf::telemetry::int_counter* reauthentications_;
  protocol::dispatcher::login_counts told_;
};

} // namespace cafka::actors
