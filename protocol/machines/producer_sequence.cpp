// The producer machine's part about sequences: what a partition's numbers tell of what is
// written, and what is done when they do not fit any more.

#include "producer_state.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

// A batch that was refused has not used its numbers. The next one takes them, unless
// others have the numbers behind them already: brokers refuse those as well, and all go
// on in the next epoch (KIP-360), without a pause.
void producer_machine::leave_numbers(partition_state& p, const batch& b) {
  if (!options_.idempotence)
    return;
  const auto last = b.producer_id == p.producer_id && b.epoch == p.producer_epoch
    && sequence_after(b.base_sequence, b.count) == p.next_sequence;
  if (last && !b.maybe_written && !p.broken_sequence)
    p.next_sequence = b.base_sequence;
  else
    p.broken_sequence = true;
}

// Whether a batch before it has no outcome.
bool producer_machine::has_before(const partition_state& p, const batch& b) {
  const auto is_before = [&](const auto& each) {
    return each->first_number < b.first_number && !each->resolved;
  };
  return std::ranges::any_of(p.in_flight_batches, is_before)
    || std::ranges::any_of(p.queue, is_before);
}

// The broker misses the batch before this one, or has forgotten the producer.
void producer_machine::resequence(time_point now, partition_state& p,
  std::unique_ptr<batch> b, const error& why, bool new_identity) {
  if (!options_.idempotence) {
    resolve(p, *b, why);
    return;
  }
  if (is_written(p, *b)) {
    requeue(p, std::move(b));
    return;
  }
  // Those before it may still be written; if not, the transaction is aborted.
  if (options_.transactional) {
    if (new_identity || !has_before(p, *b)) {
      p.broken_sequence = true;
      resolve(p, *b, why);
    } else {
      pause(now, p);
      requeue(p, std::move(b));
    }
    return;
  }
  // That a batch before it is missing is known already, and nothing to wait for.
  const auto expected = p.broken_sequence && !new_identity;
  const auto waits = p.broken_sequence || has_before(p, *b);
  if (!expected) {
    pause(now, p);
    p.confirmed = false;
  }
  const auto waits_for_others = waits && !new_identity;
  // From here on the others are tried once more: what they were refused for is past.
  for (auto& each : p.queue)
    each->out_of_order = each->out_of_order && waits_for_others;
  b->out_of_order = true;
  // A broker that has forgotten the producer takes any number.
  if (new_identity || why.code == error_code::unknown_producer_id)
    doubt(p);
  // It comes behind another that is still to be written, or to be numbered anew.
  p.broken_sequence = p.broken_sequence || !waits_for_others;
  if (new_identity && p.producer_id == identity_)
    identity_ = -1;
  requeue(p, std::move(b));
}

bool producer_machine::is_of_epoch(const partition_state& p, const batch& b) {
  return b.bytes && !b.stale && b.producer_id == p.producer_id
    && b.epoch == p.producer_epoch;
}

// What is taken from now on tells nothing about what was sent before.
void producer_machine::doubt(partition_state& p) {
  for (auto& b : p.queue)
    b->out_of_order = true;
  for (auto& b : p.in_flight_batches)
    b->out_of_order = true;
  p.written_sequence = -1;
  p.known_from = UINT64_MAX;
}

// A leader that knows the producer takes a number only behind the one before it: those
// before a batch that is written are written as well. Where, it does not say. One that
// does not know the producer takes any number first.
bool producer_machine::is_written(const partition_state& p, const batch& b) {
  return p.written_sequence >= 0 && b.first_number < p.written_records
    && b.first_number >= p.known_from && b.maybe_written && is_of_epoch(p, b);
}

void producer_machine::note_written(partition_state& p, const batch& written) {
  if (!options_.idempotence || !is_of_epoch(p, written))
    return;
  if (written.out_of_order)
    return;
  p.confirmed = true;
  if (p.known_from == UINT64_MAX)
    p.known_from = written.first_number;
  const auto end = written.first_number + static_cast<std::uint64_t>(written.count);
  if (p.written_sequence < 0 || p.written_records < end) {
    p.written_records = end;
    p.written_sequence = sequence_after(written.base_sequence, written.count);
  }
  for (auto& b : p.queue) {
    if (!b->bytes)
      break; // Neither it nor those behind it have been sent.
    if (is_written(p, *b))
      resolve(p, *b, {}, -1);
    else if (b->first_number >= end)
      b->out_of_order = false; // What it was refused for may have been this one.
  }
  std::erase_if(p.queue, [](const auto& b) { return b->resolved; });
}

// Brokers forget a producer that has written nothing for long (by default, for a day).
void producer_machine::forget_written(time_point now, partition_state& p) const {
  const auto idle =
    p.in_flight_batches.empty() && (p.queue.empty() || !p.queue.front()->bytes);
  if (!idle || p.progressed >= now - options_.topic_idle)
    return;
  p.confirmed = false;
  p.written_sequence = -1;
  p.known_from = UINT64_MAX;
}

// Nothing is in flight: whether all that comes now follows what is written.
bool producer_machine::is_whole(const partition_state& p) {
  if (!p.queue.empty() && p.queue.front()->out_of_order)
    return false;
  auto next = p.written_sequence;
  for (const auto& b : p.queue) {
    if (b->bytes && (b->stale || b->base_sequence != next))
      return false;
    if (b->bytes)
      next = sequence_after(next, b->count);
  }
  return next == p.next_sequence;
}

// Nothing is in flight, and the sequence is broken: by a refusal, or by a batch that was
// given up. A leader that was started again knows the last number alone and refuses those
// before it, which it has. So the last batch that it may have is tried, then the one
// before that, until one is taken or none is left.
producer_machine::batch_queue::iterator producer_machine::last_to_try(
  partition_state& p) {
  const auto found = std::find_if(p.queue.rbegin(), p.queue.rend(), [](const auto& b) {
    return b->bytes && !b->stale && b->maybe_written && !b->out_of_order;
  });
  return found == p.queue.rend() ? p.queue.end() : std::prev(found.base());
}

/// What its next request carries; the end when that is nothing.
producer_machine::batch_queue::iterator producer_machine::next_of(partition_state& p) {
  if (p.broken_sequence && is_whole(p))
    p.broken_sequence = false;
  // Its transaction is to be aborted: nothing that follows counts.
  if (p.broken_sequence && options_.transactional)
    return p.queue.end();
  if (p.broken_sequence) {
    if (const auto at = last_to_try(p); at != p.queue.end())
      return at;
    restart_sequence(p);
    if (p.broken_sequence)
      return p.queue.end();
  }
  if (p.queue.empty()) {
    if (auto content = batches_.take(*p.buffers, true))
      create(p, *std::move(content), next_flush_);
    p.waiting = accumulator::peek(*p.buffers);
  }
  return p.queue.begin();
}

// Nothing is in flight. What may be in the log under its old number must not get another.
void producer_machine::restart_sequence(partition_state& p) {
  p.broken_sequence = false;
  if (p.producer_id != identity_) {
    p.producer_id = identity_;
    p.producer_epoch = identity_epoch_;
    p.confirmed = false;
    p.known_from = UINT64_MAX;
  } else if (p.producer_epoch < INT16_MAX) {
    // Epochs of a producer without transactions are its own business.
    ++p.producer_epoch;
  } else {
    identity_ = -1;
    p.broken_sequence = true;
    return;
  }
  ++totals_.epoch_bumps;
  // A broker that knows the producer takes nothing else first than number 0 of the epoch.
  p.next_sequence = 0;
  p.written_sequence = -1;
  for (auto& b : p.queue) {
    if (b->bytes && b->maybe_written)
      resolve(p, *b,
        {error_code::outcome_unknown,
          "an earlier attempt may have been written; then: " + to_string(p.last_error)});
    b->stale = b->bytes.has_value();
    b->out_of_order = false;
  }
  std::erase_if(p.queue, [](const auto& b) { return b->resolved; });
}

// -- the producer's id ------------------------------------------------------------------

void producer_machine::on_identity(time_point now, std::int64_t id, std::int16_t epoch) {
  if (id < 0 || epoch < 0) {
    on_identity_failed(now,
      {error_code::malformed_response,
        "a producer id of " + std::to_string(id) + " in epoch " + std::to_string(epoch)});
    return;
  }
  if (options_.transactional && (id != identity_ || epoch != identity_epoch_))
    begin_sequences();
  identity_ = id;
  identity_epoch_ = epoch;
  identity_wanted_ = identity_asked_ = false;
  identity_attempts_ = 0;
  identity_error_ = {};
  drain(now);
}

void producer_machine::on_identity_failed(time_point now, const error& why) {
  identity_asked_ = false;
  identity_error_ = why;
  identity_not_before_ =
    now + backoff(options_.retry_backoff, ++identity_attempts_, random_);
  const auto passes = is_retriable(why.code) || why.code == error_code::timed_out
    || why.code == error_code::disconnected || why.code == error_code::malformed_response;
  if (!passes) {
    // Later records ask again: what is forbidden now may be allowed then.
    identity_wanted_ = false;
    fail_all({why.code, "no producer id, which idempotence needs: " + why.detail});
  }
  drain(now);
}

} // namespace cafka::protocol
