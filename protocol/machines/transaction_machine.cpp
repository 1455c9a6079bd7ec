#include "transaction_machine.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

using request_kind = transaction_request;
using outcome_state = transaction_outcome::state;

} // namespace

transaction_machine::transaction_machine(transaction_machine_options options)
  : options_(std::move(options)),
    random_(static_cast<std::minstd_rand::result_type>(options_.seed + 1)) {
}

std::string transaction_machine::name() const {
  return "transactional id " + options_.transactional_id;
}

void transaction_machine::tell(log_level level, std::string text) {
  effects_.emplace_back(told{level, name() + ": " + std::move(text)});
}

// -- the program's side -----------------------------------------------------------------

void transaction_machine::start(time_point now) {
  init_wanted_ = true;
  advance(now);
}

void transaction_machine::begin(time_point now, operation_id id, time_point deadline) {
  if (phase_ == phase::failed) {
    effects_.emplace_back(begun{id, why_});
    return;
  }
  if (begin_ || phase_ == phase::open || (phase_ == phase::ending && ending_)) {
    effects_.emplace_back(begun{id,
      {error_code::invalid_argument,
        name() + " has a transaction already: commit or abort it first"}});
    return;
  }
  begin_ = waiter{id, deadline};
  // What was refused may be allowed by now.
  if (init_.not_before == time_point::max())
    init_.not_before = now;
  advance(now);
  expire(now);
}

void transaction_machine::begin_now() {
  if (phase_ != phase::ready || !begin_)
    return;
  support_ = learnt_;
  begun_as_ = identity_;
  phase_ = phase::open;
  ++number_;
  effects_.emplace_back(begun{std::exchange(begin_, std::nullopt)->id, {}});
}

// The coordinator's clock starts when the first partition or group is added.
void transaction_machine::touch(time_point now) {
  maybe_open_ = true;
  if (touched_ != time_point::max())
    return;
  touched_ = now;
  warn_at_ = now + options_.transaction_timeout * 3 / 4;
}

bool transaction_machine::admit(time_point now, const topic_partition& which) {
  if (why_ || (phase_ != phase::open && phase_ != phase::ending))
    return false;
  if (added_.contains(which))
    return true;
  if (support_.v2) {
    // The produce adds it; even one that fails may have.
    added_.insert(which);
    touch(now);
    return true;
  }
  to_add_.insert(which);
  advance(now);
  return false;
}

void transaction_machine::send_offsets(time_point now, operation_id id,
  group_metadata member, std::vector<offset_of_partition> all, time_point deadline) {
  if (phase_ != phase::open || why_) {
    effects_.emplace_back(offsets_sent{id,
      why_ ? why_
           : error{error_code::invalid_argument,
             name() + " has no transaction open: begin one first"}});
    return;
  }
  if (all.empty()) {
    effects_.emplace_back(offsets_sent{id, {}});
    return;
  }
  to_commit_.push_back({id, deadline, std::move(member), std::move(all)});
  advance(now);
  expire(now);
}

void transaction_machine::end(
  time_point now, operation_id id, bool commit, time_point deadline) {
  if (phase_ != phase::open) {
    auto why = phase_ == phase::failed ? why_
                                       : error{error_code::invalid_argument,
                                         name() + " has no transaction open to be ended"};
    effects_.emplace_back(ended{id, {outcome_state::aborted, std::move(why)}});
    return;
  }
  phase_ = phase::ending;
  ending_ = waiter{id, deadline};
  commits_ = commit;
  if (!commit) {
    to_add_.clear();
    end_offsets({error_code::transaction_abortable, "the transaction was aborted"});
  }
  effects_.emplace_back(settle{commit || why_
      ? why_
      : error{error_code::transaction_abortable, "the transaction was aborted"}});
  advance(now);
  expire(now);
}

// -- what ends it -----------------------------------------------------------------------

void transaction_machine::end_offsets(const error& why) {
  for (const auto& o : std::exchange(to_commit_, {}))
    effects_.emplace_back(offsets_sent{o.id, why});
}

// From here on it can only be aborted.
void transaction_machine::spoil(error why) {
  if (why_ || phase_ == phase::failed)
    return;
  why_ = std::move(why);
  to_add_.clear();
  end_offsets(why_);
  end_.not_before = time_point::min();
  if (phase_ == phase::ending && !settled_)
    effects_.emplace_back(settle{why_});
}

void transaction_machine::fail(error why) {
  if (phase_ == phase::failed)
    return;
  in_doubt_ = in_doubt_ || (phase_ == phase::ending && committing() && end_.request != 0);
  phase_ = phase::failed;
  why_ = std::move(why);
  if (begin_)
    effects_.emplace_back(begun{std::exchange(begin_, std::nullopt)->id, why_});
  to_add_.clear();
  end_offsets(why_);
  warn_at_ = time_point::max();
  report(in_doubt_ ? outcome_state::unknown : outcome_state::aborted, why_);
  effects_.emplace_back(failed{why_});
}

void transaction_machine::on_batch_failed(
  time_point now, const error& why, bool is_next) {
  if (phase_ != phase::open && phase_ != phase::ending)
    return;
  const auto v =
    transaction_verdict_for(request_kind::produce, why.code, {true, true, is_next});
  if (v.what == transaction_action::fail)
    fail(explained(now, request_kind::produce, why));
  else
    spoil(explained(now, request_kind::produce, why));
  advance(now);
}

void transaction_machine::on_settled(time_point now, bool whole) {
  if (phase_ != phase::ending)
    return;
  settled_ = true;
  whole_ = whole;
  advance(now);
}

// -- the end ----------------------------------------------------------------------------

void transaction_machine::report(outcome_state what, error why) {
  if (!ending_)
    return;
  effects_.emplace_back(
    ended{std::exchange(ending_, std::nullopt)->id, {what, std::move(why)}});
}

void transaction_machine::conclude(outcome_state what) {
  const auto renewed = begun_as_ != identity_;
  const auto why = what == outcome_state::committed ? error{} : why_;
  if (ending_)
    report(what, why);
  else
    tell(log_level::info,
      "the transaction that had no outcome by its deadline is "
        + std::string{what == outcome_state::committed ? "committed" : "aborted"});
  // Where each end brings an epoch, an answer without one leaves it open which it is.
  const auto wants_epoch =
    !renewed && (!whole_ || ((why_ || support_.v2) && maybe_open_));
  const auto whole = whole_;
  why_ = {};
  added_.clear();
  to_add_.clear();
  groups_.clear();
  touched_ = warn_at_ = time_point::max();
  maybe_open_ = surely_open_ = settled_ = commits_ = in_doubt_ = false;
  whole_ = true;
  phase_ = phase::ready;
  if (wants_epoch && support_.bumps_epoch) {
    phase_ = phase::starting;
    init_wanted_ = true;
  } else if (wants_epoch && !whole) {
    fail({error_code::out_of_order_sequence_number,
      name()
        + " needs a new epoch after a record that may be written, and brokers before "
          "Kafka 2.5 give none: start the producer anew"});
  }
}

void transaction_machine::advance_end(time_point now) {
  const auto commit = committing();
  if (phase_ != phase::ending || !settled_ || partitions_.request != 0
    || offsets_.request != 0 || end_.request != 0
    || (commit && (!to_add_.empty() || !to_commit_.empty())))
    return;
  if (!maybe_open_) {
    // Nobody knows of it.
    conclude(commit ? outcome_state::committed : outcome_state::aborted);
    return;
  }
  if (!may_send(end_, now))
    return;
  effects_.emplace_back(send_end{send(end_), identity_, support_.v2, commit});
}

void transaction_machine::advance_offsets(time_point now) {
  if (to_commit_.empty() || why_ || !may_send(offsets_, now))
    return;
  touch(now);
  const auto& o = to_commit_.front();
  if (!support_.v2 && !groups_.contains(o.member.group)) {
    group_by_request_ = o.member.group;
    effects_.emplace_back(send_group{send(offsets_), identity_, o.member.group});
    return;
  }
  group_by_request_.clear();
  effects_.emplace_back(
    send_offset_commit{send(offsets_), identity_, support_.v2, o.member, o.left});
}

void transaction_machine::advance(time_point now) {
  if (phase_ == phase::failed)
    return;
  if (phase_ == phase::open || phase_ == phase::ending) {
    if (!to_add_.empty() && !why_ && may_send(partitions_, now)) {
      touch(now);
      added_by_request_.assign(to_add_.begin(), to_add_.end());
      effects_.emplace_back(
        send_partitions{send(partitions_), identity_, added_by_request_});
    }
    advance_offsets(now);
    advance_end(now);
  }
  if (phase_ == phase::starting && init_wanted_ && may_send(init_, now))
    effects_.emplace_back(send_init{send(init_), identity_});
  begin_now();
}

// -- time -------------------------------------------------------------------------------

void transaction_machine::on_time(time_point now) {
  if (warn_at_ <= now) {
    warn_at_ = time_point::max();
    tell(log_level::warning,
      "a transaction is open for " + transactions::in_ms(now - touched_)
        + "; the coordinator aborts it after "
        + transactions::in_ms(options_.transaction_timeout));
  }
  advance(now);
  expire(now);
}

void transaction_machine::expire(time_point now) {
  if (begin_ && begin_->deadline <= now) {
    auto why = why_waiting();
    effects_.emplace_back(begun{
      std::exchange(begin_, std::nullopt)->id, {error_code::timed_out, std::move(why)}});
  }
  const auto late =
    std::ranges::find_if(to_commit_, [&](const offsets& o) { return o.deadline <= now; });
  if (late != to_commit_.end()) {
    spoil({error_code::timed_out,
      "the offsets of group " + late->member.group + " are not sent: " + why_waiting()});
    advance(now);
  }
  if (!ending_ || ending_->deadline > now)
    return;
  auto waited = why_waiting();
  // One that is under way may be carried out yet.
  in_doubt_ = in_doubt_ || (committing() && end_.request != 0);
  if (in_doubt_) {
    report(outcome_state::unknown, {error_code::outcome_unknown, std::move(waited)});
    return;
  }
  if (committing())
    spoil({error_code::timed_out, "it is not committed: " + waited});
  report(outcome_state::aborted,
    why_ ? why_ : error{error_code::timed_out, "the abort goes on: " + waited});
  advance(now);
}

time_point transaction_machine::next_time() const {
  auto next = warn_at_;
  if (phase_ == phase::failed)
    return time_point::max();
  if (begin_)
    next = std::min(next, begin_->deadline);
  if (ending_)
    next = std::min(next, ending_->deadline);
  for (const auto& o : to_commit_)
    next = std::min(next, o.deadline);
  const auto due = [&](const step& s, bool wanted) {
    if (wanted && s.request == 0)
      next = std::min(next, s.not_before);
  };
  due(init_, phase_ == phase::starting && init_wanted_);
  due(partitions_, !to_add_.empty() && !why_);
  due(offsets_, !to_commit_.empty() && !why_);
  due(end_,
    phase_ == phase::ending && settled_ && partitions_.request == 0
      && offsets_.request == 0
      && (why_ || !commits_ || (to_add_.empty() && to_commit_.empty())));
  return next;
}

std::string transaction_machine::why_waiting() const {
  const auto about = [&](const step& s, transaction_request asked) {
    auto text = name() + (s.request != 0 ? " waits for the answer to " : " is to send ")
      + std::string{to_string(asked)};
    return s.last_error ? text + " after " + to_string(s.last_error) : text;
  };
  if (phase_ == phase::failed)
    return to_string(why_);
  if (phase_ == phase::starting)
    return about(init_, request_kind::init_producer_id);
  if (partitions_.request != 0 || (!to_add_.empty() && !why_))
    return about(partitions_, request_kind::add_partitions);
  if (offsets_.request != 0 || (!to_commit_.empty() && !why_))
    return about(offsets_,
      group_by_request_.empty() ? request_kind::commit_offsets
                                : request_kind::add_offsets);
  if (phase_ == phase::ending)
    return settled_ ? about(end_, request_kind::end)
                    : name() + " waits for records that have no outcome";
  return {};
}

} // namespace cafka::protocol
