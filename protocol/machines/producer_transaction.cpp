// The producer machine's part about transactions: what may be sent in the one at hand,
// and when nothing of it is under way any more.

#include "producer_state.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

void producer_machine::begin_transaction(time_point now, std::uint64_t number) {
  transaction_ = number;
  settling_ = false;
  // What a flush took before is asked for now.
  for (auto& [buffers, t] : topics_) {
    for (auto& p : t->partitions)
      activate(*p);
  }
  on_changed(now);
}

void producer_machine::admit(time_point now, const topic_partition& which) {
  auto* const t = batches_.find(which.topic);
  if (t == nullptr || t->machine == nullptr)
    return;
  for (auto& p : static_cast<topic_state*>(t->machine)->partitions) {
    if (p->buffers->id == which.partition)
      p->admitted_to = transaction_;
  }
  drain(now);
}

// With a new id or epoch leaders know nothing of the numbers before.
void producer_machine::begin_sequences() {
  for (auto& [buffers, t] : topics_) {
    for (auto& p : t->partitions) {
      p->producer_id = -1;
      p->broken_sequence = false;
      p->confirmed = false;
      p->written_sequence = -1;
      p->known_from = UINT64_MAX;
    }
  }
}

void producer_machine::settle(time_point now, const error& why) {
  on_changed(now);
  for (auto& [buffers, t] : topics_) {
    for (auto& p : t->partitions) {
      take_all(*p, next_flush_);
      activate(*p);
    }
  }
  if (why)
    give_up_waiting(why);
  settling_ = true;
  drain(now);
}

void producer_machine::give_up_waiting(const error& why) {
  for (auto& [buffers, t] : topics_) {
    refuse_unassigned(*t, why);
    for (auto& p : t->partitions) {
      for (auto& b : std::exchange(p->queue, {})) {
        p->broken_sequence = p->broken_sequence || b->bytes;
        // Whether or not it is written: nobody will see it.
        resolve(*p, *b, why);
      }
    }
  }
}

// A batch that was given up may still be in flight, and is waited for as well.
void producer_machine::tell_settled() {
  settled s;
  for (const auto& [buffers, t] : topics_) {
    if (accumulator::peek(buffers->unassigned).since)
      return;
    for (const auto& p : t->partitions) {
      if (has_work(*p) || !p->in_flight_batches.empty())
        return;
      s.whole = s.whole && !p->broken_sequence;
    }
  }
  settling_ = false;
  // What comes now belongs to the next one.
  transaction_ = 0;
  effects_.emplace_back(s);
}

} // namespace cafka::protocol
