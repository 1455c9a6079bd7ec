#include "producer_state.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

namespace {

using namespace std::chrono_literals;

std::string place(const partition_buffers& p) {
  return p.topic.name + '/' + std::to_string(p.id.value());
}

topic_directory_options directory_options(const producer_machine_options& o) {
  topic_directory_options result;
  result.update_interval = o.metadata_max_age;
  result.retry_backoff = o.retry_backoff;
  result.kept = known_topic::scope::dense;
  result.names_all = false;
  result.seed = o.seed;
  return result;
}

} // namespace

producer_machine::producer_machine(producer_machine_options options, accumulator& batches)
  : options_(options),
    batches_(batches),
    random_(static_cast<std::minstd_rand::result_type>(options.seed + 1)),
    directory_(directory_options(options)) {
}

producer_machine::~producer_machine() {
  for (auto& [buffers, t] : topics_) {
    buffers->machine = nullptr;
    for (auto& p : t->partitions)
      p->buffers->machine = nullptr;
  }
}

producer_machine::topic_state& producer_machine::state_of(topic_buffers& t) {
  if (t.machine == nullptr) {
    auto& state = topics_[&t];
    state = std::make_unique<topic_state>();
    state->buffers = &t;
    state->known = &directory_.keep(t.name);
    t.machine = state.get();
  }
  return *static_cast<topic_state*>(t.machine);
}

producer_machine::partition_state& producer_machine::state_of(partition_buffers& p) {
  if (p.machine == nullptr) {
    auto& t = state_of(p.topic);
    auto& state = *t.partitions.emplace_back(std::make_unique<partition_state>());
    state.buffers = &p;
    state.topic = &t;
    if (const auto* known = t.known->find(p.id))
      state.leader = state.last_leader = known->leader;
    p.machine = &state;
  }
  return *static_cast<partition_state*>(p.machine);
}

producer_machine::broker_state& producer_machine::broker(broker_id id) {
  return brokers_[id];
}

// -- what comes in ----------------------------------------------------------------------

void producer_machine::start(time_point now) {
  directory_.start(now);
  // What an earlier machine left behind; nobody else tells of it, and it may be due.
  next_expiry_ = now;
  for (auto* t : batches_.topics()) {
    introduce(now, *t);
    for (auto* p : accumulator::partitions_of(*t))
      note(now, *p);
  }
  on_changed(now);
}

void producer_machine::introduce(time_point now, topic_buffers& t) {
  auto& state = state_of(t);
  state.used = now;
  retry_unknown(now, state);
  next_release_ = std::min(next_release_, now + options_.topic_idle);
}

void producer_machine::on_changed(time_point now) {
  for (auto* t : batches_.take_new_topics()) {
    if (t->machine == nullptr)
      introduce(now, *t);
  }
  for (auto* p : batches_.take_changed()) {
    if (p->id.value() >= 0)
      note(now, *p);
    else
      retry_unknown(now, state_of(p->topic));
  }
  hurry_ = batches_.take_starvation() || hurry_;
  if (options_.stalled_after > 0ms)
    next_stall_ = std::min(next_stall_, now + options_.stalled_after);
  drain(now);
}

void producer_machine::retry_unknown(time_point now, topic_state& t) {
  if (t.buffers->table.load() != nullptr || t.awaited)
    return;
  t.awaited = true;
  t.wanted_since = t.used = now;
  directory_.want_anew(*t.known);
}

void producer_machine::note(time_point now, partition_buffers& buffers) {
  auto& p = state_of(buffers);
  p.topic->used = now;
  p.waiting = accumulator::peek(buffers);
  // What waited for its topic is older than the partition.
  if (p.waiting.since)
    next_expiry_ = std::min(next_expiry_, *p.waiting.since + options_.delivery_timeout);
  if (fatal_) {
    fail_all(fatal_);
    return;
  }
  activate(p);
}

void producer_machine::activate(partition_state& p) {
  if (!has_work(p))
    return;
  if (transaction_ != 0 && p.leader.value() >= 0 && p.wanted_for != transaction_) {
    p.wanted_for = transaction_;
    effects_.emplace_back(wants_partition{{p.topic->buffers->name, p.buffers->id}});
  }
  if (p.leader.value() < 0)
    want_metadata(*p.topic);
  else if (!std::exchange(p.active, true))
    broker(p.leader).ring.push_back(&p);
}

void producer_machine::on_connection_lost(time_point now) {
  // Without acknowledgements nothing else tells that a broker leads no more.
  directory_.want_all();
  drain(now);
}

void producer_machine::on_time(time_point now) {
  directory_.on_time(now);
  if (next_release_ <= now)
    release_idle(now);
  if (next_expiry_ <= now)
    expire(now);
  if (next_stall_ <= now)
    watch_stalls(now);
  if (next_watch_ <= now) {
    next_watch_ = time_point::max();
    for (const auto& [id, r] : requests_) {
      // One that a quota keeps from answering leads nevertheless.
      const auto& b = broker(r.broker);
      if (now - r.since >= options_.stall && !(b.throttled && now < b.not_before))
        want_metadata(r);
    }
  }
  drain(now);
}

producer_machine::time_point producer_machine::next_time() const {
  auto next = std::min(
    {directory_.next_time(), next_expiry_, next_watch_, next_stall_, next_release_});
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
  return std::ranges::any_of(t.partitions,
    [](const auto& p) { return has_work(*p) || !p->in_flight_batches.empty(); });
}

// Order: nothing overtakes a batch that came back, and it overtakes nothing.
bool producer_machine::may_send(time_point now, const partition_state& p) const {
  if (!has_work(p) || now < p.not_before
    || p.in_flight_batches.size() >= options_.max_in_flight || fatal_)
    return false;
  if (options_.idempotence && identity_ < 0)
    return false;
  if (p.admitted_to != transaction_ || (options_.transactional && transaction_ == 0))
    return false;
  if (options_.idempotence && (p.broken_sequence || !p.confirmed)
    && !p.in_flight_batches.empty())
    return false;
  return p.queue.empty() || p.in_flight_batches.empty()
    || p.in_flight_batches.back()->first_number < p.queue.front()->first_number;
}

bool producer_machine::is_due(time_point now, const partition_state& p) const {
  if (!may_send(now, p))
    return false;
  return !p.queue.empty() || p.waiting.closed || hurry_
    || *p.waiting.since + options_.linger <= now;
}

void producer_machine::drain(time_point now) {
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
    effects_.emplace_back(send_request{id, last_request_});
  }
  if (!requests_.empty() && next_watch_ == time_point::max())
    next_watch_ = now + options_.stall;
  if (options_.idempotence && identity_ < 0 && work && !options_.transactional)
    identity_wanted_ = true;
  if (identity_wanted_ && !identity_asked_ && identity_not_before_ <= now) {
    identity_asked_ = true;
    effects_.emplace_back(ask_identity{});
  }
  if (directory_.due(now))
    ask(now);
  if (settling_)
    tell_settled();
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
      forget_written(now, p);
      if (const auto at = next_of(p); at != p.queue.end()) {
        auto& b = **at;
        const auto more = b.bytes ? b.bytes->size() : b.content.builder.size();
        full = size > 0 && size + more > options_.max_request_size;
        if (!full && seal(p, b)) {
          size += b.bytes->size();
          totals_.retries += b.attempts > 0 ? 1 : 0;
          ++b.attempts;
          b.request = request;
          b.out_of_order = false;
          p.in_flight_batches.push_back(std::move(*at));
          p.queue.erase(at);
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
  // By name, and not by where topics lie in the memory: the same order every time.
  std::ranges::sort(r.partitions, [](const partition_state* a, const partition_state* b) {
    return a->topic == b->topic ? a->buffers->id < b->buffers->id
                                : a->buffers->topic.name < b->buffers->topic.name;
  });
  std::vector<item> items;
  items.reserve(r.partitions.size());
  for (const auto* p : r.partitions)
    items.push_back({&p->buffers->topic.name, p->topic->known->id(), p->buffers->id,
      *p->in_flight_batches.back()->bytes});
  if (!items.empty())
    ++totals_.requests;
  drain(now);
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
    from.not_before = now
      + std::min(
        std::chrono::milliseconds{answer.throttle_time_ms}, options_.delivery_timeout);
  for (const auto& t : answer.responses) {
    // Answered by name or, since version 13, by id.
    const auto is_topic = [&](const partition_state* p) {
      return t.name.empty() ? p->topic->known->id() == t.topic_id
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
      const auto b = std::ranges::find(p.in_flight_batches, request, &batch::request);
      if (b == p.in_flight_batches.end())
        continue;
      error why{error_of_produce_answer(x.error_code), {}};
      if (why) {
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
      p.in_flight_batches.erase(b);
      const bool refused = why.code != error_code::none;
      conclude(now, p, std::move(owned), std::move(why), x.base_offset);
      // Who refuses may know who leads (KIP-951).
      if (refused
        && directory_.on_leader_named(*p.topic->known, p.buffers->id,
          x.current_leader.leader_id, x.current_leader.leader_epoch))
        set_leader(now, p, x.current_leader.leader_id);
    }
  }
  conclude_all(now, r, {error_code::malformed_response, "the answer leaves it out"});
  finish_request(request);
  drain(now);
}

void producer_machine::on_sent(time_point now, std::uint64_t request) {
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return;
  conclude_all(now, found->second, {});
  finish_request(request);
  drain(now);
}

void producer_machine::on_failure(
  time_point now, std::uint64_t request, const error& why) {
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return;
  auto& r = found->second;
  if (!r.filled) { // There was no connection.
    auto& b = broker(r.broker);
    b.not_before = now + backoff(options_.retry_backoff, ++b.failures, random_);
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
  want_metadata(r);
  conclude_all(now, r, why);
  finish_request(request);
  drain(now);
}

} // namespace cafka::protocol
