#pragma once

#include "../base/inspect.hpp"
#include "caf_compat.hpp"
#include "type_ids.hpp"

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>

#include <cstdint>
#include <string>

namespace cafka::supervision {

/// What happened under a supervisor.
enum class event_kind : std::uint8_t {
  started,        ///< a child runs
  start_failed,   ///< a child could not be started
  exited,         ///< a child ended; `reason` is empty for a normal end
  restarted,      ///< a child runs again under its name
  restart_failed, ///< a restart failed; it will be tried again, or escalate
  killed,         ///< a child did not end within its shutdown time and was sent `kill`
  removed,        ///< a child is no longer supervised
  escalated,      ///< the restart intensity is exceeded; the supervisor ends
  stopped,        ///< the supervisor ends and has no child left
  ignored,        ///< a start function wanted no child; the specification may stay
  auto_shutdown,  ///< a significant child ended, and so the supervisor ends
  /// The observer threw, which ends nothing: `reason` says what. It is reported to
  /// subscribers.
  observer_failed,
};

const char* to_string(event_kind) noexcept;

/// Where a child is in its life.
enum class child_state : std::uint8_t {
  undefined,   ///< does not run, and will not by itself. OTP: `undefined`
  starting,    ///< its start function was called and has not come to an end
  running,     ///< runs
  restarting,  ///< a restart failed, and will be tried again. OTP: `restarting`
  terminating, ///< was asked to end, and has not yet
};

const char* to_string(child_state) noexcept;

/// A report of one thing that happened.
struct supervision_event {
  /// What has happened.
  event_kind kind = event_kind::started;
  /// The name of the supervisor.
  std::string supervisor;
  /// Its id, or the name of a child that has none. Empty when the event concerns the
  /// supervisor itself.
  std::string child;
  /// The incarnation concerned, running or ended; null when there is none.
  caf::strong_actor_ptr handle;
  /// Why; empty where nothing has failed.
  caf::error reason;
  std::uint64_t restarts = 0; ///< within the window, this one included
  /// The intensity's `max_restarts`.
  std::uint64_t max_restarts = 0;
};

/// One line for a log.
std::string to_string(const supervision_event&);

CAFKA_INSPECT_ENUM(event_kind, started, observer_failed)

CAFKA_INSPECT_ENUM(child_state, undefined, terminating)

CAFKA_INSPECT(
  supervision_event, kind, supervisor, child, handle, reason, restarts, max_restarts)

} // namespace cafka::supervision
