#pragma once

#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/events.hpp>

#include <vector>

namespace cafka::supervision {

/// The actors that are told of each event, until they have enough or have ended.
class subscribers {
public:
  /// Once, however often it is added; null is nobody.
  void add(const caf::strong_actor_ptr& who) {
    remove(who);
    if (who != nullptr)
      all_.push_back(caf::actor_cast<caf::weak_actor_ptr>(who));
  }

  void remove(const caf::strong_actor_ptr& who) {
    std::erase_if(
      all_, [&](const auto& s) { return s.get() == who.get() || s.lock() == nullptr; });
  }

  void tell(const supervision_event& event) {
    std::erase_if(all_, [&](const auto& s) {
      const auto subscriber = s.lock();
      post(subscriber, event);
      return subscriber == nullptr;
    });
  }

  [[nodiscard]] bool empty() const { return all_.empty(); }

private:
  std::vector<caf::weak_actor_ptr> all_;
};

} // namespace cafka::supervision
