#include "group_member.hpp"

#include "../error_code.hpp"
#include "../text.hpp"

#include <algorithm>
#include <iterator>

namespace cafka::protocol {

using std::chrono::milliseconds;

namespace members {

namespace {

template <class T>
std::vector<T> each_once(std::vector<T> all) {
  std::ranges::sort(all);
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

} // namespace

std::vector<topic_partition> sorted(std::vector<topic_partition> all) {
  return each_once(std::move(all));
}

std::vector<std::string> sorted(std::vector<std::string> names) {
  return each_once(std::move(names));
}

std::vector<topic_partition> without(
  const std::vector<topic_partition>& all, const std::vector<topic_partition>& those) {
  std::vector<topic_partition> rest;
  std::ranges::set_difference(all, those, std::back_inserter(rest));
  return rest;
}

std::vector<topic_partition> both(
  const std::vector<topic_partition>& a, const std::vector<topic_partition>& b) {
  std::vector<topic_partition> all;
  std::ranges::set_intersection(a, b, std::back_inserter(all));
  return all;
}

} // namespace members

namespace {

/// The first of the heartbeats that come early.
constexpr milliseconds first_quick_beat{100};
/// A broker that lacks what groups need is asked for so long, in case it is not so old.
constexpr milliseconds believed_after{5'000};

} // namespace

std::string_view to_string(group_member::phase p) {
  using phase = group_member::phase;
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

group_member::group_member(
  group_member_options options, group_membership before, member_protocol speaks)
  : options_(std::move(options)),
    random_(static_cast<std::minstd_rand::result_type>(options_.seed + 1)),
    is_(std::move(before)),
    interval_(options_.heartbeat_interval) {
  is_.protocol = speaks;
  if (is_.generation >= 0)
    return;
  is_.owned.clear();
  is_.alive_until = time_point::max();
}

// -- the program ------------------------------------------------------------------------

void group_member::subscribe(
  time_point now, std::vector<std::string> topics, std::string pattern) {
  topics = members::sorted(std::move(topics));
  // An incarnation before this one was a member.
  const auto succeeds = phase_ == phase::idle && is_.generation >= 0;
  const auto same = topics == topics_ && pattern == pattern_;
  if (phase_ == phase::ended || (same && !succeeds))
    return;
  topics_ = std::move(topics);
  pattern_ = std::move(pattern);
  watch();
  if (phase_ == phase::leaving
    || (phase_ == phase::revoking && then_ == after_revoke::leave))
    return; // It joins once it has left, unless that is for good.
  if (succeeds) {
    // Its session has begun before; what it sends now may not arrive.
    is_.alive_until = std::min(is_.alive_until, now + options_.session_timeout);
    next_beat_ = now;
    enter(now, phase::stable);
    take_over(now);
  }
  if (topics_.empty() && pattern_.empty()) {
    if (phase_ == phase::idle)
      return;
    reason_ = "it subscribes to nothing";
    leaves_for_good_ = true;
    leave_reason_ = reason_;
    begin_revoke(now, owned_and_held(), revoke_deadline(now), after_revoke::go_idle);
    return;
  }
  if (succeeds)
    return;
  if (phase_ == phase::idle) {
    reason_ = "it begins";
    join(now);
    return;
  }
  on_subscribed(now);
}

void group_member::watch() {
  auto all = members::sorted(topics_to_watch());
  if (all == watched_)
    return;
  watched_ = std::move(all);
  effects_.emplace_back(watch_topics{watched_});
}

// -- giving up --------------------------------------------------------------------------

time_point group_member::revoke_deadline(time_point now) const {
  // The coordinator has begun to wait before this member has heard of it.
  const auto spare = std::min<milliseconds>(interval_, options_.rebalance_timeout / 2);
  const auto waits = std::min(now + options_.rebalance_timeout, is_.acknowledge_by);
  return std::max(now, waits - spare);
}

void group_member::begin_revoke(
  time_point now, partitions what, time_point deadline, after_revoke then) {
  // What it asks for now replaces a revocation that is under way, and contains it, but
  // for one that a farewell overtakes.
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

void group_member::on_revoked(time_point now) {
  if (phase_ != phase::revoking)
    return;
  revoke_until_ = time_point::max();
  auto what = std::exchange(revoking_, {});
  if (then_ == after_revoke::go_on) {
    on_given_up(now, std::move(what));
    return;
  }
  held_.clear();
  release(what);
  is_.owned.clear();
  say_farewell(now);
}

void group_member::release(const partitions& what) {
  is_.owned = members::without(is_.owned, what);
  if (!what.empty())
    effects_.emplace_back(released{what});
}

/// What the program has, or had and expects to have again.
group_member::partitions group_member::owned_and_held() const {
  auto all = is_.owned;
  all.insert(all.end(), held_.begin(), held_.end());
  return members::sorted(std::move(all));
}

void group_member::lose_partitions(const error& why) {
  auto all = owned_and_held();
  is_.owned.clear();
  held_.clear();
  revoking_.clear();
  revoke_until_ = time_point::max();
  if (!all.empty())
    effects_.emplace_back(lost{std::move(all), why});
}

void group_member::lose_all(const error& why) {
  lose_partitions(why);
  is_.generation = -1;
  forget();
}

// -- joining ----------------------------------------------------------------------------

void group_member::join_later(time_point now, const error& why) {
  unwell(now, why);
  request_ = 0;
  enter(now, phase::waiting);
  if (is_.alive_until == time_point::max())
    is_.alive_until = now + options_.session_timeout;
  join_at_ = now + backoff(options_.retry_backoff, ++attempts_, random_);
  leave_when_settled(now);
}

/// What it had is another member's: it begins anew.
void group_member::join_anew(time_point now, bool new_id, const error& why) {
  const auto leaves = is_leaving();
  lose_all(why);
  if (new_id)
    is_.member_id.clear();
  if (leaves) {
    say_farewell(now);
    return;
  }
  reason_ = to_string(why);
  join_later(now, why);
}

error group_member::about(error_code answer) const {
  return {answer, "group " + options_.group};
}

std::string group_member::advice(error_code answer) const {
  switch (answer) {
  case error_code::group_max_size_reached:
    return "it has as many members as the broker allows (group.max.size)";
  case error_code::fenced_instance_id:
    return "another member has taken the group_instance_id "
      + options_.instance_id.value_or("");
  case error_code::group_authorization_failed:
    return "the principal may not read the group";
  default: return {};
  }
}

void group_member::fail(time_point now, error_code answer, std::string_view what) {
  auto detail = "group " + options_.group + ": " + std::string{what};
  if (const auto more = advice(answer); !more.empty())
    detail += ": " + more;
  end(now, {answer, std::move(detail)});
}

// -- being a member ---------------------------------------------------------------------

bool group_member::is_leaving() const {
  return phase_ == phase::revoking && then_ != after_revoke::go_on;
}

bool group_member::beats() const {
  return phase_ == phase::stable || phase_ == phase::assigning || phase_ == phase::syncing
    || (phase_ == phase::revoking && is_.generation >= 0);
}

bool group_member::may_commit() const {
  return is_.generation >= 0 && (phase_ == phase::stable || phase_ == phase::revoking);
}

void group_member::expect_news(time_point now) {
  quick_beats_ = 0;
  quick_until_ = now + 2 * interval_;
  next_beat_ = std::min(next_beat_, now + std::min(first_quick_beat, interval_));
}

void group_member::beat_soon(time_point now, milliseconds latest) {
  const auto pause = std::min(
    latest, first_quick_beat * (1 << std::min<std::uint32_t>(++quick_beats_, 3)));
  next_beat_ = now + std::min(pause, interval_);
}

milliseconds group_member::beat_deadline() const {
  return std::max(options_.session_timeout / 3, interval_);
}

void group_member::heard(time_point now) {
  is_.alive_until = now + options_.session_timeout;
}

void group_member::unwell(time_point now, const error& why) {
  last_error_ = why;
  if (!unwell_since_)
    unwell_since_ = now;
}

void group_member::well(time_point now) {
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

bool group_member::is_too_old(time_point now, const error& why) {
  if (why.code != error_code::unsupported_version
    && why.code != error_code::unsupported_api_version) {
    unsupported_since_.reset();
    return false;
  }
  if (!unsupported_since_)
    unsupported_since_ = now;
  return now - *unsupported_since_ >= believed_after;
}

// -- leaving ----------------------------------------------------------------------------

void group_member::leave(
  time_point now, time_point deadline, std::string reason, bool for_good) {
  if (phase_ == phase::ended)
    return;
  leave_until_ = deadline;
  if (phase_ == phase::leaving) {
    then_ = after_revoke::leave; // It is on its way, and was to come back.
    return;
  }
  leave_reason_ = std::move(reason);
  leaves_for_good_ = for_good;
  // A handler that never returns must not keep the group from being told.
  leave_spare_ = std::min<time_point::duration>(milliseconds{500}, (deadline - now) / 4);
  leave_by_ = deadline - 2 * leave_spare_;
  leave_when_settled(now);
}

void group_member::leave_when_settled(time_point now) {
  if (leave_by_ == time_point::max())
    return;
  const auto in_rebalance =
    phase_ == phase::joining || phase_ == phase::assigning || phase_ == phase::syncing;
  if (in_rebalance && !is_.owned.empty() && now < leave_by_)
    return;
  leave_by_ = time_point::max();
  begin_revoke(now, owned_and_held(), leave_until_ - leave_spare_, after_revoke::leave);
}

milliseconds group_member::farewell_deadline(time_point now) const {
  if (leave_until_ == time_point::max())
    return options_.request_timeout;
  return std::clamp(std::chrono::ceil<milliseconds>(leave_until_ - now), milliseconds{1},
    options_.request_timeout);
}

void group_member::step_out(time_point now, const error& why) {
  if (phase_ == phase::idle || phase_ == phase::leaving || phase_ == phase::ended)
    return;
  lose_all(why);
  topics_.clear();
  pattern_.clear();
  watch();
  then_ = after_revoke::go_idle;
  leaves_for_good_ = false; // A static one may be back in time.
  leave_reason_ = why.detail;
  say_farewell(now);
}

void group_member::on_farewell_answered(time_point now, error_code answer) {
  // Whom the coordinator does not know has left as well.
  const auto left = answer == error_code::none || answer == error_code::unknown_member_id
    || answer == error_code::fenced_instance_id
    || answer == error_code::fenced_member_epoch
    || answer == error_code::group_id_not_found;
  if (!left)
    tell(log_level::warning,
      "the coordinator has not taken its farewell, and waits for the session to end: "
        + std::string{to_string(answer)});
  has_left(now);
}

void group_member::has_left(time_point now) {
  request_ = 0;
  if (then_ == after_revoke::go_idle)
    is_ = {.protocol = is_.protocol};
  gone(now);
}

void group_member::gone(time_point now) {
  is_.generation = -1;
  if (then_ == after_revoke::leave) {
    end(now, {});
    return;
  }
  enter(now, phase::idle);
  if (!topics_.empty() || !pattern_.empty())
    join(now);
}

void group_member::end(time_point now, error why) {
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

void group_member::enter(time_point now, phase next) {
  if (phase_ != next)
    since_ = now;
  phase_ = next;
  if (next == phase::idle || next == phase::ended) {
    unwell_since_.reset(); // It waits for nothing.
    unwell_told_ = false;
  }
  if (next == phase::idle || next == phase::ended || next == phase::leaving)
    is_.alive_until = time_point::max();
  else if (next != phase::waiting)
    return;
  next_beat_ = time_point::max();
  beat_ = 0;
}

void group_member::on_time(time_point now) {
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
  if (now >= is_.alive_until) {
    const error why{error_code::timed_out,
      "group " + options_.group + ": the coordinator has not answered for "
        + std::to_string(options_.session_timeout.count()) + " ms"
        + (last_error_ ? ": " + to_string(last_error_) : std::string{})};
    if (beats()) {
      join_anew(now, false, why);
    } else {
      // It goes on trying to join.
      lose_all(why);
      is_.alive_until = time_point::max();
    }
  }
  if (phase_ == phase::waiting && now >= join_at_)
    join(now);
  if (beats() && beat_ == 0 && now >= next_beat_)
    beat(now);
  if (unwell_since_ && !unwell_told_ && now - *unwell_since_ >= options_.told_after) {
    unwell_told_ = true;
    const auto seconds =
      std::chrono::floor<std::chrono::seconds>(now - *unwell_since_).count();
    tell(log_level::warning,
      "it is " + std::string{to_string(phase_)} + ", and waits for the coordinator for "
        + std::to_string(seconds) + " s: " + to_string(last_error_));
  }
}

time_point group_member::next_time() const {
  auto next = time_point::max();
  if (phase_ == phase::revoking)
    next = std::min(next, revoke_until_);
  if (phase_ == phase::leaving)
    next = std::min(next, leave_until_);
  if (phase_ == phase::waiting)
    next = std::min(next, join_at_);
  next = std::min({next, is_.alive_until, leave_by_});
  if (beats() && beat_ == 0)
    next = std::min(next, next_beat_);
  if (unwell_since_ && !unwell_told_)
    next = std::min(next, *unwell_since_ + options_.told_after);
  return next;
}

// -- how it is --------------------------------------------------------------------------

group_member::view group_member::look() const {
  view v;
  v.is = phase_;
  v.since = since_;
  v.last_error = last_error_;
  switch (phase_) {
  case phase::idle:
    v.waits_for = topics_.empty() && pattern_.empty() ? "a subscription" : "";
    break;
  case phase::waiting:
    v.waits_for = "another attempt to join: " + to_string(last_error_);
    v.until = join_at_;
    break;
  case phase::revoking:
    v.waits_for = "the program, which has records of " + std::to_string(revoking_.size())
      + " partitions in hand";
    v.until = revoke_until_;
    break;
  case phase::leaving:
    v.waits_for = "the coordinator";
    v.until = leave_until_;
    break;
  case phase::joining:
  case phase::assigning:
  case phase::syncing:
  case phase::stable:
  case phase::ended: break;
  }
  return v;
}

void group_member::tell(log_level level, std::string text) {
  effects_.emplace_back(
    told{level, "group " + options_.group + ": " + shown(text, 1'000)});
}

} // namespace cafka::protocol
