#include "reconciling_member.hpp"

#include "../error_code.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

using std::chrono::milliseconds;

constexpr std::int32_t joins_with = 0;
constexpr std::int32_t leaves_with = -1;
/// Of a static member that will be back.
constexpr std::int32_t away_with = -2;

constexpr milliseconds shortest_interval{10};
/// The last of the heartbeats that come early: of a member that has nothing to read, and
/// of others.
constexpr milliseconds last_of_idle{100};
constexpr milliseconds last_of_busy{500};

std::string made_id(std::minstd_rand& random) {
  uuid id;
  for (auto& b : id.bytes)
    b = static_cast<std::uint8_t>(random() >> 8U);
  return member_id_from(id);
}

} // namespace

std::string member_id_from(uuid random) {
  auto& bytes = random.bytes;
  bytes[0] &= 0x7FU; // Options of command lines begin with a dash.
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3FU) | 0x80U);
  return to_string(random);
}

reconciling_member::reconciling_member(
  group_member_options options, group_membership before)
  : group_member(std::move(options), std::move(before), member_protocol::consumer),
    told_of_(is_.generation >= 0) {
  if (is_.generation >= 0)
    return;
  is_.topic_ids.clear();
  is_.acknowledge_by = time_point::max();
}

// -- the program ------------------------------------------------------------------------

void reconciling_member::take_over(time_point) {
  for (const auto& [name, id] : is_.topic_ids)
    names_[id] = name;
  for (const auto& p : is_.owned)
    target_.insert(place_of(p));
}

void reconciling_member::on_subscribed(time_point now) {
  hurry(now);
}

void reconciling_member::rejoin(time_point now, std::string reason) {
  if (!beats())
    return;
  tell(log_level::info,
    "it tells the coordinator all anew, which alone decides who reads what: " + reason);
  tells_all_ = true;
  hurry(now);
}

std::vector<std::string> reconciling_member::topics_to_watch() const {
  return topics_;
}

// -- heartbeats -------------------------------------------------------------------------

consumer_group_heartbeat_request reconciling_member::heartbeat(std::int32_t epoch) {
  consumer_group_heartbeat_request out;
  out.group_id = options_.group;
  out.member_id = is_.member_id;
  out.member_epoch = epoch;
  out.instance_id = options_.instance_id;
  if (epoch < joins_with)
    return out;
  if (std::exchange(tells_all_, false) || epoch == joins_with)
    known_.reset();
  telling_ = said{topics_, pattern_, owned_by_id()};
  had_pattern_ = had_pattern_ || !pattern_.empty();
  if (!known_) {
    out.rack_id = options_.rack;
    out.rebalance_timeout_ms =
      static_cast<std::int32_t>(options_.rebalance_timeout.count());
    if (!options_.remote_assignor.empty())
      out.server_assignor = options_.remote_assignor;
  }
  if (!known_ || known_->topics != topics_)
    out.subscribed_topic_names = topics_;
  if (!known_ ? had_pattern_ : known_->pattern != pattern_)
    out.subscribed_topic_regex = pattern_;
  // That it has nothing is always said; while it gives something up, only what it has
  // given up before.
  const auto settled = phase_ != phase::revoking || unacknowledged_;
  if (!known_ || telling_->owned->empty()
    || (settled && known_->owned != telling_->owned))
    out.topic_partitions = telling_->owned;
  else
    telling_->owned = known_->owned;
  return out;
}

void reconciling_member::join(time_point now) {
  if (is_.member_id.empty())
    is_.member_id = options_.own_id.empty() ? made_id(random_) : options_.own_id;
  enter(now, phase::joining);
  join_at_ = time_point::max();
  next_beat_ = time_point::max();
  told_of_ = true;
  beat_sent_ = now;
  send_consumer_heartbeat out;
  out.request = request_ = ++last_request_;
  out.what = heartbeat(joins_with);
  out.deadline = beat_deadline();
  effects_.emplace_back(std::move(out));
}

void reconciling_member::beat(time_point now) {
  beat_ = ++last_request_;
  beat_sent_ = now;
  next_beat_ = time_point::max();
  hurries_ = false;
  effects_.emplace_back(
    send_consumer_heartbeat{beat_, heartbeat(is_.generation), beat_deadline()});
}

void reconciling_member::hurry(time_point now) {
  if (!beats())
    return;
  hurries_ = beat_ != 0;
  if (!hurries_)
    next_beat_ = now;
}

void reconciling_member::on_heartbeat(time_point now, std::uint64_t request,
  const consumer_group_heartbeat_response& answer) {
  if (request == 0 || (request != request_ && request != beat_))
    return;
  if (phase_ == phase::leaving) {
    on_farewell_answered(now, answer.error_code);
    return;
  }
  const auto joins = request == request_;
  (joins ? request_ : beat_) = 0;
  auto heard_of = std::exchange(telling_, std::nullopt);
  if (answer.error_code != error_code::none) {
    known_.reset();
    on_refused(now, answer, joins);
    return;
  }
  // One below zero is that of somebody who leaves.
  if (answer.member_epoch <= 0) {
    try_again(now,
      {error_code::malformed_response,
        "group " + options_.group + ": the epoch " + std::to_string(answer.member_epoch)
          + " is not that of a member"},
      joins);
    return;
  }
  known_ = std::move(heard_of);
  had_pattern_ = !known_->pattern.empty();
  held_since_.reset();
  topics_refused_ = false;
  unacknowledged_ = unacknowledged_ && request < acknowledges_;
  if (phase_ != phase::revoking && !unacknowledged_)
    is_.acknowledge_by = time_point::max();
  heard(beat_sent_);
  well(now);
  // A number that makes no sense neither silences it nor makes it a nuisance.
  if (answer.heartbeat_interval_ms > 0)
    interval_ = std::max(shortest_interval,
      std::min(milliseconds{answer.heartbeat_interval_ms}, options_.session_timeout / 2));
  auto shrinks = false;
  if (answer.assignment) {
    // It waits for what it takes away, also if that was not taken yet.
    known_->owned.reset();
    const auto before = std::exchange(target_, {});
    for (const auto& t : answer.assignment->topic_partitions) {
      for (const auto p : t.partitions) {
        if (p.value() >= 0)
          target_.insert({t.topic_id, p});
      }
    }
    shrinks = !std::ranges::includes(target_, before);
  }
  const auto moved = is_.generation != answer.member_epoch;
  is_.generation = answer.member_epoch;
  is_.assignor = options_.remote_assignor;
  if (joins)
    enter(now, phase::stable);
  if (moved)
    expect_news(now);
  reconcile(now, joins);
  if (!beats() || beat_ != 0)
    return;
  if (std::exchange(hurries_, false) || (shrinks && phase_ == phase::stable))
    next_beat_ = now;
  else if (now < quick_until_)
    beat_soon(now, is_.owned.empty() ? last_of_idle : last_of_busy);
  else
    next_beat_ = std::max(now, beat_sent_ + interval_);
}

void reconciling_member::on_refused(
  time_point now, const consumer_group_heartbeat_response& answer, bool joins) {
  const auto code = answer.error_code;
  const auto says = answer.error_message.value_or("the coordinator refuses it");
  const error why{code, "group " + options_.group + ": " + says};
  switch (code) {
  case error_code::fenced_member_epoch:
  case error_code::unknown_member_id: join_anew(now, false, why); return;
  case error_code::group_id_not_found:
    if (joins)
      give_way(now, code, says);
    else // It was deleted, and is made anew.
      join_anew(now, false, why);
    return;
  case error_code::unsupported_version: give_way(now, code, says); return;
  case error_code::unreleased_instance_id:
    // Where the holder has crashed, its session ends.
    if (!held_since_) {
      held_since_ = now;
      tell(log_level::warning, advice(code) + ": it waits for that one's session to end");
    }
    if (now - *held_since_ <= options_.session_timeout + interval_)
      try_again(now, why, joins);
    else
      fail(now, code, says);
    return;
  case error_code::topic_authorization_failed:
    // What it reads it reads on: rights may come back.
    if (!std::exchange(topics_refused_, true))
      tell(log_level::warning, to_string(why));
    try_again(now, why, joins);
    return;
  default:
    if (is_retriable(code) || code == error_code::stale_member_epoch)
      try_again(now, why, joins);
    else
      fail(now, code, says);
    return;
  }
}

/// The coordinator is told all next time.
void reconciling_member::try_again(time_point now, const error& why, bool joins) {
  known_.reset();
  if (joins) {
    join_later(now, why);
    return;
  }
  unwell(now, why);
  hurries_ = false;
  next_beat_ = now + backoff(options_.retry_backoff, ++attempts_, random_);
}

/// The broker, or the group, is for members of the classic protocol.
void reconciling_member::give_way(
  time_point now, error_code answer, std::string_view what) {
  if (!options_.may_fall_back) {
    fail(now, answer, what);
    return;
  }
  const error why{answer, "group " + options_.group + ": " + std::string{what}};
  const auto leaves = is_leaving();
  lose_all(why);
  request_ = beat_ = 0;
  if (leaves) {
    gone(now);
    return;
  }
  enter(now, phase::ended);
  tell(log_level::info,
    "it becomes a member by the classic protocol, as there is none by the consumer "
    "protocol: "
      + std::string{what});
  effects_.emplace_back(fall_back{why});
}

std::string reconciling_member::advice(error_code answer) const {
  switch (answer) {
  case error_code::unsupported_version:
  case error_code::unsupported_api_version:
    return "the broker has no groups of the consumer protocol, which Kafka has since "
           "4.0, where its feature group.version is 1: set group_protocol to classic or "
           "automatic";
  case error_code::group_id_not_found:
    return "it has members of the classic protocol, and the broker does not let members "
           "of both into a group (group.consumer.migration.policy): set group_protocol "
           "to classic or automatic";
  case error_code::unsupported_assignor:
    return "remote_assignor is \"" + options_.remote_assignor
      + "\", and the broker has those of group.consumer.assignors";
  case error_code::unreleased_instance_id:
    return "another member has the group_instance_id " + options_.instance_id.value_or("")
      + ", and has not left";
  case error_code::invalid_regular_expression:
    return "the broker takes patterns of RE2, and not \"" + pattern_ + '"';
  case error_code::group_max_size_reached:
    return "it has as many members as the broker allows (group.consumer.max.size)";
  case error_code::invalid_request:
    return "the broker takes no such member; check its group, group_instance_id and rack";
  default: return group_member::advice(answer);
  }
}

void reconciling_member::on_failure(
  time_point now, std::uint64_t request, const error& why) {
  if (request == 0)
    return;
  if (request == question_) {
    why_unresolved_ = why;
    question_ = 0;
    ask_at_ = now + backoff(options_.retry_backoff, ++questions_, random_);
    return;
  }
  if (request != request_ && request != beat_)
    return;
  if (phase_ == phase::leaving) {
    has_left(now);
    return;
  }
  const auto joins = request == request_;
  (joins ? request_ : beat_) = 0;
  telling_.reset();
  switch (why.code) {
  case error_code::unsupported_version:
  case error_code::unsupported_api_version:
    if (!options_.may_fall_back && !is_too_old(now, why))
      try_again(now, why, joins);
    else
      give_way(now, why.code, why.detail);
    return;
  // What makes no sense to any broker will not the next time either.
  case error_code::invalid_argument:
  case error_code::invalid_group_id: end(now, why); return;
  default: try_again(now, why, joins); return;
  }
}

void reconciling_member::on_commit_refused(
  time_point now, std::int32_t epoch, error_code answer) {
  if (epoch != is_.generation || !beats())
    return;
  switch (answer) {
  case error_code::stale_member_epoch: hurry(now); return; // The answer has the new one.
  case error_code::unknown_member_id:
  case error_code::fenced_member_epoch:
  case error_code::group_id_not_found: join_anew(now, false, about(answer)); return;
  case error_code::fenced_instance_id:
  case error_code::group_authorization_failed:
    fail(now, answer, "it may not commit");
    return;
  default: return;
  }
}

// -- what it reads ----------------------------------------------------------------------

reconciling_member::place reconciling_member::place_of(
  const topic_partition& which) const {
  const auto found = is_.topic_ids.find(which.topic);
  return {found == is_.topic_ids.end() ? uuid{} : found->second, which.partition};
}

/// Also what it is still to take: the coordinator gives to others at once what a member
/// does not name, while that may be about to take it.
reconciling_member::topics_of_wire reconciling_member::owned_by_id() const {
  auto places = target_;
  for (const auto& p : is_.owned)
    places.insert(place_of(p));
  topics_of_wire all;
  for (const auto& at : places) {
    if (all.empty() || all.back().topic_id != at.topic)
      all.push_back({at.topic, {}});
    all.back().partitions.push_back(at.partition);
  }
  return all;
}

/// One step towards what it is to read; a revocation under way is not disturbed.
void reconciling_member::reconcile(time_point now, bool joined) {
  if (phase_ != phase::stable)
    return;
  partitions gone;
  for (const auto& p : is_.owned) {
    if (!target_.contains(place_of(p)))
      gone.push_back(p);
  }
  if (gone.empty()) {
    take(now, joined);
    return;
  }
  auto& by = is_.acknowledge_by;
  by = std::min(by, beat_sent_ + options_.rebalance_timeout);
  begin_revoke(now, std::move(gone), revoke_deadline(now), after_revoke::go_on);
}

void reconciling_member::on_given_up(time_point now, partitions what) {
  release(what);
  std::erase_if(is_.topic_ids, [&](const auto& t) {
    return std::ranges::find(is_.owned, t.first, &topic_partition::topic)
      == is_.owned.end();
  });
  enter(now, phase::stable);
  unacknowledged_ = true;
  acknowledges_ = last_request_ + 1;
  // The coordinator gives it to nobody else before it hears of this.
  hurry(now);
  reconcile(now, false);
}

void reconciling_member::take(time_point now, bool joined) {
  partitions added;
  unresolved_.clear();
  for (const auto& at : target_) {
    const auto known = names_.find(at.topic);
    if (known == names_.end()) {
      unresolved_.insert(at.topic);
      continue;
    }
    const auto& name = known->second;
    // Of a topic that was deleted and made again the former one goes first.
    const auto owned = is_.topic_ids.find(name);
    if (owned != is_.topic_ids.end() && owned->second != at.topic)
      continue;
    is_.topic_ids[name] = at.topic;
    const topic_partition p{name, at.partition};
    if (!std::ranges::binary_search(is_.owned, p))
      added.push_back(p);
  }
  if (joined || !added.empty()) {
    auto all = is_.owned;
    all.insert(all.end(), added.begin(), added.end());
    is_.owned = members::sorted(std::move(all));
    if (!added.empty())
      expect_news(now);
    effects_.emplace_back(assigned{members::sorted(std::move(added))});
  }
  forget_names();
  ask_for_names(now);
}

// -- names ------------------------------------------------------------------------------

void reconciling_member::ask_for_names(time_point now) {
  if (unresolved_.empty()) {
    if (unresolved_told_)
      tell(log_level::info, "it knows the names of all topics that it was assigned");
    resolved();
    return;
  }
  if (!unresolved_since_)
    unresolved_since_ = now;
  if (!unresolved_told_ && now - *unresolved_since_ >= options_.told_after) {
    unresolved_told_ = true;
    tell(log_level::warning,
      "it was assigned partitions of " + std::to_string(unresolved_.size())
        + " topics whose names it does not know yet, as of "
        + to_string(*unresolved_.begin()) + ", and does not read them"
        + (why_unresolved_ ? ": " + to_string(why_unresolved_) : std::string{}));
  }
  if (question_ != 0 || now < ask_at_)
    return;
  resolve_topics out;
  out.request = question_ = ++last_request_;
  out.ids.assign(unresolved_.begin(), unresolved_.end());
  effects_.emplace_back(std::move(out));
}

void reconciling_member::resolved() {
  questions_ = 0;
  ask_at_ = time_point::min();
  unresolved_since_.reset();
  unresolved_told_ = false;
  why_unresolved_ = {};
}

void reconciling_member::on_topic_names(
  time_point now, std::uint64_t request, const std::map<uuid, std::string>& names) {
  if (request != 0 && request != question_)
    return;
  for (const auto& [id, name] : names) {
    if (!id.is_zero() && !name.empty())
      names_[id] = name;
  }
  if (request != 0) {
    question_ = 0;
    why_unresolved_ = {};
    ask_at_ = now + backoff(options_.retry_backoff, ++questions_, random_);
  }
  if (std::ranges::any_of(unresolved_, [&](const auto& t) { return names_.contains(t); }))
    reconcile(now, false);
}

/// Of topics that it has nothing to do with.
void reconciling_member::forget_names() {
  std::erase_if(names_, [&](const auto& t) {
    const auto at = target_.lower_bound({t.first, partition_id{0}});
    return (at == target_.end() || at->topic != t.first)
      && !std::ranges::binary_search(topics_, t.second)
      && !is_.topic_ids.contains(t.second);
  });
}

void reconciling_member::forget() {
  is_.acknowledge_by = time_point::max();
  unacknowledged_ = false;
  is_.topic_ids.clear();
  target_.clear();
  unresolved_.clear();
  question_ = 0;
  resolved();
  known_.reset();
  hurries_ = false;
  quick_until_ = time_point::min();
}

// -- leaving ----------------------------------------------------------------------------

void reconciling_member::say_farewell(time_point now) {
  if (!std::exchange(told_of_, false)) {
    gone(now);
    return;
  }
  enter(now, phase::leaving);
  const auto epoch = options_.instance_id && !leaves_for_good_ ? away_with : leaves_with;
  send_consumer_heartbeat out;
  out.request = request_ = ++last_request_;
  out.what = heartbeat(epoch);
  out.deadline = farewell_deadline(now);
  forget();
  effects_.emplace_back(std::move(out));
}

// -- time, and how it is ----------------------------------------------------------------

void reconciling_member::on_time(time_point now) {
  if (now >= is_.acknowledge_by && beats())
    join_anew(now, false,
      {error_code::timed_out,
        "group " + options_.group
          + ": the coordinator has not heard within rebalance_timeout, "
          + std::to_string(options_.rebalance_timeout.count())
          + " ms, what was given up, and gives the rest to others, too"
          + (last_error_ ? ": " + to_string(last_error_) : std::string{})});
  group_member::on_time(now);
  if (phase_ == phase::stable)
    ask_for_names(now);
}

time_point reconciling_member::next_time() const {
  auto next = group_member::next_time();
  if (beats())
    next = std::min(next, is_.acknowledge_by);
  if (phase_ != phase::stable || unresolved_.empty())
    return next;
  if (question_ == 0)
    next = std::min(next, ask_at_);
  if (unresolved_since_ && !unresolved_told_)
    next = std::min(next, *unresolved_since_ + options_.told_after);
  return next;
}

reconciling_member::view reconciling_member::look() const {
  auto v = group_member::look();
  if (phase_ == phase::joining)
    v.waits_for = "the coordinator";
  if (phase_ == phase::stable && !unresolved_.empty())
    v.waits_for = "the names of " + std::to_string(unresolved_.size())
      + " topics that it was assigned";
  return v;
}

bool reconciling_member::may_commit() const {
  return beat_ == 0 && group_member::may_commit();
}

bool reconciling_member::may_fetch_offsets() const {
  return may_commit();
}

} // namespace cafka::protocol
