#pragma once

#include "../protocol/machines/dispatcher.hpp"
#include "worker/worker.hpp"

#include <caf/error.hpp>

#include <exception>
#include <string_view>
#include <vector>

namespace cafka::actors {

// What the actors have in common that are the shell around a dispatcher.

/// How the dispatcher reaches the cluster; what it finds out by itself is at its default.
/// `component`: whose dispatcher it is, for the log.
protocol::dispatcher_options dispatcher_options_of(
  const worker_options& connection, std::string_view component);

/// How the dispatcher's connections are, for people.
std::vector<connection_status> connections_of(
  const protocol::dispatcher& all, protocol::time_point now);

#ifdef CAF_ENABLE_EXCEPTIONS
/// Why an actor ends that has thrown.
caf::error reason_of(const std::exception_ptr& thrown);
#endif

} // namespace cafka::actors
