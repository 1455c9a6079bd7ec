#include "partition_processor.hpp"

#include "../text.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

using std::chrono::milliseconds;

std::string in_milliseconds(time_point::duration d) {
  return std::to_string(std::chrono::ceil<milliseconds>(d).count()) + " ms";
}

} // namespace

std::string_view to_string(failure_policy p) {
  switch (p) {
  case failure_policy::pause: return "pause";
  case failure_policy::skip: return "skip";
  case failure_policy::dead_letter: return "dead_letter";
  case failure_policy::end_group: return "end_group";
  }
  return "unknown";
}

std::string_view to_string(partition_processor::phase p) {
  using phase = partition_processor::phase;
  switch (p) {
  case phase::starting: return "starting";
  case phase::idle: return "idle";
  case phase::handling: return "handling";
  case phase::committing: return "committing";
  case phase::unacknowledged: return "unacknowledged";
  case phase::backing_off: return "backing_off";
  case phase::dead_lettering: return "dead_lettering";
  case phase::paused: return "paused";
  case phase::giving_up: return "giving_up";
  }
  return "unknown";
}

partition_processor::partition_processor(
  time_point now, partition_processor_options options)
  : options_(std::move(options)),
    random_(static_cast<std::minstd_rand::result_type>(options_.seed)),
    since_(now) {
}

// -- events -----------------------------------------------------------------------------

void partition_processor::on_up(time_point now) {
  up_ = true;
  after(now);
}

void partition_processor::on_down(time_point now, const error& why, bool given_up) {
  const auto was = std::exchange(given_, std::nullopt);
  const bool had_something = was ? !was->stale : !taken_.empty();
  const auto until = was ? was->next : at_;
  auto first = acknowledged_;
  if (!taken_.empty())
    first = std::max(first, taken_.front().first);
  else if (!batches_.empty())
    first = std::max(first, batches_.front().first);
  up_ = false;
  // What it has taken and not acknowledged is lost with it.
  taken_.clear();
  at_ = acknowledged_;
  if (given_up) {
    restart_at_ = now + backoff(options_.retry_backoff, ++given_up_, random_);
    tell(log_level::warning,
      "its supervisor has given its handler up (" + to_string(why)
        + "); another one is started in " + in_milliseconds(restart_at_ - now));
  }
  if (had_something && !paused_ && lettering_ == 0) {
    const bool known = was ? was->alone : alone_until_ > acknowledged_;
    if (!known)
      alone_until_ = std::max(alone_until_, until);
    failed(now, was && known ? was->from : first, known, why);
  } else if (!given_up) {
    last_error_ = why;
    tell(log_level::warning, "its handler has ended: " + to_string(why));
  }
  after(now);
}

void partition_processor::offer(time_point now, const batch& what) {
  wanted_ = false;
  if (acknowledged_.value() < 0) {
    // Also one of which nothing can be read is to be acknowledged.
    acknowledged_ = std::min(what.first, log_offset{what.next.value() - 1});
    at_ = std::max(at_, acknowledged_);
  }
  batches_.push_back(what);
  after(now);
}

std::optional<partition_processor::given> partition_processor::take_given(
  std::uint64_t number) {
  if (!given_ || given_->number != number)
    return std::nullopt;
  const auto was = *given_;
  given_.reset();
  if (was.stale)
    return std::nullopt;
  given_up_ = 0;
  return was;
}

void partition_processor::on_given(
  time_point now, std::uint64_t number, log_offset first, log_offset next) {
  if (!given_ || given_->number != number)
    return;
  given_->from = first;
  given_->next = next;
  if (first == next)
    on_handled(now, number, next, false);
}

void partition_processor::on_handled(
  time_point now, std::uint64_t number, log_offset next, bool sync) {
  if (take_given(number)) {
    acknowledge_to(now, next);
    if (sync) {
      committing_ = ++last_number_;
      effects_.emplace_back(commit{committing_});
    }
  }
  after(now);
}

void partition_processor::on_taken(
  time_point now, std::uint64_t number, log_offset last, log_offset next) {
  if (const auto was = take_given(number)) {
    at_ = std::max(at_, next);
    taken_.push_back({was->from, last, next});
  }
  after(now);
}

void partition_processor::on_failed(
  time_point now, std::uint64_t number, std::optional<log_offset> at, const error& why) {
  if (const auto was = take_given(number)) {
    const bool named = at && *at >= was->from && *at < was->next;
    // Those before it are handled; behind others that it acknowledges later they are
    // acknowledged with them.
    if (named && taken_.empty())
      acknowledge_to(now, *at);
    else if (named)
      at_ = *at;
    if (!named && !was->alone)
      alone_until_ = std::max(alone_until_, was->next);
    failed(now, named ? *at : was->from, named || was->alone, why);
  }
  after(now);
}

void partition_processor::on_acknowledged(time_point now, log_offset next) {
  const auto most = given_ && !given_->stale ? given_->next : at_;
  if (next > most)
    tell(log_level::warning,
      "offset " + std::to_string(next.value())
        + " was acknowledged, and the handler has been given no record before it: "
          "ignored");
  else {
    // What ends behind its last record is through with that one.
    for (const auto& t : taken_) {
      if (t.last < next)
        next = std::max(next, t.next);
    }
    acknowledge_to(now, next);
  }
  after(now);
}

void partition_processor::on_committed(
  time_point now, std::uint64_t number, const error& outcome) {
  if (number == committing_ && committing_ != 0) {
    committing_ = 0;
    if (outcome)
      tell(log_level::warning, "a commit has failed: " + to_string(outcome));
  }
  after(now);
}

void partition_processor::on_dead_letter(
  time_point now, std::uint64_t number, const error& outcome) {
  if (number != lettering_ || lettering_ == 0)
    return after(now);
  lettering_ = 0;
  if (outcome) {
    if (!std::exchange(letter_told_, true))
      tell(log_level::error,
        name_of(failing_)
          + " cannot be written to the dead-letter topic, which is tried again: "
          + to_string(outcome));
    last_error_ = outcome;
    back_off(now);
  } else {
    letter_told_ = false;
    tell(log_level::warning,
      name_of(failing_) + " is in the dead-letter topic after "
        + std::to_string(attempts_) + " attempts");
    acknowledge_to(now, failing_ + 1);
  }
  after(now);
}

void partition_processor::resume(time_point now) {
  if (std::exchange(paused_, false)) {
    attempts_ = 0;
    exhausted_ = false;
    wait_until_ = now;
  }
  after(now);
}

void partition_processor::sought(time_point now) {
  batches_.clear();
  taken_.clear();
  acknowledged_ = at_ = alone_until_ = failing_ = log_offset{-1};
  attempts_ = 0;
  exhausted_ = tried_together_ = paused_ = wanted_ = false;
  wait_until_ = now;
  lettering_ = 0;
  if (given_)
    given_->stale = true;
  after(now);
}

void partition_processor::give_up(time_point now) {
  giving_up_ = true;
  after(now);
}

void partition_processor::keep(time_point now) {
  giving_up_ = false;
  after(now);
}

void partition_processor::on_time(time_point now) {
  if (now >= restart_at_) {
    restart_at_ = time_point::max();
    if (!giving_up_)
      effects_.emplace_back(restart_handler{});
  }
  if (given_ && !slow_told_ && options_.told_after > milliseconds{0}
    && now >= given_at_ + options_.told_after) {
    slow_told_ = true;
    tell(log_level::warning,
      "its handler has worked on offsets " + std::to_string(given_->from.value()) + " to "
        + std::to_string(given_->next.value() - 1) + " for "
        + in_milliseconds(now - given_at_));
  }
  after(now);
}

time_point partition_processor::next_time() const {
  auto next = restart_at_;
  if (given_ && !slow_told_ && options_.told_after > milliseconds{0})
    next = std::min(next, given_at_ + options_.told_after);
  if (phase_ == phase::backing_off)
    next = std::min(next, wait_until_);
  return next;
}

// -- what follows -----------------------------------------------------------------------

void partition_processor::after(time_point now) {
  if (!given_ && std::exchange(slow_told_, false))
    tell(log_level::info, "its handler has answered");
  decide(now);
  if (const auto is = state(); is != phase_) {
    phase_ = is;
    since_ = now;
  }
}

void partition_processor::decide(time_point now) {
  if (giving_up_ || given_ || committing_ != 0 || lettering_ != 0 || paused_
    || now < wait_until_)
    return;
  wait_until_ = time_point::min();
  if (exhausted_)
    return apply_policy(now);
  if (!up_)
    return;
  if (taken_.size() >= options_.max_unacknowledged)
    return;
  const bool alone = at_ < alone_until_;
  const auto place =
    std::ranges::find_if(batches_, [&](const batch& b) { return b.next > at_; });
  if (place == batches_.end()) {
    if (!std::exchange(wanted_, true))
      effects_.emplace_back(want_batch{});
    return;
  }
  const auto from = std::max(at_, place->first);
  given_ = given{++last_number_, from, place->next, alone || place->records == 1, false};
  given_at_ = now;
  effects_.emplace_back(
    give{given_->number, static_cast<std::size_t>(place - batches_.begin()), from,
      alone ? std::size_t{1} : static_cast<std::size_t>(place->records)});
}

void partition_processor::acknowledge_to(time_point now, log_offset next) {
  if (next <= acknowledged_)
    return;
  acknowledge done{next, -1, 0};
  while (!batches_.empty()) {
    auto& front = batches_.front();
    if (front.next <= next) {
      done.epoch = front.epoch;
      done.records += front.records;
      batches_.pop_front();
      continue;
    }
    if (front.first >= next)
      break;
    done.epoch = front.epoch;
    // How many it has before an offset is not known: as many as fit at most.
    const auto before = std::min<std::uint64_t>(
      front.records, static_cast<std::uint64_t>(next - front.first));
    done.records += before;
    front.records = std::max<std::uint64_t>(front.records - before, 1);
    front.first = next;
    break;
  }
  while (!taken_.empty() && taken_.front().next <= next)
    taken_.pop_front();
  acknowledged_ = next;
  at_ = std::max(at_, next);
  if (failing_ < next) {
    failing_ = log_offset{-1};
    exhausted_ = false;
    if (std::exchange(attempts_, 0) > 0)
      wait_until_ = now;
    last_error_ = {};
  }
  if (alone_until_ <= next) {
    alone_until_ = log_offset{-1};
    tried_together_ = false;
  }
  effects_.emplace_back(done);
}

/// `known`: it is this record, and not one behind it.
void partition_processor::failed(
  time_point now, log_offset at, bool known, const error& why) {
  last_error_ = why;
  if (std::exchange(failing_, at) != at)
    attempts_ = 0;
  exhausted_ = false;
  if (!known)
    tried_together_ = true;
  else
    attempts_ += std::exchange(tried_together_, false) && attempts_ == 0 ? 2 : 1;
  at_ = std::max(acknowledged_, std::min(at_, at));
  if (known && options_.max_attempts > 0 && attempts_ >= options_.max_attempts) {
    exhausted_ = true; // `decide` says what becomes of it.
    wait_until_ = now;
    if (gives_up_records() && !taken_.empty())
      tell(log_level::warning,
        name_of(at) + " could not be handled (" + to_string(why)
          + "), and is given up once what the handler was given before is acknowledged");
    return;
  }
  back_off(now);
  tell(attempts_ <= 1 ? log_level::warning : log_level::debug,
    (known ? name_of(at) : "a batch from " + name_of(at) + " on")
      + " could not be handled"
      + (known ? ", attempt " + std::to_string(attempts_) : std::string{})
      + (known && options_.max_attempts > 0
          ? " of " + std::to_string(options_.max_attempts)
          : std::string{})
      + ": " + to_string(why) + "; again in " + in_milliseconds(wait_until_ - now)
      + (known ? "" : ", one by one"));
}

/// Whether the policy goes on behind a record that could not be handled.
bool partition_processor::gives_up_records() const {
  return options_.on_failure == failure_policy::skip
    || options_.on_failure == failure_policy::dead_letter;
}

void partition_processor::apply_policy(time_point now) {
  // With it all before it would be acknowledged.
  if (gives_up_records() && !taken_.empty())
    return;
  const auto& why = last_error_;
  const auto after_all = " after " + std::to_string(attempts_)
    + (attempts_ == 1 ? " attempt: " : " attempts: ") + to_string(why);
  switch (options_.on_failure) {
  case failure_policy::skip:
    tell(log_level::error, name_of(failing_) + " is skipped" + after_all);
    acknowledge_to(now, failing_ + 1);
    decide(now);
    break;
  case failure_policy::dead_letter:
    lettering_ = ++last_number_;
    effects_.emplace_back(write_dead_letter{lettering_, failing_, attempts_, why});
    break;
  case failure_policy::pause:
    paused_ = true;
    tell(log_level::error,
      "it is paused at " + name_of(failing_) + after_all + "; resume, or seek");
    break;
  case failure_policy::end_group:
    paused_ = true;
    tell(log_level::error,
      "the member leaves its group, for " + name_of(failing_) + " could not be handled"
        + after_all);
    effects_.emplace_back(
      end_group{{why.code, name_of(failing_) + " could not be handled" + after_all}});
    break;
  }
}

void partition_processor::back_off(time_point now) {
  wait_until_ =
    now + backoff(options_.retry_backoff, std::max<std::uint32_t>(attempts_, 1), random_);
}

bool partition_processor::through() const {
  return !given_ && taken_.empty() && committing_ == 0 && lettering_ == 0;
}

partition_processor::phase partition_processor::state() const {
  if (giving_up_)
    return phase::giving_up;
  if (paused_)
    return phase::paused;
  if (given_)
    return phase::handling;
  if (committing_ != 0)
    return phase::committing;
  if (lettering_ != 0)
    return phase::dead_lettering;
  if (wait_until_ != time_point::min())
    return phase::backing_off;
  if (!up_)
    return phase::starting;
  return exhausted_ || taken_.size() >= options_.max_unacknowledged
    ? phase::unacknowledged
    : phase::idle;
}

partition_processor::view partition_processor::look() const {
  return {phase_, since_, acknowledged_, attempts_, last_error_};
}

void partition_processor::tell(log_level level, const std::string& text) {
  effects_.emplace_back(
    told{level, to_string(options_.which) + ": " + shown(text, 1'000)});
}

std::string partition_processor::name_of(log_offset at) const {
  return "offset " + std::to_string(at.value());
}

} // namespace cafka::protocol
