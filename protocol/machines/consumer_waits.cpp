#include "consumer_state.hpp"

#include <algorithm>
#include <limits>

// What keeps partitions from being read, for how long they wait before it is tried again,
// and what is told of it.

namespace cafka::protocol {

namespace {

using namespace std::chrono_literals;

/// So often in a row answers may send a partition elsewhere without a pause: to its first
/// leader, to the next one, to a replica or another offset.
constexpr std::uint32_t free_turns = 3;
/// An answer that arrives counts as progress for so many times `stalled_after`.
constexpr int arriving_factor = 6;

std::string in_ms(std::chrono::steady_clock::duration d) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(d).count())
    + " ms";
}

std::string named(broker_id id) {
  return "broker " + std::to_string(id.value());
}

} // namespace

// -- back-off ---------------------------------------------------------------------------
//
// Whatever is asked again because of an answer has a back-off that only progress takes
// back: records behind those that were read, or a broker that waits for some as it was
// asked to. So no broker can make us spin, whatever it says.

// A question led nowhere.
void consumer_machine::pause(time_point now, partition_state& p) {
  p.not_before = now + backoff(options_.retry_backoff, ++p.attempts, random_);
}

// It is asked for elsewhere, or from another offset on.
void consumer_machine::again(time_point now, partition_state& p) {
  p.not_before = ++p.turns <= free_turns
    ? time_point::min()
    : now + backoff(options_.retry_backoff, p.turns - free_turns, random_);
}

void consumer_machine::calm(partition_state& p) {
  p.attempts = 0;
  p.turns = 0;
  if (const auto b = brokers_.find(p.home); b != brokers_.end()) {
    b->second.failures = 0;
    b->second.hasty = 0;
  }
}

// -- progress ---------------------------------------------------------------------------

// Records came, or there are none to come.
void consumer_machine::well(time_point now, partition_state& p) {
  if (p.reported != error_code::none && !p.halted) {
    const auto text = "read again after " + in_ms(now - p.well_at);
    effects_.emplace_back(
      report{p.slot, p.generation, p.next, false, {error_code::none, text}});
    p.reported = error_code::none;
  }
  if (std::exchange(p.stalled, false))
    --stalled_;
  p.last_error = {};
  p.well_at = now;
}

// What was counted for it.
void consumer_machine::forget(partition_state& p) {
  buffered_ -= std::exchange(p.buffered, 0);
  if (std::exchange(p.stalled, false))
    --stalled_;
}

// A broker that sends something is not the reason for a search, however long it takes.
void consumer_machine::on_progress(time_point now, broker_id from) {
  happened(now);
  silent_since_.reset();
  for (auto& [id, r] : requests_) {
    if (r.broker != from || !r.filled)
      continue;
    r.watch_at = std::max(r.watch_at, now + options_.stall);
    if (now - r.filled_at > arriving_factor * options_.stalled_after)
      continue;
    for (const auto slot : r.slots) {
      auto* p = slot < partitions_.size() ? partitions_[slot].get() : nullptr;
      if (p != nullptr && p->request == id && !p->stalled)
        p->well_at = now;
    }
  }
}

// What lies there for a program that is busy is no reason to tell it of something.
bool consumer_machine::waits_for_program(time_point now, const partition_state& p) const {
  if (p.paused || p.halted)
    return true;
  const auto wants_room =
    p.reading != 0 || (is_ready(now, p) == readiness::ready && !has_room());
  return (p.reading == 0 && p.buffered >= buffer_limit_) || (wants_room && buffered_ > 0);
}

void consumer_machine::look_for_stalled(time_point now) {
  if (now < next_look_) {
    note_time(next_look_);
    return;
  }
  next_look_ = time_point::max();
  bool any = false;
  for (const auto& owned : partitions_) {
    if (owned == nullptr)
      continue;
    any = true;
    auto& p = *owned;
    if (p.stalled)
      continue;
    if (waits_for_program(now, p))
      p.well_at = now;
    if (now - p.well_at < options_.stalled_after) {
      next_look_ = std::min(next_look_, p.well_at + options_.stalled_after);
      continue;
    }
    p.stalled = true;
    ++stalled_;
    if (p.reported != error_code::none)
      continue;
    std::optional<broker_id> about;
    auto why = why_waiting(now, p, about);
    tell(p, false,
      {error_code::timed_out,
        *p.topic->name + '/' + std::to_string(p.id.value()) + ": no progress for "
          + in_ms(now - p.well_at) + (why.empty() ? "" : ": ") + why},
      about);
  }
  // Not for each partition at a time of its own.
  if (any)
    next_look_ = std::max(next_look_, now + options_.stalled_after / 16 + 1ms);
  note_time(next_look_);
}

std::string consumer_machine::why_waiting(
  time_point now, const partition_state& p, std::optional<broker_id>& about) const {
  const auto after = [](std::string text, const error& last) {
    return !last ? text : text + ", after " + to_string(last);
  };
  if (p.leader.value() < 0 || p.home.value() < 0) {
    if (const auto& last = directory_.last_error()) {
      about = -1;
      return "no broker says who leads it: " + to_string(last);
    }
    if (!directory_.answered())
      return "no broker has said yet who leads it";
    return after("it has no leader", p.last_error);
  }
  const auto found = brokers_.find(p.home);
  if (found == brokers_.end())
    return {};
  const auto& b = found->second;
  const auto request = [&](std::uint64_t id) -> const request_state* {
    const auto r = requests_.find(id);
    return r == requests_.end() ? nullptr : &r->second;
  };
  const auto* answering = request(p.request);
  const auto* opening = request(p.starting ? b.offsets : b.fetch);
  if (b.throttled_until > now)
    return "a quota of " + named(p.home) + " holds it back for "
      + in_ms(b.throttled_until - now);
  if (answering != nullptr) {
    about = p.home;
    return after(named(p.home) + " has not answered "
        + (p.starting ? "where it begins" : "a fetch") + " for "
        + in_ms(now - answering->opened_at),
      b.last_error);
  }
  if (p.reading != 0)
    return "what was fetched waits for memory: the program holds "
      + std::to_string(budget_.used()) + " bytes of buffer_memory, "
      + std::to_string(budget_.limit());
  if (p.last_error)
    return to_string(p.last_error);
  if (opening != nullptr && !opening->filled) {
    about = p.home;
    return after(
      "no connection to " + named(p.home) + " for " + in_ms(now - opening->opened_at),
      b.last_error);
  }
  if (b.last_error) {
    about = p.home;
    return named(p.home) + ": " + to_string(b.last_error);
  }
  if (!p.starting && !has_room())
    return "buffer_memory is spent: the program holds " + std::to_string(budget_.used())
      + " of " + std::to_string(budget_.limit()) + " bytes";
  if (p.left_out_since)
    return "the answers of " + named(p.home) + " leave it out";
  return {};
}

// -- for metrics and people -------------------------------------------------------------

// Nothing is overdue.
bool consumer_machine::is_reading(time_point now, const partition_state& p) const {
  if (p.starting || p.leader.value() < 0 || p.stalled || p.last_error)
    return false;
  if (p.reading != 0)
    return true;
  const auto b = brokers_.find(p.home);
  if (b == brokers_.end() || b->second.last_error || b->second.throttled_until > now)
    return false;
  const auto asked = requests_.find(p.request != 0 ? p.request : b->second.fetch);
  return asked == requests_.end() ? has_room() : now < asked->second.watch_at;
}

std::vector<consumer_machine::partition_view> consumer_machine::view(
  time_point now) const {
  std::vector<partition_view> all;
  all.reserve(assigned_);
  for (const auto& owned : partitions_) {
    if (owned == nullptr)
      continue;
    const auto& p = *owned;
    auto& v = all.emplace_back();
    v.slot = p.slot;
    v.generation = p.generation;
    v.topic = p.topic->name;
    v.partition = p.id;
    v.next = p.starting ? log_offset{-1} : p.next;
    v.log_end = p.log_end;
    v.leader = p.leader;
    v.asked = p.home;
    v.well_at = p.well_at;
    if (p.paused) {
      v.is = condition::paused;
    } else if (p.halted) {
      v.is = condition::halted;
      v.why = to_string(p.reported);
    } else if (waits_for_program(now, p)) {
      v.is = condition::full;
      v.why = std::to_string(buffered_) + " bytes wait for the program to take them";
    } else if (!is_reading(now, p)) {
      v.is = condition::waiting;
      v.why = why_waiting(now, p, v.about);
    }
  }
  return all;
}

std::int64_t consumer_machine::lag() const {
  constexpr auto most = std::numeric_limits<std::int64_t>::max();
  std::int64_t sum = 0;
  for (const auto& p : partitions_) {
    if (p != nullptr && !p->starting && p->log_end > p->next)
      sum += std::min(p->log_end - p->next, most - sum); // Brokers may say anything.
  }
  return sum;
}

std::int32_t consumer_machine::session_of(broker_id id) const {
  const auto found = brokers_.find(id);
  return found == brokers_.end() ? 0 : found->second.session.id();
}

} // namespace cafka::protocol
