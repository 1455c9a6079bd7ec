#include <cafka/supervision/registry.hpp>

#include <utility>

namespace cafka::supervision {

// Dropping the last reference to an actor runs its destructor, which may call back:
// handles are therefore moved out of the map and released after the lock.

bool registry::add(std::string_view name, caf::strong_actor_ptr current) {
  std::lock_guard guard{mutex_};
  return current_.try_emplace(std::string{name}, std::move(current)).second;
}

bool registry::replace(std::string_view name, caf::strong_actor_ptr current) {
  std::vector<waiter> told;
  const auto next = current;
  {
    std::lock_guard guard{mutex_};
    auto i = current_.find(name);
    if (i == current_.end())
      return false;
    std::swap(i->second, current);
    if (next != nullptr)
      told = waiters_of(name);
  }
  changed_.notify_all();
  for (const auto& call : told)
    call(next);
  return true;
}

bool registry::remove(std::string_view name) {
  caf::strong_actor_ptr last;
  std::vector<waiter> told;
  {
    std::lock_guard guard{mutex_};
    auto i = current_.find(name);
    if (i == current_.end())
      return false;
    last = std::move(i->second);
    current_.erase(i);
    told = waiters_of(name);
  }
  changed_.notify_all();
  for (const auto& call : told)
    call(nullptr);
  return true;
}

void registry::on_next(
  std::string_view name, const caf::strong_actor_ptr& stale, waiter call) {
  caf::strong_actor_ptr found;
  {
    std::lock_guard guard{mutex_};
    if (auto i = current_.find(name); i != current_.end()) {
      if (i->second == nullptr || i->second == stale) {
        waiting_[std::string{name}].push_back(std::move(call));
        return;
      }
      found = i->second;
    }
  }
  call(std::move(found));
}

std::vector<registry::waiter> registry::waiters_of(std::string_view name) {
  if (waiting_.empty())
    return {};
  const auto i = waiting_.find(name);
  if (i == waiting_.end())
    return {};
  auto result = std::move(i->second);
  waiting_.erase(i);
  return result;
}

caf::strong_actor_ptr registry::look_up(std::string_view name) const {
  std::lock_guard guard{mutex_};
  auto i = current_.find(name);
  return i != current_.end() ? i->second : nullptr;
}

bool registry::contains(std::string_view name) const {
  std::lock_guard guard{mutex_};
  return current_.find(name) != current_.end();
}

caf::strong_actor_ptr registry::wait_for(std::string_view name,
  const caf::strong_actor_ptr& stale, clock::time_point deadline) const {
  std::unique_lock guard{mutex_};
  caf::strong_actor_ptr found;
  changed_.wait_until(guard, deadline, [&] {
    auto i = current_.find(name);
    if (i == current_.end())
      return true;
    if (i->second == nullptr || i->second == stale)
      return false;
    found = i->second;
    return true;
  });
  return found;
}

std::vector<std::string> registry::names() const {
  std::vector<std::string> result;
  std::lock_guard guard{mutex_};
  result.reserve(current_.size());
  for (const auto& [name, handle] : current_)
    result.push_back(name);
  return result;
}

std::size_t registry::size() const {
  std::lock_guard guard{mutex_};
  return current_.size();
}

} // namespace cafka::supervision
