#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace cafka::protocol {

/// A lock for a few nanoseconds: free, it costs one atomic exchange; taken, it spins for
/// a moment, then lets other threads run, and then sleeps. For `std::lock_guard`.
class spin_lock {
public:
  spin_lock() = default;
  spin_lock(const spin_lock&) = delete;
  spin_lock& operator=(const spin_lock&) = delete;

  /// Waits until it has the lock.
  void lock() {
    while (taken_.exchange(true, std::memory_order_acquire)) {
      for (int i = 0; taken_.load(std::memory_order_relaxed); ++i) {
        // Its holder may have been preempted, and then spinning does not help.
        if (i >= spins + yields)
          std::this_thread::sleep_for(std::chrono::microseconds{50});
        else if (i >= spins)
          std::this_thread::yield();
      }
    }
  }

  /// Gives the lock back.
  void unlock() { taken_.store(false, std::memory_order_release); }

private:
  static constexpr int spins = 64;
  static constexpr int yields = 2;
  std::atomic<bool> taken_ = false;
};

} // namespace cafka::protocol
