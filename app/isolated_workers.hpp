#pragma once

#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace cafka {

/// The workers that have a supervisor of their own each, by its name. Any thread.
class isolated_workers {
public:
  /// What a worker without a name is called in events.
  static constexpr const char* no_name = "(no name)";

  struct known {
    explicit known(std::string n) : name(std::move(n)) {}

    /// The supervisor's; the worker's as well, if it has one.
    const std::string name;

    void set(const caf::strong_actor_ptr& worker) {
      const std::lock_guard guard{mutex};
      now = caf::actor_cast<caf::weak_actor_ptr>(worker);
    }
    [[nodiscard]] caf::strong_actor_ptr current() {
      const std::lock_guard guard{mutex};
      return caf::actor_cast<caf::strong_actor_ptr>(now);
    }

  private:
    std::mutex mutex;
    caf::weak_actor_ptr now;
  };

  std::shared_ptr<known> add(const std::string& worker) {
    const std::lock_guard guard{mutex_};
    all_.push_back(std::make_shared<known>(
      worker.empty() ? std::string{no_name} + ' ' + std::to_string(++last_) : worker));
    return all_.back();
  }

  void remove(const std::shared_ptr<known>& which) {
    const std::lock_guard guard{mutex_};
    std::erase(all_, which);
  }

  /// The worker under the supervisor of that name; null: none.
  caf::strong_actor_ptr current(const std::string& name) {
    const std::lock_guard guard{mutex_};
    for (const auto& k : all_) {
      // One that was refused because of its name is here for a moment, too.
      if (auto now = k->current(); now != nullptr && k->name == name)
        return now;
    }
    return nullptr;
  }

  /// The name of the supervisor that has this worker; nobody's: none.
  std::string find(const caf::strong_actor_ptr& worker) {
    const std::lock_guard guard{mutex_};
    for (const auto& k : all_) {
      if (k->current() == worker)
        return k->name;
    }
    return {};
  }

private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<known>> all_;
  std::uint64_t last_ = 0;
};

} // namespace cafka
