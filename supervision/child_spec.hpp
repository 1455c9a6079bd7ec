#pragma once

#include <cafka/supervision/restart_policy.hpp>

#include <caf/actor_control_block.hpp>
#include <caf/error.hpp>
#include <caf/fwd.hpp>
#include <caf/timespan.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <variant>

namespace cafka::supervision {

/// How a supervisor ends a child. OTP: a child specification's `shutdown`.
///
/// A child is sent an exit message with the reason `user_shutdown`, and after the time
/// given, if it still runs, with `kill`. CAF cannot interrupt a running handler: a child
/// that never returns from one outlives its kill, and the supervisor waits for it.
class shutdown {
public:
  /// Kills at once.
  static constexpr shutdown brutal_kill() noexcept {
    return shutdown{caf::timespan::zero()};
  }

  /// Asks, and kills when `time` is over. Zero or less kills at once.
  static constexpr shutdown timeout(caf::timespan time) noexcept {
    return shutdown{time > caf::timespan::zero() ? time : caf::timespan::zero()};
  }

  /// Asks, and waits however long it takes. For children that are supervisors.
  static constexpr shutdown infinity() noexcept { return shutdown{caf::timespan::max()}; }

  /// OTP's default for workers: five seconds.
  constexpr shutdown() noexcept : time_(std::chrono::seconds{5}) {}

  constexpr bool is_brutal_kill() const noexcept {
    return time_ == caf::timespan::zero();
  }

  constexpr bool is_infinity() const noexcept { return time_ == caf::timespan::max(); }

  /// The time given; `caf::timespan::max()` for infinity.
  constexpr caf::timespan time() const noexcept { return time_; }

  friend constexpr bool operator==(shutdown, shutdown) noexcept = default;

private:
  explicit constexpr shutdown(caf::timespan time) noexcept : time_(time) {}

  caf::timespan time_;
};

/// What a start function returns: the new actor, or why there is none.
using start_result = std::variant<caf::strong_actor_ptr, caf::error>;

/// Starts a child.
///
/// Called by the supervisor, in its own thread of control, at the start and at each
/// restart: it must return a new actor each time and should return soon. A null handle
/// and an exception are failed starts, too.
using start_function = std::function<start_result(caf::actor_system&)>;

/// Describes a child: its name, how it is started, restarted and ended. OTP:
/// `child_spec()`.
struct child_spec {
  /// Unique among the children of a supervisor; must not be empty.
  std::string id;
  start_function start;
  restart_type restart = restart_type::permanent;
  supervision::shutdown shutdown = {};
};

} // namespace cafka::supervision
