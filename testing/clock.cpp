#include "clock.hpp"

#include "../supervision/run_here.hpp"

#if CAFKA_CAF_HAS_EXECUTION_UNIT
#include <caf/action.hpp>
#include <caf/actor_clock.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/execution_unit.hpp>
#include <caf/logger.hpp>
#include <caf/resumable.hpp>
#include <caf/scheduler/abstract_coordinator.hpp>
#endif

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace cafka::testing {

#if CAFKA_CAF_HAS_EXECUTION_UNIT

using time_point = clock::time_point;
using duration = clock::duration;

namespace {

/// So long, in real time, nothing must happen before time flows on.
constexpr std::chrono::microseconds rest_before_jump{100};

class scheduler;

} // namespace

/// What a clock and its actor systems share: the actors that have messages to handle, the
/// alarms, and the thread that runs them all.
struct clock_core {
  clock_core() : thread([this] { work(); }) {}
  clock_core(const clock_core&) = delete;
  clock_core& operator=(const clock_core&) = delete;
  ~clock_core() {
    {
      const std::lock_guard lock{mutex};
      ended = true;
    }
    changed.notify_all();
    thread.join();
  }

  struct job {
    scheduler* owner;
    caf::resumable* what;
  };
  struct alarm {
    scheduler* owner;
    caf::action what;
    duration period;
  };

  void enqueue(scheduler* owner, caf::resumable* what) {
    {
      const std::lock_guard lock{mutex};
      ready.push_back({owner, what});
    }
    changed.notify_all();
  }

  void schedule(scheduler* owner, time_point when, caf::action what, duration period) {
    {
      const std::lock_guard lock{mutex};
      alarms.emplace(when, alarm{owner, std::move(what), period});
    }
    changed.notify_all();
  }

  /// Time goes on up to then.
  void go_on_until(time_point when) {
    std::unique_lock lock{mutex};
    target = std::max(target, when);
    changed.notify_all();
    rested.wait(lock, [&] { return at_rest() && now.load() >= when; });
  }

  /// When the next alarm rings; those that were called off do not.
  time_point next_alarm() {
    std::vector<caf::action> off;
    const std::lock_guard lock{mutex};
    drop_called_off(off);
    return alarms.empty() ? time_point::max() : alarms.begin()->first;
  }

  /// Nothing of a scheduler happens any more.
  void leave(scheduler* owner) {
    std::vector<caf::action> gone; // What they hold may end actors: behind the lock.
    std::unique_lock lock{mutex};
    rested.wait(lock, [&] {
      return std::ranges::none_of(ready, [&](const job& j) { return j.owner == owner; })
        && busy_with != owner;
    });
    for (auto at = alarms.begin(); at != alarms.end();) {
      if (at->second.owner != owner) {
        ++at;
        continue;
      }
      gone.push_back(std::move(at->second.what));
      at = alarms.erase(at);
    }
    lock.unlock();
  }

  std::mutex mutex;
  std::condition_variable changed; ///< For the thread.
  std::condition_variable rested;  ///< For those who wait for it.
  std::deque<job> ready;
  std::multimap<time_point, alarm> alarms;
  std::atomic<time_point> now{time_point{std::chrono::hours{1}}};
  time_point target{std::chrono::hours{1}};
  std::size_t flows = 0;
  scheduler* busy_with = nullptr;
  bool ended = false;
  std::thread thread; ///< The last: it uses all of these.

private:
  [[nodiscard]] bool is_due() const {
    return !alarms.empty() && alarms.begin()->first <= target;
  }
  [[nodiscard]] bool at_rest() const {
    return ready.empty() && busy_with == nullptr && !is_due() && now.load() >= target;
  }
  void drop_called_off(std::vector<caf::action>& off) {
    while (!alarms.empty() && alarms.begin()->second.what.disposed()) {
      off.push_back(std::move(alarms.begin()->second.what));
      alarms.erase(alarms.begin());
    }
  }

  void work();
  void run(std::unique_lock<std::mutex>& lock, job next);
  void ring(std::unique_lock<std::mutex>& lock);
  void jump(std::unique_lock<std::mutex>& lock);
};

namespace {

/// A scheduler of CAF's that has its jobs done by a clock's thread.
class scheduler final : public caf::scheduler::abstract_coordinator,
                        public caf::actor_clock {
public:
  scheduler(caf::actor_system& sys, std::shared_ptr<clock_core> core)
    : abstract_coordinator(sys), core_(std::move(core)), unit_(*this) {}

  void enqueue(caf::resumable* what) override { core_->enqueue(this, what); }
  caf::actor_clock& clock() noexcept override { return *this; }
  void stop() override {
    stop_actors();
    core_->leave(this);
  }

  time_point now() const noexcept override { return core_->now.load(); }
  using caf::actor_clock::schedule_periodically;
  caf::disposable schedule_periodically(
    time_point first, caf::action what, duration period) override {
    auto handle = what.as_disposable();
    core_->schedule(this, first, std::move(what), period);
    return handle;
  }

  /// True: it wants to go on.
  bool resume(caf::resumable* what) {
    const of_system here{system()};
    switch (what->resume(&unit_, max_throughput())) {
    case caf::resumable::resume_later: return true;
    case caf::resumable::awaiting_message:
    case caf::resumable::done: intrusive_ptr_release(what); break;
    case caf::resumable::shutdown_execution_unit: break;
    }
    return false;
  }

  caf::action::transition ring(caf::action& what) {
    const of_system here{system()};
    return what.run();
  }

private:
  /// What CAF keeps of a system for the thread; the system's end waits for it to go.
  struct of_system {
    explicit of_system(caf::actor_system& sys) {
      caf::logger::set_current_actor_system(&sys);
    }
    of_system(const of_system&) = delete;
    of_system& operator=(const of_system&) = delete;
    ~of_system() { caf::logger::set_current_actor_system(nullptr); }
  };
  struct unit final : caf::execution_unit {
    explicit unit(scheduler& to) : execution_unit(&to.system()), to_(to) {}
    void exec_later(caf::resumable* what) override { to_.enqueue(what); }
    scheduler& to_;
  };

  std::shared_ptr<clock_core> core_;
  unit unit_;
};

} // namespace

void clock_core::work() {
  std::unique_lock lock{mutex};
  for (;;) {
    if (!ready.empty()) {
      const auto next = ready.front();
      ready.pop_front();
      run(lock, next);
      continue;
    }
    if (is_due()) {
      ring(lock);
      continue;
    }
    now = std::max(now.load(), target);
    rested.notify_all();
    if (ended)
      return;
    const auto something = [this] {
      return ended || !ready.empty() || is_due() || now.load() < target;
    };
    if (flows == 0 || alarms.empty())
      changed.wait(lock, [&] { return something() || (flows > 0 && !alarms.empty()); });
    else if (!changed.wait_for(lock, rest_before_jump, something) && flows > 0)
      jump(lock);
  }
}

/// Time goes on to the next alarm, if there is one that was not called off.
void clock_core::jump(std::unique_lock<std::mutex>& lock) {
  std::vector<caf::action> off;
  drop_called_off(off);
  if (!alarms.empty())
    target = std::max(target, alarms.begin()->first);
  lock.unlock();
  off.clear(); // What they hold may end actors.
  lock.lock();
}

void clock_core::run(std::unique_lock<std::mutex>& lock, job next) {
  busy_with = next.owner;
  lock.unlock();
  const auto again = next.owner->resume(next.what);
  lock.lock();
  if (again)
    ready.push_back(next);
  busy_with = nullptr;
  rested.notify_all();
}

void clock_core::ring(std::unique_lock<std::mutex>& lock) {
  const auto first = alarms.begin();
  const auto when = first->first;
  // What it holds may end an actor, which must not happen behind the lock.
  std::optional<alarm> what{std::move(first->second)};
  alarms.erase(first);
  if (!what->what.disposed())
    now = std::max(now.load(), when);
  busy_with = what->owner;
  lock.unlock();
  if (what->owner->ring(what->what) == caf::action::transition::success
    && what->period.count() > 0)
    schedule(what->owner, when + what->period, what->what, what->period);
  what.reset();
  lock.lock();
  busy_with = nullptr;
  rested.notify_all();
}

void clock::set_in(caf::actor_system_config& config) {
  config.module_factories.push_back([core = core_](caf::actor_system& sys) {
    return static_cast<caf::actor_system::module*>(new scheduler{sys, core});
  });
}

#else

/// There is none.
struct clock_core {
  void go_on_until(clock::time_point) {}
  clock::time_point next_alarm() { return clock::time_point::max(); }
  std::mutex mutex;
  std::condition_variable changed;
  std::atomic<clock::time_point> now{clock::time_point{std::chrono::hours{1}}};
  std::size_t flows = 0;
};

void clock::set_in(caf::actor_system_config&) {
  throw std::logic_error{
    "a clock by hand needs CAF 0.18, whose scheduler can be replaced"};
}

#endif

clock::clock() : core_(std::make_shared<clock_core>()) {
}

clock::~clock() = default;

clock::time_point clock::now() const {
  return core_->now.load();
}

void clock::settle() {
  core_->go_on_until(now());
}

void clock::advance(duration by) {
  core_->go_on_until(now() + by);
}

bool clock::run_until(const std::function<bool()>& done, duration at_most) {
  const auto end = now() + at_most;
  for (settle(); !done();) {
    const auto next = core_->next_alarm();
    if (next > end)
      return false;
    core_->go_on_until(next);
  }
  return true;
}

clock::flow clock::flowing() {
  return flow{core_};
}

clock::flow::flow(std::shared_ptr<clock_core> core) : core_(std::move(core)) {
  {
    const std::lock_guard lock{core_->mutex};
    ++core_->flows;
  }
  core_->changed.notify_all();
}

clock::flow::~flow() {
  if (core_ == nullptr) // It was moved from.
    return;
  const std::lock_guard lock{core_->mutex};
  --core_->flows;
}

} // namespace cafka::testing
