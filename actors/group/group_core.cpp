#include "group_core.hpp"

#include "../../supervision/caf_compat.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <utility>

namespace cafka {

std::string_view to_string(group_event_kind k) {
  switch (k) {
  case group_event_kind::assigned: return "assigned";
  case group_event_kind::revoking: return "revoking";
  case group_event_kind::revoked: return "revoked";
  case group_event_kind::lost: return "lost";
  }
  return "unknown";
}

} // namespace cafka

namespace cafka::actors {

void group_core::attach(const member_actor& self) {
  {
    const std::lock_guard guard{mutex_};
    actor_ = caf::actor_cast<caf::weak_actor_ptr>(self);
  }
  attached_.notify_all();
}

void group_core::detach(const caf::actor_addr& self) {
  const std::lock_guard guard{mutex_};
  if (caf::actor_cast<caf::actor_addr>(actor_) == self)
    actor_ = nullptr;
}

std::optional<group_subscription> group_core::subscription(std::uint64_t& known) const {
  const std::lock_guard guard{mutex_};
  if (std::exchange(known, subscriptions_) == subscriptions_)
    return std::nullopt;
  return subscription_;
}

void group_core::subscribe(const group_subscription& what) {
  {
    const std::lock_guard guard{mutex_};
    subscription_ = what;
    ++subscriptions_;
  }
  wake();
}

void group_core::wake() const {
  caf::weak_actor_ptr weak;
  {
    const std::lock_guard guard{mutex_};
    weak = actor_;
  }
  if (const auto self = caf::actor_cast<caf::strong_actor_ptr>(weak))
    post(self, member_changed{});
}

void group_core::end(const error& why) {
  {
    const std::lock_guard guard{mutex_};
    if (!std::exchange(ended_, true))
      why_ended_ = why;
  }
  attached_.notify_all();
}

bool group_core::has_ended() const {
  const std::lock_guard guard{mutex_};
  return ended_;
}

error group_core::why_ended() const {
  const std::lock_guard guard{mutex_};
  return why_ended_;
}

member_actor group_core::current() const {
  caf::weak_actor_ptr weak;
  {
    const std::lock_guard guard{mutex_};
    weak = actor_;
  }
  return caf::actor_cast<member_actor>(caf::actor_cast<caf::strong_actor_ptr>(weak));
}

member_actor group_core::wait_for_actor(
  std::chrono::steady_clock::time_point until) const {
  std::unique_lock lock{mutex_};
  caf::strong_actor_ptr found;
  attached_.wait_until(lock, until, [&] {
    found = caf::actor_cast<caf::strong_actor_ptr>(actor_);
    return found != nullptr || ended_;
  });
  lock.unlock();
  return caf::actor_cast<member_actor>(found);
}

template <class Reply, class Request>
result<Reply> group_core::ask(
  const std::string& name, milliseconds time, Request what) const {
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  /// Beyond the deadline, for the member's own answer that it has passed.
  constexpr milliseconds grace{100};
  const auto until = std::chrono::steady_clock::now() + std::min(time, longest);
  const auto actor = wait_for_actor(until);
  if (has_ended()) {
    const auto why = why_ended();
    return why ? why : error{error_code::closed, name + " has left its group"};
  }
  if (!actor)
    return error{error_code::timed_out, "the member " + name + " is being restarted"};
  const auto left =
    std::max(std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()),
      milliseconds{1});
  if constexpr (requires { what.deadline; })
    what.deadline = left;
  result<Reply> outcome =
    error{error_code::timed_out, "the member " + name + " did not answer"};
  caf::scoped_actor self{sys_};
  cafka::ask(self, actor, left + grace, std::move(what))
    .receive([&](result<Reply>& told) { outcome = std::move(told); },
      [&](const caf::error& e) {
        if (e != caf::sec::request_timeout)
          outcome = error{
            error_code::closed, "the member " + name + " has ended: " + to_string(e)};
      });
  return outcome;
}

template result<done> group_core::ask(
  const std::string&, milliseconds, commit_offsets) const;
template result<done> group_core::ask(
  const std::string&, milliseconds, leave_group_now) const;
template result<member_status> group_core::ask(
  const std::string&, milliseconds, get_member_status) const;

} // namespace cafka::actors
