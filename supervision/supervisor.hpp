#pragma once

#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/child_spec.hpp>
#include <cafka/supervision/registry.hpp>
#include <cafka/supervision/restart_policy.hpp>
#include <cafka/supervision/type_ids.hpp>

#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/result.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cafka::supervision {

// -- errors -----------------------------------------------------------------------------

/// What a supervisor answers when it cannot do what it was asked.
enum class errc : std::uint8_t {
  /// A child, or a registered name, has this id already; `already_started_child` yields
  /// it.
  already_started = 1,
  /// No child has this id or handle.
  not_found,
  /// The specification has no id or no start function.
  invalid_child_spec,
  /// The start function failed; the error says how.
  start_failed,
  /// The supervisor is ending, or has ended: after `stop`, or beyond its restart
  /// intensity.
  /// As an exit reason: OTP's `shutdown` and `{shutdown, Term}`.
  shutdown,
};

const char* to_string(errc) noexcept;

template <class Inspector>
bool inspect(Inspector& f, errc& x) {
  return inspect_enum(f, x, errc::shutdown);
}

template <class Inspector>
bool inspect(Inspector& f, restart_type& x) {
  return inspect_enum(f, x, restart_type::temporary);
}

// -- messages ---------------------------------------------------------------------------

/// Starts a child and supervises it. Answer: its handle, or `errc`. OTP: `start_child/2`.
struct start_child {
  child_spec spec;
};

/// Ends a child and forgets it; answered when it has ended. OTP: `terminate_child/2`.
struct terminate_child {
  /// The child to end, unless `child` names it.
  std::string id;
  /// The child to end; null: the one with the id above.
  caf::strong_actor_ptr child;
};

template <class Inspector>
bool inspect(Inspector& f, terminate_child& x) {
  return f.object(x).fields(f.field("id", x.id), f.field("child", x.child));
}

/// Asks for all children, in start order. OTP: `which_children/1`.
struct which_children {};

template <class Inspector>
bool inspect(Inspector& f, which_children& x) {
  return f.object(x).fields();
}

/// Asks how many children there are. OTP: `count_children/1`.
struct count_children {};

template <class Inspector>
bool inspect(Inspector& f, count_children& x) {
  return f.object(x).fields();
}

/// Ends all children, the last started first, each within its shutdown time, and then the
/// supervisor, with `user_shutdown`; answered when the last child has ended. OTP:
/// `stop/3`.
struct stop {
  /// When this time is over the children that are left are killed; `caf::infinite`:
  /// never.
  caf::timespan within = caf::infinite;
};

template <class Inspector>
bool inspect(Inspector& f, stop& x) {
  return f.object(x).fields(f.field("within", x.within));
}

/// One child, in the answer to `which_children`.
struct child_info {
  std::string id;
  /// Null while the child is between two incarnations.
  caf::strong_actor_ptr handle;
  restart_type restart = restart_type::permanent;
};

template <class Inspector>
bool inspect(Inspector& f, child_info& x) {
  return f.object(x).fields(
    f.field("id", x.id), f.field("handle", x.handle), f.field("restart", x.restart));
}

/// The answer to `count_children`.
struct child_counts {
  std::uint64_t specs = 0;  ///< children, running or not
  std::uint64_t active = 0; ///< children that run
};

template <class Inspector>
bool inspect(Inspector& f, child_counts& x) {
  return f.object(x).fields(f.field("specs", x.specs), f.field("active", x.active));
}

/// Told to the owner of a supervisor whose children failed beyond its restart intensity.
struct escalated {
  std::string supervisor;
  std::string child;
  caf::error reason; ///< why the child ended, or could not be started again
  std::uint64_t restarts = 0;
};

template <class Inspector>
bool inspect(Inspector& f, escalated& x) {
  return f.object(x).fields(f.field("supervisor", x.supervisor),
    f.field("child", x.child), f.field("reason", x.reason),
    f.field("restarts", x.restarts));
}

/// What a supervisor understands.
using supervisor_actor = caf::typed_actor<caf::result<caf::strong_actor_ptr>(start_child),
  caf::result<void>(terminate_child),
  caf::result<std::vector<child_info>>(which_children),
  caf::result<child_counts>(count_children), caf::result<void>(stop)>;

// -- events -----------------------------------------------------------------------------

/// What happened under a supervisor.
enum class event_kind : std::uint8_t {
  started,        ///< a child runs
  start_failed,   ///< a child could not be started and was not taken in
  exited,         ///< a child ended; `reason` is empty for a normal end
  restarted,      ///< a child runs again under its name
  restart_failed, ///< a restart failed; it will be tried again, or escalate
  killed,         ///< a child did not end within its shutdown time and was sent `kill`
  removed,        ///< a child is no longer supervised
  escalated,      ///< the restart intensity is exceeded; the supervisor ends
  stopped,        ///< the supervisor ends and has no child left
};

const char* to_string(event_kind) noexcept;

/// A report of one thing that happened.
struct supervision_event {
  event_kind kind = event_kind::started;
  std::string supervisor;
  /// Empty when the event concerns the supervisor itself.
  std::string child;
  /// The incarnation concerned, running or ended; null when there is none.
  caf::strong_actor_ptr handle;
  caf::error reason;
  std::uint64_t restarts = 0; ///< within the window, this one included
  std::uint64_t max_restarts = 0;
};

/// One line for a log.
std::string to_string(const supervision_event&);

// -- the supervisor ---------------------------------------------------------------------

/// How a supervisor behaves.
struct supervisor_options {
  /// Its name in events.
  std::string name = "supervisor";
  restart_intensity intensity = {};
  /// Where children are registered under their ids; null: nowhere. May be shared.
  std::shared_ptr<registry> names = {};
  /// Called with each event, inside the supervisor: it must not block and must not throw.
  std::function<void(const supervision_event&)> observer = {};
  /// Sent `escalated` when the intensity is exceeded; may be null. Held weakly.
  caf::weak_actor_ptr owner = {};
};

/// Starts a supervisor of dynamic named children, each restarted for itself.
///
/// OTP: a supervisor with the strategy `one_for_one` whose children come and go, as
/// Elixir's DynamicSupervisor. It ends on `stop`, on an exit message (gracefully, with
/// that reason), when the restart intensity is exceeded (gracefully, with
/// `errc::shutdown`), and, killing its children, when it is killed or its last handle is
/// dropped.
supervisor_actor spawn_supervisor(
  caf::actor_system& sys, supervisor_options options = {});

/// Says how an actor that ended with `reason` ended.
///
/// No reason: normal. `exit_reason::user_shutdown` and `errc::shutdown`: shutdown.
/// `exit_reason::kill`: killed. Everything else, among it what CAF makes of an exception,
/// a lost connection to another node and an actor nobody referred to any more: error.
exit_class classify(const caf::error& reason);

/// The child that is in the way, from an `errc::already_started`; null if there is none.
caf::strong_actor_ptr already_started_child(const caf::error& error);

namespace detail {

// A supervisor's messages to itself. They name the incarnation that they are about, so
// that one that comes late concerns nobody.

struct child_down {
  std::string id;
  std::uint64_t incarnation = 0;
  caf::error reason;
};

template <class Inspector>
bool inspect(Inspector& f, child_down& x) {
  return f.object(x).fields(f.field("id", x.id), f.field("incarnation", x.incarnation),
    f.field("reason", x.reason));
}

struct shutdown_timeout {
  std::string id;
  std::uint64_t incarnation = 0;
};

template <class Inspector>
bool inspect(Inspector& f, shutdown_timeout& x) {
  return f.object(x).fields(f.field("id", x.id), f.field("incarnation", x.incarnation));
}

struct retry_restart {
  std::string id;
  std::uint64_t incarnation = 0;
};

template <class Inspector>
bool inspect(Inspector& f, retry_restart& x) {
  return f.object(x).fields(f.field("id", x.id), f.field("incarnation", x.incarnation));
}

struct stop_deadline {};

template <class Inspector>
bool inspect(Inspector& f, stop_deadline& x) {
  return f.object(x).fields();
}

} // namespace detail

} // namespace cafka::supervision

CAF_ERROR_CODE_ENUM(cafka::supervision::errc)
// Holds a function: it is sent within a process, never to another.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(cafka::supervision::start_child)
