#pragma once

#include <cafka/actors/types.hpp>
#include <cafka/supervision/supervisor.hpp>

#include <caf/actor_system.hpp>

#include <functional>
#include <string>

namespace cafka {

/// Starts and ends the named children of a supervisor that has them on demand. Any
/// thread; it may be kept longer than the application.
class child_starter {
public:
  child_starter(caf::actor_system& sys, const caf::strong_actor_ptr& supervisor)
    : sys_(sys), supervisor_(caf::actor_cast<caf::weak_actor_ptr>(supervisor)) {}

  /// `spawn` makes each incarnation: one more after a crash, none after a normal end.
  /// `given_up` is called once, when no incarnation can follow. Errors:
  /// `already_started`, `closed`.
  [[nodiscard]] error start(const std::string& name,
    std::function<caf::strong_actor_ptr(caf::actor_system&)> spawn,
    std::function<void()> given_up) const;

  /// Ends it for good; false: not within the deadline, but it will.
  bool end(const std::string& name, milliseconds deadline = patience) const;

private:
  /// For the supervisor's answers, which wait for little.
  static constexpr milliseconds patience{5'000};

  [[nodiscard]] supervision::supervisor_actor supervisor() const {
    return caf::actor_cast<supervision::supervisor_actor>(supervisor_.lock());
  }

  caf::actor_system& sys_;
  const caf::weak_actor_ptr supervisor_;
};

} // namespace cafka
