#pragma once

#include "place_index.hpp"

#include <caf/actor_control_block.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cafka::supervision {

/// Names of actors that outlive the actors: a name always yields the current incarnation.
///
/// A supervisor writes it; any thread reads it, without a message to any actor. A name
/// whose actor has ended and is about to be restarted stays known, with no actor behind
/// it. After a crash a look-up may for a moment still yield the ended actor, until its
/// supervisor has heard of it: requests to it are answered with an error, and `wait_for`
/// yields its successor.
class registry {
public:
  /// The clock of deadlines.
  using clock = std::chrono::steady_clock;
  /// Is called with the actor behind a name.
  using waiter = std::function<void(caf::strong_actor_ptr)>;
  /// Where a name is kept, for its owner: a restart need not look for it.
  using place = place_index::place;

  /// No place.
  static constexpr place nowhere = place_index::nowhere;

  registry() = default;
  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;

  /// Registers a new name, with `current` behind it (null: none yet). `nowhere` if it is
  /// taken.
  place add(std::string_view name, caf::strong_actor_ptr current);

  /// Puts another incarnation (null: none for now) behind a name that was added.
  void replace(place where, caf::strong_actor_ptr current);

  /// Forgets a name that was added; those who wait for it are notified.
  void remove(place where);

  /// The current incarnation; null if the name is unknown or has no actor just now.
  caf::strong_actor_ptr look_up(std::string_view name) const;

  /// Whether the name is registered, with or without an actor behind it.
  bool contains(std::string_view name) const;

  /// Blocks until the name yields an actor other than `stale`, and returns it.
  ///
  /// `stale` is the incarnation that failed the caller; null accepts any. Returns null
  /// once `deadline` has passed, and at once when the name is, or becomes, unknown. For
  /// plain threads; an actor must not block.
  caf::strong_actor_ptr wait_for(std::string_view name,
    const caf::strong_actor_ptr& stale, clock::time_point deadline) const;

  /// Calls back once, with the actor, as soon as the name yields one other than `stale`;
  /// with null when the name is, or becomes, unknown.
  ///
  /// Perhaps at once, perhaps in another thread, and then from within a supervisor: it
  /// must not block and must not throw.
  void on_next(std::string_view name, const caf::strong_actor_ptr& stale, waiter call);

  /// All names, in no order.
  std::vector<std::string> names() const;

  /// How many names are registered.
  std::size_t size() const;

private:
  struct entry {
    std::string name;
    caf::strong_actor_ptr current;
    bool taken = false;
  };

  // With the lock held.
  [[nodiscard]] place find(std::string_view name, place_index::tag tag) const;
  std::vector<waiter> waiters_of(place where);

  mutable std::mutex mutex_;
  std::deque<entry> entries_; // for none of them moves
  std::vector<place> empty_;
  place_index by_name_;
  std::unordered_map<place, std::vector<waiter>> waiting_; // not to be called yet
  // Threads in `wait_for`: each is woken for its own name alone.
  mutable std::multimap<place, std::condition_variable*> blocked_;
};

} // namespace cafka::supervision
