#include "supervisor.hpp"

#include "child_table.hpp"
#include "reasons.hpp"
#include "subscribers.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

namespace cafka::supervision {

namespace {

using namespace detail;

using machine = supervisor_machine;
using supervisor_impl = trapping_exits<
  supervisor_actor::extend<caf::result<void>(child_down), caf::result<void>(start_report),
    caf::result<void>(retry_restart), caf::result<void>(alarm_rings)>>;

template <class T>
using promise = caf::typed_response_promise<T>;

/// The shell around a machine: has the actors, the functions and the names, and does what
/// the machine says.
class supervisor_state {
public:
  static inline const char* name = "cafka.supervisor";

  supervisor_state(supervisor_impl::pointer self, supervisor_options options)
    : self_(self),
      options_(std::move(options)),
      subscribers_(std::move(options_.observer)),
      machine_({options_.strategy, options_.intensity, options_.auto_shutdown,
        options_.max_children}) {}

  supervisor_state(const supervisor_state&) = delete;
  supervisor_state& operator=(const supervisor_state&) = delete;

  // Children are left only if the supervisor was killed, crashed or forgotten.
  ~supervisor_state() {
    for (auto& c : children_) {
      if (c.alive)
        post_exit(c.handle, caf::make_error(errc::killed));
      release_name(c);
    }
  }

  supervisor_impl::behavior_type make_behavior() {
    trap_exit(self_, [this](caf::exit_msg& msg) { on_exit_message(msg); });
    begin();
    return {
      [this](start_child& msg) { return on_start_child(std::move(msg.spec)); },
      [this](const terminate_child& msg) { return on_terminate_child(msg); },
      [this](restart_child& msg) {
        return submit<caf::strong_actor_ptr>(
          [&](auto from) { machine_.restart_child(now(), from, std::move(msg.id)); });
      },
      [this](delete_child& msg) {
        return submit<void>(
          [&](auto from) { machine_.delete_child(now(), from, std::move(msg.id)); });
      },
      [this](const get_childspec& msg) { return on_get_childspec(msg); },
      [this](which_children) { return on_which_children(); },
      [this](count_children) {
        return child_counts{machine_.size(), machine_.active(), machine_.supervisors(),
          machine_.size() - machine_.supervisors()};
      },
      [this](get_info) { return info(); },
      [this](const subscribe& msg) { subscribers_.add(or_sender(msg.subscriber)); },
      [this](const unsubscribe& msg) { subscribers_.remove(or_sender(msg.subscriber)); },
      [this](const stop& msg) { return on_stop(msg); },
      [this](const child_down& msg) { on_child_down(msg); },
      [this](const start_report& msg) { on_start_report(msg); },
      [this](const retry_restart& msg) {
        machine_.on_retry(now(), {msg.place, msg.number});
        carry_out();
      },
      [this](alarm_rings msg) {
        if (!alarm_.rings(msg))
          return;
        machine_.on_time(now());
        carry_out();
      },
      [this](caf::exit_msg& msg) { on_exit_message(msg); },
    };
  }

private:
  using entry = child_table::entry;

  /// What a request is answered with.
  struct answer {
    caf::strong_actor_ptr child;
    caf::error error;
  };

  // -- what the machine wants done ------------------------------------------------------

  // Called last by whatever has told the machine something. The outcome of a start is
  // told from within, and what follows from it comes behind what is to be done already.
  void carry_out() {
    while (machine_.has_effects())
      for (auto& effect : machine_.take_effects())
        std::visit([this](auto& e) { on_effect(e); }, effect);
    // While it stops nobody need refer to it.
    myself_ = machine_.stopping() && !machine_.ended()
      ? caf::actor_cast<caf::strong_actor_ptr>(self_)
      : nullptr;
    alarm_.set<supervisor_impl>(self_, now(), machine_.next_time());
  }

  void on_effect(const machine::call_start& e) {
    machine_.on_start(now(), e.child, start(e.child));
  }

  machine::start_outcome start(machine::incarnation which) {
    auto& c = children_[which.where];
    children_.keep_last(which.where);
    if (auto taken = reserve_name(c); !taken.empty()) {
      c.why = std::move(taken);
      return machine::start_outcome::failed;
    }
    const start_context context{self_->system(),
      concat(options_.extra_arguments, c.spec.arguments),
      [this, &which] { return make_later(which); }};
    auto result = call_start(c.spec.start, context);
    if (auto* pending = std::get_if<starting>(&result)) {
      if (pending->child == nullptr)
        return machine::start_outcome::later;
      return adopt(which, std::move(pending->child)) ? machine::start_outcome::starting
                                                     : machine::start_outcome::failed;
    }
    return take_over(which, std::move(result));
  }

  // One whose start was given up may have been asked already.
  void on_effect(const machine::ask_to_end& e) {
    if (auto& c = children_[e.child.where]; !std::exchange(c.told, true))
      post_exit(c.handle, caf::exit_reason::user_shutdown);
  }

  void on_effect(const machine::kill_child& e) {
    const auto& c = children_[e.child.where];
    // A supervisor that is killed leaves its children time, and here is none.
    if (e.at_once && c.spec.type == child_type::supervisor)
      post(c.handle, stop{caf::timespan::zero()});
    if (c.handle->node() != self_->node())
      tell_after(self_, self_handle(),
        std::max(options_.kill_timeout, caf::timespan::zero()),
        child_down{e.child.where, e.child.number,
          caf::make_error(caf::exit_reason::remote_link_unreachable), c.second});
    post_exit(c.handle, caf::exit_reason::kill);
  }

  void on_effect(const machine::retry_later& e) {
    post(self_handle(), retry_restart{e.child.where, e.child.number});
  }

  void on_effect(const machine::took_in& e) {
    auto& c = children_.at(e.where);
    if (e.from == current_)
      c.spec = std::move(*std::exchange(incoming_, nullptr));
    else
      c.spec = std::move(waiting_specs_.extract(e.from).mapped());
  }

  void on_effect(const machine::reply& e) {
    answer how;
    if (e.code != machine::ok)
      how.error = error_of(e.code, e.where);
    else if (e.where != machine::nowhere)
      how.child = children_[e.where].handle;
    if (e.to == current_) {
      answered_ = std::move(how);
      return;
    }
    waiting_specs_.erase(e.to);
    const auto node = promises_.extract(e.to);
    if (!node.empty())
      std::visit([&](auto& p) { deliver(p, std::move(how)); }, node.mapped());
  }

  void on_effect(const machine::undefine& e) { undefine(e.where); }

  void undefine(machine::place where) {
    release_name(children_[where]);
    children_.drop_handle(where);
    children_.forget_last(where);
  }

  void on_effect(const machine::forget& e) {
    undefine(e.where);
    const auto forgotten = std::exchange(children_[e.where], {});
    if (!e.quietly)
      report(event_kind::removed, &forgotten, e.restarts);
  }

  void on_effect(const machine::report& e) {
    const auto kind = e.kind;
    auto& c = children_[e.where];
    switch (kind) {
    case event_kind::restarted: ++c.restarts; [[fallthrough]];
    case event_kind::started:
      c.why = {};
      children_.forget_last(e.where);
      set_name(c, c.handle);
      return report(kind, &c, e.restarts, {}, c.handle);
    case event_kind::escalated: {
      const auto& intensity = options_.intensity;
      stop_reason_ = because_of(errc::shutdown, shown(c),
        "more than " + std::to_string(intensity.max_restarts) + " restarts within "
          + std::to_string(intensity.max_seconds.count()) + " s",
        c.why);
      return report(kind, &c, e.restarts, c.why);
    }
    case event_kind::auto_shutdown:
      stop_reason_ =
        caf::make_error(errc::shutdown, "the significant child '" + shown(c) + "' ended");
      return report(kind, &c, e.restarts);
    case event_kind::start_failed:
    case event_kind::restart_failed: return report(kind, &c, e.restarts, c.why);
    case event_kind::killed: return report(kind, &c, e.restarts, {}, c.handle);
    case event_kind::exited:
    case event_kind::removed:
    case event_kind::stopped:
    case event_kind::observer_failed:
    case event_kind::ignored: return report(kind, &c, e.restarts);
    }
  }

  void on_effect(const machine::became_ready&) { options_.ready.started(); }

  void on_effect(const machine::not_ready& e) {
    const auto& c = children_[e.where];
    stop_reason_ = because_of(errc::shutdown, shown(c), "failed to start", c.why);
  }

  void on_effect(const machine::ended_all&) {
    report(event_kind::stopped, nullptr, restarts(), stop_reason_);
    options_.ready.failed(stop_reason_);
    for (auto& p : std::exchange(waiting_for_stop_, {}))
      p.deliver();
    self_->quit(stop_reason_);
  }

  // -- requests -------------------------------------------------------------------------

  // Brings a request to the machine; what it does not answer at once is promised.
  template <class T, class F>
  caf::result<T> submit(F ask_machine) {
    current_ = ++last_request_;
    answered_.reset();
    ask_machine(current_);
    carry_out();
    const auto request = std::exchange(current_, 0);
    const auto incoming = std::exchange(incoming_, nullptr);
    if (!answered_) {
      // It has to wait, its specification with it.
      if (incoming != nullptr)
        waiting_specs_.emplace(request, std::move(*incoming));
      auto p = self_->template make_response_promise<T>();
      promises_.emplace(request, p);
      return p;
    }
    if (!answered_->error.empty())
      return std::move(answered_->error);
    if constexpr (std::is_void_v<T>)
      return caf::unit;
    else
      return std::move(answered_->child);
  }

  template <class T>
  static void deliver(promise<T>& to, answer how) {
    if (!how.error.empty())
      to.deliver(std::move(how.error));
    else if constexpr (std::is_void_v<T>)
      to.deliver();
    else
      to.deliver(std::move(how.child));
  }

  caf::error error_of(errc code, machine::place where) const {
    switch (code) {
    case errc::already_started: return caf::make_error(code, children_[where].handle);
    case errc::start_failed: return children_[where].why;
    case errc::shutdown:
      return caf::make_error(code, std::string{"the supervisor is stopping"});
    default: return caf::make_error(code);
    }
  }

  caf::result<caf::strong_actor_ptr> on_start_child(child_spec spec) {
    if (auto wrong = check_childspec(spec, options_.auto_shutdown, options_.strategy);
        !wrong.empty())
      return wrong;
    incoming_ = &spec;
    return submit<caf::strong_actor_ptr>([&](auto from) {
      machine_.start_child(now(), from, rules_of(spec, options_.strategy));
    });
  }

  caf::result<void> on_terminate_child(const terminate_child& msg) {
    auto key = is_simple() ? msg.name : msg.name.empty() ? msg.id : std::string{};
    auto where = machine::nowhere;
    // By its key it may be one that will be started before its turn comes.
    if (msg.child != nullptr || key.empty()) {
      auto error = errc::not_found;
      if (where = locate(msg, error); where == machine::nowhere)
        return caf::make_error(machine_.stopping() ? errc::shutdown : error);
      key = machine_.rules(where).key;
    }
    return submit<void>([&](auto from) {
      if (!key.empty())
        machine_.terminate_child(now(), from, std::move(key));
      else
        machine_.terminate_child(now(), from, machine_.at(where));
    });
  }

  caf::result<child_spec> on_get_childspec(const get_childspec& msg) const {
    auto error = errc::not_found;
    const auto where = locate(msg, error);
    if (where == machine::nowhere)
      return caf::make_error(error);
    return children_[where].spec;
  }

  /// The child that a message names; `error` says why there is none.
  template <class Message>
  machine::place locate(const Message& msg, errc& error) const {
    if (msg.child != nullptr) {
      return children_.find(msg.child);
    }
    if (!msg.name.empty()) {
      if (is_simple())
        return machine_.find(msg.name);
      // One that runs need not be looked for.
      if (options_.names != nullptr)
        if (const auto child = options_.names->look_up(msg.name))
          if (const auto p = children_.find(child); p != machine::nowhere)
            return p;
      for (auto p = machine_.first(); p != machine::nowhere; p = machine_.after(p))
        if (children_[p].spec.name == msg.name)
          return p;
      return machine::nowhere;
    }
    if (!is_simple())
      return machine_.find(msg.id);
    error = errc::simple_one_for_one;
    return machine::nowhere;
  }

  std::vector<child_info> on_which_children() const {
    std::vector<child_info> result;
    result.reserve(machine_.size());
    for (auto p = machine_.first(); p != machine::nowhere; p = machine_.after(p)) {
      const auto& c = children_[p];
      result.push_back({c.spec.id, c.spec.name, c.alive ? c.handle : nullptr,
        c.spec.restart, c.spec.type, machine_.state(p), c.restarts});
    }
    return result;
  }

  supervisor_info info() const {
    const auto& policy = machine_.policy();
    return {options_.name, options_.strategy, options_.auto_shutdown,
      policy.restarts(now()), policy.intensity().max_restarts,
      static_cast<std::uint64_t>(policy.intensity().max_seconds.count()),
      machine_.stopping(), machine_.quiescent()};
  }

  caf::strong_actor_ptr or_sender(const caf::strong_actor_ptr& who) const {
    return who != nullptr ? who : self_->current_sender();
  }

  caf::result<void> on_stop(const stop& msg) {
    auto p = self_->make_response_promise<void>();
    waiting_for_stop_.push_back(p);
    const auto at = now();
    machine_.stop(at, machine::deadline(at, msg.within));
    carry_out();
    return p;
  }

  void on_exit_message(caf::exit_msg& msg) {
    // CAF sends a linked actor's normal end as well: no cause to end, as in OTP.
    if (msg.reason.empty() || machine_.stopping())
      return;
    stop_reason_ = std::move(msg.reason);
    machine_.stop(now());
    carry_out();
  }

  // -- the supervisor's own messages ----------------------------------------------------

  void on_child_down(const child_down& msg) {
    const machine::incarnation which{msg.place, msg.number};
    if (!machine_.is_current(which))
      return;
    auto& c = children_[which.where];
    if (msg.second != c.second || !std::exchange(c.alive, false))
      return;
    set_name(c, nullptr);
    if (machine_.state(which.where) == child_state::starting) {
      c.why = start_failed_by(msg.reason, "it ended before it had started");
    } else {
      c.why = msg.reason;
      report(event_kind::exited, &c, restarts(), msg.reason, c.handle);
    }
    machine_.on_exit(now(), which, classify(msg.reason));
    carry_out();
  }

  void on_start_report(const start_report& msg) {
    const machine::incarnation which{msg.place, msg.number};
    if (!machine_.is_current(which))
      return;
    const auto state = machine_.state(which.where);
    if (state != child_state::starting && state != child_state::terminating)
      return;
    const auto how = take_over(which, msg.how->take());
    if (auto& c = children_[which.where]; how != machine::start_outcome::running) {
      if (c.alive)
        post_exit(c.handle, caf::exit_reason::kill);
      children_.drop_handle(which.where);
    }
    machine_.on_start(now(), which, how);
    carry_out();
  }

  // -- children -------------------------------------------------------------------------

  // A start that takes its time reports by message, from whatever thread.
  start_later make_later(machine::incarnation which) const {
    return start_later{[self = caf::actor_cast<caf::weak_actor_ptr>(self_handle()),
                         which](start_result how) {
      post(self,
        start_report{
          which.where, which.number, std::make_shared<outcome>(std::move(how))});
    }};
  }

  machine::start_outcome take_over(machine::incarnation which, start_result result) {
    auto& c = children_[which.where];
    if (auto* error = std::get_if<caf::error>(&result)) {
      c.why = start_failed_by(*error);
      return machine::start_outcome::failed;
    }
    if (std::holds_alternative<ignore>(result))
      return machine::start_outcome::ignored;
    if (std::holds_alternative<starting>(result)) {
      if (c.alive)
        return machine::start_outcome::running;
      c.why = start_failed("it is said to have started, and there is no actor");
      return machine::start_outcome::failed;
    }
    auto& handle = std::get<caf::strong_actor_ptr>(result);
    if (c.alive && c.handle == handle)
      return machine::start_outcome::running;
    return adopt(which, std::move(handle)) ? machine::start_outcome::running
                                           : machine::start_outcome::failed;
  }

  // It is watched from the first moment: if it is dead already, its end is reported like
  // any other.
  bool adopt(machine::incarnation which, caf::strong_actor_ptr handle) {
    auto& c = children_[which.where];
    if (handle == self_->ctrl()) {
      c.why = start_failed("this is the supervisor itself");
      return false;
    }
    if (children_.find_current(handle) != machine::nowhere) {
      c.why = start_failed("this actor is a child already");
      return false;
    }
    c.second = c.alive;
    if (c.second)
      post_exit(c.handle, caf::exit_reason::kill);
    children_.set_handle(which.where, std::move(handle));
    if (!c.second)
      watch(self_, c.handle, [which](const caf::error& reason) {
        return child_down{which.where, which.number, reason};
      });
    else // A function of its own: all others have one word less to keep.
      watch(self_, c.handle, [which](const caf::error& reason) {
        return child_down{which.where, which.number, reason, true};
      });
    return true;
  }

  // -- names ----------------------------------------------------------------------------

  caf::error reserve_name(entry& c) {
    if (c.named != registry::nowhere || options_.names == nullptr || c.spec.name.empty())
      return {};
    c.named = options_.names->add(c.spec.name, nullptr);
    if (c.named == registry::nowhere)
      return caf::make_error(errc::already_started, options_.names->look_up(c.spec.name));
    return {};
  }

  void set_name(const entry& c, const caf::strong_actor_ptr& handle) {
    if (c.named != registry::nowhere)
      options_.names->replace(c.named, handle);
  }

  void release_name(entry& c) {
    if (const auto where = std::exchange(c.named, registry::nowhere);
        where != registry::nowhere)
      options_.names->remove(where);
  }

  // -- reports --------------------------------------------------------------------------

  const std::string& shown(const entry& c) const {
    return is_simple() && !c.spec.name.empty() ? c.spec.name : c.spec.id;
  }

  // Observers are told what has happened, so each change is made before it is reported.
  void report(event_kind kind, const entry* c, std::size_t restarts,
    const caf::error& reason = {}, const caf::strong_actor_ptr& handle = {}) {
    if (subscribers_.empty())
      return;
    subscribers_.tell({kind, options_.name, c != nullptr ? shown(*c) : std::string{},
      handle, reason, restarts, machine_.policy().intensity().max_restarts});
  }

  std::size_t restarts() const { return machine_.policy().restarts(now()); }

  // -- small things ---------------------------------------------------------------------

  void begin() {
    if (auto wrong = check_options(options_); !wrong.empty()) {
      options_.ready.failed(wrong);
      return self_->quit(std::move(wrong));
    }
    for (auto& spec : std::exchange(options_.children, {})) {
      const auto where = machine_.add(rules_of(spec, options_.strategy));
      children_.at(where).spec = std::move(spec);
    }
    machine_.begin(now());
    carry_out();
  }

  bool is_simple() const { return options_.strategy == strategy::simple_one_for_one; }

  supervisor_impl self_handle() const { return caf::actor_cast<supervisor_impl>(self_); }

  machine::time_point now() const { return self_->clock().now(); }

  supervisor_impl::pointer self_;
  supervisor_options options_;
  subscribers subscribers_;
  machine machine_;
  child_table children_;
  machine::request last_request_ = 0;
  machine::request current_ = 0; // being brought to the machine
  std::optional<answer> answered_;
  child_spec* incoming_ = nullptr; // of the current request
  std::unordered_map<machine::request, child_spec> waiting_specs_;
  std::unordered_map<machine::request,
    std::variant<promise<void>, promise<caf::strong_actor_ptr>>>
    promises_;
  std::vector<promise<void>> waiting_for_stop_;
  caf::strong_actor_ptr myself_;
  caf::error stop_reason_ = caf::make_error(caf::exit_reason::user_shutdown);
  actor_alarm alarm_;
};

} // namespace

supervisor_actor spawn_supervisor(caf::actor_system& sys, supervisor_options options) {
  return sys.spawn<caf::stateful_actor<supervisor_state, supervisor_impl::impl>>(
    std::move(options));
}

} // namespace cafka::supervision
