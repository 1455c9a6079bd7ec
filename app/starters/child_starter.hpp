#pragma once

#include "../../protocol/words.hpp"
#include "../../supervision/supervisor.hpp"

#include <caf/actor_system.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cafka {

/// Starts and ends named children, each under a supervisor of its own: one that crashes
/// more often than `intensity` allows ends alone. Any thread; it may be kept longer than
/// the application.
class child_starter {
public:
  /// What it goes by.
  struct rules {
    /// The supervisors of an application by their names.
    std::shared_ptr<supervision::registry> supervisors;
    /// The name of the one under which the children live.
    std::string under;
    /// Where children may be registered under names; null: nowhere.
    std::shared_ptr<supervision::registry> names = {};
    supervision::restart_intensity intensity = {};
    supervision::restart_delay restart_delay = {};
    /// Told each event of the children's supervisors.
    std::function<void(const supervision::supervision_event&)> observer = {};
  };

  /// Makes each incarnation.
  using spawn_function = std::function<caf::strong_actor_ptr(caf::actor_system&)>;
  /// Called once, when no incarnation can follow, with the reason.
  using given_up_function = std::function<void(const error&)>;

  /// Children that live beside it, and are started before it.
  struct companions {
    std::vector<supervision::child_spec> children;
    /// Where they are registered under their names; null: nowhere.
    std::shared_ptr<supervision::registry> names;
  };

  child_starter(caf::actor_system& sys, rules how) : sys_(sys), rules_(std::move(how)) {}

  /// The child's supervisor, as a child of the one that the rules name. The child is
  /// started again after a crash; a normal end and one that was asked for end its
  /// supervisor, too. `registered`: the child's name in `names`; empty: it has none.
  [[nodiscard]] supervision::child_spec spec(const std::string& name,
    supervision::start_function start, given_up_function given_up,
    const std::string& registered = {}, companions beside = {}) const;

  /// Errors: `already_started`, `closed`.
  [[nodiscard]] error start(const std::string& name, spawn_function spawn,
    given_up_function given_up, companions beside = {}) const;

  /// Ends it for good; false: not within the deadline, but it will.
  bool end(const std::string& name, milliseconds deadline = default_deadline) const;

private:
  /// For the supervisor's answers, which wait for little.
  static constexpr milliseconds default_deadline{5'000};

  [[nodiscard]] supervision::supervisor_actor supervisor() const {
    return caf::actor_cast<supervision::supervisor_actor>(
      rules_.supervisors->look_up(rules_.under));
  }

  caf::actor_system& sys_;
  const rules rules_;
};

} // namespace cafka
