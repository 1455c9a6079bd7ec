#pragma once

#include "../actors/log_sink.hpp"
#include "../actors/worker/worker.hpp"
#include "../supervision/events.hpp"
#include "options.hpp"

#include <memory>
#include <string>
#include <vector>

namespace cafka {

/// The components that tell something, by which `log_levels` goes.
[[nodiscard]] const std::vector<std::string>& log_components();

/// The log that the options describe: `on_log`, or else spdlog's logger `cafka`, the one
/// that the program has registered under that name or one on standard error.
///
/// Error `invalid_argument` for a component in `log_levels` that there is none of.
[[nodiscard]] result<std::shared_ptr<actors::log_sink>> make_log(
  const application_options& options);

/// Tells of a supervision event.
void log_event(actors::log_sink& log, const supervision::supervision_event& event);

/// What is less safe than it could be: TLS that checks less than it should, a password or
/// a token that travels as it is.
[[nodiscard]] std::vector<std::string> risks_of(
  const actors::connection_options& connection);
/// Tells of them, so that they are never silent.
void warn_of(const std::vector<std::string>& risks, actors::log_sink& log,
  const std::string& component, const std::string& name);

} // namespace cafka
