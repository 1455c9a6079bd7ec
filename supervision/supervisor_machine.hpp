#pragma once

#include "child_spec.hpp"
#include "events.hpp"
#include "place_index.hpp"
#include "restart_policy.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::supervision {

/// How a supervisor decides.
struct machine_options {
  /// Which other children are restarted with one that ended.
  supervision::strategy strategy = supervision::strategy::one_for_one;
  /// How many restarts within which time are allowed.
  restart_intensity intensity = {};
  /// Whether it ends when significant children have ended.
  supervision::auto_shutdown auto_shutdown = supervision::auto_shutdown::never;
  /// For `simple_one_for_one`: one more is refused.
  std::size_t max_children = std::numeric_limits<std::size_t>::max();
};

/// What the machine has to know of a child.
struct child_rules {
  /// Unique; the specification's id, or, under `simple_one_for_one`, its name, if any.
  std::string key = {};
  /// When the child is restarted.
  restart_type restart = restart_type::permanent;
  /// How long the child may take to end.
  supervision::shutdown shutdown = {};
  /// Whether the child is a supervisor.
  child_type type = child_type::worker;
  /// Whether its end counts for `auto_shutdown`.
  bool significant = false;
  /// How long restarts wait.
  supervision::restart_delay restart_delay = {};
};

/// What it has to know of this one, under a supervisor with this strategy.
child_rules rules_of(const child_spec& spec, strategy how);

/// Decides what a supervisor does: which child to start, end and start again, in which
/// order, what to answer, when to give up. OTP's `supervisor`, without its processes.
///
/// Events go in with the time; `take_effects` yields what is to be done, in order.
/// Nothing calls the owner. A child is known by its place, which is used again once the
/// child is forgotten, and each of its starts by a number that is never used again: late
/// events are ignored.
///
/// OTP's supervisor blocks while children start and end; this one remembers what has to
/// wait. With `one_for_one` and `simple_one_for_one` that is what concerns a child that
/// is starting or ending; with the other two, and during the very first start, everything
/// but looking, stopping and ending a child that is starting. It is taken up in the order
/// in which it came.
class supervisor_machine {
public:
  /// The time of a steady clock.
  using time_point = restart_policy::time_point;
  /// Whom to answer, in the caller's numbers.
  using request = std::uint64_t;
  /// Where a child is kept.
  using place = place_index::place;

  /// No place.
  static constexpr place nowhere = place_index::nowhere;

  /// How a start came out.
  enum class start_outcome : std::uint8_t {
    running,  ///< the child runs
    failed,   ///< there is no child
    ignored,  ///< no child is wanted now
    starting, ///< its actor is there, and another `on_start` follows
    later,    ///< another `on_start` follows; until then there is no actor
  };

  /// One start of one child.
  struct incarnation {
    /// The child's place.
    place where = nowhere;
    /// The number of the start; zero: none.
    std::uint64_t number = 0;

    friend bool operator==(incarnation, incarnation) = default;
  };

  // -- what is to be done ---------------------------------------------------------------

  /// The start function is to be called. `on_start` with its outcome is the next event.
  struct call_start {
    /// The start.
    incarnation child;
  };
  /// The child's actor is to be asked to end; its end is awaited.
  struct ask_to_end {
    /// The start that the actor belongs to.
    incarnation child;
  };
  /// The child's actor is to be killed; its end is awaited.
  struct kill_child {
    /// The start that the actor belongs to.
    incarnation child;
    /// The supervisor has no time left: a child that is a supervisor has none either.
    bool at_once = false;
  };
  /// `on_retry` is to be called once the messages that wait now have been handled.
  struct retry_later {
    /// The start that failed.
    incarnation child;
  };
  /// The child that a request brought has a place, and will be started next.
  struct took_in {
    /// The request.
    request from = 0;
    /// The child's place.
    place where = nowhere;
  };
  /// A request is to be answered.
  struct reply {
    /// The request.
    request to = 0;
    /// `ok`, or why not.
    errc code = errc{};
    /// The child; `nowhere`: there is none to name.
    place where = nowhere;
  };
  /// The child does not run and will not by itself: its name means nothing.
  struct undefine {
    /// The child's place.
    place where = nowhere;
  };
  /// The place is empty from now on.
  struct forget {
    /// The place.
    place where = nowhere;
    /// Nothing ever ran there, so that observers need not know.
    bool quietly = false;
    /// Restarts within the window.
    std::size_t restarts = 0;
  };
  /// An event for observers and subscribers.
  struct report {
    /// What happened.
    event_kind kind = event_kind::started;
    /// The child's place.
    place where = nowhere;
    /// Restarts within the window.
    std::size_t restarts = 0;
  };
  /// All children have started for the first time.
  struct became_ready {};
  /// This child kept that from happening.
  struct not_ready {
    /// The child's place.
    place where = nowhere;
  };
  /// No child is left after a stop.
  struct ended_all {};
  /// What the owner is to do. A later effect may rely on an earlier one.
  using effect = std::variant<call_start, ask_to_end, kill_child, retry_later, took_in,
    reply, undefine, forget, report, became_ready, not_ready, ended_all>;

  /// No error.
  static constexpr errc ok = errc{};

  /// Without children.
  explicit supervisor_machine(machine_options options);
  supervisor_machine(const supervisor_machine&) = delete;
  supervisor_machine& operator=(const supervisor_machine&) = delete;
  ~supervisor_machine();

  // -- the beginning --------------------------------------------------------------------

  /// Takes a child in without starting it; the keys must be unique.
  place add(child_rules rules);

  /// Starts those taken in, in order.
  void begin(time_point now);

  // -- requests -------------------------------------------------------------------------

  /// Takes a child in and starts it. Answers: ok, `already_started`, `already_present`,
  /// `start_failed`, `max_children`, `shutdown`. At `nowhere`: it wanted no child.
  void start_child(time_point now, request from, child_rules rules);
  /// Ends a child. Answers: ok, `not_found`, `shutdown`.
  void terminate_child(time_point now, request from, std::string key);
  /// The same, for a child by its handle.
  void terminate_child(time_point now, request from, incarnation child);
  /// Starts a child that does not run. Answers: ok, `not_found`, `running`, `restarting`,
  /// `start_failed`, `simple_one_for_one`, `shutdown`.
  void restart_child(time_point now, request from, std::string key);
  /// Forgets a child that does not run. Answers: ok, `not_found`, `running`,
  /// `restarting`, `simple_one_for_one`, `shutdown`.
  void delete_child(time_point now, request from, std::string key);

  /// Ends all children and then itself: the last started first, one by one; with
  /// `simple_one_for_one` all at once. At `deadline` those that are left are killed.
  void stop(time_point now, time_point deadline = time_point::max());

  // -- events ---------------------------------------------------------------------------

  /// The outcome of `call_start`, or, after `starting` and `later`, of a start that took
  /// its time. False when it is not awaited any more.
  bool on_start(time_point now, incarnation child, start_outcome how);
  /// A child ended. False: the event is stale and was ignored.
  bool on_exit(time_point now, incarnation child, exit_class how);
  /// What `retry_later` asked for.
  void on_retry(time_point now, incarnation child);
  /// The time has come that `next_time` named.
  void on_time(time_point now);

  /// The end of a time that begins now; the end of all times if it is longer.
  [[nodiscard]] static time_point deadline(time_point now, caf::timespan time) {
    return time < time_point::max() - now ? now + time : time_point::max();
  }

  /// What is to be done since the last time.
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }
  /// Whether there is anything to be done.
  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  /// When `on_time` must be called at the latest.
  [[nodiscard]] time_point next_time() const;

  // -- looking --------------------------------------------------------------------------

  /// The child with this key; `nowhere` if there is none.
  [[nodiscard]] place find(std::string_view key) const {
    return by_key_.find(
      place_index::tag_of(key), [&](place p) { return children_[p].rules.key == key; });
  }
  /// Whether this start is still the child's last.
  [[nodiscard]] bool is_current(incarnation child) const {
    return child.number != 0 && child.where < children_.size()
      && children_[child.where].number == child.number;
  }
  /// The last start of the child at a place.
  [[nodiscard]] incarnation at(place where) const {
    return {where, children_[where].number};
  }
  /// The state of the child at a place.
  [[nodiscard]] child_state state(place where) const { return children_[where].state; }
  /// The rules of the child at a place.
  [[nodiscard]] const child_rules& rules(place where) const {
    return children_[where].rules;
  }
  /// The children in start order: the first, and the one after another.
  [[nodiscard]] place first() const { return first_; }
  /// The child that was started after the one at a place; `nowhere` behind the last.
  [[nodiscard]] place after(place where) const { return children_[where].after; }
  /// How many children there are.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// How many children run or are starting.
  [[nodiscard]] std::size_t active() const { return active_; }
  /// How many children are supervisors.
  [[nodiscard]] std::size_t supervisors() const { return supervisors_; }
  /// Whether it is ending.
  [[nodiscard]] bool stopping() const { return stopping_; }
  /// Whether the stop's deadline has passed: the remaining children are killed.
  [[nodiscard]] bool out_of_time() const { return out_of_time_; }
  /// Whether the stop is over.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Whether nothing is under way that others may have to wait for.
  [[nodiscard]] bool quiescent() const {
    return group_.now == group::phase::none && in_transition_ == 0 && waiting_.empty();
  }
  /// The options that it was made with.
  [[nodiscard]] const machine_options& options() const { return options_; }
  /// The count of restarts.
  [[nodiscard]] const restart_policy& policy() const { return policy_; }

private:
  /// Why a child is being started.
  enum class cause : std::uint8_t { first, request, again, restart, group };

  using kill_times = std::multimap<time_point, place>;

  /// What is kept of a child with a `restart_delay`.
  struct restart_row {
    std::uint32_t restarts = 0; // in a row
    time_point running_since;
    std::optional<kill_times::iterator> resumes; // its wait for the next one
  };

  struct entry {
    child_rules rules;
    std::uint64_t number = 0; // zero: the place is empty
    place before = nowhere;
    place after = nowhere;
    child_state state = child_state::undefined;
    cause why = cause::first;
    bool dead = false;      // ended, and the event has to wait
    bool has_actor = false; // whose end has not been told
    std::optional<kill_times::iterator> killed_at;
  };

  /// The start whose function is being called.
  struct pending_call {
    std::uint64_t number = 0; // zero: none
    request from = 0;         // who wants the child
  };

  struct start_request {
    request from;
    child_rules rules;
  };
  struct key_request {
    enum class wish : std::uint8_t { terminate, restart, remove };
    wish wanted;
    request from;
    std::string key;
  };
  struct terminate_request {
    request from;
    incarnation child;
  };
  struct exit_event {
    incarnation child;
    exit_class how;
  };
  struct retry_event {
    incarnation child;
  };
  using waiting =
    std::variant<start_request, key_request, terminate_request, exit_event, retry_event>;

  /// A group that is ended and started again, or the very first start.
  struct group {
    enum class phase : std::uint8_t { none, ending, starting };
    phase now = phase::none;
    place from = nowhere; // the first of the group; it goes on to the last child
    place next = nowhere; // whose turn it is
    bool very_first = false;
  };

  [[nodiscard]] bool is_simple() const {
    return options_.strategy == strategy::simple_one_for_one;
  }
  [[nodiscard]] bool leaves_nothing(const entry& c) const {
    return is_simple() || c.rules.restart == restart_type::temporary;
  }
  [[nodiscard]] static bool is_alive(const entry& c) {
    return !c.dead
      && (c.state == child_state::running || c.state == child_state::starting
        || c.state == child_state::terminating);
  }
  [[nodiscard]] bool by_group() const {
    return options_.strategy == strategy::one_for_all
      || options_.strategy == strategy::rest_for_one;
  }
  /// Whether what comes now has to wait for the group.
  [[nodiscard]] bool busy() const {
    return group_.now != group::phase::none || (by_group() && in_transition_ > 0);
  }

  void take(time_point now, waiting what);
  void handle(time_point now, start_request& what);
  void handle(time_point now, key_request& what);
  void handle(time_point now, terminate_request& what);
  void handle(time_point now, exit_event& what);
  void handle(time_point now, retry_event& what);
  void go_on(time_point now);
  [[nodiscard]] bool ends_a_start(const waiting& what) const;
  [[nodiscard]] std::deque<waiting>::iterator end_of_a_start();
  void wait_for(place where, waiting what);
  void end_wait_for(place where);
  void refuse_all();

  void terminate(time_point now, request from, place where);
  void give_up_restart(time_point now, place where);
  void after_exit(time_point now, place where, restart_action what);
  void restart(time_point now, place where);
  [[nodiscard]] static bool is_delayed(const entry& c) {
    return c.rules.restart_delay.initial.count() > 0;
  }
  bool pause(time_point now, place where);
  void end_pause(place where);
  void begin_start(place where, cause why, request from = 0);
  bool take_outcome(time_point now, incarnation child, start_outcome how);
  void finish_start(time_point now, place where, start_outcome how);
  void fail_start(time_point now, place where, request from);
  [[nodiscard]] request starter_of(place where);

  void begin_group(place from);
  void advance(time_point now);
  void end_next_of_group(time_point now);
  void on_group_child_ended(time_point now, place where);
  void start_next_of_group();

  bool tell(time_point now, place where);
  bool kill(place where);
  void kill_late(time_point now, place where);
  void kill_rest(time_point now);
  void on_ended(time_point now, place where);

  void begin_stop(time_point now);
  void stop_next(time_point now);

  void answer(request to, errc code, place where);
  void tell_observers(time_point now, event_kind kind, place where);
  void set_state(place where, child_state next);
  void set_kill_time(place where, time_point at);
  void make_undefined(place where);
  void del_child(time_point now, place where);
  void remove(time_point now, place where, bool quietly = false);

  machine_options options_;
  std::vector<effect> effects_;
  restart_policy policy_;
  std::deque<entry> children_; // for none of them moves
  std::vector<place> empty_;
  place_index by_key_;
  place first_ = nowhere;
  place last_ = nowhere;
  std::size_t size_ = 0;
  std::size_t active_ = 0;
  std::size_t supervisors_ = 0;
  std::size_t in_transition_ = 0; // starting or terminating
  std::size_t significant_ = 0;   // that are not undefined
  std::uint64_t last_number_ = 0;
  pending_call call_;
  group group_;
  std::deque<waiting> waiting_;
  std::unordered_map<place, std::deque<waiting>> waiting_for_;
  std::unordered_map<place, request> starters_;
  std::unordered_map<place, request> terminators_;
  kill_times kill_times_;
  std::unordered_map<place, restart_row> rows_;
  kill_times resume_times_;   // of children that wait for their restart
  bool starts_later_ = false; // since those that wait were last looked through
  bool stopping_ = false;
  bool out_of_time_ = false;
  bool ended_ = false;
  time_point stop_deadline_ = time_point::max();
};

} // namespace cafka::supervision
