#pragma once

#include "caf_compat.hpp"
#include "stays_here.hpp"

#include <caf/actor_cast.hpp>

#include <chrono>
#include <cstdint>

namespace cafka::supervision {

/// From an `actor_alarm` to its actor: the time may have come. `number`: which setting of
/// the alarm this is about.
struct alarm_rings {
  /// Which setting of the alarm it belongs to.
  std::uint64_t number = 0;
};

CAFKA_STAYS_HERE(alarm_rings)

/// The one timer of an actor.
///
/// It is set to the next moment at which the actor has something to do. Setting it
/// earlier replaces it; setting it later does nothing, so it may ring early, and the
/// actor sets it again. Whatever is set, one message at most is not stale: messages never
/// multiply.
class actor_alarm {
public:
  /// The time of a steady clock.
  using time_point = std::chrono::steady_clock::time_point;

  /// Rings at `at`, or earlier if it is set to an earlier moment already;
  /// `time_point::max()` sets nothing. `Handle`: a type of handle to the actor itself
  /// that takes `alarm_rings`.
  template <class Handle, class Self>
  void set(const Self& self, time_point now, time_point at) {
    if (at >= at_)
      return;
    at_ = at;
    const auto handle = caf::actor_cast<Handle>(self);
    const alarm_rings message{++number_};
    if (at > now)
      tell_after(self, handle, at - now, message);
    else
      tell(self, handle, message);
  }

  /// Takes the message. False: it is stale, and there is nothing to do.
  [[nodiscard]] bool rings(const alarm_rings& msg) {
    if (msg.number != number_ || at_ == time_point::max())
      return false;
    at_ = time_point::max();
    return true;
  }

private:
  time_point at_ = time_point::max();
  std::uint64_t number_ = 0;
};

} // namespace cafka::supervision
