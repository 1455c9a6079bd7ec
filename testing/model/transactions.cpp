#include "transactions.hpp"

#include <limits>

namespace cafka::testing {

using protocol::error_code;

namespace {

/// The highest epoch that a producer gets; the one above fences it when its transaction
/// is aborted.
constexpr std::int16_t last_epoch = std::numeric_limits<std::int16_t>::max() - 1;

} // namespace

bool transactional_id::exhausted() const {
  return now_.epoch >= last_epoch;
}

void transactional_id::rotate(std::int64_t& next_id, bool keep_last) {
  last_ = keep_last ? now_ : producer{};
  now_ = {next_id++, 0};
}

error_code transactional_id::init(
  milliseconds timeout, producer expected, std::int64_t& next_id, bool bumps) {
  const auto named = expected.id >= 0;
  if (named && now_.epoch >= 0 && expected.id != now_.id
    && !(expected.id == last_.id && expected.epoch >= last_epoch))
    return error_code::producer_fenced;
  if (decided())
    return error_code::concurrent_transactions;
  if (open()) {
    if (named && expected.epoch != now_.epoch && expected != last_)
      return error_code::producer_fenced;
    abort_by_coordinator(bumps);
    return error_code::concurrent_transactions;
  }
  timeout_ = timeout;
  if (now_.epoch < 0) {
    now_ = {next_id++, 0};
  } else if (!named) {
    if (exhausted())
      rotate(next_id, false);
    else
      now_.epoch = static_cast<std::int16_t>(now_.epoch + 1);
    last_ = {};
  } else if (expected == now_) {
    if (exhausted()) {
      rotate(next_id, true);
    } else {
      last_ = now_;
      now_.epoch = static_cast<std::int16_t>(now_.epoch + 1);
    }
  } else if (expected != last_) {
    return error_code::producer_fenced;
  } else if (now_.epoch > last_epoch) {
    // It was aborted by the coordinator, in an epoch that no producer gets.
    rotate(next_id, false);
    last_ = expected;
  }
  state_ = phase::empty;
  return error_code::none;
}

error_code transactional_id::may_add(producer who) const {
  if (who.id != now_.id)
    return error_code::invalid_producer_id_mapping;
  if (who.epoch != now_.epoch)
    return error_code::producer_fenced;
  return decided() ? error_code::concurrent_transactions : error_code::none;
}

void transactional_id::begin(time_point now) {
  if (open())
    return;
  state_ = phase::ongoing;
  began_ = now;
  // The producer knows how its last transaction ended.
  last_ = {};
}

void transactional_id::add(
  time_point now, const std::string& topic, std::int32_t partition) {
  begin(now);
  partitions.emplace(topic, partition);
}

void transactional_id::add(time_point now, const std::string& group) {
  begin(now);
  groups.insert(group);
}

error_code transactional_id::end(
  producer who, bool commit, std::int64_t& next_id, bool bumps) {
  const auto again = bumps && last_.id >= 0 && who == last_;
  if (who.id != now_.id && !again)
    return error_code::invalid_producer_id_mapping;
  if (who.epoch != now_.epoch && !again)
    return error_code::producer_fenced;
  const auto same = state_ == (commit ? phase::complete_commit : phase::complete_abort);
  if (decided())
    return state_ == (commit ? phase::prepare_commit : phase::prepare_abort)
      ? error_code::concurrent_transactions
      : error_code::invalid_txn_state;
  if (!open() && (again || !bumps))
    return same ? error_code::none : error_code::invalid_txn_state;
  if (!open() && commit)
    return error_code::invalid_txn_state;
  marker_ = now_;
  if (bumps) {
    marker_.epoch = static_cast<std::int16_t>(now_.epoch + 1);
    if (exhausted()) {
      rotate(next_id, true);
    } else {
      last_ = now_;
      now_.epoch = marker_.epoch;
    }
  }
  state_ = commit ? phase::prepare_commit : phase::prepare_abort;
  if (partitions.empty() && groups.empty())
    complete();
  return error_code::none;
}

void transactional_id::abort_by_coordinator(bool bumps) {
  last_ = bumps ? now_ : producer{};
  now_.epoch = static_cast<std::int16_t>(now_.epoch + 1);
  marker_ = now_;
  state_ = phase::prepare_abort;
}

bool transactional_id::on_time(time_point now, bool bumps) {
  if (next_time() > now)
    return false;
  abort_by_coordinator(bumps);
  return true;
}

transactional_id::time_point transactional_id::next_time() const {
  return open() ? began_ + timeout_ : time_point::max();
}

void transactional_id::complete() {
  state_ =
    state_ == phase::prepare_commit ? phase::complete_commit : phase::complete_abort;
}

std::string_view transactional_id::state_name() const {
  switch (state_) {
  case phase::empty: return "Empty";
  case phase::ongoing: return "Ongoing";
  case phase::prepare_commit: return "PrepareCommit";
  case phase::prepare_abort: return "PrepareAbort";
  case phase::complete_commit: return "CompleteCommit";
  case phase::complete_abort: return "CompleteAbort";
  }
  return {};
}

} // namespace cafka::testing
