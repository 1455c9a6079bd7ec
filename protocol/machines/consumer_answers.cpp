#include "../sasl/failure.hpp"
#include "consumer_state.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

using namespace std::chrono_literals;

/// So often a damaged batch is fetched again: the damage may be the way's.
constexpr std::uint32_t max_damages = 3;
/// No broker that means it throttles for longer.
constexpr std::chrono::milliseconds longest_throttle = 60s;
/// Between two answers with nothing that were wanted at once.
constexpr auto shortest_rest = 5ms;
/// Before what only somebody else can mend is tried again.
constexpr auto refused_pause = 1'000ms;

/// Whether metadata may show what is wrong. A leader that knows of no such epoch may lead
/// another topic of the name.
bool asks_who_leads(error_code e) {
  return remedy_for(e) == remedy::refresh_metadata
    || e == error_code::unknown_leader_epoch;
}

/// Whether a request that failed so fails until somebody changes something.
bool lasts(error_code e) {
  return e == error_code::unsupported_api_version || e == error_code::malformed_response
    || e == error_code::invalid_argument || sasl::is_login_failure(e);
}

/// Of the records in an answer.
std::size_t bytes_of(const fetch_response& answer) {
  std::size_t sum = 0;
  for (const auto& t : answer.responses) {
    for (const auto& p : t.partitions)
      sum += p.records ? p.records->size() : 0;
  }
  return sum;
}

} // namespace

// -- fetches ----------------------------------------------------------------------------

std::vector<consumer_machine::fetched> consumer_machine::on_answer(
  time_point now, std::uint64_t request, fetch_response answer) {
  happened(now);
  std::vector<fetched> out;
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return out;
  const auto r = std::move(found->second);
  requests_.erase(found);
  reserved_ -= r.reserved;
  auto& b = brokers_[r.broker];
  b.fetch = 0;
  ++totals_.fetches;
  silent_since_.reset();
  if (answer.throttle_time_ms > 0) {
    b.throttled_until = now
      + std::min(std::chrono::milliseconds{answer.throttle_time_ms}, longest_throttle);
    b.not_before = b.throttled_until;
  }
  // One that is throttled names none.
  const auto must_name = b.session.full() && answer.throttle_time_ms == 0;
  const auto took = now - r.filled_at;
  answer_facts about{request, r.broker, must_name, took >= r.wait / 2, false};
  b.last_error = {};
  if (b.session.on_answer(answer)) {
    const auto got = bytes_of(answer);
    about.filled = got > 0 && got >= r.reserved / 2;
    b.pace.on_answer(r.reserved, got, took, r.wait, options_.answer_time);
    if (r.alone && b.alone > 0)
      --b.alone;
    if (about.rested) {
      b.failures = 0;
      b.hasty = 0;
    } else if (got == 0 && answer.throttle_time_ms <= 0 && ++b.hasty > 1) {
      // What the broker does not wait is waited here.
      const auto pause = backoff(options_.retry_backoff, b.hasty - 1, random_);
      b.not_before =
        std::max(b.not_before, now + std::min(pause, std::max(r.wait, shortest_rest)));
    }
    for (auto& t : answer.responses) {
      const auto* mine = find_topic(t.topic, t.topic_id);
      for (auto& x : t.partitions) {
        auto* p = find(mine, x.partition_index);
        if (p == nullptr || p->request != request) {
          on_stray(r.broker, r, mine, x.partition_index);
          continue;
        }
        p->request = 0;
        on_partition(now, b, about, *p, x, out);
      }
    }
    for (const auto slot : r.slots) {
      auto* p = slot < partitions_.size() ? partitions_[slot].get() : nullptr;
      if (p == nullptr || p->request != request)
        continue;
      p->request = 0;
      on_silence(now, b, about, *p);
    }
    return out;
  }
  ++totals_.errors;
  b.last_error = {answer.error_code, "the fetch was refused as a whole"};
  b.not_before =
    std::max(b.not_before, now + backoff(options_.retry_backoff, ++b.failures, random_));
  if (remedy_for(answer.error_code) == remedy::refresh_metadata)
    want_metadata(leader_pause);
  for (const auto slot : r.slots) {
    auto* p = slot < partitions_.size() ? partitions_[slot].get() : nullptr;
    if (p == nullptr || p->request != request)
      continue;
    p->request = 0;
    if (!is_retriable(answer.error_code))
      tell(*p, false, b.last_error);
  }
  return out;
}

// Ignored; and told where no partition has left the request, which would explain it.
void consumer_machine::on_stray(
  broker_id from, const request_state& r, const topic_state* t, partition_id p) {
  auto& b = brokers_[from];
  if (r.left || std::exchange(b.strayed, true))
    return;
  ++totals_.errors;
  effects_.emplace_back(stray{t == nullptr ? nullptr : t->name, p,
    {error_code::malformed_response,
      "broker " + std::to_string(from.value())
        + " answers what it was not asked, which is ignored: partition "
        + std::to_string(p.value()) + " of "
        + (t == nullptr ? "a topic that is not read" : *t->name)}});
}

void consumer_machine::on_partition(time_point now, broker_state& b,
  const answer_facts& about, partition_state& p, fetch_partition_data& x,
  std::vector<fetched>& out) {
  if (x.error_code != error_code::none) {
    on_error(now, about.from, p,
      {x.error_code,
        *p.topic->name + '/' + std::to_string(p.id.value()) + " at offset "
          + std::to_string(p.next.value())},
      x.current_leader);
    return;
  }
  p.last_error = {};
  p.topic->known->on_led(p.id, about.from);
  p.unknown_since.reset();
  p.log_end = options_.read_committed && x.last_stable_offset.value() >= 0
    ? x.last_stable_offset
    : x.high_watermark;
  if (x.records && !x.records->empty()) {
    p.left_out_since.reset();
    well(now, p);
    p.reading = about.request;
    fetched f{p.slot, p.generation, p.topic->name, p.id, p.next, p.log_end,
      *std::move(x.records), {}, p.reading};
    if (options_.read_committed && x.aborted_transactions) {
      for (const auto& a : *x.aborted_transactions)
        f.aborted.push_back({a.producer_id, a.first_offset});
    }
    out.push_back(std::move(f));
  } else if (!options_.client_rack.empty() && x.preferred_read_replica.value() >= 0
    && x.preferred_read_replica != about.from && near_again_ <= now) {
    p.replica = x.preferred_read_replica;
    p.replica_until = now + options_.replica_lifetime;
    move_to(p, p.replica);
    again(now, p);
  } else {
    auto named = about;
    named.must_name = false;
    on_silence(now, b, named, p);
  }
}

// The answer has nothing of the partition. That is well if there is nothing, or no room;
// but a session in which broker and client mean different things would say the same.
void consumer_machine::on_silence(
  time_point now, broker_state& b, const answer_facts& about, partition_state& p) {
  if (about.must_name) {
    b.session.on_lost();
    pause(now, p);
    want_metadata(leader_pause);
    return;
  }
  if (p.log_end <= p.next) {
    p.left_out_since.reset();
    well(now, p);
    if (about.rested)
      calm(p);
    return;
  }
  if (!p.left_out_since) {
    p.left_out_since = now;
    p.left_out = 0;
  }
  // Where answers are full, the partitions take turns.
  if (about.filled && ++p.left_out <= b.partitions.size())
    return;
  if (now - *p.left_out_since >= options_.no_progress) {
    p.left_out_since.reset();
    b.session.on_lost();
    want_metadata(leader_pause);
  }
}

void consumer_machine::on_error(time_point now, broker_id from, partition_state& p,
  error why, const leader_id_and_epoch& leader) {
  ++totals_.errors;
  p.last_error = why;
  if (from != p.leader && p.home == p.replica) {
    // A follower may be behind, or no replica any more; its leader knows.
    back_to_leader(p);
    near_again_ = now + options_.replica_pause;
    want_metadata(leader_pause);
    return;
  }
  if (directory_.on_leader_named(
        *p.topic->known, p.id, leader.leader_id, leader.leader_epoch)) {
    if (leader.leader_id == p.leader)
      again(now, p);
    set_leader(now, p, leader.leader_id, leader.leader_epoch);
    want_metadata(leader_pause);
    return;
  }
  // The known leader does not know the epoch that it is said to lead in, or names an
  // earlier one.
  if (why.code == error_code::unknown_leader_epoch
    || (leader.leader_epoch.value() >= 0 && leader.leader_epoch < p.epoch))
    directory_.on_disowned(*p.topic->name, p.id, from);
  switch (why.code) {
  case error_code::offset_out_of_range:
    again(now, p);
    out_of_range(p, std::move(why));
    return;
  case error_code::unknown_topic_or_partition: unknown(now, p, why); return;
  case error_code::corrupt_message: on_damage(now, p, why); return;
  default: break;
  }
  if (asks_who_leads(why.code))
    want_metadata(leader_pause);
  if (is_retriable(why.code)) {
    pause(now, p);
  } else {
    tell(p, false, std::move(why));
    p.not_before = now + refused_pause;
  }
}

void consumer_machine::on_damage(time_point now, partition_state& p, const error& why) {
  if (++p.damages < max_damages)
    pause(now, p);
  else
    tell(p, true, why);
}

bool consumer_machine::wants(const fetched& what) const {
  const auto* p = what.slot < partitions_.size() ? partitions_[what.slot].get() : nullptr;
  return p != nullptr && p->generation == what.generation && p->reading == what.request;
}

void consumer_machine::on_part_read(
  time_point now, const fetched& what, std::size_t bytes) {
  if (bytes == 0) // Nothing has changed: it waits for memory.
    return;
  happened(now);
  if (!wants(what))
    return;
  partitions_[what.slot]->buffered += bytes;
  buffered_ += bytes;
}

bool consumer_machine::on_read(time_point now, const fetched& what, log_offset next,
  std::size_t bytes, const error& damage) {
  happened(now);
  // Of what was asked before the topic was recreated nothing is wanted.
  if (!wants(what))
    return false;
  auto* p = partitions_[what.slot].get();
  p->reading = 0;
  auto why = damage;
  if (!why && next < what.from)
    why = {error_code::corrupt_message,
      "records that end at offset " + std::to_string(next.value())
        + " came for those from " + std::to_string(what.from.value()) + " on"};
  if (!why) {
    p->next = next;
    p->buffered += bytes;
    buffered_ += bytes;
    if (next == what.from) { // Nothing that was asked for: it would be the same again.
      pause(now, *p);
      return true;
    }
    p->damages = 0;
    well(now, *p);
    calm(*p);
    return true;
  }
  ++totals_.errors;
  constexpr std::int32_t largest = 1 << 30;
  if (why.code == error_code::message_too_large && p->max_bytes < largest) {
    // Brokers before 0.10.1 cut short what is larger than asked for.
    p->max_bytes = p->max_bytes > largest / 2 ? largest : 2 * p->max_bytes;
    return false;
  }
  why.detail = *p->topic->name + '/' + std::to_string(p->id.value()) + ": " + why.detail;
  if (why.code == error_code::corrupt_message)
    on_damage(now, *p, why);
  else
    tell(*p, true, std::move(why));
  return false;
}

void consumer_machine::out_of_range(partition_state& p, error why) {
  if (options_.reset)
    look_up(p, *options_.reset);
  else
    tell(p, true, std::move(why));
}

void consumer_machine::look_up(partition_state& p, start_at where) {
  p.starting = true;
  p.start = where;
  p.late.reset();
  p.late_end = -1;
}

void consumer_machine::tell(
  partition_state& p, bool halted, error why, std::optional<broker_id> about) {
  if (!halted && p.reported == why.code)
    return;
  p.reported = why.code;
  p.halted = halted;
  effects_.emplace_back(
    report{p.slot, p.generation, p.next, halted, std::move(why), about});
}

void consumer_machine::tell_all(
  const std::vector<partition_state*>& all, const error& why) {
  for (auto* p : all) {
    if (!p->paused && !p->halted)
      tell(*p, false, why);
  }
}

void consumer_machine::on_failure(
  time_point now, std::uint64_t request, const error& why) {
  happened(now);
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return;
  const auto r = std::move(found->second);
  requests_.erase(found);
  reserved_ -= r.reserved;
  auto& b = brokers_[r.broker];
  (r.fetch ? b.fetch : b.offsets) = 0;
  if (r.empty)
    return;
  ++totals_.errors;
  b.last_error = why;
  if (r.fetch && r.filled) {
    b.session.on_lost();
    on_lost_answer(request, r, why);
  }
  b.not_before = now + backoff(options_.retry_backoff, ++b.failures, random_);
  want_metadata(leader_pause);
  for (const auto slot : r.slots) {
    auto* p = slot < partitions_.size() ? partitions_[slot].get() : nullptr;
    if (p == nullptr || p->request != request)
      continue;
    p->request = 0;
  }
  leave_replica(now, r.broker);
  if (lasts(why.code))
    tell_all(b.partitions, why);
}

// It is asked for smaller: down to one batch of one partition. What cannot be had then is
// that partition's, and the others go on.
void consumer_machine::on_lost_answer(
  std::uint64_t request, const request_state& r, const error& why) {
  auto& b = brokers_[r.broker];
  const auto too_large = why.code == error_code::frame_too_large;
  if (too_large && r.alone) {
    b.alone = 0;
    for (const auto slot : r.slots) {
      auto* p = slot < partitions_.size() ? partitions_[slot].get() : nullptr;
      if (p != nullptr && p->request == request)
        tell(*p, true,
          {why.code,
            *p->topic->name + '/' + std::to_string(p->id.value()) + " at offset "
              + std::to_string(p->next.value())
              + ": a single batch is too large: " + why.detail});
    }
    return;
  }
  const auto smaller = b.pace.on_failure(r.reserved);
  if (b.alone == 0 && (too_large || !smaller))
    b.alone = b.partitions.size();
}

// -- offsets ----------------------------------------------------------------------------

std::optional<list_offsets_request> consumer_machine::fill_offsets(
  time_point now, std::uint64_t request) {
  happened(now);
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return std::nullopt;
  auto& r = found->second;
  r.filled = true;
  r.slots.clear();
  list_offsets_request out;
  out.isolation_level = options_.read_committed ? 1 : 0;
  for (auto* p : brokers_[r.broker].partitions) {
    const auto again = p->request == request;
    if (!p->starting || p->paused || p->halted || (p->request != 0 && !again)
      || p->not_before > now)
      continue;
    if (out.topics.empty() || out.topics.back().name != *p->topic->name)
      out.topics.emplace_back().name = *p->topic->name;
    auto& x = out.topics.back().partitions.emplace_back();
    x.partition_index = p->id;
    x.current_leader_epoch = p->epoch;
    x.timestamp = p->start.value();
    p->request = request;
    r.slots.push_back(p->slot);
  }
  r.empty = r.slots.empty();
  r.watch_at = now + options_.stall;
  if (r.empty)
    return std::nullopt;
  return out;
}

void consumer_machine::on_offsets(
  time_point now, std::uint64_t request, const list_offsets_response& answer) {
  happened(now);
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return;
  const auto r = std::move(found->second);
  requests_.erase(found);
  auto& b = brokers_[r.broker];
  b.offsets = 0;
  b.last_error = {};
  silent_since_.reset();
  for (const auto& t : answer.topics) {
    const auto* mine = find_topic(t.name, {});
    for (const auto& x : t.partitions) {
      auto* p = find(mine, x.partition_index);
      if (p == nullptr || p->request != request) {
        on_stray(r.broker, r, mine, x.partition_index);
        continue;
      }
      p->request = 0;
      on_offset(now, *p, x);
    }
  }
  for (const auto slot : r.slots) {
    auto* p = slot < partitions_.size() ? partitions_[slot].get() : nullptr;
    if (p == nullptr || p->request != request)
      continue;
    p->request = 0;
    pause(now, *p);
  }
}

void consumer_machine::on_offset(
  time_point now, partition_state& p, const list_offsets_partition_response& x) {
  if (x.error_code == error_code::none) {
    auto offset = x.offset;
    if (offset.value() < 0 && !x.old_style_offsets.empty())
      offset = x.old_style_offsets.front();
    const auto is_end = p.start == start_at::latest();
    if (offset.value() >= 0 && is_end && p.late) {
      p.late_end = offset;
      p.start = *p.late;
    } else if (offset.value() >= 0) {
      go_to(p, offset);
    } else if (p.late_end.value() >= 0) {
      go_to(p, p.late_end);
    } else if (!is_end) {
      // There is no record so late. One that comes before the end is known, as the
      // question after that shows, must not be missed.
      p.late = p.start;
      p.start = start_at::latest();
    } else {
      pause(now, p);
    }
    return;
  }
  ++totals_.errors;
  error why{x.error_code, *p.topic->name + '/' + std::to_string(p.id.value())};
  p.last_error = why;
  if (x.error_code == error_code::unknown_topic_or_partition) {
    unknown(now, p, why);
    return;
  }
  if (x.error_code == error_code::unknown_leader_epoch)
    directory_.on_disowned(*p.topic->name, p.id, p.leader);
  if (asks_who_leads(x.error_code))
    want_metadata(leader_pause);
  if (is_retriable(x.error_code)) {
    pause(now, p);
  } else if (x.error_code == error_code::unsupported_for_message_format) {
    tell(p, true, std::move(why));
  } else {
    tell(p, false, std::move(why));
    p.not_before = now + refused_pause;
  }
}

void consumer_machine::go_to(partition_state& p, log_offset offset) {
  p.starting = false;
  p.next = offset;
  p.last_error = {};
  p.unknown_since.reset();
  effects_.emplace_back(positioned{p.slot, p.generation, start_at::offset(offset)});
}

} // namespace cafka::protocol
