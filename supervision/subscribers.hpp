#pragma once

#include "../base/thrown_by.hpp"
#include "caf_compat.hpp"
#include "events.hpp"

#include <caf/sec.hpp>

#include <functional>
#include <utility>
#include <vector>

namespace cafka::supervision {

/// The receivers of each event: an observer, if any, and the actors that have subscribed,
/// until they unsubscribe or end.
class subscribers {
public:
  explicit subscribers(std::function<void(const supervision_event&)> observer)
    : observer_(std::move(observer)) {}

  /// Once, however often it is added; null is nobody.
  void add(const caf::strong_actor_ptr& who) {
    remove(who);
    if (who != nullptr)
      actors_.push_back(caf::actor_cast<caf::weak_actor_ptr>(who));
  }

  void remove(const caf::strong_actor_ptr& who) {
    std::erase_if(actors_,
      [&](const auto& s) { return s.get() == who.get() || s.lock() == nullptr; });
  }

  /// What the observer throws is an event for the actors.
  void tell(const supervision_event& event) {
    if (observer_)
      if (auto thrown = thrown_by([&] { observer_(event); }))
        tell_actors({event_kind::observer_failed, event.supervisor, {}, {},
          caf::make_error(caf::sec::runtime_error, std::move(*thrown)), event.restarts,
          event.max_restarts});
    tell_actors(event);
  }

  [[nodiscard]] bool empty() const { return !observer_ && actors_.empty(); }

private:
  void tell_actors(const supervision_event& event) {
    std::erase_if(actors_, [&](const auto& s) {
      const auto subscriber = s.lock();
      post(subscriber, event);
      return subscriber == nullptr;
    });
  }

  std::function<void(const supervision_event&)> observer_;
  std::vector<caf::weak_actor_ptr> actors_;
};

} // namespace cafka::supervision
