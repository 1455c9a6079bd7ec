#include "classic_member.hpp"

#include "../error_code.hpp"
#include "../text.hpp"

#include <algorithm>
#include <iterator>
#include <set>

namespace cafka::protocol {

namespace {

using std::chrono::milliseconds;

/// What brokers before 0.10 take at most.
constexpr milliseconds session_timeout_of_old{30'000};
/// The last of the heartbeats that come early.
constexpr milliseconds last_quick_beat{500};

std::vector<consumer_topic_partitions> by_topic(const std::vector<topic_partition>& all) {
  std::vector<consumer_topic_partitions> result;
  for (const auto& p : all) {
    if (result.empty() || result.back().topic != p.topic)
      result.push_back({p.topic, {}});
    result.back().partitions.push_back(p.partition);
  }
  return result;
}

std::string list(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& n : names)
    text += (text.empty() ? "" : ", ") + n;
  return text;
}

} // namespace

classic_member::classic_member(group_member_options options, group_membership before)
  : group_member(std::move(options), std::move(before), member_protocol::classic),
    // One that stops all is enough for the group to do so (KIP-429).
    eager_(std::ranges::any_of(options_.assignors,
      [](const assignor& a) { return a.protocol == rebalance_protocol::eager; })) {
}

void classic_member::take_over(time_point) {
  for (const auto& [name, count] : is_.assigned_topics)
    group_topics_.push_back(name);
  watch();
}

void classic_member::on_subscribed(time_point now) {
  begin_rebalance(now, "its subscription has changed");
}

void classic_member::rejoin(time_point now, std::string reason) {
  if (phase_ == phase::stable)
    begin_rebalance(now, std::move(reason));
}

// -- giving up --------------------------------------------------------------------------

void classic_member::begin_rebalance(time_point now, std::string reason) {
  switch (phase_) {
  case phase::idle:
  case phase::leaving:
  case phase::ended:
  case phase::waiting: // It joins anyway.
    return;
  case phase::revoking:
  case phase::joining:
  case phase::assigning:
  case phase::syncing: joins_again_ = true; return;
  case phase::stable: break;
  }
  reason_ = std::move(reason);
  joins_again_ = false;
  tell(log_level::info, "it joins again: " + reason_);
  if (eager_) {
    begin_revoke(now, is_.owned, revoke_deadline(now), after_revoke::go_on);
    return;
  }
  partitions unwanted;
  for (const auto& p : is_.owned) {
    if (!std::ranges::binary_search(topics_, p.topic))
      unwanted.push_back(p);
  }
  begin_revoke(now, std::move(unwanted), revoke_deadline(now), after_revoke::go_on);
}

void classic_member::on_given_up(time_point now, partitions what) {
  if (eager_) {
    held_ = std::move(what); // They may come back.
    is_.owned.clear();
  } else {
    release(what);
  }
  join(now);
}

void classic_member::forget() {
  is_.leader = false;
  is_.assigned_topics.clear();
  group_topics_.clear();
}

// -- joining ----------------------------------------------------------------------------

void classic_member::join(time_point now) {
  enter(now, phase::joining);
  join_at_ = time_point::max();
  beat_ = 0;
  next_beat_ = time_point::max();
  // The coordinator keeps those that join. Whether it has heard of an attempt after one
  // that has failed is not known.
  if (attempts_ == 0)
    is_.alive_until = time_point::max();
  joins_again_ = false;
  send_join out;
  out.request = request_ = ++last_request_;
  out.deadline =
    std::max(options_.request_timeout, options_.rebalance_timeout + members::join_grace);
  auto& wire = out.what;
  wire.group_id = options_.group;
  wire.session_timeout_ms = static_cast<std::int32_t>(options_.session_timeout.count());
  wire.rebalance_timeout_ms =
    static_cast<std::int32_t>(options_.rebalance_timeout.count());
  wire.member_id = is_.member_id;
  wire.group_instance_id = options_.instance_id;
  wire.protocol_type = "consumer";
  if (!reason_.empty())
    wire.reason = reason_.substr(0, members::longest_reason);
  member_claim claim;
  claim.topics = topics_;
  claim.generation = is_.generation;
  claim.rack = options_.rack;
  const auto had = by_topic(eager_ ? held_ : is_.owned);
  for (const auto& a : options_.assignors) {
    // What an eager member had it has given up already.
    const auto owns = !eager_ || a.protocol == rebalance_protocol::eager;
    claim.owned = owns ? had : std::vector<consumer_topic_partitions>{};
    auto metadata = join_metadata(a, claim);
    if (!metadata) {
      end(now, metadata.error());
      return;
    }
    wire.protocols.push_back({a.name, shared_bytes::copy_of(*metadata)});
  }
  effects_.emplace_back(std::move(out));
}

bool classic_member::retries_join(time_point now, error_code answer) {
  switch (answer) {
  case error_code::member_id_required: join(now); return true;
  case error_code::unknown_member_id:
    // It was thrown out: what it had may have been another's meanwhile.
    join_anew(now, true, about(answer));
    return true;
  case error_code::invalid_session_timeout:
    if (options_.session_timeout_chosen
      || options_.session_timeout <= session_timeout_of_old)
      return false;
    options_.session_timeout = session_timeout_of_old;
    interval_ = std::min<milliseconds>(interval_, session_timeout_of_old / 3);
    tell(log_level::info,
      "the broker takes no session timeout of more than 30 s: it is that from here on");
    join(now);
    return true;
  case error_code::rebalance_in_progress:
  case error_code::illegal_generation: join_later(now, about(answer)); return true;
  default:
    if (!is_retriable(answer))
      return false;
    join_later(now, about(answer));
    return true;
  }
}

std::string classic_member::advice(error_code answer) const {
  switch (answer) {
  case error_code::inconsistent_group_protocol: {
    std::vector<std::string> names;
    for (const auto& a : options_.assignors)
      names.push_back(a.name);
    return "no assignor of this member (" + list(names)
      + ") is one that all others of the group have";
  }
  case error_code::invalid_session_timeout:
    return "session_timeout is " + std::to_string(options_.session_timeout.count())
      + " ms, and the broker allows it from group.min.session.timeout.ms to "
        "group.max.session.timeout.ms";
  default: return group_member::advice(answer);
  }
}

void classic_member::on_joined(
  time_point now, std::uint64_t request, const join_group_response& answer) {
  if (request != request_ || phase_ != phase::joining)
    return;
  request_ = 0;
  // A new member is told its id before it may join with it (KIP-394).
  if (answer.error_code == error_code::member_id_required)
    is_.member_id = answer.member_id;
  if (answer.error_code != error_code::none) {
    if (!retries_join(now, answer.error_code))
      fail(now, answer.error_code, "cannot join");
    return;
  }
  heard(now);
  next_beat_ = now + interval_;
  is_.member_id = answer.member_id;
  is_.assignor = answer.protocol_name.value_or("");
  is_.leader = answer.leader == answer.member_id;
  joined_generation_ = answer.generation_id;
  members_.clear();
  group_topics_.clear();
  is_.assigned_topics.clear();
  if (!is_.leader) {
    watch();
    sync(now, {});
    return;
  }
  std::set<std::string> topics;
  for (const auto& m : answer.members) {
    auto& to = members_.emplace_back();
    to.member_id = m.member_id;
    to.instance_id = m.group_instance_id;
    // One that cannot be read subscribes to nothing, and spoils it for nobody else.
    if (auto subscription = subscription_from(m.metadata.text()))
      to.subscription = *std::move(subscription);
    else
      tell(log_level::warning,
        "the subscription of member " + m.member_id
          + " cannot be read, and it is given nothing: "
          + to_string(subscription.error()));
    topics.insert(to.subscription.topics.begin(), to.subscription.topics.end());
  }
  group_topics_.assign(topics.begin(), topics.end());
  watch();
  if (answer.skip_assignment) {
    // What a static leader has assigned before holds (KIP-814).
    for (const auto& t : group_topics_)
      is_.assigned_topics[t] = known_.contains(t) ? known_[t].partitions : -1;
    sync(now, {});
    return;
  }
  enter(now, phase::assigning);
  try_to_assign(now);
}

// -- assigning --------------------------------------------------------------------------

const assignor* classic_member::chosen() const {
  const auto found = std::ranges::find(options_.assignors, is_.assignor, &assignor::name);
  return found == options_.assignors.end() ? nullptr : &*found;
}

void classic_member::try_to_assign(time_point now) {
  if (phase_ != phase::assigning)
    return;
  group_view group;
  for (const auto& t : group_topics_) {
    const auto at = known_.find(t);
    if (at == known_.end())
      return; // `on_topics` comes.
    is_.assigned_topics[t] = at->second.partitions;
    if (at->second.partitions > 0)
      group.topics.push_back(at->second);
  }
  group.members = members_;
  const auto* by = chosen();
  if (by == nullptr) {
    end(now,
      {error_code::inconsistent_group_protocol,
        "group " + options_.group + ": the coordinator has chosen the assignor "
          + is_.assignor + ", which this member has not offered"});
    return;
  }
  const auto plan = by->assign(group);
  if (!plan || plan->size() != members_.size()) {
    end(now,
      {plan ? error_code::invalid_argument : plan.error().code,
        "group " + options_.group + ": assignor " + by->name + ": "
          + (plan ? "it has not answered for each member" : plan.error().detail)});
    return;
  }
  std::vector<sync_group_request_assignment> all;
  for (std::size_t i = 0; i != members_.size(); ++i) {
    auto bytes = to_assignment({(*plan)[i], std::nullopt});
    if (!bytes) {
      end(now, bytes.error());
      return;
    }
    all.push_back({members_[i].member_id, shared_bytes::copy_of(*bytes)});
  }
  members_.clear();
  sync(now, std::move(all));
}

void classic_member::sync(
  time_point now, std::vector<sync_group_request_assignment> all) {
  enter(now, phase::syncing);
  send_sync out;
  out.request = request_ = ++last_request_;
  out.deadline =
    std::max(options_.request_timeout, options_.rebalance_timeout + members::join_grace);
  out.what.group_id = options_.group;
  out.what.generation_id = joined_generation_;
  out.what.member_id = is_.member_id;
  out.what.group_instance_id = options_.instance_id;
  out.what.protocol_type = "consumer";
  out.what.protocol_name = is_.assignor;
  out.what.assignments = std::move(all);
  effects_.emplace_back(std::move(out));
}

void classic_member::on_synced(
  time_point now, std::uint64_t request, const sync_group_response& answer) {
  if (request != request_ || phase_ != phase::syncing)
    return;
  request_ = 0;
  const auto why = about(answer.error_code);
  switch (answer.error_code) {
  case error_code::none: break;
  case error_code::rebalance_in_progress:
    // Nothing is lost: what it had is still its own (KAFKA-14016).
    heard(now);
    reason_ = "the group began another rebalance";
    join(now);
    return;
  case error_code::illegal_generation: join_anew(now, false, why); return;
  case error_code::unknown_member_id: join_anew(now, true, why); return;
  default:
    if (is_retriable(answer.error_code))
      join_later(now, why);
    else
      fail(now, answer.error_code, "cannot be a member");
    return;
  }
  const auto assignment = assignment_from(answer.assignment.text());
  if (!assignment) {
    tell(log_level::warning,
      "the leader's assignment cannot be read: " + to_string(assignment.error()));
    join_later(now, assignment.error());
    return;
  }
  heard(now);
  well(now);
  // Where it has missed a generation, what it had may have been another's in it, and it
  // had given it up in order. A cooperative member has kept its claim all the time.
  if (eager_ && joined_generation_ != is_.generation + 1)
    release(std::exchange(held_, {}));
  is_.generation = joined_generation_;
  apply(now, assignment->partitions);
  leave_when_settled(now);
}

void classic_member::apply(
  time_point now, const std::vector<consumer_topic_partitions>& assignment) {
  partitions fresh;
  for (const auto& t : assignment) {
    for (const auto p : t.partitions) {
      if (p.value() >= 0)
        fresh.push_back({t.topic, p});
    }
  }
  fresh = members::sorted(std::move(fresh));
  if (eager_) {
    const auto before = std::exchange(held_, {});
    auto stays = members::both(before, fresh);
    auto gone = members::without(before, fresh);
    auto added = members::without(fresh, before);
    is_.owned = std::move(fresh);
    if (!gone.empty())
      effects_.emplace_back(released{std::move(gone)});
    if (!stays.empty())
      effects_.emplace_back(kept{std::move(stays)});
    effects_.emplace_back(assigned{std::move(added)});
    settle(now);
    return;
  }
  auto gone = members::without(is_.owned, fresh);
  auto added = members::without(fresh, is_.owned);
  auto all = is_.owned;
  all.insert(all.end(), added.begin(), added.end());
  is_.owned = members::sorted(std::move(all));
  effects_.emplace_back(assigned{std::move(added)});
  // What somebody gives up comes to its new owner with the rebalance after this one.
  expect_news(now);
  if (gone.empty()) {
    settle(now);
    return;
  }
  reason_ = "it has given partitions up";
  begin_revoke(now, std::move(gone), revoke_deadline(now), after_revoke::go_on);
}

void classic_member::settle(time_point now) {
  enter(now, phase::stable);
  if (std::exchange(joins_again_, false)) {
    begin_rebalance(now, "what it needs has changed meanwhile");
    return;
  }
  on_topics(now, {});
}

std::vector<std::string> classic_member::topics_to_watch() const {
  auto all = topics_;
  all.insert(all.end(), group_topics_.begin(), group_topics_.end());
  return all;
}

void classic_member::watch() {
  group_member::watch();
  std::erase_if(known_,
    [&](const auto& t) { return !std::ranges::binary_search(watched_, t.first); });
}

void classic_member::on_topics(time_point now, const std::vector<group_topic>& known) {
  for (const auto& t : known) {
    if (std::ranges::binary_search(watched_, t.name))
      known_[t.name] = t;
  }
  if (phase_ == phase::assigning) {
    try_to_assign(now);
    return;
  }
  if (phase_ != phase::stable || !is_.leader)
    return;
  for (auto& [name, count] : is_.assigned_topics) {
    const auto at = known_.find(name);
    if (at == known_.end() || at->second.partitions == count)
      continue;
    if (count < 0) { // It did not assign, and knows only now.
      count = at->second.partitions;
      continue;
    }
    const auto text = "topic " + name + " has " + std::to_string(at->second.partitions)
      + " partitions, and had " + std::to_string(count);
    begin_rebalance(now, text);
    return;
  }
}

// -- being a member ---------------------------------------------------------------------

void classic_member::on_heartbeat(
  time_point now, std::uint64_t request, error_code answer) {
  if (request != beat_)
    return;
  beat_ = 0;
  const auto sent = beat_sent_;
  const auto why = about(answer);
  switch (answer) {
  case error_code::none:
  case error_code::rebalance_in_progress:
    is_.alive_until = std::max(is_.alive_until, sent + options_.session_timeout);
    well(now);
    if (now < quick_until_)
      beat_soon(now, last_quick_beat);
    else
      next_beat_ = std::max(now, sent + interval_);
    // While it assigns or syncs the group is in the middle of one.
    if (answer == error_code::rebalance_in_progress && phase_ == phase::stable)
      begin_rebalance(now, "the group rebalances");
    return;
  case error_code::illegal_generation: join_anew(now, false, why); return;
  case error_code::unknown_member_id: join_anew(now, true, why); return;
  default:
    if (is_retriable(answer)) {
      on_failure(now, 0, why);
      next_beat_ = now + backoff(options_.retry_backoff, ++attempts_, random_);
    } else {
      fail(now, answer, "it is no member any more");
    }
    return;
  }
}

void classic_member::beat(time_point now) {
  beat_ = ++last_request_;
  beat_sent_ = now;
  next_beat_ = time_point::max();
  const auto generation = phase_ == phase::assigning || phase_ == phase::syncing
    ? joined_generation_
    : is_.generation;
  effects_.emplace_back(
    send_heartbeat{beat_, is_.member_id, generation, beat_deadline()});
}

void classic_member::on_commit_refused(
  time_point now, std::int32_t generation, error_code answer) {
  // Between its Join and its Sync it is a member of the next one already: a commit that
  // was on its way comes too late, and nothing is lost.
  if (generation != is_.generation || !may_commit())
    return;
  const auto why = about(answer);
  switch (answer) {
  case error_code::rebalance_in_progress:
    begin_rebalance(now, "the group rebalances");
    return;
  case error_code::illegal_generation: join_anew(now, false, why); return;
  case error_code::unknown_member_id: join_anew(now, true, why); return;
  case error_code::fenced_instance_id:
  case error_code::group_authorization_failed:
    fail(now, answer, "it may not commit");
    return;
  default: return;
  }
}

void classic_member::on_failure(time_point now, std::uint64_t request, const error& why) {
  unwell(now, why);
  if (request != 0 && request == beat_) {
    beat_ = 0;
    next_beat_ = now + backoff(options_.retry_backoff, ++attempts_, random_);
    return;
  }
  if (request == 0 || request != request_)
    return;
  if (phase_ == phase::leaving) {
    has_left(now);
    return;
  }
  // A request that makes no sense to any broker will not the next time either.
  if (why.code == error_code::invalid_argument || why.code == error_code::invalid_group_id
    || is_too_old(now, why)) {
    end(now, why);
    return;
  }
  join_later(now, why);
}

// -- leaving ----------------------------------------------------------------------------

void classic_member::say_farewell(time_point now) {
  // A static member stays, so that it can come back in its place.
  const bool stays = options_.instance_id && !leaves_for_good_;
  if (is_.member_id.empty() || stays) {
    gone(now);
    return;
  }
  enter(now, phase::leaving);
  send_leave out;
  out.request = request_ = ++last_request_;
  out.member_id = is_.member_id;
  out.reason = leave_reason_.substr(0, members::longest_reason);
  out.deadline = farewell_deadline(now);
  effects_.emplace_back(std::move(out));
}

void classic_member::on_left(time_point now, std::uint64_t request, error_code answer) {
  if (request == request_ && phase_ == phase::leaving)
    on_farewell_answered(now, answer);
}

// -- how it is --------------------------------------------------------------------------

classic_member::view classic_member::look() const {
  auto v = group_member::look();
  const auto rebalanced = since_ + options_.rebalance_timeout + members::join_grace;
  switch (phase_) {
  case phase::joining:
    v.waits_for = "the other members, which are to join";
    v.until = rebalanced;
    break;
  case phase::assigning: v.waits_for = "metadata of " + list(group_topics_); break;
  case phase::syncing:
    v.waits_for =
      is_.leader ? "the coordinator" : "the leader of the group, which assigns";
    v.until = rebalanced;
    break;
  default: break;
  }
  return v;
}

} // namespace cafka::protocol
