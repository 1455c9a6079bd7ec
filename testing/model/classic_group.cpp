#include "classic_group.hpp"

#include "../../protocol/messages/consumer_protocol.hpp"
#include "../../protocol/records/record.hpp"

#include <algorithm>

namespace cafka::testing {

using namespace protocol;

namespace {

/// How long a member may wait for its first answer.
constexpr std::chrono::minutes longest_first_join{5};
/// From this version of Join on a member without an id is told one, and joins again.
constexpr std::int16_t id_required_since = 4;
/// From this version of Join on a leader may be told that it need not assign.
constexpr std::int16_t skipping_since = 9;

join_group_response join_failed(const std::string& id, error_code why) {
  join_group_response response;
  response.error_code = why;
  response.member_id = id;
  return response;
}

sync_group_response sync_failed(error_code why) {
  sync_group_response response;
  response.error_code = why;
  return response;
}

bool same_protocols(const std::vector<join_group_request_protocol>& a,
  const std::vector<join_group_request_protocol>& b) {
  return a == b;
}

bool offers(
  const std::vector<join_group_request_protocol>& all, const std::string& name) {
  return std::ranges::any_of(all, [&](const auto& p) { return p.name == name; });
}

} // namespace

std::vector<std::string> classic_group::members() const {
  std::vector<std::string> all;
  for (const auto& [id, m] : members_)
    all.push_back(id);
  return all;
}

described_group classic_group::describe() const {
  described_group out;
  const auto stable = state_ == phase::stable;
  switch (state_) {
  case phase::empty: out.group_state = "Empty"; break;
  case phase::preparing: out.group_state = "PreparingRebalance"; break;
  case phase::completing: out.group_state = "CompletingRebalance"; break;
  case phase::stable: out.group_state = "Stable"; break;
  }
  out.protocol_type = type_;
  if (stable)
    out.protocol_data = protocol_;
  for (const auto& [id, m] : members_) {
    auto& x = out.members.emplace_back();
    x.member_id = id;
    x.group_instance_id = m.instance;
    x.client_id = m.client_id;
    x.client_host = "/127.0.0.1";
    if (!stable)
      continue;
    x.member_metadata = metadata_of(m);
    x.member_assignment = m.assignment;
  }
  return out;
}

shared_bytes classic_group::metadata_of(const member& m) const {
  const auto found =
    std::ranges::find(m.supported, protocol_, &join_group_request_protocol::name);
  return found == m.supported.end() ? shared_bytes{} : found->metadata;
}

bool classic_group::subscribes(const std::string& topic) const {
  if (type_ != "consumer" || members_.empty())
    return false;
  return std::ranges::any_of(members_, [&](const auto& m) {
    const auto metadata = metadata_of(m.second);
    const auto said = subscription_from(as_text(metadata.view()));
    return !said || std::ranges::find(said->topics, topic) != said->topics.end();
  });
}

error_code classic_group::known(
  const std::string& id, const std::optional<std::string>& instance) const {
  if (instance) {
    const auto found = static_.find(*instance);
    if (found == static_.end())
      return error_code::unknown_member_id;
    if (found->second != id)
      return error_code::fenced_instance_id;
  }
  return members_.contains(id) ? error_code::none : error_code::unknown_member_id;
}

bool classic_group::supports(const std::string& type, const protocols& offered) const {
  if (members_.empty())
    return !type.empty() && !offered.empty();
  return type == type_ && std::ranges::any_of(offered, [this](const auto& p) {
    return std::ranges::all_of(
      members_, [&](const auto& m) { return offers(m.second.supported, p.name); });
  });
}

std::string classic_group::chosen_protocol() const {
  std::map<std::string, int> votes;
  std::string best;
  for (const auto& [id, mine] : members_) {
    const auto first = std::ranges::find_if(mine.supported, [this](const auto& p) {
      return std::ranges::all_of(
        members_, [&](const auto& m) { return offers(m.second.supported, p.name); });
    });
    const auto mine_now = ++votes[first->name];
    if (best.empty() || mine_now > votes[best])
      best = first->name;
  }
  return best;
}

std::chrono::milliseconds classic_group::rebalance_timeout() const {
  // Never none, so that waiting ends.
  milliseconds longest{1};
  for (const auto& [id, m] : members_)
    longest = std::max(longest, m.rebalance_timeout);
  return longest;
}

join_group_response classic_group::joined(const std::string& id) const {
  join_group_response response;
  response.generation_id = generation_;
  response.protocol_type = type_;
  response.protocol_name = protocol_;
  response.leader = leader_;
  response.member_id = id;
  if (id != leader_)
    return response;
  for (const auto& [other, m] : members_) {
    auto& x = response.members.emplace_back();
    x.member_id = other;
    x.group_instance_id = m.instance;
    x.metadata = metadata_of(m);
  }
  return response;
}

void classic_group::hear_from(time_point now, member& m) {
  m.alive_until = now + m.session_timeout;
}

// -- joining
// --------------------------------------------------------------------------------

void classic_group::join(time_point now, std::int16_t version,
  const join_group_request& asked, const std::string& client_id,
  const std::string& fresh_id, const join_slot& out) {
  if (!supports(asked.protocol_type, asked.protocols))
    *out = join_failed(asked.member_id, error_code::inconsistent_group_protocol);
  else if (asked.member_id.empty())
    join_new(now, version, asked, fresh_id, out);
  else if (pending_.contains(asked.member_id))
    add(now, asked, asked.member_id, out);
  else
    join_known(now, asked, out);
  const auto joined = members_.find(asked.member_id.empty() ? fresh_id : asked.member_id);
  if (joined != members_.end())
    joined->second.client_id = client_id;
}

void classic_group::join_new(time_point now, std::int16_t version,
  const join_group_request& asked, const std::string& id, const join_slot& out) {
  if (asked.group_instance_id) {
    if (static_.contains(*asked.group_instance_id))
      return join_as_before(now, version, asked, id, out);
  } else if (version >= id_required_since) {
    pending_[id] = now + milliseconds{asked.session_timeout_ms};
    *out = join_failed(id, error_code::member_id_required);
    return;
  }
  add(now, asked, id, out);
}

void classic_group::add(time_point now, const join_group_request& asked,
  const std::string& id, const join_slot& out) {
  pending_.erase(id);
  if (members_.empty()) {
    leader_ = id;
    type_ = asked.protocol_type;
  }
  auto& m = members_[id];
  m.instance = asked.group_instance_id;
  if (m.instance)
    static_[*m.instance] = id;
  update(asked, m);
  m.joining = out;
  m.alive_until = now + longest_first_join;
  member_added_ = true;
  rebalance(now);
}

void classic_group::update(const join_group_request& asked, member& m) {
  m.supported = asked.protocols;
  m.session_timeout = milliseconds{asked.session_timeout_ms};
  m.rebalance_timeout =
    milliseconds{asked.rebalance_timeout_ms < 0 ? asked.session_timeout_ms
                                                : asked.rebalance_timeout_ms};
}

void classic_group::join_known(
  time_point now, const join_group_request& asked, const join_slot& out) {
  const auto& id = asked.member_id;
  if (const auto why = known(id, asked.group_instance_id); why != error_code::none) {
    *out = join_failed(id, why);
    return;
  }
  auto& m = members_.at(id);
  const auto same = same_protocols(m.supported, asked.protocols);
  if (same
    && (state_ == phase::completing || (state_ == phase::stable && id != leader_))) {
    // It has lost the answer to what it asked before.
    hear_from(now, m);
    *out = joined(id);
    return;
  }
  update(asked, m);
  m.joining = out;
  rebalance(now);
}

/// A static member that has been started anew, under another id.
void classic_group::join_as_before(time_point now, std::int16_t version,
  const join_group_request& asked, const std::string& id, const join_slot& out) {
  auto& place = static_.at(*asked.group_instance_id);
  const auto old = place;
  const auto old_leader = leader_;
  place = id;
  auto node = members_.extract(old);
  node.key() = id;
  auto& m = node.mapped();
  if (m.joining)
    *m.joining = join_failed(old, error_code::fenced_instance_id);
  if (m.syncing)
    *m.syncing = sync_failed(error_code::fenced_instance_id);
  m.joining = nullptr;
  m.syncing = nullptr;
  update(asked, m);
  hear_from(now, m);
  members_.insert(std::move(node));
  if (leader_ == old)
    leader_ = id;
  if (unsynced_.erase(old) > 0)
    unsynced_.insert(id);
  auto& mine = members_.at(id);
  if (state_ == phase::stable && chosen_protocol() == protocol_) {
    *out = joined(id);
    auto& response = **out;
    if (version >= skipping_since) {
      response.skip_assignment = id == leader_;
    } else {
      // Else it would assign, and nobody waits for that.
      response.leader = old_leader;
      response.members.clear();
    }
    mine.is_new = false;
    return;
  }
  mine.joining = out;
  rebalance(now);
}

// -- rebalances
// -----------------------------------------------------------------------------

void classic_group::rebalance(time_point now) {
  if (state_ == phase::preparing)
    return complete_if_all_joined(now);
  if (state_ == phase::completing) {
    for (auto& [id, m] : members_) {
      m.assignment = {};
      if (m.syncing)
        *m.syncing = sync_failed(error_code::rebalance_in_progress);
      if (std::exchange(m.syncing, nullptr))
        hear_from(now, m);
    }
  }
  unsynced_.clear();
  sync_until_ = time_point::max();
  initial_ = state_ == phase::empty;
  state_ = phase::preparing;
  if (initial_) {
    member_added_ = false;
    const auto first = std::min(initial_delay_, rebalance_timeout());
    may_wait_ = std::max(rebalance_timeout() - first, milliseconds{0});
    join_until_ = now + first;
  } else {
    join_until_ = now + rebalance_timeout();
    complete_if_all_joined(now);
  }
}

void classic_group::complete_if_all_joined(time_point now) {
  if (state_ == phase::preparing && !initial_ && pending_.empty()
    && std::ranges::all_of(
      members_, [](const auto& m) { return m.second.joining != nullptr; }))
    complete_join(now);
}

/// Whether there is a leader among those who have joined.
bool classic_group::elect() {
  const auto now = members_.find(leader_);
  if (now != members_.end() && now->second.joining)
    return true;
  const auto found = std::ranges::find_if(
    members_, [](const auto& m) { return m.second.joining != nullptr; });
  if (found != members_.end())
    leader_ = found->first;
  return found != members_.end();
}

void classic_group::complete_join(time_point now) {
  // Static members that are away keep their place until their session ends.
  std::erase_if(members_,
    [](const auto& m) { return m.second.joining == nullptr && !m.second.instance; });
  initial_ = false;
  if (!elect() && !members_.empty()) {
    join_until_ = now + rebalance_timeout();
    return;
  }
  join_until_ = time_point::max();
  ++generation_;
  if (members_.empty()) {
    state_ = phase::empty;
    leader_.clear();
    protocol_.clear();
    return;
  }
  state_ = phase::completing;
  protocol_ = chosen_protocol();
  sync_until_ = now + rebalance_timeout();
  for (auto& [id, m] : members_) {
    unsynced_.insert(id);
    if (!m.joining)
      continue;
    *m.joining = joined(id);
    m.joining = nullptr;
    m.is_new = false;
    hear_from(now, m);
  }
}

void classic_group::remove(time_point now, const std::string& id) {
  auto& m = members_.at(id);
  if (m.joining)
    *m.joining = join_failed({}, error_code::unknown_member_id);
  if (m.syncing)
    *m.syncing = sync_failed(error_code::unknown_member_id);
  if (m.instance)
    static_.erase(*m.instance);
  members_.erase(id);
  unsynced_.erase(id);
  if (id == leader_)
    leader_ = members_.empty() ? std::string{} : members_.begin()->first;
  if (initial_ && !members_.empty())
    return;
  if (state_ == phase::preparing && members_.empty())
    initial_ = false;
  rebalance(now);
}

// -- what members say
// -----------------------------------------------------------------------

void classic_group::sync(
  time_point now, const sync_group_request& asked, const sync_slot& out) {
  auto why = known(asked.member_id, asked.group_instance_id);
  if (why == error_code::none && asked.generation_id != generation_)
    why = error_code::illegal_generation;
  if (why == error_code::none
    && ((asked.protocol_type && *asked.protocol_type != type_)
      || (asked.protocol_name && *asked.protocol_name != protocol_)))
    why = error_code::inconsistent_group_protocol;
  if (why == error_code::none && state_ == phase::preparing)
    why = error_code::rebalance_in_progress;
  if (why != error_code::none) {
    *out = sync_failed(why);
    return;
  }
  const auto answer = [this](const member& m) {
    sync_group_response response;
    response.protocol_type = type_;
    response.protocol_name = protocol_;
    response.assignment = m.assignment;
    return response;
  };
  auto& mine = members_.at(asked.member_id);
  hear_from(now, mine);
  unsynced_.erase(asked.member_id);
  if (state_ == phase::stable) {
    *out = answer(mine);
    return;
  }
  mine.syncing = out;
  if (asked.member_id != leader_)
    return;
  for (auto& [id, m] : members_)
    m.assignment = {};
  for (const auto& a : asked.assignments) {
    if (const auto found = members_.find(a.member_id); found != members_.end())
      found->second.assignment = a.assignment;
  }
  state_ = phase::stable;
  for (auto& [id, m] : members_) {
    if (!m.syncing)
      continue;
    *m.syncing = answer(m);
    m.syncing = nullptr;
    hear_from(now, m);
  }
}

error_code classic_group::heartbeat(time_point now, std::int32_t generation,
  const std::string& id, const std::optional<std::string>& instance) {
  if (const auto why = known(id, instance); why != error_code::none)
    return why;
  if (generation != generation_)
    return error_code::illegal_generation;
  hear_from(now, members_.at(id));
  return state_ == phase::preparing ? error_code::rebalance_in_progress
                                    : error_code::none;
}

error_code classic_group::leave(
  time_point now, const std::string& id, const std::optional<std::string>& instance) {
  if (instance) {
    const auto found = static_.find(*instance);
    if (found == static_.end())
      return error_code::unknown_member_id;
    if (!id.empty() && found->second != id)
      return error_code::fenced_instance_id;
    const auto mine = found->second;
    remove(now, mine);
    return error_code::none;
  }
  if (pending_.erase(id) > 0) {
    complete_if_all_joined(now);
    return error_code::none;
  }
  if (!members_.contains(id))
    return error_code::unknown_member_id;
  remove(now, id);
  return error_code::none;
}

error_code classic_group::may_commit(time_point now, std::int32_t generation,
  const std::string& id, const std::optional<std::string>& instance) {
  if (generation < 0 && state_ == phase::empty)
    return error_code::none;
  if (generation < 0 && id.empty() && !instance)
    return error_code::unknown_member_id;
  if (const auto why = known(id, instance); why != error_code::none)
    return why;
  if (generation != generation_)
    return error_code::illegal_generation;
  if (state_ == phase::completing)
    return error_code::rebalance_in_progress;
  hear_from(now, members_.at(id));
  return error_code::none;
}

// -- time
// -----------------------------------------------------------------------------------

bool classic_group::on_time(time_point now) {
  auto any = std::erase_if(pending_, [&](const auto& p) { return p.second <= now; }) > 0;
  if (any)
    complete_if_all_joined(now);
  if (state_ == phase::preparing && join_until_ <= now) {
    any = true;
    if (initial_ && member_added_ && may_wait_ > milliseconds{0}) {
      const auto more = std::min(initial_delay_, may_wait_);
      may_wait_ -= more;
      member_added_ = false;
      join_until_ = now + more;
    } else {
      complete_join(now);
    }
  }
  if (sync_until_ <= now) {
    sync_until_ = time_point::max();
    any = any || !unsynced_.empty();
    for (const auto& id : std::set<std::string>{unsynced_}) {
      if (members_.contains(id))
        remove(now, id);
    }
  }
  std::vector<std::string> late;
  for (const auto& [id, m] : members_) {
    const auto waits = (m.joining && !m.is_new) || m.syncing;
    if (!waits && m.alive_until <= now)
      late.push_back(id);
  }
  for (const auto& id : late) {
    if (members_.contains(id))
      remove(now, id);
  }
  return any || !late.empty();
}

classic_group::time_point classic_group::next_time() const {
  auto next = state_ == phase::preparing ? join_until_ : time_point::max();
  next = std::min(next, sync_until_);
  for (const auto& [id, until] : pending_)
    next = std::min(next, until);
  for (const auto& [id, m] : members_) {
    if (!((m.joining && !m.is_new) || m.syncing))
      next = std::min(next, m.alive_until);
  }
  return next;
}

} // namespace cafka::testing
