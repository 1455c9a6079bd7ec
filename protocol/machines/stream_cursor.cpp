#include "stream_cursor.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace cafka::protocol {

namespace {

using std::chrono::milliseconds;

// Kafka's marks for the ends of a log, as ListOffsets takes them.

/// So many fetches that bring nothing before the end of the log, and there is nothing:
/// compaction leaves gaps, at the end too.
constexpr std::uint32_t max_empty_answers = 3;

/// So many resets without a fetch that brings anything in between.
constexpr std::uint32_t max_resets = 3;

/// Between two questions at the end of the log, of which the broker answered the first at
/// once.
constexpr milliseconds shortest_wait{5};
constexpr milliseconds longest_wait{100};
/// So long an answer may take; a link that is slower is asked for less.
constexpr milliseconds longest_answer{5'000};

/// So much is asked for in any case: small batches would come one by one below that.
constexpr std::int32_t least_question = 16 * 1024;

} // namespace

stream_cursor::stream_cursor(const stream_cursor_options& options)
  : options_(options),
    random_(static_cast<std::uint32_t>(options.seed)),
    max_bytes_(options.max_bytes),
    least_bytes_(std::min(options.max_bytes, least_question)) {
  if (options_.asks_group)
    state_ = state::asks_group;
  else
    begin({});
}

void stream_cursor::begin(time_point now) {
  if (options_.start && !options_.start->is_moment())
    go_to(now, options_.start->value());
  else if (options_.start)
    ask_for(*options_.start);
  else if (options_.committed)
    state_ = state::asks_committed;
  else
    ask_for(options_.reset.value_or(start_at::earliest()));
}

void stream_cursor::grant(std::uint32_t batches) {
  credit_ += batches;
  asked_for_ = asked_for_ || batches > 0;
}

// -- questions and answers --------------------------------------------------------------

std::optional<stream_cursor::question> stream_cursor::next_question(time_point now) {
  if (!asked_for_ || open_ || held_ || outcome_ || now < not_before_)
    return std::nullopt;
  open_ = true;
  asked_at_ = now;
  auto left = options_.deadline;
  if (trouble_since_)
    left -= std::chrono::floor<milliseconds>(now - *trouble_since_);
  left = std::max(left, milliseconds{1});
  switch (state_) {
  case state::asks_group: return ask_group{left};
  case state::asks_committed: return ask_committed{left};
  case state::asks_offset: return ask_offset{wanted_time_, left};
  case state::reads: break;
  }
  return ask_records{position_, left, max_bytes_};
}

void stream_cursor::on_group(time_point now, bool any) {
  answered();
  if (outcome_)
    return;
  options_.committed = options_.committed && any;
  options_.commits = options_.commits && any;
  begin(now);
}

void stream_cursor::on_committed(time_point now, std::optional<log_offset> offset) {
  answered();
  if (outcome_)
    return;
  if (offset)
    go_to(now, *offset);
  else
    ask_for(options_.reset.value_or(start_at::earliest()));
}

void stream_cursor::on_offset(time_point now, std::optional<log_offset> offset) {
  answered();
  if (outcome_)
    return;
  if (offset)
    go_to(now, *offset);
  else if (wanted_time_ != start_at::latest().value())
    ask_for(start_at::latest());
  else
    end({error_code::offset_not_available, "the broker does not say where the log ends"});
}

void stream_cursor::on_records(time_point now, const records_answer& answer) {
  note_pace(now, answer.bytes);
  answered();
  if (outcome_)
    return;
  has_read_ = true;
  const bool moved = answer.next > position_;
  if (moved)
    resets_ = 0;
  position_ = answer.next;
  held_ = answer.any;
  advance_over_what_is_no_record(now);
  const bool at_end = position_ >= log_end(answer);
  empty_answers_ = moved || at_end ? 0 : empty_answers_ + 1;
  if (options_.no_wait_at_logend && (at_end || empty_answers_ >= max_empty_answers))
    end({});
  else if (empty_answers_ > 0)
    // The broker need not wait before it says that nothing is there.
    not_before_ = now + backoff(options_.retry_backoff, empty_answers_, random_);
  else if (!moved)
    not_before_ = asked_at_ + std::clamp(options_.wait_time, shortest_wait, longest_wait);
}

/// The time that an answer takes shows the pace, unless the broker has waited for
/// records: then it is short.
void stream_cursor::note_pace(time_point now, std::size_t bytes) {
  const auto took = now - asked_at_;
  if (took > longest_answer && bytes >= static_cast<std::size_t>(least_bytes_)) {
    const auto share = std::chrono::duration<double>(longest_answer) / took;
    const auto fits = static_cast<double>(bytes) * share;
    if (fits < max_bytes_)
      max_bytes_ = std::max(least_bytes_, static_cast<std::int32_t>(fits));
  } else if (took <= longest_answer / 2) {
    max_bytes_ =
      max_bytes_ > options_.max_bytes / 2 ? options_.max_bytes : 2 * max_bytes_;
  }
}

/// After an answer that did not come whole.
void stream_cursor::ask_for_less() {
  max_bytes_ = std::max(least_bytes_, max_bytes_ / 2);
}

log_offset stream_cursor::log_end(const records_answer& answer) const {
  return options_.read_committed && answer.last_stable_offset.value() >= 0
    ? answer.last_stable_offset
    : answer.high_watermark;
}

void stream_cursor::on_failure(time_point now, error why) {
  open_ = false;
  if (outcome_)
    return;
  if (state_ == state::reads && remedy_for(why.code) == remedy::reset_offset) {
    if (!options_.reset || ++resets_ > max_resets) {
      end(std::move(why));
      return;
    }
    answered();
    ask_for(*options_.reset);
    if (resets_ > 1)
      not_before_ = now + backoff(options_.retry_backoff, resets_ - 1, random_);
    return;
  }
  if (state_ == state::reads) {
    switch (why.code) {
    case error_code::timed_out:
    case error_code::outcome_unknown:
    case error_code::disconnected: ask_for_less(); break;
    case error_code::message_too_large:
      // An old broker, which sends no batch that is larger than the limit.
      if (max_bytes_ < options_.max_bytes) {
        max_bytes_ = least_bytes_ = options_.max_bytes;
        return;
      }
      break;
    default: break;
    }
  }
  const auto since = trouble_since_.value_or(asked_at_);
  const auto again = now + backoff(options_.retry_backoff, ++failures_, random_);
  if (!passes(why.code) || again - since >= options_.deadline) {
    end(std::move(why));
    return;
  }
  trouble_since_ = since;
  not_before_ = again;
}

void stream_cursor::answered() {
  open_ = false;
  trouble_since_.reset();
  failures_ = 0;
}

void stream_cursor::ask_for(start_at where) {
  state_ = state::asks_offset;
  wanted_time_ = where.value();
}

void stream_cursor::go_to(time_point now, log_offset offset) {
  state_ = state::reads;
  position_ = offset;
  if (!start_) {
    start_ = offset;
    handed_ = acknowledged_ = kept_ = offset;
  } else if (offset < handed_) {
    // The log has become shorter.
    handed_ = offset;
    acknowledged_ = std::min(acknowledged_, offset);
  }
  advance_over_what_is_no_record(now);
}

void stream_cursor::end(error why) {
  outcome_ = std::move(why);
}

bool stream_cursor::passes(error_code e) const {
  switch (e) {
  case error_code::timed_out:
  case error_code::outcome_unknown:
  case error_code::disconnected:
  case error_code::connection_failed:
  case error_code::queue_full: return true;
  case error_code::worker_down: return options_.worker_returns;
  // As damaged when it is fetched again.
  case error_code::corrupt_message: return false;
  // It was there: a broker that has just come back need not know of it yet.
  case error_code::unknown_topic_or_partition:
  case error_code::unknown_topic_id: return has_read_;
  default: return is_retriable(e);
  }
}

// -- handing over -----------------------------------------------------------------------

void stream_cursor::handed_over() {
  held_ = false;
  --credit_;
  handed_ = position_;
}

void stream_cursor::acknowledge(time_point now, log_offset done) {
  done = std::min(done, handed_);
  if (done > acknowledged_) {
    acknowledged_ = done;
    if (!uncommitted_since_)
      uncommitted_since_ = now;
  }
  advance_over_what_is_no_record(now);
}

/// Markers of transactions and gaps need no acknowledgement.
void stream_cursor::advance_over_what_is_no_record(time_point now) {
  if (held_ || acknowledged_ != handed_ || position_ <= handed_)
    return;
  acknowledged_ = handed_ = position_;
  if (!uncommitted_since_)
    uncommitted_since_ = now;
}

void stream_cursor::stop(time_point now, error why) {
  if (held_) {
    held_ = false;
    position_ = handed_;
  }
  if (!outcome_)
    end(std::move(why));
  if (!stopped_at_) {
    stopped_at_ = now;
    no_commit_before_ = time_point::min();
  }
}

bool stream_cursor::finished() const {
  return stopped_at_ && !committing_ && (!anything_to_commit() || commits_given_up_);
}

// -- commits ----------------------------------------------------------------------------

bool stream_cursor::anything_to_commit() const {
  return options_.commits && acknowledged_ != kept_;
}

time_point stream_cursor::commit_time() const {
  if (!anything_to_commit() || committing_ || commits_given_up_)
    return time_point::max();
  const auto many = static_cast<std::int64_t>(options_.commit_threshold);
  if (stopped_at_ || acknowledged_ < kept_ || (many > 0 && acknowledged_ - kept_ >= many))
    return no_commit_before_;
  if (options_.auto_commit_interval <= milliseconds{0} || !uncommitted_since_)
    return time_point::max();
  return std::max(*uncommitted_since_ + options_.auto_commit_interval, no_commit_before_);
}

std::optional<log_offset> stream_cursor::next_commit(time_point now) {
  if (commit_time() > now)
    return std::nullopt;
  committing_ = acknowledged_;
  uncommitted_since_.reset();
  return committing_;
}

void stream_cursor::on_commit(time_point now, const error& outcome) {
  const auto offset = std::exchange(committing_, std::nullopt);
  commit_error_ = outcome;
  if (!outcome) {
    committed_ = offset;
    kept_ = *offset;
    commit_failures_ = 0;
    return;
  }
  if (!uncommitted_since_)
    uncommitted_since_ = now;
  const bool passing = passes(outcome.code);
  const auto wait = backoff(options_.retry_backoff, ++commit_failures_, random_);
  no_commit_before_ = now
    + (passing ? wait
               : std::max(options_.auto_commit_interval, options_.retry_backoff.max));
  if (stopped_at_)
    commits_given_up_ = !passing || no_commit_before_ - *stopped_at_ >= options_.deadline;
}

milliseconds stream_cursor::commit_deadline(time_point now) const {
  if (!stopped_at_)
    return options_.deadline;
  const auto gone = std::chrono::floor<milliseconds>(now - *stopped_at_);
  return std::max(options_.deadline - gone, milliseconds{1});
}

time_point stream_cursor::next_time() const {
  const bool will_ask = asked_for_ && !open_ && !held_ && !outcome_;
  return std::min(will_ask ? not_before_ : time_point::max(), commit_time());
}

} // namespace cafka::protocol
