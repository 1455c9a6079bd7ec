#pragma once

#include "../supervision/caf_compat.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace cafka::actors {

/// The present incarnation of an actor, for those that outlive it. Any thread.
class current_actor {
public:
  /// From here on this is the one.
  void attach(const caf::strong_actor_ptr& self) {
    {
      const std::lock_guard guard{mutex_};
      actor_ = caf::actor_cast<caf::weak_actor_ptr>(self);
    }
    attached_.notify_all();
  }
  /// This one has ended; if it is not the present one, nothing happens.
  void detach(const caf::actor_addr& self) {
    const std::lock_guard guard{mutex_};
    if (caf::actor_cast<caf::actor_addr>(actor_) == self)
      actor_ = nullptr;
  }
  /// None can follow.
  void end() {
    {
      const std::lock_guard guard{mutex_};
      ended_ = true;
    }
    attached_.notify_all();
  }

  /// Null while there is none.
  [[nodiscard]] caf::strong_actor_ptr get() const {
    const std::lock_guard guard{mutex_};
    return caf::actor_cast<caf::strong_actor_ptr>(actor_);
  }
  /// Likewise, waiting for the next one; null when none follows or by then.
  [[nodiscard]] caf::strong_actor_ptr wait(
    std::chrono::steady_clock::time_point until) const {
    std::unique_lock lock{mutex_};
    caf::strong_actor_ptr found;
    attached_.wait_until(lock, until, [&] {
      found = caf::actor_cast<caf::strong_actor_ptr>(actor_);
      return found != nullptr || ended_;
    });
    return found;
  }
  [[nodiscard]] bool has_ended() const {
    const std::lock_guard guard{mutex_};
    return ended_;
  }

private:
  mutable std::mutex mutex_;
  mutable std::condition_variable attached_;
  // Weak: what the actor refers to must not keep the actor.
  caf::weak_actor_ptr actor_;
  bool ended_ = false;
};

} // namespace cafka::actors
