#include <cafka/protocol/machines/dispatcher.hpp>

#include <algorithm>
#include <string>
#include <vector>

// What the dispatcher does about brokers' quotas.

namespace cafka::protocol {

const quotas::hold* dispatcher::held(time_point now, const link& l, api_key key) const {
  const auto* by = quotas_.held(now, l.address(), key);
  const auto& muted = l.muted();
  // On the connection itself the broker reads nothing, whatever it is.
  return muted.until > now && (by == nullptr || muted.until > by->until) ? &muted : by;
}

void dispatcher::note_hold(pending_call& c, const link& l, const quotas::hold& by) {
  const auto& what = by.what;
  c.quota = "throttled by the quota of ";
  c.quota += l.broker().value() < 0 ? to_string(l.address())
                                    : "broker " + std::to_string(l.broker().value());
  c.quota += " for " + std::to_string(what.time.count()) + " ms";
  if (what.told_ms != what.time.count())
    c.quota += ", max_throttle, although it said " + std::to_string(what.told_ms) + " ms";
}

void dispatcher::heed_quota(
  time_point now, link& from, api_key key, const throttle& what) {
  if (what.time <= std::chrono::milliseconds{0})
    return;
  quotas_.note(now, from.address(), key, what);
  if (!what.client_pauses)
    return;
  const quotas::hold by{now + what.time, what};
  from.mute(by);
  std::vector<std::pair<call_id, pending_call*>> behind;
  for (auto& [id, c] : calls_) {
    if (c.on != &from)
      continue;
    note_hold(c, from, by);
    if (c.what->what().quota_extends_deadline)
      behind.emplace_back(id, &c);
  }
  for (auto& [id, c] : behind) {
    deadlines_.erase({c->deadline, id});
    c->deadline += what.time;
    deadlines_.emplace(c->deadline, id);
  }
}

std::chrono::milliseconds dispatcher::silence_of(const link& l) const {
  return options_.socket_timeout + quotas_.delay(l.address());
}

} // namespace cafka::protocol
