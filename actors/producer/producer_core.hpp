#pragma once

#include "../../protocol/log_level.hpp"
#include "../../protocol/machines/producer_machine.hpp"
#include "../worker/worker.hpp"
#include "producer.hpp"

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

  /// Set by the application, which then also calls `release`: ends the actor for good.
  std::function<void()> on_closed;
  /// Set by the application: told what went wrong where no one else can be told.
  std::function<void(protocol::log_level, const std::string&)> on_trouble;

  // -- the actor's side -----------------------------------------------------------------

  /// An incarnation begins; between these two it alone takes from `batches`.
  void enter();
  /// It takes messages.
  void attach(producer_actor self);
  /// It has ended.
  void leave(const caf::actor_addr& self);
  /// Something changed that a caller may wait for: room, metadata, the actor.
  void notify() { changes_->notify(); }

  /// Hands a report to `deliver_to`, `on_delivery` and the records' callbacks. What one
  /// of them throws goes no further: it is told to `on_trouble` and counted.
  void tell(protocol::delivery_report report) const noexcept;
  void tell_all(std::vector<protocol::delivery_report> reports) const noexcept;
  /// The one place where stalls are told: to `on_stalled`, and as text to `on_trouble`.
  void tell(protocol::stall_report report) const noexcept;
  /// How often callbacks of the program have thrown since the last call.
  [[nodiscard]] std::uint64_t take_thrown() {
    return thrown_.load(std::memory_order_relaxed) == 0
      ? 0
      : thrown_.exchange(0, std::memory_order_relaxed);
  }

  /// No incarnation follows that which runs, if one does: nothing is taken any more, and
  /// what no incarnation is left to send is reported with `why`. A second call does
  /// nothing.
  void end(const error& why);

  /// Another may have the name now.
  void release();

  // -- the handles' side ----------------------------------------------------------------

  [[nodiscard]] producer_actor current() const;
  /// Takes no more records; who waits for room is told.
  void close();
  /// Code `none` as long as it goes on.
  [[nodiscard]] error why_ended() const;
  [[nodiscard]] bool is_released() const { return released_; }
  /// From now on, or as good as for ever.
  static std::chrono::steady_clock::time_point until(milliseconds deadline);
  /// Blocks until `holds` or the deadline; `holds` is asked whenever something changed,
  /// and without a lock, so that it may do anything.
  template <class Condition>
  bool wait_until(std::chrono::steady_clock::time_point deadline, Condition holds) {
    for (auto late = false;;) {
      const auto seen = changes_->count();
      if (holds())
        return true;
      if (late)
        return false;
      late = !changes_->wait(seen, deadline);
    }
  }

  /// The present, as precise as the kernel's tick, for a record's time.
  static timestamp coarse_now();

private:
  /// Counts what may have changed. Memory that comes back counts here, and may do so when
  /// the producer is gone.
  class changes {
  public:
    void notify();
    [[nodiscard]] std::uint64_t count() const;
    bool wait(std::uint64_t seen, std::chrono::steady_clock::time_point deadline) const;

  private:
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::uint64_t count_ = 0;
  };

  void wake() const;
  void give_up(const error& why);
  void note_thrown(const char* which, const std::string& what) const noexcept;
  template <class Callback>
  void contain(const char* which, Callback call) const noexcept;

  const std::shared_ptr<changes> changes_ = std::make_shared<changes>();

  mutable std::atomic<std::uint64_t> thrown_ = 0;
  mutable std::atomic<std::int64_t> complained_at_ = INT64_MIN;

  std::atomic<bool> released_ = false;

  mutable std::mutex actor_mutex_;
  // Weak: a core that its actor refers to must not keep the actor.
  caf::weak_actor_ptr actor_;
  int incarnations_ = 0;
  error why_ended_;
};

/// Starts the actor of a producer. `connection`: how it reaches the cluster.
producer_actor spawn_producer(caf::actor_system& sys, std::shared_ptr<producer_core> core,
  connection_options connection, std::shared_ptr<transport_factory> transports);

} // namespace cafka::actors
