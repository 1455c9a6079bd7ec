// The producer machine's part about batches: sending, retrying, reporting.

#include "producer_state.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

bool is_about_topic(error_code e) {
  return e == error_code::unknown_topic_or_partition || e == error_code::unknown_topic_id
    || e == error_code::inconsistent_topic_id;
}

} // namespace

// -- from the accumulator to the broker -------------------------------------------------

producer_machine::batch& producer_machine::create(
  partition_state& p, filled_batch content, std::uint64_t born) {
  auto b = std::make_unique<batch>();
  b->count = content.builder.count();
  b->first_number = content.first_number;
  b->opened = content.opened;
  b->born = born;
  b->content = std::move(content);
  ++outstanding_;
  for (auto& f : flushes_)
    f.remaining += f.id >= born ? 1 : 0;
  p.queue.push_back(std::move(b));
  return *p.queue.back();
}

void producer_machine::take_all(partition_state& p, std::uint64_t born) {
  while (auto content = batches_.take(*p.buffers, true))
    create(p, *std::move(content), born);
  p.waiting = {};
}

/// False: it could not be, and has its outcome.
bool producer_machine::seal(partition_state& p, batch& b) {
  if (b.bytes && !b.stale)
    return true;
  seal_options options;
  options.transactional = options_.transactional;
  if (options_.idempotence) {
    if (p.producer_id < 0) {
      p.producer_id = identity_;
      p.producer_epoch = identity_epoch_;
      p.next_sequence = 0;
      p.confirmed = false;
    }
    options.producer_id = b.producer_id = p.producer_id;
    options.producer_epoch = b.epoch = p.producer_epoch;
    options.base_sequence = b.base_sequence = p.next_sequence;
  }
  if (b.stale) {
    b.bytes = restamped(*b.bytes, options);
    b.stale = false;
  } else {
    auto sealed = b.content.builder.seal(options);
    if (!sealed) {
      auto failed = std::move(p.queue.front());
      p.queue.pop_front();
      resolve(p, *failed, sealed.error());
      return false;
    }
    b.bytes = *std::move(sealed);
  }
  if (options_.idempotence)
    p.next_sequence = sequence_after(p.next_sequence, b.count);
  return true;
}

// -- outcomes ---------------------------------------------------------------------------

void producer_machine::resolve(
  partition_state& p, batch& b, error why, log_offset offset) {
  if (std::exchange(b.resolved, true))
    return;
  delivery_report report;
  report.topic = p.buffers->topic.name;
  report.partition = p.buffers->id;
  report.base_offset = offset;
  report.first_number = b.first_number;
  report.count = b.count;
  report.bytes = b.bytes ? b.bytes->size() : b.content.builder.size();
  report.error = std::move(why);
  report.opened = b.opened;
  report.callbacks = std::move(b.content.callbacks);
  if (!report.error) {
    totals_.records += static_cast<std::uint64_t>(b.count);
    totals_.bytes += report.bytes;
    ++totals_.batches;
  }
  effects_.emplace_back(std::move(report));
  p.buffers->backlog.fetch_sub(1, std::memory_order_relaxed);
  --outstanding_;
  count_resolved(b.born);
}

void producer_machine::count_resolved(std::uint64_t born) {
  for (auto& f : flushes_) {
    if (f.id >= born && --f.remaining == 0)
      effects_.emplace_back(flushed{f.id});
  }
  std::erase_if(flushes_, [](const flush_state& f) { return f.remaining == 0; });
}

// Back to its place, to be sent again, unless that is known to be needless.
void producer_machine::requeue(partition_state& p, std::unique_ptr<batch> b) {
  if (is_written(p, *b)) {
    resolve(p, *b, {}, -1);
    return;
  }
  b->request = 0;
  const auto at = std::ranges::lower_bound(
    p.queue, b->first_number, {}, [](const auto& each) { return each->first_number; });
  p.queue.insert(at, std::move(b));
}

void producer_machine::conclude(time_point now, partition_state& p,
  std::unique_ptr<batch> b, error why, log_offset offset) {
  const auto verdict = produce_verdict_for(why.code);
  // Its outcome was told before; what is learnt now is whether the sequence is whole.
  if (b->resolved) {
    if (verdict.what == produce_action::deliver)
      note_written(p, *b);
    p.broken_sequence = p.broken_sequence
      || (options_.idempotence && verdict.what != produce_action::deliver
        && verdict.what != produce_action::deliver_late);
    activate(p);
    return;
  }
  const auto written_before = b->maybe_written;
  b->maybe_written = b->maybe_written || verdict.maybe_written;
  if (why)
    p.last_error = why;
  switch (verdict.what) {
  case produce_action::deliver:
    progress(p, now);
    note_led(p, *b, offset);
    note_written(p, *b);
    resolve(p, *b, {}, offset);
    break;
  case produce_action::deliver_late:
    progress(p, now);
    // What no earlier attempt can have written, another batch was taken for: the broker
    // counts otherwise than this producer.
    if (!written_before && options_.idempotence) {
      p.broken_sequence = true;
      p.confirmed = false;
      doubt(p);
    }
    resolve(p, *b,
      written_before || !options_.idempotence
        ? error{}
        : error{error_code::outcome_unknown, to_string(why)});
    break;
  case produce_action::move: {
    const auto r = requests_.find(b->request);
    if (r != requests_.end() && r->second.broker == p.leader) {
      if (std::exchange(p.active, false))
        std::erase(broker(p.leader).ring, &p);
      p.leader = -1;
    }
    // The topic may be another when what is behind it arrives.
    if (is_about_topic(why.code)) {
      p.confirmed = false;
      for (auto& each : p.in_flight_batches)
        each->out_of_order = true;
    }
    want_metadata(*p.topic);
    [[fallthrough]];
  }
  case produce_action::retry:
    pause(now, p);
    requeue(p, std::move(b));
    break;
  case produce_action::resequence: resequence(now, p, std::move(b), why, false); break;
  case produce_action::new_identity: resequence(now, p, std::move(b), why, true); break;
  case produce_action::fence:
    fatal_ = why;
    resolve(p, *b, why);
    fail_all(why);
    break;
  case produce_action::fail:
    leave_numbers(p, *b);
    if ((why.code == error_code::message_too_large
          || why.code == error_code::record_list_too_large)
      && b->count > 1 && !b->maybe_written
      && !(options_.transactional && p.broken_sequence) && split(p, b))
      break;
    if (b->maybe_written)
      why = {error_code::outcome_unknown, to_string(why)};
    resolve(p, *b, std::move(why));
    break;
  }
  activate(p);
}

// Two that are half as large take its place, if it can be read.
bool producer_machine::split(partition_state& p, std::unique_ptr<batch>& b) {
  auto halves = batches_.split(*p.topic->buffers, b->content, *b->bytes);
  if (!halves)
    return false;
  ++totals_.splits;
  auto second = std::make_unique<batch>();
  second->born = b->born;
  const auto fill = [](batch& half, filled_batch content) {
    half.count = content.builder.count();
    half.first_number = content.first_number;
    half.opened = content.opened;
    half.bytes.reset();
    half.stale = false;
    half.content = std::move(content);
  };
  fill(*second, std::move(halves->second));
  fill(*b, std::move(halves->first));
  ++outstanding_;
  p.buffers->backlog.fetch_add(1, std::memory_order_relaxed);
  for (auto& f : flushes_)
    f.remaining += f.id >= second->born ? 1 : 0;
  requeue(p, std::move(b));
  requeue(p, std::move(second));
  return true;
}

void producer_machine::conclude_all(time_point now, request_state& r, const error& why) {
  for (auto* p : std::exchange(r.partitions, {})) {
    const auto at = std::ranges::find_if(p->in_flight_batches, [&](const auto& b) {
      const auto in = requests_.find(b->request);
      return in != requests_.end() && &in->second == &r;
    });
    if (at == p->in_flight_batches.end())
      continue;
    auto b = std::move(*at);
    p->in_flight_batches.erase(at);
    conclude(now, *p, std::move(b), why, -1);
  }
}

// -- giving up --------------------------------------------------------------------------

void producer_machine::refuse_unassigned(topic_state& t, const error& why) {
  for (auto& content : batches_.take_unassigned(*t.buffers)) {
    delivery_report report;
    report.topic = t.buffers->name;
    report.count = content.builder.count();
    report.bytes = content.builder.size();
    report.error = why;
    report.opened = content.opened;
    report.callbacks = std::move(content.callbacks);
    effects_.emplace_back(std::move(report));
  }
  t.awaited = false;
  end_flush_tokens(t);
}

void producer_machine::end_flush_tokens(topic_state& t) {
  for (const auto id : std::exchange(t.flush_tokens, {})) {
    for (auto& f : flushes_) {
      if (f.id == id && --f.remaining == 0)
        effects_.emplace_back(flushed{f.id});
    }
  }
  std::erase_if(flushes_, [](const flush_state& f) { return f.remaining == 0; });
}

void producer_machine::fail(partition_state& p, const error& why, bool taken_only) {
  const auto outcome = [&](const batch& b, bool flies) {
    return flies || b.maybe_written ? error{error_code::outcome_unknown, to_string(why)}
                                    : why;
  };
  if (!taken_only)
    take_all(p, next_flush_);
  for (auto& b : p.in_flight_batches)
    resolve(p, *b, outcome(*b, true));
  for (auto& b : std::exchange(p.queue, {})) {
    p.broken_sequence = p.broken_sequence || (options_.idempotence && b->bytes);
    resolve(p, *b, outcome(*b, false));
  }
  if (std::exchange(p.active, false))
    std::erase(broker(p.leader).ring, &p);
}

void producer_machine::fail_all(const error& why, bool taken_only) {
  for (auto& [buffers, t] : topics_) {
    if (!taken_only)
      refuse_unassigned(*t, why);
    for (auto& p : t->partitions)
      fail(*p, why, taken_only);
  }
}

void producer_machine::abandon(const error& why, bool taken_only) {
  // Topics that nobody has told of yet are among those that end.
  if (!taken_only) {
    for (auto* t : batches_.topics()) {
      static_cast<void>(state_of(*t));
      for (auto* p : accumulator::partitions_of(*t))
        static_cast<void>(state_of(*p));
    }
  }
  fail_all(why, taken_only);
  fatal_ = why;
}

void producer_machine::expire(time_point now) {
  const auto before = now - options_.delivery_timeout;
  // What comes later is due later.
  next_expiry_ = now + options_.delivery_timeout;
  const auto look_again = [&](time_point opened) {
    next_expiry_ = std::min(next_expiry_, opened + options_.delivery_timeout);
  };
  for (auto& [buffers, t] : topics_) {
    if (const auto waiting = accumulator::peek(buffers->unassigned); waiting.since) {
      if (*waiting.since <= before)
        refuse_unassigned(*t, {error_code::timed_out, why_waits(now, *t)});
      else
        look_again(*waiting.since);
    }
    for (auto& each : t->partitions) {
      auto& p = *each;
      for (auto& b : p.in_flight_batches) {
        if (b->opened <= before)
          resolve(p, *b, expired(now, p, *b));
        else
          look_again(b->opened);
      }
      p.waiting = accumulator::peek(*p.buffers);
      while (p.waiting.since && *p.waiting.since <= before) {
        if (auto content = batches_.take(*p.buffers, true))
          create(p, *std::move(content), next_flush_);
        p.waiting = accumulator::peek(*p.buffers);
      }
      if (p.waiting.since)
        look_again(*p.waiting.since);
      for (auto& b : p.queue) {
        if (b->opened > before) {
          look_again(b->opened);
          continue;
        }
        p.broken_sequence = p.broken_sequence || (options_.idempotence && b->bytes);
        resolve(p, *b, expired(now, p, *b));
      }
      std::erase_if(p.queue, [](const auto& b) { return b->resolved; });
    }
  }
}

std::uint64_t producer_machine::flush(time_point now) {
  // Records that nobody has told of yet are in it as well.
  on_changed(now);
  const auto id = next_flush_++;
  flushes_.push_back({id, 0});
  std::size_t waiting_topics = 0;
  for (auto& [buffers, t] : topics_) {
    if (accumulator::peek(buffers->unassigned).since) {
      t->flush_tokens.push_back(id);
      ++waiting_topics;
    }
    for (auto& p : t->partitions) {
      take_all(*p, id);
      activate(*p);
    }
  }
  flushes_.back().remaining = outstanding_ + waiting_topics;
  if (flushes_.back().remaining == 0) {
    flushes_.pop_back();
    effects_.emplace_back(flushed{id});
  }
  drain(now);
  return id;
}

} // namespace cafka::protocol
