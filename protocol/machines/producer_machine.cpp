#include <cafka/protocol/machines/producer_state.hpp>

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

using namespace std::chrono_literals;

/// Between two questions about topics when the first did not tell what was wanted.
constexpr auto refresh_pause = 100ms;

std::string place(const partition_buffers& p) {
  return p.topic.name + '/' + std::to_string(p.id.value());
}

} // namespace

producer_machine::producer_machine(producer_machine_options options, accumulator& batches)
  : options_(options),
    batches_(batches),
    random_(static_cast<std::minstd_rand::result_type>(options.seed + 1)) {
}

producer_machine::~producer_machine() {
  for (auto& [buffers, t] : topics_)
    buffers->machine = nullptr;
  for (auto& p : partitions_)
    p.buffers->machine = nullptr;
}

producer_machine::topic_state& producer_machine::state_of(topic_buffers& t) {
  if (t.machine == nullptr) {
    auto& state = topics_[&t];
    state = std::make_unique<topic_state>();
    state->buffers = &t;
    t.machine = state.get();
  }
  return *static_cast<topic_state*>(t.machine);
}

producer_machine::partition_state& producer_machine::state_of(partition_buffers& p) {
  if (p.machine == nullptr) {
    auto& state = partitions_.emplace_back();
    state.buffers = &p;
    state.topic = &state_of(p.topic);
    p.machine = &state;
  }
  return *static_cast<partition_state*>(p.machine);
}

producer_machine::broker_state& producer_machine::broker(broker_id id) {
  return brokers_[id];
}

// -- what comes in ----------------------------------------------------------------------

void producer_machine::start(time_point now) {
  if (options_.metadata_update_interval > 0ms)
    next_refresh_ = now + options_.metadata_update_interval;
  // What an earlier machine left behind; nobody else tells of it, and it may be due.
  next_expiry_ = now;
  for (auto* t : batches_.topics()) {
    for (auto* p : t->ever)
      note(now, *p);
  }
  on_news(now);
}

void producer_machine::on_news(time_point now) {
  if (batches_.topic_count() != topics_.size()) {
    for (auto* t : batches_.topics()) {
      if (t->machine != nullptr)
        continue;
      auto& state = state_of(*t);
      state.used = now;
      hope_for(now, state);
    }
  }
  for (auto* p : batches_.news()) {
    if (p->id.value() >= 0)
      note(now, *p);
    else
      hope_for(now, state_of(p->topic));
  }
  hurry_ = batches_.starved() || hurry_;
  if (options_.stalled_after > 0ms)
    next_stall_ = std::min(next_stall_, now + options_.stalled_after);
  pump(now);
}

void producer_machine::hope_for(time_point now, topic_state& t) {
  if (t.buffers->table.load() != nullptr || t.hoped_for)
    return;
  t.hoped_for = true;
  t.wanted_since = t.used = now;
  // It is asked for now, not after the pause that is for what was asked before.
  new_topic_ = true;
  metadata_not_before_ = now;
  want_metadata();
}

void producer_machine::note(time_point now, partition_buffers& buffers) {
  auto& p = state_of(buffers);
  p.topic->used = now;
  p.waiting = accumulator::peek(buffers);
  if (fatal_.code != error_code::none) {
    fail_all(fatal_);
    return;
  }
  activate(p);
}

void producer_machine::activate(partition_state& p) {
  if (!has_work(p))
    return;
  if (p.leader.value() < 0)
    want_metadata();
  else if (!std::exchange(p.active, true))
    broker(p.leader).ring.push_back(&p);
}

void producer_machine::on_connection_lost(time_point now) {
  // Without acknowledgements nothing else tells that a broker leads no more.
  want_metadata();
  pump(now);
}

void producer_machine::on_time(time_point now) {
  if (next_refresh_ <= now) {
    next_refresh_ = time_point::max();
    want_metadata();
  }
  if (next_expiry_ <= now)
    expire(now);
  if (next_stall_ <= now)
    watch_stalls(now);
  if (next_watch_ <= now) {
    next_watch_ = time_point::max();
    const auto stalled = std::ranges::any_of(
      requests_, [&](const auto& r) { return now - r.second.since >= options_.stall; });
    if (stalled)
      want_metadata();
  }
  pump(now);
}

producer_machine::time_point producer_machine::next_time() const {
  auto next = std::min({next_refresh_, next_expiry_, next_watch_, next_stall_});
  if (metadata_wanted_ && !metadata_asked_)
    next = std::min(next, metadata_not_before_);
  if (identity_wanted_ && !identity_asked_)
    next = std::min(next, identity_not_before_);
  for (const auto& [id, b] : brokers_) {
    if (b.opening || b.in_flight >= options_.max_in_flight)
      continue;
    for (const auto* p : b.ring) {
      auto at = std::max(b.not_before, p->not_before);
      if (p->queue.empty() && !p->waiting.closed && p->waiting.since)
        at = std::max(at, *p->waiting.since + options_.linger);
      if (may_send(at, *p))
        next = std::min(next, at);
    }
  }
  return next;
}

// -- what is sent when ------------------------------------------------------------------

bool producer_machine::has_work(const partition_state& p) {
  return !p.queue.empty() || p.waiting.since;
}

bool producer_machine::has_work(const topic_state& t) {
  return std::ranges::any_of(t.buffers->ever, [](const partition_buffers* each) {
    const auto* p = static_cast<const partition_state*>(each->machine);
    return p != nullptr && (has_work(*p) || !p->flying.empty());
  });
}

// Order: nothing overtakes a batch that came back, and it overtakes nothing.
bool producer_machine::may_send(time_point now, const partition_state& p) const {
  if (!has_work(p) || now < p.not_before || p.flying.size() >= options_.max_in_flight
    || fatal_.code != error_code::none)
    return false;
  if (options_.idempotent && identity_ < 0)
    return false;
  if (options_.idempotent && (p.broken_sequence || !p.confirmed) && !p.flying.empty())
    return false;
  return p.queue.empty() || p.flying.empty()
    || p.flying.back()->first_number < p.queue.front()->first_number;
}

bool producer_machine::is_due(time_point now, const partition_state& p) const {
  if (!may_send(now, p))
    return false;
  return !p.queue.empty() || p.waiting.closed || hurry_
    || *p.waiting.since + options_.linger <= now;
}

void producer_machine::pump(time_point now) {
  hurry_ = hurry_ && batches_.pool().used() > batches_.pool().limit() / 2;
  bool work = false;
  for (auto& [id, b] : brokers_) {
    work = work || !b.ring.empty();
    if (b.opening || b.in_flight >= options_.max_in_flight || now < b.not_before)
      continue;
    if (std::ranges::none_of(b.ring, [&](auto* p) { return is_due(now, *p); }))
      continue;
    b.opening = true;
    ++b.in_flight;
    auto& r = requests_[++last_request_];
    r.broker = id;
    r.since = now;
    next_watch_ = std::min(next_watch_, now + options_.stall);
    actions_.emplace_back(send_request{id, last_request_});
  }
  if (!requests_.empty() && next_watch_ == time_point::max())
    next_watch_ = now + options_.stall;
  if (options_.idempotent && identity_ < 0 && work)
    identity_wanted_ = true;
  if (identity_wanted_ && !identity_asked_ && identity_not_before_ <= now) {
    identity_asked_ = true;
    actions_.emplace_back(ask_identity{});
  }
  if (metadata_wanted_ && !metadata_asked_ && metadata_not_before_ <= now)
    ask(now);
}

bool producer_machine::is_wanted(time_point now, const topic_state& t) const {
  return t.hoped_for || has_work(t) || (!t.missing && now - t.used < options_.topic_idle);
}

void producer_machine::ask(time_point now) {
  metadata_wanted_ = false;
  ask_metadata question;
  for (const auto& [buffers, t] : topics_) {
    if (!is_wanted(now, *t))
      continue;
    question.topics.push_back(buffers->name);
    // One that somebody has deleted stays so until there are records for it.
    question.create = question.create || t->hoped_for || (t->missing && has_work(*t));
  }
  if (question.topics.empty()) {
    if (options_.metadata_update_interval > 0ms)
      next_refresh_ = now + options_.metadata_update_interval;
    return;
  }
  metadata_asked_ = true;
  new_topic_ = false;
  actions_.emplace_back(std::move(question));
}

std::vector<producer_machine::item> producer_machine::fill(
  time_point now, std::uint64_t request) {
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return {};
  auto& r = found->second;
  if (r.filled) // It came back unsent, with its connection.
    conclude_all(now, r, {error_code::queue_full, {}});
  auto& to = broker(r.broker);
  to.opening = false;
  r.filled = true;
  r.since = now;
  std::size_t size = 0;
  bool full = false;
  for (auto turns = to.ring.size(); turns > 0 && !full; --turns) {
    auto& p = *to.ring.front();
    to.ring.pop_front();
    p.active = false;
    if (may_send(now, p)) {
      if (p.broken_sequence)
        restart_sequence(p);
      if (p.queue.empty() && !p.broken_sequence) {
        if (auto content = batches_.take(*p.buffers, true))
          create(p, *std::move(content), next_flush_);
        p.waiting = accumulator::peek(*p.buffers);
      }
      if (!p.queue.empty() && !p.broken_sequence) {
        auto& b = *p.queue.front();
        const auto more = b.bytes ? b.bytes->size() : b.content.builder.size();
        full = size > 0 && size + more > options_.max_request_size;
        if (!full && seal(p, b)) {
          size += b.bytes->size();
          totals_.retries += b.attempts > 0 ? 1 : 0;
          ++b.attempts;
          b.request = request;
          p.flying.push_back(std::move(p.queue.front()));
          p.queue.pop_front();
          r.partitions.push_back(&p);
        }
      }
    }
    if (has_work(p)) {
      p.active = true;
      if (full)
        to.ring.push_front(&p); // Its turn comes first the next time.
      else
        to.ring.push_back(&p);
    }
  }
  std::ranges::sort(r.partitions, [](const partition_state* a, const partition_state* b) {
    return std::pair{a->topic, a->buffers->id} < std::pair{b->topic, b->buffers->id};
  });
  std::vector<item> items;
  items.reserve(r.partitions.size());
  for (const auto* p : r.partitions)
    items.push_back(
      {&p->buffers->topic.name, p->topic->id, p->buffers->id, *p->flying.back()->bytes});
  if (!items.empty())
    ++totals_.requests;
  pump(now);
  return items;
}

void producer_machine::finish_request(std::uint64_t request) {
  const auto found = requests_.find(request);
  auto& b = broker(found->second.broker);
  if (!found->second.filled)
    b.opening = false;
  --b.in_flight;
  requests_.erase(found);
}

void producer_machine::on_answer(
  time_point now, std::uint64_t request, const produce_response& answer) {
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return;
  auto& r = found->second;
  auto& from = broker(r.broker);
  from.failures = 0;
  from.throttled = answer.throttle_time_ms > 0;
  if (from.throttled)
    from.not_before = now + std::chrono::milliseconds{answer.throttle_time_ms};
  for (const auto& t : answer.responses) {
    // Answered by name or, since version 13, by id.
    const auto is_topic = [&](const partition_state* p) {
      return t.name.empty() ? p->topic->id == t.topic_id
                            : p->buffers->topic.name == t.name;
    };
    const auto first = std::ranges::find_if(r.partitions, is_topic);
    const auto last = std::find_if_not(first, r.partitions.end(), is_topic);
    for (const auto& x : t.partition_responses) {
      const auto at = std::ranges::lower_bound(
        first, last, x.index, {}, [](const auto* p) { return p->buffers->id; });
      if (at == last || (*at)->buffers->id != x.index)
        continue;
      auto& p = **at;
      const auto b = std::ranges::find(p.flying, request, &batch::request);
      if (b == p.flying.end())
        continue;
      error why{error_of_produce_answer(x.error_code), {}};
      if (why.code != error_code::none) {
        why.detail = place(*p.buffers);
        if (x.error_message)
          why.detail += ": " + *x.error_message;
        for (const auto& e : x.record_errors) {
          why.detail += "; record " + std::to_string(e.batch_index);
          if (e.batch_index_error_message)
            why.detail += ": " + *e.batch_index_error_message;
        }
      }
      auto owned = std::move(*b);
      p.flying.erase(b);
      conclude(now, p, std::move(owned), std::move(why), x.base_offset);
    }
  }
  conclude_all(now, r, {error_code::malformed_response, "the answer leaves it out"});
  finish_request(request);
  pump(now);
}

void producer_machine::on_sent(time_point now, std::uint64_t request) {
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return;
  conclude_all(now, found->second, {});
  finish_request(request);
  pump(now);
}

void producer_machine::on_failure(
  time_point now, std::uint64_t request, const error& why) {
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return;
  auto& r = found->second;
  if (!r.filled) { // There was no connection.
    auto& b = broker(r.broker);
    b.not_before = now + backoff(options_.retry, ++b.failures, random_);
    b.throttled = false;
    // That a broker is too old does not pass; whatever else keeps it away may.
    if (why.code == error_code::unsupported_api_version) {
      for (auto* p : std::exchange(b.ring, {})) {
        p->active = false;
        fail(*p, why);
      }
    }
    for (auto* p : b.ring)
      p->last_error = why;
  }
  if (!r.filled || !r.partitions.empty())
    want_metadata();
  conclude_all(now, r, why);
  finish_request(request);
  pump(now);
}

// -- metadata ---------------------------------------------------------------------------

void producer_machine::on_metadata(time_point now, const metadata_response& answer) {
  metadata_asked_ = false;
  metadata_attempts_ = 0;
  metadata_not_before_ = new_topic_ ? now : now + refresh_pause;
  if (options_.metadata_update_interval > 0ms)
    next_refresh_ = now + options_.metadata_update_interval;
  for (const auto& t : answer.topics)
    adopt(now, t);
  pump(now);
}

void producer_machine::on_metadata_failed(time_point now, const error& why) {
  metadata_asked_ = false;
  metadata_not_before_ = now + backoff(options_.retry, ++metadata_attempts_, random_);
  for (auto& [buffers, t] : topics_)
    t->last_error = why;
  want_metadata();
  pump(now);
}

void producer_machine::adopt(time_point now, const metadata_response_topic& t) {
  const auto found = std::ranges::find_if(
    topics_, [&](const auto& each) { return t.name && each.first->name == *t.name; });
  if (found == topics_.end())
    return;
  auto& buffers = *found->first;
  auto& state = *found->second;
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
      want_metadata();
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
      want_metadata();
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
    actions_.emplace_back(std::move(report));
  }
  for (const auto& p : t.partitions) {
    auto& mine =
      state_of(*buffers.ever[static_cast<std::size_t>(p.partition_index.value())]);
    // Old metadata of the same topic must not undo what is known.
    if (other)
      mine.confirmed = false; // Its log is new as well.
    if (other || p.leader_epoch.value() < 0 || p.leader_epoch >= mine.epoch)
      set_leader(now, mine, p.leader_id, p.leader_epoch);
  }
  for (auto i = count; i < buffers.ever.size(); ++i)
    set_leader(now, state_of(*buffers.ever[i]), -1, -1);
  if (fresh) {
    if (state.stalled_since && state.stalled_partition.value() < 0)
      end_stall(state, now, {});
    // Nobody told of what was moved here, and a flush may have been waiting for it.
    const auto born =
      state.flush_tokens.empty() ? next_flush_ : state.flush_tokens.front();
    for (auto* p : buffers.ever) {
      auto& mine = state_of(*p);
      mine.waiting = accumulator::peek(*p);
      if (!state.flush_tokens.empty())
        take_all(mine, born);
      activate(mine);
    }
    end_flush_tokens(state);
  }
}

void producer_machine::set_leader(
  time_point now, partition_state& p, broker_id leader, leader_epoch e) {
  p.epoch = e;
  p.buffers->led.store(leader.value() >= 0, std::memory_order_relaxed);
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
