#include "consumer_group.hpp"

#include "topic_pattern.hpp"

#include <algorithm>

namespace cafka::testing {

using namespace protocol;

namespace {

/// The epoch of a static member that will be back.
constexpr std::int32_t away = -2;
/// From this version of OffsetCommit on a member of this protocol may commit.
constexpr std::int16_t epochs_since = 9;

consumer_group_heartbeat_response failed(error_code why) {
  consumer_group_heartbeat_response response;
  response.error_code = why;
  response.error_message = std::string{text(why)};
  return response;
}

std::optional<group_places> owned_in(const consumer_group_heartbeat_request& asked) {
  if (!asked.topic_partitions)
    return std::nullopt;
  group_places all;
  for (const auto& t : *asked.topic_partitions) {
    for (const auto p : t.partitions)
      all.insert({t.topic_id, p.value()});
  }
  return all;
}

/// By topic, in the form of an answer.
template <class Topic, class Places, class Place>
std::vector<Topic> by_topic(const Places& places, Place place) {
  std::vector<Topic> all;
  for (const auto& p : places) {
    const group_place& at = place(p);
    if (all.empty() || all.back().topic_id != at.topic)
      all.emplace_back().topic_id = at.topic;
    all.back().partitions.emplace_back(at.partition);
  }
  return all;
}

} // namespace

// -- who asks
// -------------------------------------------------------------------------------

error_code consumer_group::check_epoch(
  const member& m, std::int32_t epoch, const owned_places& owned) {
  if (epoch == 0 || epoch == m.epoch)
    return error_code::none;
  // The answer with the newer epoch may have been lost, but not what it took away.
  const auto lost_answer = epoch < m.epoch && epoch == m.previous_epoch && owned
    && std::ranges::all_of(*owned, [&](const auto& p) { return m.assigned.contains(p); });
  return lost_answer ? error_code::none : error_code::fenced_member_epoch;
}

error_code consumer_group::find(const heartbeat_request& asked, const owned_places& owned,
  member& out, std::string& replaced) const {
  const auto joins = asked.member_epoch == 0;
  const auto mine = members_.find(asked.member_id);
  if (!asked.instance_id) {
    if (mine == members_.end())
      return joins ? error_code::none : error_code::unknown_member_id;
    out = mine->second;
    return check_epoch(out, asked.member_epoch, owned);
  }
  const auto holder = static_.find(*asked.instance_id);
  if (joins && holder == static_.end()) {
    if (mine != members_.end())
      out = mine->second;
    return error_code::none;
  }
  if (holder == static_.end())
    return error_code::unknown_member_id;
  out = members_.at(holder->second);
  if (!joins)
    return holder->second == asked.member_id ? check_epoch(out, asked.member_epoch, owned)
                                             : error_code::fenced_instance_id;
  if (out.epoch != away)
    return error_code::unreleased_instance_id;
  replaced = holder->second;
  out.epoch = out.previous_epoch = 0;
  out.revoke_until = time_point::max();
  return error_code::none;
}

void consumer_group::update(
  member& m, const heartbeat_request& asked, const std::string& client_id) {
  m.client_id = client_id;
  if (asked.instance_id)
    m.instance = asked.instance_id;
  if (asked.rack_id)
    m.rack = asked.rack_id;
  if (asked.rebalance_timeout_ms != -1)
    m.rebalance_timeout = milliseconds{asked.rebalance_timeout_ms};
  if (asked.server_assignor)
    m.assignor = asked.server_assignor;
  if (asked.subscribed_topic_names)
    m.topics = {
      asked.subscribed_topic_names->begin(), asked.subscribed_topic_names->end()};
  if (asked.subscribed_topic_regex)
    m.pattern = *asked.subscribed_topic_regex;
}

void consumer_group::replace(const std::string& old, const std::string& id) {
  if (old == id)
    return;
  members_.erase(old);
  if (auto target = targets_.extract(old)) {
    target.key() = id;
    targets_.erase(id);
    targets_.insert(std::move(target));
  }
}

void consumer_group::remove(const std::string& id) {
  const auto gone = members_.extract(id).mapped();
  targets_.erase(id);
  if (gone.instance)
    static_.erase(*gone.instance);
  if (subscribers(gone.pattern) == 0)
    resolved_.erase(gone.pattern);
  ++epoch_;
}

// -- heartbeats
// -----------------------------------------------------------------------------

consumer_group_heartbeat_response consumer_group::heartbeat(time_point now,
  const heartbeat_request& asked, const std::string& client_id,
  const known_topics& topics) {
  if (asked.member_epoch < 0)
    return leave(asked);
  const auto& id = asked.member_id;
  if (members_.size() >= settings_.max_size && !members_.contains(id))
    return failed(error_code::group_max_size_reached);
  const auto owned = owned_in(asked);
  member before;
  std::string replaced;
  if (const auto why = find(asked, owned, before, replaced); why != error_code::none)
    return failed(why);
  auto after = before;
  update(after, asked, client_id);
  const auto pattern_changed = before.pattern != after.pattern;
  const auto& old_pattern = before.pattern;
  const auto& pattern = after.pattern;
  const auto unheard_of =
    pattern_changed && !pattern.empty() && subscribers(pattern) == 0;
  if (unheard_of && !topic_pattern::parse(pattern))
    return failed(error_code::invalid_regular_expression);

  // Nothing is refused from here on.
  if (!replaced.empty())
    replace(replaced, id);
  auto& m = members_[id] = after;
  if (m.instance)
    static_[*m.instance] = id;
  const auto names_changed = before.topics != after.topics;
  // One that is not resolved yet changes nothing until it is.
  const auto pattern_known = pattern_changed
    && (pattern.empty() ? !old_pattern.empty()
                        : !unheard_of && resolved_.contains(pattern));
  const auto resolved = resolved_.size();
  const auto last = resolved_.empty() ? std::nullopt : std::optional{resolved_at_};
  if (pattern_changed && subscribers(old_pattern) == 0)
    resolved_.erase(old_pattern);
  if (names_changed || pattern_known || outdated(topics))
    bump(topics);
  assign(now, topics);
  reconcile(now, id, topics, names_changed || pattern_changed, owned);
  m.alive_until = now + settings_.session_timeout;

  heartbeat_response response;
  response.member_id = id;
  response.member_epoch = m.epoch;
  response.heartbeat_interval_ms =
    static_cast<std::int32_t>(settings_.heartbeat_interval.count());
  const auto full = asked.rebalance_timeout_ms != -1 && owned
    && (asked.subscribed_topic_names || asked.subscribed_topic_regex);
  if (asked.member_epoch == 0 || full || m.assigned != before.assigned)
    response.assignment.emplace().topic_partitions =
      by_topic<consumer_group_heartbeat_topic_partitions>(
        m.assigned, [](const auto& p) { return p.first; });
  // A broker does this beside, so that the next heartbeat is the first to see it.
  refresh_patterns(now, topics, unheard_of, last, resolved);
  return response;
}

consumer_group_heartbeat_response consumer_group::leave(const heartbeat_request& asked) {
  auto id = asked.member_id;
  if (asked.instance_id) {
    const auto holder = static_.find(*asked.instance_id);
    if (holder == static_.end())
      return failed(error_code::unknown_member_id);
    if (holder->second != id)
      return failed(error_code::fenced_instance_id);
  } else if (!members_.contains(id)) {
    return failed(error_code::unknown_member_id);
  }
  if (asked.member_epoch == away) {
    auto& m = members_.at(id);
    m.epoch = away;
    m.revoked.clear();
    for (auto& [place, since] : m.assigned)
      since = 0;
  } else {
    remove(id);
  }
  heartbeat_response response;
  response.member_id = std::move(id);
  response.member_epoch = asked.member_epoch;
  return response;
}

error_code consumer_group::leave(
  const std::string& id, const std::optional<std::string>& instance) {
  if (!instance) {
    if (!members_.contains(id))
      return error_code::unknown_member_id;
    remove(id);
    return error_code::none;
  }
  const auto holder = static_.find(*instance);
  if (holder == static_.end())
    return error_code::unknown_member_id;
  if (!id.empty() && holder->second != id)
    return error_code::fenced_instance_id;
  remove(std::string{holder->second});
  return error_code::none;
}

// -- offsets
// --------------------------------------------------------------------------------

error_code consumer_group::may_commit(std::int16_t version, std::int32_t epoch,
  const std::string& id, const group_places& places, bool old_epochs) const {
  if (epoch < 0 && members_.empty())
    return error_code::none;
  const auto found = members_.find(id);
  if (found == members_.end())
    return error_code::unknown_member_id;
  if (version < epochs_since)
    return error_code::unsupported_version;
  const auto& m = found->second;
  const auto had = [&](const group_place& place) {
    for (const auto* all : {&m.assigned, &m.revoked}) {
      if (const auto mine = all->find(place); mine != all->end())
        return mine->second <= epoch;
    }
    return false;
  };
  return epoch == m.epoch
      || (old_epochs && epoch < m.epoch && std::ranges::all_of(places, had))
    ? error_code::none
    : error_code::stale_member_epoch;
}

error_code consumer_group::may_fetch(
  std::int32_t epoch, const std::optional<std::string>& id) const {
  if (!id && epoch < 0)
    return error_code::none;
  const auto found = members_.find(id.value_or(""));
  if (found == members_.end())
    return error_code::unknown_member_id;
  return found->second.epoch == epoch ? error_code::none : error_code::stale_member_epoch;
}

// -- time, and what there is
// -----------------------------------------------------------------

bool consumer_group::on_time(time_point now) {
  std::vector<std::string> late;
  for (auto& [id, m] : members_) {
    const auto stuck = m.revoke_until <= now && m.epoch == m.revoke_epoch;
    if (m.revoke_until <= now)
      m.revoke_until = time_point::max();
    if (stuck || m.alive_until <= now)
      late.push_back(id);
  }
  for (const auto& id : late)
    remove(id);
  return !late.empty();
}

consumer_group::time_point consumer_group::next_time() const {
  auto next = time_point::max();
  for (const auto& [id, m] : members_)
    next = std::min({next, m.alive_until, m.revoke_until});
  return next;
}

std::string consumer_group::state() const {
  if (members_.empty())
    return "Empty";
  if (epoch_ > assignment_epoch_)
    return "Assigning";
  return std::ranges::all_of(members_,
           [this](const auto& m) {
             return m.second.state == phase::stable
               && m.second.epoch == assignment_epoch_;
           })
    ? "Stable"
    : "Reconciling";
}

std::vector<std::string> consumer_group::members() const {
  std::vector<std::string> all;
  for (const auto& [id, m] : members_)
    all.push_back(id);
  return all;
}

consumer_group_describe_group consumer_group::describe(const known_topics& topics) const {
  std::map<uuid, std::string> names;
  for (const auto& [name, topic] : topics)
    names[topic.id] = name;
  const auto told = [&](const group_places& places) {
    auto all = by_topic<consumer_group_describe_topic_partitions>(
      places, [](const auto& p) { return p; });
    std::erase_if(all, [&](const auto& t) { return !names.contains(t.topic_id); });
    for (auto& t : all)
      t.topic_name = names.at(t.topic_id);
    return all;
  };
  consumer_group_describe_group out;
  out.group_state = state();
  out.group_epoch = epoch_;
  out.assignment_epoch = assignment_epoch_;
  out.assignor_name = assignor();
  for (const auto& [id, m] : members_) {
    auto& x = out.members.emplace_back();
    x.member_id = id;
    x.instance_id = m.instance;
    x.rack_id = m.rack;
    x.member_epoch = m.epoch;
    x.client_id = m.client_id;
    x.client_host = "/127.0.0.1";
    x.subscribed_topic_names = {m.topics.begin(), m.topics.end()};
    x.subscribed_topic_regex = m.pattern;
    group_places has;
    for (const auto* all : {&m.assigned, &m.revoked}) {
      for (const auto& [place, since] : *all)
        has.insert(place);
    }
    x.assignment.topic_partitions = told(has);
    if (const auto target = targets_.find(id); target != targets_.end())
      x.target_assignment.topic_partitions = told(target->second);
    x.member_type = 1;
  }
  return out;
}

} // namespace cafka::testing
