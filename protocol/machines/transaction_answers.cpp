// The transaction machine's part about answers: what each says of the transaction.

#include "transaction_machine.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

using namespace std::chrono_literals;
using request_kind = transaction_request;
using outcome_state = transaction_outcome::state;

/// While the last transaction is being ended; most often that takes less.
constexpr auto added_again_after = 20ms;

/// The worst of several answers says what becomes of all.
int weight(const transaction_verdict& v) {
  return static_cast<int>(v.what);
}

bool says_replaced(error_code e) {
  return e == error_code::producer_fenced || e == error_code::invalid_producer_epoch;
}

} // namespace

std::string transactions::in_ms(std::chrono::steady_clock::duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count())
    + " ms";
}

bool transaction_machine::is_overdue(time_point now) const {
  return touched_ != time_point::max() && now - touched_ >= options_.transaction_timeout;
}

transaction_verdict transaction_machine::judge(
  time_point now, transaction_request asked, const error& why) const {
  const auto aborts = asked == request_kind::end && !committing();
  auto v = transaction_verdict_for(asked, why.code, {!aborts, support_.bumps_epoch});
  // The coordinator has aborted it, and answers EndTxn with the next epoch (measured with
  // Kafka 4.3): the producer goes on.
  if (v.what == transaction_action::fail && support_.v2 && is_overdue(now) && !aborts
    && asked != request_kind::init_producer_id
    && (says_replaced(why.code) || why.code == error_code::invalid_txn_state))
    v.what = transaction_action::abort;
  return v;
}

error transaction_machine::explained(
  time_point now, transaction_request asked, const error& why) const {
  const auto replaced = says_replaced(why.code);
  if ((replaced || why.code == error_code::invalid_txn_state) && is_overdue(now))
    return {error_code::transaction_timed_out,
      name() + " had a transaction open for " + transactions::in_ms(now - touched_)
        + ", and transaction_timeout is "
        + transactions::in_ms(options_.transaction_timeout)
        + ": do less in one transaction, or raise it"};
  auto e = why;
  if (replaced && asked != request_kind::produce) {
    e.code = error_code::producer_fenced;
    e.detail = "another producer with " + name() + " has taken this one's place";
  } else if (why.code == error_code::invalid_transaction_timeout) {
    e.detail = "transaction_timeout is "
      + transactions::in_ms(options_.transaction_timeout)
      + ", more than the brokers' transaction.max.timeout.ms: lower it";
  } else {
    e.detail = name() + ": " + std::string{to_string(asked)}
      + (why.detail.empty() ? "" : ": " + why.detail);
  }
  return e;
}

void transaction_machine::over(step& s) {
  s = {};
}

void transaction_machine::again(
  time_point now, step& s, transaction_request asked, const error& why) {
  s.request = 0;
  s.last_error = why;
  const auto wait = backoff(options_.retry_backoff, ++s.failures, random_);
  const auto soon = asked == request_kind::add_partitions
    && why.code == error_code::concurrent_transactions;
  s.not_before = now + (soon ? added_again_after : wait);
}

bool transaction_machine::take(
  time_point now, step& s, transaction_request asked, const error& why) {
  switch (judge(now, asked, why).what) {
  case transaction_action::go_on: over(s); return true;
  case transaction_action::retry:
  case transaction_action::find_coordinator: again(now, s, asked, why); return false;
  case transaction_action::abort:
    over(s);
    spoil(explained(now, asked, why));
    return false;
  case transaction_action::fail:
    over(s);
    fail(explained(now, asked, why));
    return false;
  }
  return false;
}

void transaction_machine::on_init(
  time_point now, std::uint64_t request, error_code code, producer_identity got) {
  if (code != error_code::none || got.id < 0 || got.epoch < 0) {
    on_failure(now, request,
      code != error_code::none ? error{code, {}}
                               : error{error_code::malformed_response, "it has no id"});
    return;
  }
  if (!is_of(init_, request))
    return;
  over(init_);
  init_wanted_ = false;
  identity_ = got;
  phase_ = phase::ready;
  effects_.emplace_back(identified{identity_});
  advance(now);
}

void transaction_machine::on_answers(
  time_point now, std::uint64_t request, const std::vector<answer>& answers) {
  const auto adds = is_of(partitions_, request);
  if (!adds && !is_of(offsets_, request))
    return;
  auto& s = adds ? partitions_ : offsets_;
  const auto kind = adds ? request_kind::add_partitions : request_kind::commit_offsets;
  std::set<topic_partition> good;
  error worst;
  for (const auto& a : answers) {
    if (a.code == error_code::none) {
      good.insert(a.which);
      continue;
    }
    const error e{a.code, to_string(a.which)};
    // One that was not attempted says nothing about why.
    const auto worse = !worst || worst.code == error_code::operation_not_attempted
      || (a.code != error_code::operation_not_attempted
        && weight(judge(now, kind, e)) > weight(judge(now, kind, worst)));
    if (worse)
      worst = e;
  }
  if (!good.empty() && (adds ? !worst : support_.v2))
    surely_open_ = true;
  if (adds) {
    // All are added, or none is.
    for (const auto& which : added_by_request_) {
      if (!worst && !good.contains(which))
        worst = {
          error_code::malformed_response, "the answer leaves out " + to_string(which)};
    }
    if (take(now, s, kind, worst)) {
      for (const auto& which : added_by_request_)
        to_add_.erase(which);
      added_.insert(added_by_request_.begin(), added_by_request_.end());
      if (phase_ == phase::open || committing())
        effects_.emplace_back(admitted{added_by_request_});
    }
  } else if (to_commit_.empty()) {
    // It was given up meanwhile.
    take(now, s, kind, worst);
  } else {
    auto& left = to_commit_.front().left;
    std::erase_if(left, [&](const auto& o) { return good.contains(o.which); });
    if (!worst && !left.empty())
      worst = {error_code::malformed_response,
        "the answer leaves out " + to_string(left.front().which)};
    if (take(now, s, kind, worst)) {
      effects_.emplace_back(offsets_sent{to_commit_.front().id, {}});
      to_commit_.pop_front();
    }
  }
  advance(now);
}

void transaction_machine::on_group(
  time_point now, std::uint64_t request, error_code code) {
  if (!is_of(offsets_, request))
    return;
  const error why{code, group_by_request_};
  if (take(now, offsets_, request_kind::add_offsets,
        code == error_code::none ? error{} : why)) {
    groups_.insert(group_by_request_);
    surely_open_ = true;
  }
  advance(now);
}

void transaction_machine::on_end(
  time_point now, std::uint64_t request, error_code code, producer_identity next) {
  if (!is_of(end_, request))
    return;
  if (code != error_code::none) {
    on_failure(now, request, {code, {}});
    return;
  }
  over(end_);
  if (next.id >= 0 && next.epoch >= 0 && next != identity_) {
    identity_ = next;
    effects_.emplace_back(identified{identity_});
  }
  conclude(committing() ? outcome_state::committed : outcome_state::aborted);
  advance(now);
}

void transaction_machine::on_end_refused(time_point now, const error& why) {
  const auto commit = committing();
  const auto v = judge(now, request_kind::end, why);
  switch (v.what) {
  case transaction_action::go_on: break; // There is no error.
  case transaction_action::retry:
  case transaction_action::find_coordinator:
    in_doubt_ = in_doubt_ || (commit && v.maybe_done);
    again(now, end_, request_kind::end, why);
    break;
  case transaction_action::abort:
    over(end_);
    spoil(explained(now, request_kind::end, why));
    break;
  case transaction_action::fail:
    over(end_);
    // Nothing was open: what might have opened it has not arrived.
    if (!commit && !surely_open_ && why.code == error_code::invalid_txn_state) {
      conclude(outcome_state::aborted);
      break;
    }
    // A coordinator that has committed says so again to whom it has told it before; this
    // one has not, or not as this producer.
    if (commit && why.code == error_code::invalid_txn_state)
      in_doubt_ = false;
    fail(explained(now, request_kind::end, why));
    break;
  }
}

void transaction_machine::on_failure(
  time_point now, std::uint64_t request, const error& why) {
  if (is_of(init_, request)) {
    const auto v = judge(now, request_kind::init_producer_id, why);
    if (v.what == transaction_action::fail) {
      over(init_);
      fail(explained(now, request_kind::init_producer_id, why));
    } else {
      again(now, init_, request_kind::init_producer_id, why);
      if (v.what == transaction_action::abort) {
        // It is asked for again when the program wants a transaction again.
        init_.not_before = time_point::max();
        const auto e = explained(now, request_kind::init_producer_id, why);
        if (begin_)
          effects_.emplace_back(begun{std::exchange(begin_, std::nullopt)->id, e});
        else
          tell(log_level::warning, "there is no producer id: " + to_string(e));
      }
    }
  } else if (is_of(partitions_, request)) {
    take(now, partitions_, request_kind::add_partitions, why);
  } else if (is_of(offsets_, request)) {
    take(now, offsets_,
      group_by_request_.empty() ? request_kind::commit_offsets
                                : request_kind::add_offsets,
      why);
  } else if (is_of(end_, request)) {
    on_end_refused(now, why);
  } else {
    return;
  }
  advance(now);
  expire(now);
}

} // namespace cafka::protocol
