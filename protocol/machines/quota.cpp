#include "quota.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

/// What a broker said of a quota so long ago says nothing of its next answer.
constexpr std::chrono::minutes remembered{10};

} // namespace

throttle throttle_of(
  std::int32_t told_ms, std::chrono::milliseconds longest, bool client_pauses) {
  return {std::clamp(std::chrono::milliseconds{told_ms}, std::chrono::milliseconds{0},
            std::max(longest, std::chrono::milliseconds{0})),
    told_ms, client_pauses};
}

void quotas::note(
  time_point now, const endpoint& broker, api_key key, const throttle& what) {
  std::erase_if(holds_, [&](const auto& h) { return now - h.second.until > remembered; });
  holds_[{broker, key}] = {what.client_pauses ? now + what.time : now, what};
}

const quotas::hold* quotas::held(
  time_point now, const endpoint& broker, api_key key) const {
  if (holds_.empty())
    return nullptr;
  const auto found = holds_.find({broker, key});
  return found == holds_.end() || found->second.until <= now ? nullptr : &found->second;
}

template <class F>
void quotas::each(const endpoint& broker, F f) const {
  for (auto at = holds_.lower_bound({broker, api_key{INT16_MIN}});
       at != holds_.end() && at->first.first == broker; ++at)
    f(at->second);
}

quotas::time_point quotas::held_until(const endpoint& broker) const {
  time_point last;
  each(broker, [&](const hold& h) { last = std::max(last, h.until); });
  return last;
}

std::chrono::milliseconds quotas::delay(const endpoint& broker) const {
  std::chrono::milliseconds longest{0};
  each(broker, [&](const hold& h) {
    if (!h.what.client_pauses)
      longest = std::max(longest, h.what.time);
  });
  return longest;
}

} // namespace cafka::protocol
