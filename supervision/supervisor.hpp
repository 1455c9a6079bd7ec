#pragma once

#include "../base/inspect.hpp"
#include "alarm.hpp"
#include "caf_compat.hpp"
#include "child_spec.hpp"
#include "errors.hpp"
#include "events.hpp"
#include "registry.hpp"
#include "stays_here.hpp"
#include "supervisor_machine.hpp"
#include "type_ids.hpp"

#include <caf/expected.hpp>
#include <caf/result.hpp>
#include <caf/typed_actor.hpp>

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace cafka::supervision {

CAFKA_INSPECT_ENUM(restart_type, permanent, temporary)

CAFKA_INSPECT_ENUM(child_type, worker, supervisor)

CAFKA_INSPECT_ENUM(strategy, one_for_one, simple_one_for_one)

CAFKA_INSPECT_ENUM(auto_shutdown, never, all_significant)

// -- messages ---------------------------------------------------------------------------

/// Starts a child and supervises it. OTP: `start_child/2`. A start function does not
/// travel: from another node it is `invalid_child_spec`.
///
/// Answer, once it has started: its handle; null when its start function wanted no child.
/// Errors: `already_started`, which `already_started_child` takes apart,
/// `already_present`, `start_failed`, `max_children`, `invalid_child_spec`,
/// `bad_combination`, `shutdown`.
struct start_child {
  /// The child's specification.
  child_spec spec;
};

/// Ends a child; answered when it has ended. Its specification stays, unless it is
/// temporary or its supervisor `simple_one_for_one`. OTP: `terminate_child/2`.
///
/// The child is named by its id, or by its handle, or by the name it is registered under.
/// Its handle is its last one until it has been restarted. Children of a
/// `simple_one_for_one` supervisor have no id, as in OTP. A start that is under way is
/// given up at once, also in the very first start and the restart of a group, which go on
/// without the child.
///
/// Errors: `not_found`, `simple_one_for_one` for an id there, `shutdown`.
struct terminate_child {
  /// The child's id; empty: see `child` and `name`.
  std::string id = {};
  /// The child's handle; null: see `name`.
  caf::strong_actor_ptr child = {};
  /// The name that the child is registered under.
  std::string name = {};
};

/// Starts a child that was terminated, or ended and was not restarted. OTP:
/// `restart_child/2`. Answer and errors: as for `start_child`, and `not_found`,
/// `running`, `restarting`, `simple_one_for_one`.
struct restart_child {
  /// The child's id.
  std::string id;
};

/// Forgets a child that does not run. OTP: `delete_child/2`.
///
/// Errors: `not_found`, `running`, `restarting`, `simple_one_for_one`, `shutdown`.
struct delete_child {
  /// The child's id.
  std::string id;
};

/// Asks for a child's specification; it is named as in `terminate_child`. OTP:
/// `get_childspec/2`. On another node it arrives without its functions and arguments.
/// Errors: `not_found`, `simple_one_for_one` for an id there.
struct get_childspec {
  /// The child's id; empty: see `child` and `name`.
  std::string id = {};
  /// The child's handle; null: see `name`.
  caf::strong_actor_ptr child = {};
  /// The name that the child is registered under.
  std::string name = {};
};

/// Asks for all children, in start order. OTP: `which_children/1`.
struct which_children {};

/// Asks how many children there are. OTP: `count_children/1`.
struct count_children {};

/// Asks how the supervisor itself is.
struct get_info {};

/// Has every event of the supervisor sent to an actor, as a `supervision_event`, until it
/// ends or unsubscribes. Null: the sender of this message.
struct subscribe {
  /// The actor to send events to.
  caf::strong_actor_ptr subscriber = {};
};

/// Ends that.
struct unsubscribe {
  /// The actor to send no more events to; null: the sender.
  caf::strong_actor_ptr subscriber = {};
};

/// Ends all children, each within its shutdown time, and then the supervisor, with
/// `user_shutdown`; answered when the last child has ended. OTP: `gen_server:stop/3`.
///
/// The last started is ended first, one after the other; with `simple_one_for_one` all
/// are told at once.
struct stop {
  /// When this time is over the children that are left are killed, and with a supervisor
  /// all below it, whatever their `shutdown`; zero or less: at once; `caf::infinite`:
  /// never.
  caf::timespan within = caf::infinite;
};

/// One child, in the answer to `which_children`.
struct child_info {
  /// The child's id.
  std::string id;
  /// The name it is registered under; empty: none.
  std::string name;
  /// Null unless the child runs, is being started or was asked to end.
  caf::strong_actor_ptr handle;
  /// When the child is restarted.
  restart_type restart = restart_type::permanent;
  /// Whether the child is a supervisor.
  child_type type = child_type::worker;
  /// What the child does.
  child_state state = child_state::undefined;
  /// How often it was restarted since it was taken in.
  std::uint64_t restarts = 0;
};

/// The answer to `count_children`.
struct child_counts {
  std::uint64_t specs = 0;       ///< children, running or not
  std::uint64_t active = 0;      ///< children that run
  std::uint64_t supervisors = 0; ///< children that are supervisors, running or not
  std::uint64_t workers = 0;     ///< children that are workers, running or not
};

/// The answer to `get_info`.
struct supervisor_info {
  /// The supervisor's name.
  std::string name;
  /// Which other children are restarted with one that ended.
  supervision::strategy strategy = supervision::strategy::one_for_one;
  /// Whether it ends when significant children have ended.
  supervision::auto_shutdown auto_shutdown = supervision::auto_shutdown::never;
  std::uint64_t restarts = 0; ///< within the window that ends now
  /// The restarts within `max_seconds` that it allows.
  std::uint64_t max_restarts = 0;
  /// The window in which restarts are counted.
  std::uint64_t max_seconds = 0;
  /// Whether it is ending.
  bool stopping = false;
  /// Neither the very first start nor a restart nor an end is under way.
  bool quiescent = true;
};

/// What a supervisor understands.
using supervisor_actor = caf::typed_actor<caf::result<caf::strong_actor_ptr>(start_child),
  caf::result<void>(terminate_child), caf::result<caf::strong_actor_ptr>(restart_child),
  caf::result<void>(delete_child), caf::result<child_spec>(get_childspec),
  caf::result<std::vector<child_info>>(which_children),
  caf::result<child_counts>(count_children), caf::result<supervisor_info>(get_info),
  caf::result<void>(subscribe), caf::result<void>(unsubscribe), caf::result<void>(stop)>;

// -- the supervisor ---------------------------------------------------------------------

/// How a supervisor behaves. OTP: `sup_flags()` and the children that `init/1` returns.
struct supervisor_options {
  /// Its name in events.
  std::string name = "supervisor";
  /// Which other children are restarted with one that ended.
  supervision::strategy strategy = supervision::strategy::one_for_one;
  /// How many restarts within which time are allowed.
  restart_intensity intensity = {};
  /// Whether it ends when significant children have ended.
  supervision::auto_shutdown auto_shutdown = supervision::auto_shutdown::never;
  /// Started in this order at first; none for `simple_one_for_one`.
  std::vector<child_spec> children = {};
  /// For `simple_one_for_one`: how many children at most; zero: none. One that starts
  /// counts, one that `terminate_child` has asked to end does not. Elixir:
  /// `max_children`.
  std::size_t max_children = std::numeric_limits<std::size_t>::max();
  /// For `simple_one_for_one`: put before each child's own arguments. Elixir:
  /// `extra_arguments`.
  caf::message extra_arguments = {};
  /// Where children are registered under their names; null: nowhere. May be shared among
  /// supervisors: a name that another's child has is `already_started`.
  std::shared_ptr<registry> names = {};
  /// How long to wait for the end of a child on another node that was killed: a node that
  /// hangs never reports it. Then the child counts as lost, with
  /// `exit_reason::remote_link_unreachable`. Zero or less: not at all.
  caf::timespan kill_timeout = std::chrono::seconds{5};
  /// Called with each event, inside the supervisor: it must not block and should not
  /// throw. What it throws is an `observer_failed` event for subscribers and ends
  /// nothing.
  std::function<void(const supervision_event&)> observer = {};
  /// Gets the report that all children have started, or why they have not. OTP:
  /// `proc_lib:init_ack/2`.
  start_later ready = {};
};

/// Starts a supervisor and does not wait for its children; OTP's `supervisor`, and, with
/// the strategy `simple_one_for_one`, Elixir's DynamicSupervisor.
///
/// It ends on `stop`, on an exit message (gracefully, with that reason), when the restart
/// intensity is exceeded and by `auto_shutdown` (gracefully, with `errc::shutdown`), when
/// a child of `options.children` cannot be started (those that were are ended first), and
/// at once when it is killed or its last handle is dropped: then its children are sent an
/// exit message with `errc::killed`, on which supervisors end their own children in
/// order.
supervisor_actor spawn_supervisor(
  caf::actor_system& sys, supervisor_options options = {});

/// The same, waiting until all children have started, however long they take; not for
/// actors, which must not block. OTP: `start_link/3`.
///
/// Errors: `invalid_options`, `bad_combination`, what `check_childspecs` says, `shutdown`
/// with the child that could not be started and why.
caf::expected<supervisor_actor> start_supervisor(
  caf::actor_system& sys, supervisor_options options = {});

/// What is wrong with a supervisor's options and the specifications of its children;
/// empty if nothing is.
caf::error check_options(const supervisor_options& options);

/// A supervisor as the child of another: it has started when its own children have.
child_spec supervisor_spec(std::string id, supervisor_options options);

// -- inspection -------------------------------------------------------------------------

template <class Inspector>
bool inspect(Inspector& f, shutdown& x) {
  const auto get = [&x] { return x.time(); };
  const auto set = [&x](caf::timespan time) {
    x = time == caf::timespan::min() ? shutdown::brutal_kill() : shutdown::timeout(time);
    return true;
  };
  return f.apply(get, set);
}

template <class Inspector>
bool inspect(Inspector& f, restart_delay& x) {
  const auto initial_of = [&x] { return std::int64_t{x.initial.count()}; };
  const auto set_initial = [&x](std::int64_t milliseconds) {
    x.initial = std::chrono::milliseconds{milliseconds};
    return true;
  };
  const auto max_of = [&x] { return std::int64_t{x.max.count()}; };
  const auto set_max = [&x](std::int64_t milliseconds) {
    x.max = std::chrono::milliseconds{milliseconds};
    return true;
  };
  return f.object(x).fields(
    f.field("initial", initial_of, set_initial), f.field("max", max_of, set_max));
}

/// Functions and arguments do not travel to another node: there the specification has
/// none, and none can be started by it.
template <class Inspector>
bool inspect(Inspector& f, child_spec& x) {
  return f.object(x).fields(f.field("id", x.id), f.field("restart", x.restart),
    f.field("restart_delay", x.restart_delay), f.field("shutdown", x.shutdown),
    f.field("type", x.type), f.field("significant", x.significant),
    f.field("name", x.name));
}

CAFKA_INSPECT(start_child, spec)
CAFKA_INSPECT(terminate_child, id, child, name)
CAFKA_INSPECT(get_childspec, id, child, name)
CAFKA_INSPECT(restart_child, id)
CAFKA_INSPECT(delete_child, id)
CAFKA_INSPECT_EMPTY(which_children)
CAFKA_INSPECT_EMPTY(count_children)
CAFKA_INSPECT_EMPTY(get_info)
CAFKA_INSPECT(subscribe, subscriber)
CAFKA_INSPECT(unsubscribe, subscriber)
CAFKA_INSPECT(stop, within)
CAFKA_INSPECT(child_info, id, name, handle, restart, type, state, restarts)
CAFKA_INSPECT(child_counts, specs, active, supervisors, workers)
CAFKA_INSPECT(supervisor_info, name, strategy, auto_shutdown, restarts, max_restarts,
  max_seconds, stopping, quiescent)

namespace detail {

// A supervisor's messages to itself. They name the incarnation that they are about, so
// that one that comes late is ignored.

struct child_down {
  std::uint32_t place = 0;
  std::uint64_t number = 0;
  caf::error reason;
  /// Not the actor that `starting` named, but the one that it brought up.
  bool second = false;
};

/// A start that came out, with its child, if any: killed, unless it is taken over.
class outcome {
public:
  explicit outcome(start_result how) : how_(std::move(how)) {}
  outcome(const outcome&) = delete;
  outcome& operator=(const outcome&) = delete;
  ~outcome();

  start_result take() { return std::exchange(how_, ignore{}); }

private:
  start_result how_;
};

struct start_report {
  std::uint32_t place = 0;
  std::uint64_t number = 0;
  std::shared_ptr<outcome> how;
};

struct retry_restart {
  std::uint32_t place = 0;
  std::uint64_t number = 0;
};

/// To a proxy: the name that it follows yields an actor again, or is gone.
struct name_is_back {};

CAFKA_INSPECT_EMPTY(name_is_back)
CAFKA_INSPECT(child_down, place, number, reason, second)
CAFKA_STAYS_HERE(start_report)
CAFKA_INSPECT(retry_restart, place, number)

} // namespace detail

} // namespace cafka::supervision
