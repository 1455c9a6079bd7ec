#include "context.hpp"

#include <algorithm>

namespace cafka {

void joined_groups::joined(
  protocol::time_point now, const std::string& group, timeouts what) {
  groups_[group] = {what, now};
  if (groups_.size() >= limit_)
    forget_idle(now);
}

joined_groups::timeouts joined_groups::timeouts_of(
  protocol::time_point now, const std::string& group) {
  const auto found = groups_.find(group);
  if (found == groups_.end())
    return {};
  found->second.used = now;
  return found->second.what;
}

void joined_groups::forget_idle(protocol::time_point now) {
  std::erase_if(groups_, [&](const auto& named) {
    const auto& g = named.second;
    return now - g.used > std::max({g.what.rebalance, g.what.session, idle_});
  });
  limit_ = std::max<std::size_t>(64, 2 * groups_.size());
}

} // namespace cafka
