#pragma once

#include <cafka/supervision/supervisor.hpp>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/behavior.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

// A program's own block, where a program's own block usually is.
CAF_BEGIN_TYPE_ID_BLOCK(supervision_tests, caf::first_custom_type_id)

CAF_ADD_ATOM(supervision_tests, cafka::supervision::test, crash_atom)
CAF_ADD_ATOM(supervision_tests, cafka::supervision::test, quit_atom)
CAF_ADD_ATOM(supervision_tests, cafka::supervision::test, ping_atom)
CAF_ADD_ATOM(supervision_tests, cafka::supervision::test, release_atom)

CAF_END_TYPE_ID_BLOCK(supervision_tests)

namespace cafka::supervision::test {

// Long enough for a loaded machine under a sanitizer; a test that passes never waits for
// it.
inline constexpr std::chrono::seconds test_timeout{30};

inline void init_types() {
  static const bool done = [] {
    caf::init_global_meta_objects<caf::id_block::supervision_tests>();
    caf::init_global_meta_objects<caf::id_block::cafka_supervision>();
    caf::core::init_global_meta_objects();
    return true;
  }();
  static_cast<void>(done);
}

// What a supervisor reported so far; waits for what it will report.
class event_log {
public:
  std::function<void(const supervision_event&)> observer() {
    return [this](const supervision_event& event) {
      std::lock_guard guard{mutex_};
      events_.push_back(event);
      changed_.notify_all();
    };
  }

  std::vector<supervision_event> events() const {
    std::lock_guard guard{mutex_};
    return events_;
  }

  // With the handles in them: that of an actor on another node must not outlive its
  // system.
  void forget() {
    std::lock_guard guard{mutex_};
    events_.clear();
  }

  std::size_t count(event_kind kind, const std::string& child = {}) const {
    std::lock_guard guard{mutex_};
    return count_locked(kind, child);
  }

  // Whether `n` events of this kind (of this child, unless empty) have come by the
  // deadline.
  bool wait_for(event_kind kind, std::size_t n, const std::string& child = {}) const {
    std::unique_lock guard{mutex_};
    return changed_.wait_for(
      guard, test_timeout, [&] { return count_locked(kind, child) >= n; });
  }

  // The children that events of this kind were about, in order.
  std::vector<std::string> children(event_kind kind) const {
    std::vector<std::string> result;
    std::lock_guard guard{mutex_};
    for (const auto& e : events_)
      if (e.kind == kind)
        result.push_back(e.child);
    return result;
  }

  supervision_event first(event_kind kind) const {
    std::lock_guard guard{mutex_};
    auto i = std::find_if(
      events_.begin(), events_.end(), [&](const auto& e) { return e.kind == kind; });
    REQUIRE(i != events_.end());
    return *i;
  }

private:
  std::size_t count_locked(event_kind kind, const std::string& child) const {
    return static_cast<std::size_t>(
      std::count_if(events_.begin(), events_.end(), [&](const auto& e) {
        return e.kind == kind && (child.empty() || e.child == child);
      }));
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<supervision_event> events_;
};

// An answer to a request: a value or an error.
template <class T>
struct answer {
  T value{};
  bool ok = false;
  caf::error error;
};

// A child that does what it is told: crashes, quits, answers.
inline caf::behavior obedient(caf::event_based_actor* self) {
  return {
    [](crash_atom) { throw std::runtime_error("told to crash"); },
    [self](quit_atom, const caf::error& reason) { self->quit(reason); },
    [](ping_atom) { return ping_atom_v; },
  };
}

// A child that does not end when it is told to, but when it is released.
inline caf::behavior stubborn_that_tells(
  caf::event_based_actor* self, std::function<void()> told) {
  trap_exit(self, [told](caf::exit_msg&) { told(); });
  return {
    [self](release_atom) { self->quit(); },
    [](ping_atom) { return ping_atom_v; },
    [told](caf::exit_msg&) { told(); },
  };
}

inline caf::behavior stubborn(caf::event_based_actor* self) {
  return stubborn_that_tells(self, [] {});
}

template <class F>
start_function start_of(F behavior_function) {
  return [behavior_function](caf::actor_system& sys) {
    return caf::actor_cast<caf::strong_actor_ptr>(sys.spawn(behavior_function));
  };
}

// An actor system, a supervisor with a log and a registry, and a thread that asks it.
struct fixture {
  caf::actor_system_config cfg;
  event_log log;
  std::shared_ptr<registry> names = std::make_shared<registry>();
  std::optional<caf::actor_system> sys;
  std::optional<caf::scoped_actor> self;
  supervisor_actor supervisor;

  explicit fixture(restart_intensity intensity = {10, std::chrono::seconds{60}},
    strategy how = strategy::simple_one_for_one) {
    init_types();
    sys.emplace(cfg);
    self.emplace(*sys);
    supervisor = spawn({.strategy = how, .intensity = intensity});
  }

  ~fixture() {
    post(supervisor, stop{caf::timespan::zero()});
    supervisor = nullptr;
    self.reset();
    sys.reset(); // waits for all actors
  }

  supervisor_actor spawn(supervisor_options options) {
    options.name = "top";
    options.names = names;
    options.observer = log.observer();
    return spawn_supervisor(*sys, std::move(options));
  }

  supervisor_info info() {
    auto result = request<supervisor_info>(supervisor, get_info{});
    REQUIRE(result.ok);
    return result.value;
  }

  std::vector<child_info> children() {
    auto result = request<std::vector<child_info>>(supervisor, which_children{});
    REQUIRE(result.ok);
    return result.value;
  }

  template <class T, class Dest, class... Ts>
  answer<T> request(const Dest& dest, Ts&&... xs) {
    answer<T> result;
    auto on_error = [&](caf::error& e) { result.error = std::move(e); };
    auto pending = ask(*self, dest, test_timeout, std::forward<Ts>(xs)...);
    if constexpr (std::is_same_v<T, bool>) // for an empty answer
      std::move(pending).receive([&] { result.value = result.ok = true; }, on_error);
    else
      std::move(pending).receive(
        [&](T& x) {
          result.value = std::move(x);
          result.ok = true;
        },
        on_error);
    return result;
  }

  // Registers it under its id, unless it has a name.
  answer<caf::strong_actor_ptr> try_start(child_spec spec) {
    if (spec.name.empty())
      spec.name = spec.id;
    return request<caf::strong_actor_ptr>(supervisor, start_child{std::move(spec)});
  }

  caf::strong_actor_ptr start(child_spec spec) {
    auto result = try_start(std::move(spec));
    INFO(to_string(result.error));
    REQUIRE(result.ok);
    return result.value;
  }

  caf::strong_actor_ptr start(
    std::string id, restart_type restart = restart_type::permanent) {
    return start({.id = std::move(id), .start = start_of(obedient), .restart = restart});
  }

  bool answers(const caf::strong_actor_ptr& child) {
    return child != nullptr && request<ping_atom>(child, ping_atom_v).ok;
  }

  // Waits until no actor but those of this thread is left.
  bool all_gone() {
    const auto deadline = std::chrono::steady_clock::now() + test_timeout;
    while (running_actors(*sys) > 1) {
      if (std::chrono::steady_clock::now() > deadline)
        return false;
      std::this_thread::yield();
    }
    return true;
  }
};

} // namespace cafka::supervision::test
