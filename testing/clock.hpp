#pragma once

#include <caf/fwd.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace cafka::testing {

struct clock_core;

/// Time by hand for a test's actor system: deadlines, pauses and heartbeats of minutes
/// pass at once, in their order, the same way each time.
///
/// Time stands until it is told to go on: by `advance`, by `run_until`, or by itself
/// while a `flow` lasts. All actors of the system take turns on one thread; what detached
/// actors and other threads wait for on their own, such as `consumer.poll`, is in real
/// time. Needs CAF 0.18, whose scheduler can be replaced.
class clock {
public:
  /// As actors have it.
  using time_point = std::chrono::steady_clock::time_point;
  /// As actors count it.
  using duration = time_point::duration;

  /// Time begins one hour after zero, the same in each test.
  clock();
  clock(const clock&) = delete;
  clock& operator=(const clock&) = delete;
  ~clock();

  /// Actor systems made from this configuration have this clock. To be called before the
  /// system is made; a program's own configuration and cafka's do alike. Throws
  /// `std::logic_error` with CAF 1.0 and later.
  void set_in(caf::actor_system_config& config);

  /// The present.
  [[nodiscard]] time_point now() const;

  /// Waits until no actor has anything to do at the present time.
  void settle();
  /// Time goes on by so much: whatever is due meanwhile happens, and what follows from
  /// it. Returns when all actors are at rest.
  void advance(duration by);
  /// Time jumps from one alarm to the next until `done`, which is asked whenever all
  /// actors are at rest. False: after `at_most`, or when no alarm is left, it is not.
  bool run_until(
    const std::function<bool()>& done, duration at_most = std::chrono::hours{1});

  /// Time flows as long as this lives; see `flowing`.
  class [[nodiscard]] flow {
  public:
    /// Made by `clock::flowing`.
    explicit flow(std::shared_ptr<clock_core> core);
    flow(flow&&) = default;
    flow& operator=(flow&&) = delete;
    flow(const flow&) = delete;
    flow& operator=(const flow&) = delete;
    ~flow();

  private:
    std::shared_ptr<clock_core> core_;
  };

  /// From now on time jumps to the next alarm whenever all actors are at rest: for calls
  /// that block, such as those of `application`, and for the end of an actor system. Not
  /// the same way each time, for it goes on while the calling thread computes.
  flow flowing();

private:
  std::shared_ptr<clock_core> core_;
};

} // namespace cafka::testing
