#include <cafka/supervision/supervisor.hpp>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <exception>
#include <iterator>
#include <list>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

namespace cafka::supervision {

namespace {

using namespace detail;

using supervisor_impl =
  trapping_exits<supervisor_actor::extend<caf::result<void>(child_down),
    caf::result<void>(shutdown_timeout), caf::result<void>(retry_restart),
    caf::result<void>(stop_deadline)>>;

caf::error start_failed(std::string why) {
  return caf::make_error(errc::start_failed, std::move(why));
}

start_result call_start(const start_function& start, caf::actor_system& sys) {
  try {
    auto result = start(sys);
    if (auto* error = std::get_if<caf::error>(&result))
      return start_failed(to_string(*error));
    if (std::get<caf::strong_actor_ptr>(result) == nullptr)
      return start_failed("no actor was started");
    return result;
  } catch (const std::exception& e) {
    return start_failed(e.what());
  } catch (...) {
    return start_failed("an exception of unknown type");
  }
}

class supervisor_state {
public:
  static inline const char* name = "cafka.supervisor";

  supervisor_state(supervisor_impl::pointer self, supervisor_options options)
    : self_(self), options_(std::move(options)), policy_(options_.intensity) {}

  supervisor_state(const supervisor_state&) = delete;
  supervisor_state& operator=(const supervisor_state&) = delete;

  // Children are left only if the supervisor was killed, crashed or forgotten.
  ~supervisor_state() {
    for (auto& c : children_) {
      if (c.handle != nullptr)
        post_exit(c.handle, caf::exit_reason::kill);
      if (options_.names != nullptr)
        options_.names->remove(c.spec.id);
    }
  }

  supervisor_impl::behavior_type make_behavior() {
    trap_exit(self_, [this](caf::exit_msg& msg) { on_exit_message(msg); });
    return {
      [this](start_child& msg) { return on_start_child(std::move(msg.spec)); },
      [this](const terminate_child& msg) { return on_terminate_child(msg); },
      [this](which_children) { return on_which_children(); },
      [this](count_children) {
        return child_counts{children_.size(), by_handle_.size()};
      },
      [this](const stop& msg) { return on_stop(msg); },
      [this](const child_down& msg) { on_child_down(msg); },
      [this](const shutdown_timeout& msg) { on_shutdown_timeout(msg); },
      [this](const retry_restart& msg) { on_retry_restart(msg); },
      [this](stop_deadline) { on_stop_deadline(); },
      [this](caf::exit_msg& msg) { on_exit_message(msg); },
    };
  }

private:
  enum class phase : std::uint8_t { running, restarting, terminating };

  struct child {
    child_spec spec;
    caf::strong_actor_ptr handle;  // null while restarting
    std::uint64_t incarnation = 0; // unique under this supervisor, also between two ids
    phase now = phase::running;
    std::vector<caf::typed_response_promise<void>> waiting; // for its end
  };

  using child_ref = std::list<child>::iterator;

  // -- requests -------------------------------------------------------------------------

  caf::result<caf::strong_actor_ptr> on_start_child(child_spec spec) {
    if (stopping_)
      return caf::make_error(errc::shutdown, std::string{"the supervisor is stopping"});
    if (spec.id.empty() || !spec.start)
      return caf::make_error(errc::invalid_child_spec,
        std::string{spec.id.empty() ? "no id" : "no start function"});
    if (auto i = by_id_.find(spec.id); i != by_id_.end())
      return caf::make_error(errc::already_started, i->second->handle);
    if (options_.names != nullptr && !options_.names->add(spec.id, nullptr))
      return caf::make_error(errc::already_started, options_.names->look_up(spec.id));
    auto c = children_.insert(children_.end(), child{});
    c->spec = std::move(spec);
    by_id_.emplace(c->spec.id, c);
    if (auto error = start(c); !error.empty()) {
      report(event_kind::start_failed, forget(c), error);
      return error;
    }
    report(event_kind::started, *c, {}, c->handle);
    return c->handle;
  }

  caf::result<void> on_terminate_child(const terminate_child& msg) {
    auto c = children_.end();
    if (msg.child != nullptr) {
      if (auto i = by_handle_.find(msg.child.get()); i != by_handle_.end())
        c = i->second;
    } else if (auto i = by_id_.find(msg.id); i != by_id_.end()) {
      c = i->second;
    }
    if (c == children_.end())
      return caf::make_error(errc::not_found, msg.id);
    auto promise = self_->make_response_promise<void>();
    c->waiting.push_back(promise);
    if (c->handle != nullptr)
      terminate(c);
    else
      remove(c);
    return promise;
  }

  std::vector<child_info> on_which_children() const {
    std::vector<child_info> result;
    result.reserve(children_.size());
    for (const auto& c : children_)
      result.push_back({c.spec.id, c.handle, c.spec.restart});
    return result;
  }

  caf::result<void> on_stop(const stop& msg) {
    auto promise = self_->make_response_promise<void>();
    waiting_for_stop_.push_back(promise);
    if (msg.within != caf::infinite)
      tell_after(self_, self_handle(), msg.within, stop_deadline{});
    begin_stop(caf::make_error(caf::exit_reason::user_shutdown));
    return promise;
  }

  void on_exit_message(caf::exit_msg& msg) {
    // CAF sends a linked actor's normal end as well: no cause to end, as in OTP.
    if (!msg.reason.empty())
      begin_stop(std::move(msg.reason));
  }

  // -- the supervisor's own messages ----------------------------------------------------

  void on_child_down(const child_down& msg) {
    auto c = find(msg.id, msg.incarnation);
    if (c == children_.end())
      return;
    by_handle_.erase(c->handle.get());
    auto ended = std::exchange(c->handle, nullptr);
    set_name(*c);
    report(event_kind::exited, *c, msg.reason, ended);
    if (stopping_ || c->now == phase::terminating) {
      remove(c);
      if (stopping_)
        stop_next();
      return;
    }
    c->now = phase::restarting;
    decide(c, policy_.on_exit(c->spec.restart, classify(msg.reason), now()), msg.reason);
  }

  void on_retry_restart(const retry_restart& msg) {
    if (auto c = find(msg.id, msg.incarnation); c != children_.end() && !stopping_)
      restart(c);
  }

  void on_shutdown_timeout(const shutdown_timeout& msg) {
    if (auto c = find(msg.id, msg.incarnation); c != children_.end())
      kill(*c);
  }

  void on_stop_deadline() {
    for (auto& c : children_)
      if (c.handle != nullptr)
        kill(c);
  }

  // -- starting and restarting ----------------------------------------------------------

  // Starts a new incarnation. It is watched from the first moment: if it is dead already,
  // its end is reported like any other.
  caf::error start(child_ref c) {
    auto result = call_start(c->spec.start, self_->system());
    if (auto* error = std::get_if<caf::error>(&result))
      return std::move(*error);
    auto& handle = std::get<caf::strong_actor_ptr>(result);
    if (!by_handle_.emplace(handle.get(), c).second)
      return start_failed("this actor is a child under another id");
    c->handle = std::move(handle);
    c->incarnation = ++last_incarnation_;
    c->now = phase::running;
    set_name(*c);
    watch(
      self_, c->handle, [id = c->spec.id, n = c->incarnation](const caf::error& reason) {
        return child_down{id, n, reason};
      });
    return {};
  }

  void restart(child_ref c) {
    if (auto error = start(c); !error.empty()) {
      report(event_kind::restart_failed, *c, error);
      decide(c, policy_.on_failed_restart(now()), error, true);
    } else {
      report(event_kind::restarted, *c, {}, c->handle);
    }
  }

  void decide(child_ref c, restart_action action, const caf::error& reason,
    bool has_failed = false) {
    switch (action) {
    case restart_action::restart:
      // A failing restart is tried again after the messages that wait now, so that the
      // supervisor stays answering.
      if (has_failed)
        post(self_handle(), retry_restart{c->spec.id, c->incarnation});
      else
        restart(c);
      break;
    case restart_action::remove: remove(c); break;
    case restart_action::escalate: escalate(c, reason); break;
    }
  }

  void escalate(child_ref c, const caf::error& reason) {
    report(event_kind::escalated, *c, reason);
    post(
      options_.owner, escalated{options_.name, c->spec.id, reason, policy_.restarts()});
    const auto& intensity = policy_.intensity();
    auto text = "more than " + std::to_string(intensity.max_restarts)
      + " restarts within " + std::to_string(intensity.max_seconds.count())
      + " s; the last to end was '" + c->spec.id + "': " + to_string(reason);
    begin_stop(caf::make_error(errc::shutdown, std::move(text)));
  }

  // -- ending ---------------------------------------------------------------------------

  // Tells a running child to end; `remove` follows when it has ended.
  void terminate(child_ref c) {
    if (c->now == phase::terminating)
      return;
    c->now = phase::terminating;
    const auto how = c->spec.shutdown;
    if (how.is_brutal_kill()) {
      post_exit(c->handle, caf::exit_reason::kill);
      return;
    }
    post_exit(c->handle, caf::exit_reason::user_shutdown);
    if (!how.is_infinity())
      tell_after(
        self_, self_handle(), how.time(), shutdown_timeout{c->spec.id, c->incarnation});
  }

  void kill(child& c) {
    c.now = phase::terminating;
    post_exit(c.handle, caf::exit_reason::kill);
    report(event_kind::killed, c, {}, c.handle);
  }

  // Forgets an ended child and tells whoever waits for that.
  void remove(child_ref c) {
    auto forgotten = forget(c);
    report(event_kind::removed, forgotten);
    for (auto& promise : forgotten.waiting)
      promise.deliver();
  }

  child forget(child_ref c) {
    if (options_.names != nullptr)
      options_.names->remove(c->spec.id);
    by_id_.erase(c->spec.id);
    auto result = std::move(*c);
    children_.erase(c);
    return result;
  }

  void begin_stop(caf::error reason) {
    if (stopping_)
      return;
    stopping_ = true;
    stop_reason_ = std::move(reason);
    stop_next();
  }

  // One child at a time, the last started first.
  void stop_next() {
    while (!children_.empty()) {
      auto last = std::prev(children_.end());
      if (last->handle != nullptr) {
        terminate(last);
        return;
      }
      remove(last);
    }
    report_stopped();
    for (auto& promise : waiting_for_stop_)
      promise.deliver();
    waiting_for_stop_.clear();
    self_->quit(stop_reason_);
  }

  // -- small things ---------------------------------------------------------------------

  child_ref find(std::string_view id, std::uint64_t incarnation) {
    auto i = by_id_.find(id);
    return i != by_id_.end() && i->second->incarnation == incarnation ? i->second
                                                                      : children_.end();
  }

  void set_name(const child& c) {
    if (options_.names != nullptr)
      options_.names->replace(c.spec.id, c.handle);
  }

  // Observers are told what has happened, so each change is made before it is reported.
  void report(event_kind kind, const child& c, const caf::error& reason = {},
    const caf::strong_actor_ptr& handle = {}) {
    if (options_.observer)
      options_.observer({kind, options_.name, c.spec.id, handle, reason,
        policy_.restarts(), policy_.intensity().max_restarts});
  }

  void report_stopped() {
    if (options_.observer)
      options_.observer({event_kind::stopped, options_.name, {}, {}, stop_reason_,
        policy_.restarts(), policy_.intensity().max_restarts});
  }

  supervisor_impl self_handle() const { return caf::actor_cast<supervisor_impl>(self_); }

  restart_policy::time_point now() const { return self_->clock().now(); }

  supervisor_impl::pointer self_;
  supervisor_options options_;
  restart_policy policy_;
  std::list<child> children_; // in start order
  std::unordered_map<std::string_view, child_ref> by_id_;
  std::unordered_map<caf::actor_control_block*, child_ref> by_handle_; // those that run
  std::uint64_t last_incarnation_ = 0;
  bool stopping_ = false;
  caf::error stop_reason_;
  std::vector<caf::typed_response_promise<void>> waiting_for_stop_;
};

} // namespace

const char* to_string(errc x) noexcept {
  switch (x) {
  case errc::already_started: return "already_started";
  case errc::not_found: return "not_found";
  case errc::invalid_child_spec: return "invalid_child_spec";
  case errc::start_failed: return "start_failed";
  case errc::shutdown: return "shutdown";
  }
  return "unknown";
}

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

exit_class classify(const caf::error& reason) {
  if (reason.empty())
    return exit_class::normal;
  if (reason == caf::exit_reason::user_shutdown || reason == errc::shutdown)
    return exit_class::shutdown;
  if (reason == caf::exit_reason::kill)
    return exit_class::killed;
  return exit_class::error;
}

caf::strong_actor_ptr already_started_child(const caf::error& error) {
  if (error == errc::already_started)
    if (const auto& context = error.context();
        context.size() == 1 && context.match_element<caf::strong_actor_ptr>(0))
      return context.get_as<caf::strong_actor_ptr>(0);
  return nullptr;
}

supervisor_actor spawn_supervisor(caf::actor_system& sys, supervisor_options options) {
  return sys.spawn<caf::stateful_actor<supervisor_state, supervisor_impl::impl>>(
    std::move(options));
}

} // namespace cafka::supervision
