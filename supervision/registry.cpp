#include "registry.hpp"

#include <utility>

namespace cafka::supervision {

// Dropping the last reference to an actor runs its destructor, which may call back:
// handles are therefore moved out of the table and released after the lock.

registry::place registry::add(std::string_view name, caf::strong_actor_ptr current) {
  const auto tag = place_index::tag_of(name);
  std::lock_guard guard{mutex_};
  if (find(name, tag) != nowhere)
    return nowhere;
  if (empty_.empty()) {
    empty_.push_back(static_cast<place>(entries_.size()));
    entries_.emplace_back();
  }
  const auto where = empty_.back();
  empty_.pop_back();
  entries_[where] = {std::string{name}, std::move(current), true};
  by_name_.insert(tag, where);
  return where;
}

void registry::replace(place where, caf::strong_actor_ptr current) {
  std::vector<waiter> told;
  const auto next = current;
  {
    std::lock_guard guard{mutex_};
    std::swap(entries_[where].current, current);
    if (next != nullptr)
      told = waiters_of(where);
  }
  for (const auto& call : told)
    call(next);
}

void registry::remove(place where) {
  entry last;
  std::vector<waiter> told;
  {
    std::lock_guard guard{mutex_};
    last = std::exchange(entries_[where], {});
    by_name_.erase(place_index::tag_of(last.name), where);
    empty_.push_back(where);
    told = waiters_of(where);
  }
  for (const auto& call : told)
    call(nullptr);
}

void registry::on_next(
  std::string_view name, const caf::strong_actor_ptr& stale, waiter call) {
  const auto tag = place_index::tag_of(name);
  caf::strong_actor_ptr found;
  {
    std::lock_guard guard{mutex_};
    if (const auto where = find(name, tag); where != nowhere) {
      found = entries_[where].current;
      if (found == nullptr || found == stale) {
        waiting_[where].push_back(std::move(call));
        return;
      }
    }
  }
  call(std::move(found));
}

registry::place registry::find(std::string_view name, place_index::tag tag) const {
  return by_name_.find(tag, [&](place p) { return entries_[p].name == name; });
}

// Wakes the threads, too: they look again once the lock is free.
std::vector<registry::waiter> registry::waiters_of(place where) {
  if (!blocked_.empty())
    for (auto [i, end] = blocked_.equal_range(where); i != end; ++i)
      i->second->notify_all();
  if (waiting_.empty())
    return {};
  auto node = waiting_.extract(where);
  return node.empty() ? std::vector<waiter>{} : std::move(node.mapped());
}

caf::strong_actor_ptr registry::look_up(std::string_view name) const {
  const auto tag = place_index::tag_of(name);
  std::lock_guard guard{mutex_};
  const auto where = find(name, tag);
  return where != nowhere ? entries_[where].current : nullptr;
}

bool registry::contains(std::string_view name) const {
  const auto tag = place_index::tag_of(name);
  std::lock_guard guard{mutex_};
  return find(name, tag) != nowhere;
}

caf::strong_actor_ptr registry::wait_for(std::string_view name,
  const caf::strong_actor_ptr& stale, clock::time_point deadline) const {
  const auto tag = place_index::tag_of(name);
  std::unique_lock guard{mutex_};
  std::condition_variable changed;
  for (auto late = false;;) {
    // Its place may be another by now.
    const auto where = find(name, tag);
    if (where == nowhere)
      return nullptr;
    if (const auto& current = entries_[where].current;
        current != nullptr && current != stale)
      return current;
    if (late)
      return nullptr;
    const auto me = blocked_.emplace(where, &changed);
    late = changed.wait_until(guard, deadline) == std::cv_status::timeout;
    blocked_.erase(me);
  }
}

std::vector<std::string> registry::names() const {
  std::vector<std::string> result;
  std::lock_guard guard{mutex_};
  result.reserve(by_name_.size());
  for (const auto& e : entries_)
    if (e.taken)
      result.push_back(e.name);
  return result;
}

std::size_t registry::size() const {
  std::lock_guard guard{mutex_};
  return by_name_.size();
}

} // namespace cafka::supervision
