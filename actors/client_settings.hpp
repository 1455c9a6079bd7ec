#pragma once

#include "../protocol/machines/dispatcher.hpp"
#include "client_actor.hpp"
#include "worker/worker.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace cafka::actors {

// How the options of a connection become those of a client and its shell.

/// How the dispatcher reaches the cluster; what it finds out by itself is at its default.
/// `component`: whose dispatcher it is, for the log.
protocol::dispatcher_options dispatcher_options_of(
  const connection_options& connection, std::string_view component);

/// The shell's part. `component` is a literal.
shell_settings shell_settings_of(const connection_options& connection,
  std::shared_ptr<transport_factory> transports, std::string_view component,
  std::string name);

} // namespace cafka::actors
