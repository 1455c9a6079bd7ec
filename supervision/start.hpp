#pragma once

#include <caf/actor_control_block.hpp>
#include <caf/actor_system.hpp>
#include <caf/error.hpp>
#include <caf/message.hpp>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

namespace cafka::supervision {

/// The child's start function wants no child now. OTP: `ignore`.
struct ignore {};

/// The child is being started: the owner of the context's `later()` will say when it has
/// started, or that it failed.
struct starting {
  /// The actor, if there is one yet; watched, and asked to end when the start is given
  /// up.
  caf::strong_actor_ptr child = {};
};

/// What a start function returns: the new actor, why there is none, or the promise of
/// one.
using start_result = std::variant<caf::strong_actor_ptr, caf::error, ignore, starting>;

/// Reports to a supervisor the result of a start that takes its time. OTP:
/// `proc_lib:init_ack/2`.
///
/// May be copied, sent and used in any thread. The first call counts; if the last copy is
/// dropped without one, the start has failed.
class start_later {
public:
  /// Called once, in any thread; `starting` means the actor named so. It must not throw.
  using receiver = std::function<void(start_result)>;

  start_later() = default;
  /// Reports the result to `to`.
  explicit start_later(receiver to);

  /// Whether there is a receiver of the report.
  explicit operator bool() const noexcept { return state_ != nullptr; }

  /// The actor that `starting` named has started.
  void started() const;
  /// This actor has started. It is killed if it is not wanted any more; another that
  /// `starting` named is killed in any case.
  void started(caf::strong_actor_ptr child) const;
  /// There will be no child.
  void failed(caf::error why) const;
  /// No child is wanted now.
  void ignored() const;

private:
  class state;
  std::shared_ptr<state> state_;
};

/// What a start function is called with; it converts to `caf::actor_system&`, for those
/// that need no more. It is there for the call alone: what is needed longer,
/// `arguments()` and `later()`, is kept by itself.
class start_context {
public:
  /// Makes what reports a start that takes its time.
  using make_later = std::function<start_later()>;

  /// Without `later` no one waits for a `starting`.
  start_context(
    caf::actor_system& sys, caf::message arguments = {}, make_later later = {})
    : system_(sys), arguments_(std::move(arguments)), make_later_(std::move(later)) {}

  start_context(const start_context&) = delete;
  start_context& operator=(const start_context&) = delete;

  /// The actor system.
  operator caf::actor_system&() const noexcept { return system_; }

  /// The actor system.
  caf::actor_system& system() const noexcept { return system_; }

  /// The supervisor's extra arguments, followed by those of the specification.
  const caf::message& arguments() const noexcept { return arguments_; }

  /// For a start that returns `starting`.
  start_later later() const { return make_later_ ? make_later_() : start_later{}; }

private:
  caf::actor_system& system_;
  caf::message arguments_;
  make_later make_later_;
};

/// Starts a child.
///
/// Called by the supervisor, in its own thread of control, at the start and at each
/// restart: it must return a new actor each time and must return soon. What takes its
/// time returns `starting`, or is wrapped in `start_elsewhere`. A null handle and an
/// exception are failed starts, too.
using start_function = std::function<start_result(const start_context&)>;

namespace detail {

/// `errc::start_failed`, and why.
caf::error start_failed(std::string why);

} // namespace detail

/// Calls a start function; a null handle and an exception are errors.
start_result call_start(const start_function& start, const start_context& context);

/// A start function that calls another in a thread of its own, so that it may block: the
/// supervisor goes on answering meanwhile. `slow` must not return `starting`.
start_function start_elsewhere(start_function slow);

} // namespace cafka::supervision
