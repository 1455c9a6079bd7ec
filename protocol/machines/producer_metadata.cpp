// The producer machine's part about topics: what is asked about them, who leads, and when
// one is forgotten.

#include "producer_state.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

using namespace std::chrono_literals;

/// Between two questions about topics when the first did not tell what was wanted.
constexpr std::chrono::milliseconds refresh_pause{100};

} // namespace

void producer_machine::want_metadata(topic_state& t) {
  if (!std::exchange(t.asks, true))
    wanted_.push_back(&t);
  metadata_wanted_ = true;
}

void producer_machine::want_all_metadata() {
  all_wanted_ = metadata_wanted_ = true;
}

// Whoever leads what is in the request, or was to be, may be another now.
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
    if (now - t->used >= options_.topic_idle && !t->hoped_for && !t->asks
      && !metadata_asked_ && t->flush_tokens.empty() && !has_work(*t))
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
    topics_.erase(&gone);
  });
}

bool producer_machine::is_wanted(time_point now, const topic_state& t) const {
  return t.hoped_for || has_work(t) || (!t.missing && now - t.used < options_.topic_idle);
}

void producer_machine::ask(time_point now) {
  metadata_wanted_ = false;
  all_asked_ = std::exchange(all_wanted_, false);
  asked_ = std::exchange(wanted_, {});
  if (all_asked_) {
    asked_.clear();
    for (const auto& [buffers, t] : topics_)
      asked_.push_back(t.get());
  }
  ask_metadata question;
  for (auto* t : asked_) {
    const auto asks = std::exchange(t->asks, false);
    if (!is_wanted(now, *t) && !(asks && !t->missing))
      continue;
    question.topics.push_back(t->buffers->name);
    // One that somebody has deleted stays so until there are records for it.
    question.create = question.create || t->hoped_for || (t->missing && has_work(*t));
  }
  if (question.topics.empty()) {
    asked_.clear();
    if (all_asked_ && options_.metadata_update_interval > 0ms)
      next_refresh_ = now + options_.metadata_update_interval;
    return;
  }
  metadata_asked_ = true;
  new_topic_ = false;
  effects_.emplace_back(std::move(question));
}

void producer_machine::on_metadata(time_point now, const metadata_response& answer) {
  metadata_asked_ = false;
  metadata_attempts_ = 0;
  const auto pause = options_.metadata_update_interval > 0ms
    ? std::min(refresh_pause, options_.metadata_update_interval)
    : refresh_pause;
  metadata_not_before_ = new_topic_ ? now : now + pause;
  // Questions about single topics must not put off that about all of them for ever.
  if (options_.metadata_update_interval > 0ms
    && (all_asked_ || next_refresh_ == time_point::max()))
    next_refresh_ = now + options_.metadata_update_interval;
  for (const auto& t : answer.topics)
    adopt(now, t);
  for (auto* t : std::exchange(asked_, {})) {
    if (t->hoped_for) // The answer leaves it out.
      want_metadata(*t);
  }
  pump(now);
}

void producer_machine::on_metadata_failed(time_point now, const error& why) {
  metadata_asked_ = false;
  metadata_not_before_ = now + backoff(options_.retry, ++metadata_attempts_, random_);
  for (auto* t : std::exchange(asked_, {})) {
    t->last_error = why;
    if (!all_asked_)
      want_metadata(*t);
  }
  if (all_asked_)
    want_all_metadata();
  pump(now);
}

void producer_machine::adopt(time_point now, const metadata_response_topic& t) {
  // What nobody asked for is not kept.
  auto* known = t.name ? batches_.find(*t.name) : nullptr;
  if (known == nullptr || known->machine == nullptr)
    return;
  auto& buffers = *known;
  auto& state = state_of(buffers);
  if (t.error_code != error_code::none && t.partitions.empty()) {
    state.last_error = {t.error_code, "topic " + buffers.name};
    // Nothing is sent that has nowhere to go, but what waits is given up only while the
    // topic has never been there, or for a reason that does not pass.
    const auto hopeless = !is_retriable(t.error_code)
      || (t.error_code == error_code::unknown_topic_or_partition
        && now - state.wanted_since >= options_.unknown_topic_wait);
    state.missing = hopeless;
    if (hopeless && buffers.table.load() == nullptr)
      refuse_unassigned(state, state.last_error);
    if (!hopeless || has_work(state))
      want_metadata(state);
    return;
  }
  // Numbers are dense. A broker that says otherwise must not make us count to them.
  const auto count = t.partitions.size();
  const auto is_number = [&](const auto& p) {
    return p.partition_index.value() >= 0
      && static_cast<std::size_t>(p.partition_index.value()) < count;
  };
  if (count == 0 || !std::ranges::all_of(t.partitions, is_number)) {
    state.last_error = {error_code::malformed_response,
      "topic " + buffers.name + " with partitions that are not numbered from 0 on"};
    if (state.hoped_for || has_work(state))
      want_metadata(state);
    return;
  }
  state.last_error = {};
  state.missing = state.hoped_for = false;
  // Not every version has the id.
  const auto other = !t.topic_id.is_zero() && state.id != t.topic_id;
  if (other)
    state.id = t.topic_id;
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
  state.leaders.resize(count);
  state.leaders.shrink_to_fit();
  for (const auto& p : t.partitions) {
    auto& kept = state.leaders[static_cast<std::size_t>(p.partition_index.value())];
    auto* made = accumulator::partition_of(buffers, p.partition_index);
    auto* mine = made == nullptr ? nullptr : &state_of(*made);
    if (mine != nullptr && other) { // Its log is new as well.
      mine->confirmed = false;
      doubt(*mine);
    }
    // Old metadata of the same topic must not undo what is known.
    if (!other && p.leader_epoch.value() >= 0 && p.leader_epoch < kept.epoch)
      continue;
    kept = {p.leader_id, p.leader_epoch};
    accumulator::set_led(buffers, p.partition_index, p.leader_id.value() >= 0);
    if (mine != nullptr)
      set_leader(now, *mine, p.leader_id);
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

void producer_machine::set_leader(time_point now, partition_state& p, broker_id leader) {
  moves_.note(p.told, leader, p.topic->buffers->name, p.buffers->id);
  if (p.leader != leader) {
    leave(now, p);
    p.leader = leader;
  }
  activate(p);
}

// The leader is another now, or none.
void producer_machine::leave(time_point now, partition_state& p) {
  if (std::exchange(p.active, false))
    std::erase(broker(p.leader).ring, &p);
  p.leader = -1;
  // A broker that stands still may never answer. With a sequence, sending what it has
  // once more does no harm; without one, its answer or its end decides.
  for (auto& b : options_.idempotent ? std::exchange(p.flying, {})
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
