#pragma once

#include <cafka/actors/producer.hpp>
#include <cafka/actors/worker.hpp>

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace cafka::actors {

/// What the handles of a producer and the incarnations of its actor share.
class producer_core {
public:
  /// The options must be checked: `check`.
  producer_core(caf::actor_system& system, producer_options settings);

  /// `invalid_argument` names the option, its value and what is allowed.
  [[nodiscard]] static error check(const producer_options& options);

  caf::actor_system& sys;
  const producer_options options;
  protocol::accumulator batches;

  /// Set by the application: ends the actor for good.
  std::function<void()> on_closed;

  // -- the actor's side -----------------------------------------------------------------

  void attach(producer_actor self);
  void detach(const caf::actor_addr& self);
  /// Something changed that a caller may wait for: room, metadata, the actor.
  void notify();

  // -- the handles' side ----------------------------------------------------------------

  [[nodiscard]] producer_actor current() const;
  /// Blocks until `holds` or the deadline; `holds` is asked whenever something changed,
  /// and without a lock, so that it may do anything.
  template <class Condition>
  bool wait_until(std::chrono::steady_clock::time_point deadline, Condition holds) {
    for (auto late = false;; ) {
      const auto seen = changes();
      if (holds())
        return true;
      if (late)
        return false;
      late = !wait_changed(seen, deadline);
    }
  }

  /// The present, as precise as the kernel's tick, for a record's time.
  static timestamp coarse_now();

private:
  void wake() const;
  std::uint64_t changes() const;
  bool wait_changed(
    std::uint64_t seen, std::chrono::steady_clock::time_point deadline) const;

  mutable std::mutex changes_mutex_;
  mutable std::condition_variable changed_;
  std::uint64_t changes_ = 0;

  mutable std::mutex actor_mutex_;
  // Weak: a core that its actor refers to must not keep the actor.
  caf::weak_actor_ptr actor_;
};

/// Starts the actor of a producer. `connection`: how it reaches the cluster.
producer_actor spawn_producer(caf::actor_system& sys, std::shared_ptr<producer_core> core,
  worker_options connection, std::shared_ptr<transport_factory> transports);

} // namespace cafka::actors
