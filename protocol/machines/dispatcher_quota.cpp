#include "dispatcher.hpp"

#include <algorithm>
#include <string>

// What the dispatcher does about brokers' quotas.

namespace cafka::protocol {

const quotas::hold* dispatcher::held(
  time_point now, const broker_connection& l, api_key key) const {
  const auto* by = quotas_.held(now, l.address(), key);
  const auto& muted = l.muted();
  // On the connection itself the broker reads nothing, whatever it is.
  return muted.until > now && (by == nullptr || muted.until > by->until) ? &muted : by;
}

std::string dispatcher::quota_text(broker_id of, const throttle& what) {
  auto text = "throttled by the quota of "
    + (of.value() < 0 ? std::string{"a broker"} : "broker " + std::to_string(of.value()))
    + " for " + std::to_string(what.time.count()) + " ms";
  if (what.told_ms != what.time.count())
    text += ", max_throttle, although it said " + std::to_string(what.told_ms) + " ms";
  return text;
}

void dispatcher::apply_throttle(
  time_point now, broker_connection& from, api_key key, const throttle& what) {
  tell_pause(now, from, what.time);
  if (what.time <= std::chrono::milliseconds{0})
    return;
  quotas_.note(now, from.address(), key, what);
  if (!what.client_pauses)
    return;
  from.mute({now + what.time, what});
  if (!any_extends_)
    return;
  for (auto& [id, c] : calls_) {
    if (c.on == &from)
      extend(id, c, what.time);
  }
}

void dispatcher::extend(call_id id, pending_call& c, std::chrono::milliseconds by) {
  if (!c.what->what().quota_extends_deadline || by <= std::chrono::milliseconds{0})
    return;
  deadlines_.erase({c.deadline, id});
  c.deadline += by;
  deadlines_.emplace(c.deadline, id);
}

std::chrono::milliseconds dispatcher::silence_of(const broker_connection& l) const {
  return options_.socket_timeout + quotas_.delay(l.address());
}

} // namespace cafka::protocol
