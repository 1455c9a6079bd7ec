// The producer machine's part about topics: what is asked about them, who leads, and when
// one is forgotten.

#include "../sasl/failure.hpp"
#include "producer_state.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

void producer_machine::want_metadata(topic_state& t) {
  directory_.want(*t.known);
}

// The leaders of what is in the request, or was to be, may have changed.
void producer_machine::want_metadata(const request_state& r) {
  if (r.filled) {
    for (auto* p : r.partitions)
      want_metadata(*p->topic);
  } else {
    for (auto* p : broker(r.broker).ring)
      want_metadata(*p->topic);
  }
}

// A topic that nobody uses is forgotten. Its partitions' next epochs must be new to
// brokers.
void producer_machine::release_idle(time_point now) {
  std::vector<topic_buffers*> idle;
  next_release_ = time_point::max();
  for (auto& [buffers, t] : topics_) {
    next_release_ = now + options_.topic_idle / 2;
    if (now - t->used >= options_.topic_idle && !t->awaited && !t->known->wanted()
      && !directory_.asking() && t->flush_tokens.empty() && !has_work(*t))
      idle.push_back(buffers);
  }
  batches_.release(idle, [this](topic_buffers& gone) {
    auto& t = state_of(gone);
    for (auto& p : t.partitions) {
      if (std::exchange(p->active, false))
        std::erase(broker(p->leader).ring, p.get());
      if (p->producer_id != identity_ || identity_ < 0)
        continue;
      if (p->producer_epoch == INT16_MAX)
        identity_ = -1;
      else
        identity_epoch_ = std::max<std::int16_t>(
          identity_epoch_, static_cast<std::int16_t>(p->producer_epoch + 1));
    }
    if (t.stalled_since)
      --stalled_;
    directory_.release(gone.name);
    topics_.erase(&gone);
  });
}

bool producer_machine::is_wanted(time_point now, const topic_state& t) const {
  return t.awaited || has_work(t) || (!t.missing && now - t.used < options_.topic_idle);
}

void producer_machine::ask(time_point now) {
  for (auto& [buffers, t] : topics_) {
    // One that somebody has deleted stays so until there are records for it.
    if (t->awaited || (t->missing && has_work(*t)))
      topic_directory::may_create(*t->known);
  }
  const auto names = [&](const topic_directory::topic& known) {
    const auto* buffers = batches_.find(known.name());
    if (buffers == nullptr || buffers->machine == nullptr)
      return false;
    const auto& t = *static_cast<const topic_state*>(buffers->machine);
    return is_wanted(now, t) || (known.wanted() && !t.missing);
  };
  if (auto question = directory_.ask(now, names))
    effects_.emplace_back(ask_metadata{std::move(question->topics), question->create});
}

void producer_machine::on_metadata(time_point now, const metadata_response& answer) {
  for (const auto& change : directory_.on_metadata(now, answer))
    adopt(now, change);
  drain(now);
}

void producer_machine::on_metadata_failed(time_point now, const error& why) {
  // No later answer of the same cluster will be another one before somebody mends it.
  const auto hopeless = sasl::is_login_failure(why.code) && !is_retriable(why.code);
  for (auto& [buffers, t] : topics_) {
    if (!topic_directory::asks_about(*t->known))
      continue;
    t->last_error = why;
    if (hopeless && buffers->table.load() == nullptr)
      refuse_unassigned(*t, why);
  }
  directory_.on_failure(now, why);
  drain(now);
}

void producer_machine::adopt(time_point now, const topic_directory::change& c) {
  auto* known = batches_.find(c.about->name());
  if (known == nullptr || known->machine == nullptr)
    return;
  auto& buffers = *known;
  auto& state = state_of(buffers);
  const auto ask_again = [&] {
    if (state.awaited || has_work(state))
      want_metadata(state);
  };
  switch (c.what) {
  case known_topic::update::refused: on_refused(now, state, c.answer->error_code); return;
  case known_topic::update::malformed:
    state.last_error = {error_code::malformed_response,
      "topic " + buffers.name + " with partitions that are not numbered from 0 on"};
    ask_again();
    return;
  case known_topic::update::outdated:
  case known_topic::update::left_out: ask_again(); return;
  case known_topic::update::known:
  case known_topic::update::recreated: break;
  }
  const auto count = c.answer->partitions.size();
  state.last_error = {};
  state.missing = state.awaited = false;
  const auto fresh = buffers.table.load() == nullptr;
  for (auto& refused :
    batches_.set_partitions(buffers, static_cast<std::int32_t>(count))) {
    delivery_report report;
    report.topic = buffers.name;
    report.count = refused.count;
    report.error = {refused.why,
      refused.why == error_code::invalid_argument
        ? "the partitioner has thrown"
        : "topic " + buffers.name + " has " + std::to_string(count) + " partitions"};
    for (auto& done : refused.callbacks)
      report.callbacks.emplace_back(0, std::move(done));
    effects_.emplace_back(std::move(report));
  }
  for (const auto& p : state.known->partitions()) {
    auto* made = accumulator::partition_of(buffers, p.id);
    auto* mine = made == nullptr ? nullptr : &state_of(*made);
    if (mine != nullptr && c.what == known_topic::update::recreated) {
      mine->confirmed = false; // Its log is new as well.
      doubt(*mine);
    }
    if (p.last == known_partition::outcome::counted) {
      accumulator::set_led(buffers, p.id, p.leader.value() >= 0);
      if (mine != nullptr)
        set_leader(now, *mine, p.leader);
    } else if (mine != nullptr) {
      activate(*mine); // If it has nobody to send to, it asks again.
    }
  }
  for (auto& p : state.partitions) {
    if (static_cast<std::size_t>(p->buffers->id.value()) >= count)
      set_leader(now, *p, -1);
  }
  if (fresh) {
    if (state.stalled_since && state.stalled_partition.value() < 0)
      end_stall(state, now, {});
    // Nobody told of what was moved here, and a flush may have been waiting for it.
    const auto born =
      state.flush_tokens.empty() ? next_flush_ : state.flush_tokens.front();
    for (auto* p : accumulator::partitions_of(buffers)) {
      auto& mine = state_of(*p);
      mine.waiting = accumulator::peek(*p);
      if (!state.flush_tokens.empty())
        take_all(mine, born);
      activate(mine);
    }
    end_flush_tokens(state);
  }
}

// Nothing is sent that has nowhere to go, but what waits is given up only while the topic
// has never been there, or for a reason that does not pass.
void producer_machine::on_refused(time_point now, topic_state& t, error_code why) {
  t.last_error = {why, "topic " + t.buffers->name};
  const auto hopeless = !is_retriable(why)
    || (why == error_code::unknown_topic_or_partition
      && now - t.wanted_since >= options_.unknown_topic_wait);
  t.missing = hopeless;
  if (hopeless && t.buffers->table.load() == nullptr)
    refuse_unassigned(t, t.last_error);
  if (!hopeless || has_work(t))
    want_metadata(t);
}

// A leader that takes records leads, whatever other brokers say.
void producer_machine::note_led(
  const partition_state& p, const batch& b, log_offset offset) const {
  if (!p.topic->known->doubted() || offset.value() < 0)
    return;
  if (const auto r = requests_.find(b.request); r != requests_.end())
    p.topic->known->on_led(p.buffers->id, r->second.broker);
}

void producer_machine::set_leader(time_point now, partition_state& p, broker_id leader) {
  if (p.leader != leader) {
    leave(now, p);
    p.leader = leader;
  }
  // A new leader that has lost what it should know of the producer takes any number
  // first: were that not the first one, what lies before it would seem to be written.
  if (leader.value() >= 0 && std::exchange(p.last_leader, leader) != leader)
    p.confirmed = false;
  activate(p);
}

// The leader is another now, or none.
void producer_machine::leave(time_point now, partition_state& p) {
  if (std::exchange(p.active, false))
    std::erase(broker(p.leader).ring, &p);
  p.leader = -1;
  // A broker that hangs may never answer. With a sequence, sending what it has
  // once more does no harm; without one, its answer or its end decides.
  for (auto& b : options_.idempotence ? std::exchange(p.in_flight_batches, {})
                                      : std::vector<std::unique_ptr<batch>>{}) {
    const auto r = requests_.find(b->request);
    if (r != requests_.end())
      std::erase(r->second.partitions, &p);
    conclude(
      now, p, std::move(b), {error_code::disconnected, "the leader has changed"}, -1);
  }
  // The first one that is new is tried at once. Leaders that keep changing while nothing
  // is written are no reason to try ever more often.
  if (p.attempts <= 1)
    p.not_before = time_point::min();
}

} // namespace cafka::protocol
