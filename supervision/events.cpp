#include "events.hpp"

#include "errors.hpp"
#include "restart_policy.hpp"

namespace cafka::supervision {

const char* to_string(event_kind x) noexcept {
  switch (x) {
  case event_kind::started: return "started";
  case event_kind::start_failed: return "start_failed";
  case event_kind::exited: return "exited";
  case event_kind::restarted: return "restarted";
  case event_kind::restart_failed: return "restart_failed";
  case event_kind::killed: return "killed";
  case event_kind::removed: return "removed";
  case event_kind::escalated: return "escalated";
  case event_kind::stopped: return "stopped";
  case event_kind::ignored: return "ignored";
  case event_kind::auto_shutdown: return "auto_shutdown";
  case event_kind::observer_failed: return "observer_failed";
  }
  return "unknown";
}

const char* to_string(child_state x) noexcept {
  switch (x) {
  case child_state::undefined: return "undefined";
  case child_state::starting: return "starting";
  case child_state::running: return "running";
  case child_state::restarting: return "restarting";
  case child_state::terminating: return "terminating";
  }
  return "unknown";
}

std::string to_string(const supervision_event& event) {
  auto line = event.supervisor + ": ";
  if (!event.child.empty())
    line += "child '" + event.child + "' ";
  line += to_string(event.kind);
  if (event.kind == event_kind::exited)
    line += std::string{" ("} + to_string(classify(event.reason)) + ")";
  if (!event.reason.empty())
    line += ": " + to_string(event.reason);
  if (event.kind == event_kind::restarted || event.kind == event_kind::restart_failed
    || event.kind == event_kind::escalated)
    line += " [restart " + std::to_string(event.restarts) + " of "
      + std::to_string(event.max_restarts) + "]";
  return line;
}

} // namespace cafka::supervision
