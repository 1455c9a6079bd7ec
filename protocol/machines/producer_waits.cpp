// The producer machine's third part: what waits for how long, and why.

#include "producer_state.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

std::string in_ms(std::chrono::steady_clock::duration d) {
  return std::to_string(duration_cast<milliseconds>(d).count()) + " ms";
}

void add(std::string& text, const std::string& more) {
  if (!text.empty())
    text += ", ";
  text += more;
}

} // namespace

producer_machine::oldest_record producer_machine::oldest_of(const partition_state& p) {
  oldest_record oldest{&p};
  for (const auto& b : p.in_flight_batches) {
    if (!b->resolved)
      oldest.opened = std::min(oldest.opened, b->opened);
  }
  for (const auto& b : p.queue)
    oldest.opened = std::min(oldest.opened, b->opened);
  if (p.waiting.since)
    oldest.opened = std::min(oldest.opened, *p.waiting.since);
  oldest.since = std::max(oldest.opened, p.progressed);
  return oldest;
}

producer_machine::oldest_record producer_machine::oldest_of(const topic_state& t) const {
  oldest_record oldest;
  if (const auto waiting = accumulator::peek(t.buffers->unassigned); waiting.since)
    oldest.since = oldest.opened = *waiting.since;
  for (const auto& p : t.partitions) {
    const auto found = oldest_of(*p);
    if (found.opened != time_point::max() && found.since < oldest.since)
      oldest = found;
  }
  return oldest;
}

bool producer_machine::still_waits(const topic_state& t, partition_id id) {
  if (id.value() < 0)
    return accumulator::peek(t.buffers->unassigned).since.has_value();
  return std::ranges::any_of(t.partitions, [&](const auto& p) {
    return p->buffers->id == id && oldest_of(*p).opened != time_point::max();
  });
}

void producer_machine::progress(partition_state& p, time_point now) {
  p.attempts = 0;
  p.progressed = now;
  if (p.topic->stalled_since && p.topic->stalled_partition == p.buffers->id)
    end_stall(*p.topic, now, {});
}

// Several batches that come back at once are one attempt.
void producer_machine::pause(time_point now, partition_state& p) {
  if (p.not_before <= now)
    p.not_before = now + backoff(options_.retry_backoff, ++p.attempts, random_);
}

void producer_machine::end_stall(topic_state& t, time_point now, const error& why) {
  if (!t.stalled_since)
    return;
  effects_.emplace_back(stall_report{t.buffers->name, t.stalled_partition,
    duration_cast<milliseconds>(now - *t.stalled_since), true, why});
  t.stalled_since.reset();
  --stalled_;
}

void producer_machine::watch_stalls(time_point now) {
  next_stall_ = time_point::max();
  for (auto& [buffers, t] : topics_) {
    const auto oldest = oldest_of(*t);
    if (t->stalled_since && !still_waits(*t, t->stalled_partition))
      end_stall(
        *t, now, {error_code::timed_out, "what waited was given up, as its reports say"});
    if (oldest.since == time_point::max())
      continue;
    const auto at = oldest.since + options_.stalled_after;
    if (t->stalled_since || at > now) {
      next_stall_ = std::min(next_stall_, std::max(at, now + options_.stalled_after / 4));
      continue;
    }
    const auto partition =
      oldest.partition != nullptr ? oldest.partition->buffers->id : partition_id{-1};
    t->stalled_since = oldest.since;
    t->stalled_partition = partition;
    ++stalled_;
    next_stall_ = std::min(next_stall_, now + options_.stalled_after);
    effects_.emplace_back(stall_report{buffers->name, partition,
      duration_cast<milliseconds>(now - oldest.since), false,
      {error_code::timed_out,
        oldest.partition != nullptr ? why_waits(now, *oldest.partition)
                                    : why_waits(now, *t)}});
  }
}

std::string producer_machine::why_waits(time_point, const topic_state& t) const {
  auto text = "no metadata of topic " + t.buffers->name;
  // While no broker can be reached, that is also what the last question met.
  if (reachable_.none_reachable)
    add(text, to_string(reachable_.none_reachable));
  else if (t.last_error)
    add(text, "last: " + to_string(t.last_error));
  return text;
}

std::string producer_machine::why_waits(time_point now, const partition_state& p) const {
  std::string text;
  const auto unreachable = reachable_.none_reachable;
  const auto& t = *p.topic;
  if (p.leader.value() < 0) {
    text = p.buffers->topic.name + '/' + std::to_string(p.buffers->id.value())
      + " has no leader";
    if (t.last_error)
      add(text, "last: " + to_string(t.last_error));
  } else {
    const auto b = brokers_.find(p.leader);
    const auto name = "broker " + std::to_string(p.leader.value());
    const auto broken = reachable_.broken.find(p.leader);
    if (broken != reachable_.broken.end())
      text = "no connection to " + name + " (" + to_string(broken->second) + ')';
    else if (b != brokers_.end() && b->second.throttled && b->second.not_before > now)
      text = name + " takes no more for " + in_ms(b->second.not_before - now)
        + ", for its quota";
    else if (!p.in_flight_batches.empty())
      text = "no answer from " + name;
    else if (b != brokers_.end() && b->second.opening)
      text = "still connecting to " + name;
    if (options_.idempotence && identity_ < 0) {
      add(text, "no producer id was given out");
      if (identity_error_)
        text += " (" + to_string(identity_error_) + ')';
    }
  }
  if (p.last_error)
    add(text, "last: " + to_string(p.last_error));
  if (unreachable)
    add(text, to_string(reachable_.none_reachable));
  return text.empty() ? "it waits for other records" : text;
}

std::vector<producer_machine::waiting_topic> producer_machine::waiting(
  time_point now) const {
  std::vector<waiting_topic> all;
  for (const auto& [buffers, t] : topics_) {
    const auto oldest = oldest_of(*t);
    const auto any = oldest.opened != time_point::max();
    if (!any && !t->awaited)
      continue;
    auto& w = all.emplace_back();
    w.topic = buffers->name;
    if (any)
      w.waited = duration_cast<milliseconds>(now - oldest.opened);
    w.records = accumulator::records_in(buffers->unassigned);
    if (oldest.partition != nullptr) {
      w.partition = oldest.partition->buffers->id;
      w.why = why_waits(now, *oldest.partition);
    } else {
      w.why = why_waits(now, *t);
    }
    const auto count = [&](const auto& batches) {
      for (const auto& b : batches)
        w.records += b->resolved ? 0 : static_cast<std::uint64_t>(b->count);
    };
    for (const auto& p : t->partitions) {
      w.records += accumulator::records_in(*p->buffers);
      count(p->queue);
      count(p->in_flight_batches);
    }
  }
  return all;
}

std::string producer_machine::why_waiting(time_point now) const {
  oldest_record oldest;
  const topic_state* of = nullptr;
  for (const auto& [buffers, t] : topics_) {
    if (const auto found = oldest_of(*t); found.opened < oldest.opened) {
      oldest = found;
      of = t.get();
    }
  }
  if (of == nullptr)
    return {};
  return of->buffers->name + ": "
    + (oldest.partition != nullptr ? why_waits(now, *oldest.partition)
                                   : why_waits(now, *of));
}

error producer_machine::expired(
  time_point now, const partition_state& p, const batch& b) const {
  const auto sent = b.maybe_written || b.request != 0;
  return {sent ? error_code::outcome_unknown : error_code::timed_out,
    (sent ? "no answer in time about " : "not sent in time: ") + p.buffers->topic.name
      + '/' + std::to_string(p.buffers->id.value()) + ", " + why_waits(now, p)};
}

} // namespace cafka::protocol
