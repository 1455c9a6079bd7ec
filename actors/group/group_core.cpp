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
  case group_event_kind::kept: return "kept";
  case group_event_kind::revoked: return "revoked";
  case group_event_kind::lost: return "lost";
  }
  return "unknown";
}

} // namespace cafka

namespace cafka::actors {

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
  post(actor.get(), member_changed{});
}

void group_core::end(const error& why) {
  {
    const std::lock_guard guard{mutex_};
    if (!has_ended())
      why_ended_ = why;
  }
  actor.end();
}

error group_core::why_ended() const {
  const std::lock_guard guard{mutex_};
  return why_ended_;
}

template <class Reply, class Request>
result<Reply> group_core::ask(
  const std::string& name, milliseconds time, Request what) const {
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  /// Beyond the deadline, for the member's own answer that it has passed.
  constexpr milliseconds grace{100};
  const auto until = std::chrono::steady_clock::now() + std::min(time, longest);
  const auto member = caf::actor_cast<member_actor>(actor.wait(until));
  if (has_ended()) {
    const auto why = why_ended();
    return why ? why : error{error_code::closed, name + " has left its group"};
  }
  if (!member)
    return error{error_code::timed_out, "the member " + name + " is being restarted"};
  const auto left =
    std::max(std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now()),
      milliseconds{1});
  if constexpr (requires { what.deadline; })
    what.deadline = left;
  result<Reply> outcome =
    error{error_code::timed_out, "the member " + name + " did not answer"};
  caf::scoped_actor self{sys_};
  cafka::ask(self, member, left + grace, std::move(what))
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
