#include "connection_reports.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

std::uint8_t bit_of(lane l) {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(l));
}

} // namespace

connection_reports::trouble* connection_reports::find_or_make(
  time_point now, const endpoint& to) {
  if (const auto found = troubles_.find(to); found != troubles_.end())
    return &found->second;
  std::erase_if(troubles_, [&](const auto& entry) {
    return !entry.second.open && now - entry.second.over >= quiet;
  });
  return troubles_.size() < most_told ? &troubles_[to] : nullptr;
}

bool connection_reports::failed(
  time_point now, const endpoint& to, lane l, const std::string& why) {
  auto* t = find_or_make(now, to);
  if (t == nullptr)
    return false;
  const bool recent = !t->reasons.empty() && now - t->over < quiet;
  if (!t->open) {
    t->open = true;
    t->told = false;
    t->lanes = 0;
    t->since = now;
    if (!recent)
      t->reasons.clear();
    ++open_;
  }
  t->lanes |= bit_of(l);
  const bool known = std::ranges::find(t->reasons, why) != t->reasons.end();
  // Trouble that came back at once was kept quiet; that it stays is new.
  if (known && (t->told || recent))
    return false;
  if (!known && t->reasons.size() >= most_reasons)
    return false;
  if (!known)
    t->reasons.push_back(why);
  t->told = true;
  return true;
}

std::optional<connection_reports::time_point> connection_reports::answered(
  time_point now, const endpoint& by, lane l) {
  const auto found = troubles_.find(by);
  if (found == troubles_.end())
    return std::nullopt;
  auto& t = found->second;
  if (!t.open || (t.lanes & bit_of(l)) == 0)
    return std::nullopt;
  t.open = false;
  t.over = now;
  --open_;
  return t.told ? std::optional{t.since} : std::nullopt;
}

connection_reports::quota_change connection_reports::paused(
  time_point now, const endpoint& by, std::chrono::milliseconds time) {
  const auto found = pauses_.find(by);
  if (time <= std::chrono::milliseconds{0}) {
    if (found == pauses_.end() || now < found->second)
      return quota_change::nothing;
    pauses_.erase(found);
    return quota_change::ends;
  }
  const auto until = now + time + quiet;
  if (found != pauses_.end()) {
    found->second = std::max(found->second, until);
    return quota_change::nothing;
  }
  if (pauses_.size() >= most_told)
    return quota_change::nothing;
  pauses_[by] = until;
  return quota_change::begins;
}

} // namespace cafka::protocol
