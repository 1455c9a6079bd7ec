#include "consumer_group.hpp"
#include "topic_pattern.hpp"

#include <algorithm>

// What members subscribe to, the target that follows from it, and each member's way
// there.

namespace cafka::testing {

using namespace protocol;

namespace {

/// Kafka: GroupMetadataManager.REGEX_BATCH_REFRESH_MIN_INTERVAL_MS.
constexpr std::chrono::seconds shortest_refresh{10};
/// Kafka: group.consumer.regex.refresh.interval.ms.
constexpr std::chrono::minutes longest_refresh{10};

/// Whether a member still has any of these: it does unless it says what it owns.
template <class Places>
bool owns_any(const std::optional<group_places>& owned, const Places& of) {
  return !owned
    || std::ranges::any_of(of, [&](const auto& p) { return owned->contains(p.first); });
}

} // namespace

// -- what members subscribe to
// ---------------------------------------------------------------

std::size_t consumer_group::subscribers(const std::string& pattern) const {
  return static_cast<std::size_t>(std::ranges::count_if(
    members_, [&](const auto& m) { return m.second.pattern == pattern; }));
}

std::set<std::string> consumer_group::names_of(const member& m) const {
  auto all = m.topics;
  if (const auto found = resolved_.find(m.pattern); found != resolved_.end())
    all.insert(found->second.begin(), found->second.end());
  return all;
}

std::set<uuid> consumer_group::ids_of(const member& m, const known_topics& topics) const {
  std::set<uuid> all;
  for (const auto& name : names_of(m)) {
    if (const auto found = topics.find(name); found != topics.end())
      all.insert(found->second.id);
  }
  return all;
}

known_topics consumer_group::meant(const known_topics& topics) const {
  known_topics all;
  for (const auto& [id, m] : members_) {
    for (const auto& name : names_of(m)) {
      if (const auto found = topics.find(name); found != topics.end())
        all.insert(*found);
    }
  }
  return all;
}

/// Whether what members mean has changed in the cluster since the epoch began.
bool consumer_group::outdated(const known_topics& topics) const {
  const auto at = [](const known_topics& all, const std::string& name) {
    const auto found = all.find(name);
    return found == all.end() ? known_topic{} : found->second;
  };
  return std::ranges::any_of(members_, [&](const auto& m) {
    return std::ranges::any_of(names_of(m.second),
      [&](const auto& name) { return at(topics, name) != at(meant_, name); });
  });
}

void consumer_group::bump(const known_topics& topics) {
  ++epoch_;
  meant_ = meant(topics);
}

void consumer_group::refresh_patterns(time_point now, const known_topics& topics,
  bool required, std::optional<time_point> last, std::size_t resolved) {
  std::set<std::string> patterns;
  for (const auto& [id, m] : members_) {
    if (!m.pattern.empty())
      patterns.insert(m.pattern);
  }
  if (patterns.empty() || (last && now <= *last + shortest_refresh))
    return;
  const auto has_new = std::ranges::any_of(
    topics, [this](const auto& t) { return !seen_.contains(t.second.id); });
  if (!required && patterns.size() == resolved && !has_new && last
    && now <= *last + longest_refresh)
    return;
  seen_.clear();
  for (const auto& [name, topic] : topics)
    seen_.insert(topic.id);
  resolved_at_ = now;
  auto changed = false;
  for (const auto& pattern : patterns) {
    const auto what = topic_pattern::parse(pattern);
    std::set<std::string> found;
    for (const auto& [name, topic] : topics) {
      if (what && what->matches(name))
        found.insert(name);
    }
    auto& known = resolved_[pattern];
    changed = changed || known != found;
    known = std::move(found);
  }
  if (changed || outdated(topics))
    bump(topics);
}

bool consumer_group::subscribes(const std::string& topic) const {
  return std::ranges::any_of(
    members_, [&](const auto& m) { return names_of(m.second).contains(topic); });
}

// -- assignments
// ----------------------------------------------------------------------------

/// The one that most members want; of equals the first, and `uniform` without a wish.
std::string consumer_group::assignor() const {
  std::map<std::string, int> votes;
  for (const auto& [id, m] : members_) {
    if (m.assignor)
      ++votes[*m.assignor];
  }
  const auto most =
    std::ranges::max_element(votes, {}, [](const auto& v) { return v.second; });
  return most == votes.end() ? "uniform" : most->first;
}

void consumer_group::assign(time_point now, const known_topics& topics) {
  if (assignment_epoch_ >= epoch_
    || (assigned_at_ && now < *assigned_at_ + settings_.assignment_interval))
    return;
  std::vector<assignable_member> all;
  topic_sizes sizes;
  for (const auto& [id, m] : members_)
    all.push_back({id, m.instance, ids_of(m, topics), targets_[id]});
  for (const auto& [name, topic] : meant(topics))
    sizes[topic.id] = topic.partitions;
  targets_ =
    assignor() == "range" ? assign_ranges(all, sizes) : assign_uniformly(all, sizes);
  assignment_epoch_ = epoch_;
  assigned_at_ = now;
}

group_places consumer_group::owned_by_others(const std::string& id) const {
  group_places all;
  for (const auto& [other, m] : members_) {
    if (other == id)
      continue;
    for (const auto* places : {&m.assigned, &m.revoked}) {
      for (const auto& [place, since] : *places)
        all.insert(place);
    }
  }
  return all;
}

/// A member on its way to its target, by one step.
void consumer_group::reconcile(time_point now, const std::string& id,
  const known_topics& topics, bool subscription_changed, const owned_places& owned) {
  auto& m = members_.at(id);
  const auto arrived = m.state == phase::stable && m.epoch == assignment_epoch_;
  if (arrived && !subscription_changed)
    return;
  const auto before = m;
  const auto subscribed = ids_of(m, topics);
  const auto waits = m.state == phase::unrevoked && owns_any(owned, m.revoked);
  if (!arrived && !waits)
    go_on(m, id, subscribed, owned);
  else if (subscription_changed)
    drop_unsubscribed(m, subscribed, owned);
  if (m.epoch == before.epoch && m.previous_epoch == before.previous_epoch
    && m.state == before.state && m.assigned == before.assigned
    && m.revoked == before.revoked)
    return;
  m.revoke_until =
    m.state == phase::unrevoked ? now + m.rebalance_timeout : time_point::max();
  m.revoke_epoch = m.epoch;
}

void consumer_group::go_on(member& m, const std::string& id,
  const std::set<uuid>& subscribed, const owned_places& owned) const {
  dated_places kept, lost;
  group_places target;
  if (const auto found = targets_.find(id); found != targets_.end())
    std::ranges::copy_if(found->second, std::inserter(target, target.end()),
      [&](const auto& p) { return subscribed.contains(p.topic); });
  for (const auto& place : m.assigned)
    (target.contains(place.first) ? kept : lost).insert(place);
  m.previous_epoch = m.epoch;
  if (!lost.empty() && owns_any(owned, lost)) {
    m.state = phase::unrevoked;
    m.assigned = std::move(kept);
    m.revoked = std::move(lost);
    return;
  }
  const auto taken = owned_by_others(id);
  m.state = phase::stable;
  for (const auto& place : target) {
    if (kept.contains(place))
      continue;
    if (taken.contains(place))
      m.state = phase::unreleased;
    else
      kept[place] = assignment_epoch_;
  }
  m.assigned = std::move(kept);
  m.revoked.clear();
  m.epoch = assignment_epoch_;
}

/// It gives up what it does not subscribe to any more, and gets nothing yet.
void consumer_group::drop_unsubscribed(
  member& m, const std::set<uuid>& subscribed, const owned_places& owned) {
  auto rest = m.assigned;
  auto lost = m.revoked;
  for (const auto& place : m.assigned) {
    if (!subscribed.contains(place.first.topic)) {
      rest.erase(place.first);
      lost.insert(place);
    }
  }
  if (rest.size() == m.assigned.size())
    return;
  m.previous_epoch = m.epoch;
  m.assigned = std::move(rest);
  if (owns_any(owned, lost)) {
    m.state = phase::unrevoked;
    m.revoked = std::move(lost);
  }
}

} // namespace cafka::testing
