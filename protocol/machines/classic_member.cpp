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
/// Beyond what the coordinator waits for, for its answer.
constexpr milliseconds join_grace{5'000};
/// A member that expects another rebalance looks for it so often, at first and at last.
constexpr milliseconds first_quick_beat{100};
constexpr milliseconds last_quick_beat{500};
/// A broker that lacks what groups need is asked for so long, in case it is not so old.
constexpr milliseconds believed_after{5'000};
/// The longest reason that brokers take (KIP-800).
constexpr std::size_t longest_reason = 255;

using partitions = std::vector<topic_partition>;

partitions sorted(partitions all) {
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

partitions without(const partitions& all, const partitions& those) {
  partitions rest;
  std::ranges::set_difference(all, those, std::back_inserter(rest));
  return rest;
}

partitions both(const partitions& a, const partitions& b) {
  partitions all;
  std::ranges::set_intersection(a, b, std::back_inserter(all));
  return all;
}

std::vector<consumer_topic_partitions> by_topic(const partitions& all) {
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

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

} // namespace

std::string_view to_string(classic_member::phase p) {
  using phase = classic_member::phase;
  switch (p) {
  case phase::idle: return "idle";
  case phase::waiting: return "waiting";
  case phase::revoking: return "revoking";
  case phase::joining: return "joining";
  case phase::assigning: return "assigning";
  case phase::syncing: return "syncing";
  case phase::stable: return "stable";
  case phase::leaving: return "leaving";
  case phase::ended: return "ended";
  }
  return "unknown";
}

classic_member::classic_member(group_member_options options, group_membership before)
  : options_(std::move(options)),
    random_(static_cast<std::minstd_rand::result_type>(options_.seed + 1)),
    is_(std::move(before)),
    // One that stops all is enough for the group to do so (KIP-429).
    eager_(std::ranges::any_of(options_.assignors,
      [](const assignor& a) { return a.protocol == rebalance_protocol::eager; })) {
  if (is_.generation < 0)
    is_.owned.clear();
}

// -- the program ------------------------------------------------------------------------

void classic_member::subscribe(time_point now, std::vector<std::string> topics) {
  topics = sorted(std::move(topics));
  if (phase_ == phase::ended || topics == topics_)
    return;
  topics_ = std::move(topics);
  watch();
  if (phase_ == phase::leaving)
    return; // It joins once it has left, unless that is for good.
  if (topics_.empty()) {
    if (phase_ == phase::idle)
      return;
    reason_ = "it subscribes to nothing";
    leaves_for_good_ = true;
    leave_reason_ = reason_;
    begin_revoke(now, owned_and_held(), revoke_deadline(now), after_revoke::go_idle);
    return;
  }
  if (phase_ == phase::idle && is_.generation >= 0) {
    // An incarnation before this one was a member: it goes on in its place.
    alive_until_ = now + options_.session_timeout;
    next_beat_ = now;
    for (const auto& [name, count] : is_.assigned_topics)
      group_topics_.push_back(name);
    watch();
    enter(now, phase::stable);
    return;
  }
  if (phase_ == phase::idle) {
    reason_ = "it begins";
    join(now);
    return;
  }
  begin_rebalance(now, "its subscription has changed");
}

void classic_member::rejoin(time_point now, std::string reason) {
  if (phase_ == phase::stable)
    begin_rebalance(now, std::move(reason));
}

void classic_member::leave(
  time_point now, time_point deadline, std::string reason, bool for_good) {
  if (phase_ == phase::ended || phase_ == phase::leaving)
    return;
  leave_until_ = deadline;
  leave_reason_ = std::move(reason);
  leaves_for_good_ = for_good;
  // A handler that never returns must not keep the group from being told.
  leave_spare_ = std::min<time_point::duration>(milliseconds{500}, (deadline - now) / 4);
  leave_by_ = deadline - 2 * leave_spare_;
  leave_when_settled(now);
}

void classic_member::leave_when_settled(time_point now) {
  if (leave_by_ == time_point::max())
    return;
  const auto in_rebalance =
    phase_ == phase::joining || phase_ == phase::assigning || phase_ == phase::syncing;
  if (in_rebalance && !is_.owned.empty() && now < leave_by_)
    return;
  leave_by_ = time_point::max();
  begin_revoke(now, owned_and_held(), leave_until_ - leave_spare_, after_revoke::leave);
}

// -- giving up --------------------------------------------------------------------------

time_point classic_member::revoke_deadline(time_point now) const {
  // The coordinator has begun to wait before this member has heard of it.
  const auto spare =
    std::min<milliseconds>(options_.heartbeat_interval, options_.rebalance_timeout / 2);
  return now + (options_.rebalance_timeout - spare);
}

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
    begin_revoke(now, is_.owned, revoke_deadline(now), after_revoke::join);
    return;
  }
  partitions unwanted;
  for (const auto& p : is_.owned) {
    if (!std::ranges::binary_search(topics_, p.topic))
      unwanted.push_back(p);
  }
  begin_revoke(now, std::move(unwanted), revoke_deadline(now), after_revoke::join);
}

void classic_member::begin_revoke(
  time_point now, partitions what, time_point deadline, after_revoke then) {
  // What it asks for now replaces a revocation that is under way, and contains it, but
  // for a cooperative one that a farewell overtakes.
  request_ = 0;
  revoking_ = std::move(what);
  revoke_until_ = deadline;
  then_ = then;
  enter(now, phase::revoking);
  if (revoking_.empty()) {
    on_revoked(now);
    return;
  }
  effects_.emplace_back(revoke{revoking_, deadline});
}

void classic_member::on_revoked(time_point now) {
  if (phase_ != phase::revoking)
    return;
  revoke_until_ = time_point::max();
  const auto what = std::exchange(revoking_, {});
  switch (then_) {
  case after_revoke::join:
    if (eager_) {
      held_ = what; // They may come back.
      is_.owned.clear();
    } else {
      release(what);
    }
    join(now);
    return;
  case after_revoke::leave:
  case after_revoke::go_idle:
    held_.clear();
    release(what);
    is_.owned.clear();
    send_leave_now(now);
    return;
  }
}

void classic_member::release(const partitions& what) {
  is_.owned = without(is_.owned, what);
  if (!what.empty())
    effects_.emplace_back(released{what});
}

/// What the program has, or had and expects to have again.
partitions classic_member::owned_and_held() const {
  auto all = is_.owned;
  all.insert(all.end(), held_.begin(), held_.end());
  return sorted(std::move(all));
}

void classic_member::lose_partitions(const error& why) {
  auto all = owned_and_held();
  is_.owned.clear();
  held_.clear();
  revoking_.clear();
  revoke_until_ = time_point::max();
  if (!all.empty())
    effects_.emplace_back(lost{std::move(all), why});
}

void classic_member::lose_all(const error& why) {
  lose_partitions(why);
  is_.generation = -1;
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
    alive_until_ = time_point::max();
  joins_again_ = false;
  send_join out;
  out.request = request_ = ++last_request_;
  out.deadline =
    std::max(options_.request_timeout, options_.rebalance_timeout + join_grace);
  auto& wire = out.what;
  wire.group_id = options_.group;
  wire.session_timeout_ms = static_cast<std::int32_t>(options_.session_timeout.count());
  wire.rebalance_timeout_ms =
    static_cast<std::int32_t>(options_.rebalance_timeout.count());
  wire.member_id = is_.member_id;
  wire.group_instance_id = options_.instance_id;
  wire.protocol_type = "consumer";
  if (!reason_.empty())
    wire.reason = reason_.substr(0, longest_reason);
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

void classic_member::join_later(time_point now, const error& why) {
  last_error_ = why;
  if (!unwell_since_)
    unwell_since_ = now;
  request_ = 0;
  enter(now, phase::waiting);
  if (alive_until_ == time_point::max())
    alive_until_ = now + options_.session_timeout;
  join_at_ = now + backoff(options_.retry_backoff, ++attempts_, random_);
  leave_when_settled(now);
}

/// What it had is another member's: it begins anew, unless it was about to leave.
void classic_member::join_anew(time_point now, bool new_id, const error& why) {
  const auto leaves = phase_ == phase::revoking
    && (then_ == after_revoke::leave
      || (then_ == after_revoke::go_idle && topics_.empty()));
  lose_all(why);
  if (new_id)
    is_.member_id.clear();
  if (leaves) { // There is nothing to finish any more.
    send_leave_now(now);
    return;
  }
  reason_ = to_string(why);
  join_later(now, why);
}

bool classic_member::retries_join(time_point now, error_code answer) {
  switch (answer) {
  case error_code::member_id_required: join(now); return true;
  case error_code::unknown_member_id:
    // It was thrown out: what it had may have been another's meanwhile.
    join_anew(now, true, {answer, "group " + options_.group});
    return true;
  case error_code::invalid_session_timeout:
    if (options_.session_timeout_chosen
      || options_.session_timeout <= session_timeout_of_old)
      return false;
    options_.session_timeout = session_timeout_of_old;
    options_.heartbeat_interval =
      std::min(options_.heartbeat_interval, session_timeout_of_old / 3);
    tell(log_level::info,
      "the broker takes no session timeout of more than 30 s: it is that from here on");
    join(now);
    return true;
  case error_code::rebalance_in_progress:
  case error_code::illegal_generation:
    join_later(now, {answer, "group " + options_.group});
    return true;
  default:
    if (!is_retriable(answer))
      return false;
    join_later(now, {answer, "group " + options_.group});
    return true;
  }
}

void classic_member::fail(time_point now, error_code answer, std::string_view what) {
  std::string detail = "group " + options_.group + ": " + std::string{what};
  switch (answer) {
  case error_code::inconsistent_group_protocol:
    detail += ": no assignor of this member (";
    for (const auto& a : options_.assignors)
      detail += (&a == options_.assignors.data() ? "" : ", ") + a.name;
    detail += ") is one that all others of the group have";
    break;
  case error_code::invalid_session_timeout:
    detail += ": session_timeout is " + std::to_string(options_.session_timeout.count())
      + " ms, and the broker allows it from group.min.session.timeout.ms to "
        "group.max.session.timeout.ms";
    break;
  case error_code::group_max_size_reached:
    detail += ": it has as many members as the broker allows (group.max.size)";
    break;
  case error_code::fenced_instance_id:
    detail += ": another member has taken the group_instance_id "
      + options_.instance_id.value_or("");
    break;
  case error_code::group_authorization_failed:
    detail += ": the principal may not read the group";
    break;
  default: break;
  }
  end(now, {answer, std::move(detail)});
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
  next_beat_ = now + options_.heartbeat_interval;
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
    std::max(options_.request_timeout, options_.rebalance_timeout + join_grace);
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
  const error why{answer.error_code, "group " + options_.group};
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
  fresh = sorted(std::move(fresh));
  if (eager_) {
    const auto before = std::exchange(held_, {});
    auto stays = both(before, fresh);
    auto gone = without(before, fresh);
    auto added = without(fresh, before);
    is_.owned = std::move(fresh);
    if (!gone.empty())
      effects_.emplace_back(released{std::move(gone)});
    if (!stays.empty())
      effects_.emplace_back(kept{std::move(stays)});
    effects_.emplace_back(assigned{std::move(added)});
    settle(now);
    return;
  }
  auto gone = without(is_.owned, fresh);
  auto added = without(fresh, is_.owned);
  auto all = is_.owned;
  all.insert(all.end(), added.begin(), added.end());
  is_.owned = sorted(std::move(all));
  effects_.emplace_back(assigned{std::move(added)});
  // What somebody gives up comes to its new owner with the rebalance after this one.
  quick_beats_ = 0;
  quick_until_ = now + 2 * options_.heartbeat_interval;
  next_beat_ = now + std::min(first_quick_beat, options_.heartbeat_interval);
  if (gone.empty()) {
    settle(now);
    return;
  }
  reason_ = "it has given partitions up";
  begin_revoke(now, std::move(gone), revoke_deadline(now), after_revoke::join);
}

void classic_member::settle(time_point now) {
  enter(now, phase::stable);
  if (std::exchange(joins_again_, false)) {
    begin_rebalance(now, "what it needs has changed meanwhile");
    return;
  }
  on_topics(now, {});
}

void classic_member::watch() {
  auto all = topics_;
  all.insert(all.end(), group_topics_.begin(), group_topics_.end());
  all = sorted(std::move(all));
  if (all == watched_)
    return;
  watched_ = std::move(all);
  std::erase_if(known_,
    [&](const auto& t) { return !std::ranges::binary_search(watched_, t.first); });
  effects_.emplace_back(watch_topics{watched_});
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

bool classic_member::beats() const {
  return phase_ == phase::stable || phase_ == phase::assigning || phase_ == phase::syncing
    || (phase_ == phase::revoking && is_.generation >= 0);
}

bool classic_member::may_commit() const {
  return is_.generation >= 0 && (phase_ == phase::stable || phase_ == phase::revoking);
}

void classic_member::heard(time_point now) {
  alive_until_ = now + options_.session_timeout;
}

void classic_member::well(time_point now) {
  attempts_ = 0;
  if (unwell_told_ && unwell_since_) {
    const auto seconds =
      std::chrono::ceil<std::chrono::seconds>(now - *unwell_since_).count();
    tell(log_level::info, "it is well again, after " + std::to_string(seconds) + " s");
  }
  unwell_since_.reset();
  unwell_told_ = false;
  unsupported_since_.reset();
  last_error_ = {};
}

void classic_member::on_heartbeat(
  time_point now, std::uint64_t request, error_code answer) {
  if (request != beat_)
    return;
  beat_ = 0;
  const auto sent = beat_sent_;
  const error why{answer, "group " + options_.group};
  switch (answer) {
  case error_code::none:
  case error_code::rebalance_in_progress:
    alive_until_ = std::max(alive_until_, sent + options_.session_timeout);
    well(now);
    if (now < quick_until_) {
      const auto pause = std::min(last_quick_beat,
        first_quick_beat * (1 << std::min<std::uint32_t>(++quick_beats_, 3)));
      next_beat_ = now + std::min<milliseconds>(pause, options_.heartbeat_interval);
    } else {
      next_beat_ = std::max(now, sent + options_.heartbeat_interval);
    }
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

void classic_member::on_commit_refused(
  time_point now, std::int32_t generation, error_code answer) {
  // Between its Join and its Sync it is a member of the next one already: a commit that
  // was on its way comes too late, and nothing is lost.
  if (generation != is_.generation || !may_commit())
    return;
  const error why{answer, "group " + options_.group};
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
  last_error_ = why;
  if (!unwell_since_)
    unwell_since_ = now;
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
  if (why.code == error_code::invalid_argument
    || why.code == error_code::invalid_group_id) {
    end(now, why);
    return;
  }
  // Connections that break may make a broker look too old for groups; only what lasts is
  // believed.
  if (why.code == error_code::unsupported_version
    || why.code == error_code::unsupported_api_version) {
    if (!unsupported_since_)
      unsupported_since_ = now;
    if (now - *unsupported_since_ >= believed_after) {
      end(now, why);
      return;
    }
  } else {
    unsupported_since_.reset();
  }
  join_later(now, why);
}

// -- leaving ----------------------------------------------------------------------------

void classic_member::send_leave_now(time_point now) {
  // A static member stays, so that it can come back in its place.
  const bool stays = options_.instance_id && !leaves_for_good_;
  if (is_.member_id.empty() || stays) {
    is_.generation = -1;
    if (then_ == after_revoke::go_idle)
      enter(now, phase::idle);
    else
      end(now, {});
    return;
  }
  enter(now, phase::leaving);
  send_leave out;
  out.request = request_ = ++last_request_;
  out.member_id = is_.member_id;
  out.reason = leave_reason_.substr(0, longest_reason);
  out.deadline = options_.request_timeout;
  if (leave_until_ != time_point::max())
    out.deadline = std::clamp(
      std::chrono::ceil<milliseconds>(leave_until_ - now), milliseconds{1}, out.deadline);
  effects_.emplace_back(std::move(out));
}

void classic_member::step_out(time_point now, const error& why) {
  if (phase_ == phase::idle || phase_ == phase::leaving || phase_ == phase::ended)
    return;
  lose_all(why);
  topics_.clear();
  watch();
  then_ = after_revoke::go_idle;
  leaves_for_good_ = false; // A static one may be back in time.
  leave_reason_ = why.detail;
  send_leave_now(now);
}

void classic_member::on_left(time_point now, std::uint64_t request, error_code answer) {
  if (request != request_ || phase_ != phase::leaving)
    return;
  // Whom the coordinator does not know has left as well.
  if (answer != error_code::none && answer != error_code::unknown_member_id
    && answer != error_code::fenced_instance_id)
    tell(log_level::warning,
      "the coordinator has not taken its farewell, and waits for the session to end: "
        + std::string{to_string(answer)});
  has_left(now);
}

void classic_member::has_left(time_point now) {
  if (then_ == after_revoke::leave) {
    end(now, {});
    return;
  }
  request_ = 0;
  is_ = {};
  enter(now, phase::idle);
  if (!topics_.empty())
    join(now);
}

void classic_member::end(time_point now, error why) {
  lose_all(
    why ? why : error{error_code::closed, "group " + options_.group + " was left"});
  request_ = beat_ = 0;
  // A static member's id is of use to the next one.
  if (!options_.instance_id)
    is_.member_id.clear();
  enter(now, phase::ended);
  effects_.emplace_back(ended{std::move(why)});
}

// -- time -------------------------------------------------------------------------------

void classic_member::enter(time_point now, phase next) {
  if (phase_ != next)
    since_ = now;
  phase_ = next;
  if (next == phase::idle || next == phase::ended || next == phase::leaving)
    alive_until_ = time_point::max();
  else if (next != phase::waiting)
    return;
  next_beat_ = time_point::max();
  beat_ = 0;
}

void classic_member::on_time(time_point now) {
  if (phase_ == phase::revoking && now >= revoke_until_) {
    tell(log_level::warning,
      "what was handed out of " + std::to_string(revoking_.size())
        + " partitions was not finished in time: they are given up");
    on_revoked(now);
  }
  if (now >= leave_by_)
    leave_when_settled(now);
  if (phase_ == phase::leaving && now >= leave_until_)
    has_left(now);
  if (now >= alive_until_) {
    const error why{error_code::timed_out,
      "group " + options_.group + ": the coordinator has not answered for "
        + std::to_string(options_.session_timeout.count()) + " ms"
        + (last_error_ ? ": " + to_string(last_error_) : std::string{})};
    if (beats()) {
      join_anew(now, false, why);
    } else {
      // It goes on trying to join.
      lose_all(why);
      alive_until_ = time_point::max();
    }
  }
  if (phase_ == phase::waiting && now >= join_at_)
    join(now);
  if (beats() && beat_ == 0 && now >= next_beat_) {
    beat_ = ++last_request_;
    beat_sent_ = now;
    next_beat_ = time_point::max();
    const auto generation = phase_ == phase::assigning || phase_ == phase::syncing
      ? joined_generation_
      : is_.generation;
    effects_.emplace_back(send_heartbeat{beat_, is_.member_id, generation,
      std::max(options_.session_timeout / 3, options_.heartbeat_interval)});
  }
  if (unwell_since_ && !unwell_told_ && now - *unwell_since_ >= options_.told_after) {
    unwell_told_ = true;
    const auto seconds =
      std::chrono::floor<std::chrono::seconds>(now - *unwell_since_).count();
    tell(log_level::warning,
      "it is " + std::string{to_string(phase_)} + ", and waits for the coordinator for "
        + std::to_string(seconds) + " s: " + to_string(last_error_));
  }
}

time_point classic_member::next_time() const {
  auto next = time_point::max();
  if (phase_ == phase::revoking)
    next = std::min(next, revoke_until_);
  if (phase_ == phase::leaving)
    next = std::min(next, leave_until_);
  if (phase_ == phase::waiting)
    next = std::min(next, join_at_);
  next = std::min({next, alive_until_, leave_by_});
  if (beats() && beat_ == 0)
    next = std::min(next, next_beat_);
  if (unwell_since_ && !unwell_told_)
    next = std::min(next, *unwell_since_ + options_.told_after);
  return next;
}

// -- how it is --------------------------------------------------------------------------

classic_member::view classic_member::look() const {
  view v;
  v.is = phase_;
  v.since = since_;
  v.last_error = last_error_;
  switch (phase_) {
  case phase::idle: v.waits_for = topics_.empty() ? "a subscription" : ""; break;
  case phase::waiting:
    v.waits_for = "another attempt to join: " + to_string(last_error_);
    v.until = join_at_;
    break;
  case phase::revoking:
    v.waits_for = "the program, which has records of " + std::to_string(revoking_.size())
      + " partitions in hand";
    v.until = revoke_until_;
    break;
  case phase::joining:
    v.waits_for = "the other members, which are to join";
    v.until = since_ + options_.rebalance_timeout + join_grace;
    break;
  case phase::assigning: v.waits_for = "metadata of " + list(group_topics_); break;
  case phase::syncing:
    v.waits_for =
      is_.leader ? "the coordinator" : "the leader of the group, which assigns";
    v.until = since_ + options_.rebalance_timeout + join_grace;
    break;
  case phase::leaving:
    v.waits_for = "the coordinator";
    v.until = leave_until_;
    break;
  case phase::stable:
  case phase::ended: break;
  }
  return v;
}

void classic_member::tell(log_level level, std::string text) {
  effects_.emplace_back(
    told{level, "group " + options_.group + ": " + shown(text, 1'000)});
}

} // namespace cafka::protocol
