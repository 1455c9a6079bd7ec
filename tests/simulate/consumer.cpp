#include "consumer.hpp"

#include <algorithm>

namespace cafka::simulate {

using namespace protocol;
using namespace std::chrono_literals;

consumer::consumer(world& w, std::string name, consumer_settings settings)
  : shell(w, std::move(name), settings.client),
    with_(std::move(settings)),
    budget_(std::make_shared<byte_budget>(with_.buffer_memory)) {
  budget_->when_room([this] { wake(); });
  for (const auto& p : with_.partitions) {
    auto& e = *entries_.emplace_back(std::make_unique<entry>());
    e.where = p;
    e.slot = static_cast<std::uint32_t>(entries_.size() - 1);
    e.topic = std::make_shared<const std::string>(p.first);
    go_to(e, start_at::earliest());
  }
}

// -- what the handles keep, as `consumer_core` does -------------------------------------

consumer::entry* consumer::find(std::uint32_t slot, std::uint64_t generation) {
  auto* e = entries_[slot].get();
  return e->assigned && e->generation == generation ? e : nullptr;
}

void consumer::change(entry& e) {
  ++e.generation;
  e.changed = true;
  std::erase_if(queue_, [&](const queued_batch& q) { return q.of == &e; });
  e.queued = 0;
}

void consumer::go_to(entry& e, start_at where) {
  e.start = where;
  e.awaits_position = where.is_moment();
  change(e);
  world_.story.tell(world_.now, name(), "goes to", to_string(e.where),
    where.is_moment() ? "a moment" : "offset", where.value());
}

void consumer::advance(entry& e, start_at where) {
  if (e.queued == 0) {
    e.start = where;
    return;
  }
  const auto last = std::find_if(
    queue_.rbegin(), queue_.rend(), [&](const auto& q) { return q.of == &e; });
  last->next = where;
}

void consumer::sync() {
  for (const auto& t : std::exchange(takings_, {}))
    client().on_taken(client_now(), t.slot, t.generation, t.bytes);
  for (auto& e : entries_) {
    if (!std::exchange(e->changed, false))
      continue;
    if (e->assigned)
      client().set(client_now(), e->slot,
        {e->generation, e->topic, e->where.second, e->start, e->paused});
    else
      client().remove(client_now(), e->slot);
  }
}

void consumer::wake() {
  post([this] { turn([this](client_type& c) { c.on_program(client_now()); }); });
}

// -- its life ---------------------------------------------------------------------------

void consumer::begin() {
  restart();
  busy_ = true;
  work();
}

void consumer::restart() {
  auto options = with_.options;
  options.cluster.seed = random_.next();
  options.machine.seed = random_.next();
  make(options, budget_);
  queue_.clear();
  takings_.clear();
  for (auto& e : entries_) {
    e->queued = 0;
    if (e->assigned) {
      e->awaits_position = e->start.is_moment();
      // It has lost the epoch of what it has read, and cannot tell a leader of old.
      e->may_jump = e->may_jump || world_.is_split();
      change(*e);
    }
  }
  turn([this](client_type& c) {
    c.start(client_now());
    c.on_program(client_now());
  });
}

void consumer::stop() {
  stopped_ = true;
  if (!lives())
    return;
  queue_.clear();
  held_.clear();
  client().shut_down(client_now());
  carry_out();
  end_client();
}

void consumer::gone() {
  queue_.clear();
  held_.clear();
  if (budget_->used() != 0)
    throw broken_promise{name() + " has ended, and " + std::to_string(budget_->used())
      + " bytes are still held"};
}

// -- what it is told --------------------------------------------------------------------

void consumer::act(client_type::arrived& x) {
  for (auto& a : x.all) {
    auto* e = find(a.slot, a.generation);
    if (e == nullptr)
      continue;
    if (a.content == nullptr) {
      // Nothing in these logs is kept from the program.
      throw broken_promise{name() + " leaves out what lies before " + to_string(e->where)
        + ' ' + std::to_string(a.next.value())};
    }
    a.content->records.when_damaged([who = name()](std::int32_t, const error& why) {
      throw broken_promise{who + " finds records damaged: " + protocol::to_string(why)};
    });
    ++e->queued;
    e->truth = world_.truth_now();
    queue_.push_back({e, std::move(a.content), a.next, start_at::offset(a.next)});
  }
}

void consumer::act(const machine::positioned& x) {
  auto* e = find(x.slot, x.generation);
  if (e == nullptr)
    return;
  world_.story.tell(world_.now, name(), "is told that", to_string(e->where), "goes on at",
    x.where.is_moment() ? "moment" : "offset", x.where.value());
  if (!e->awaits_position && !e->may_jump && !is_astray(*e)) {
    if (e->disturbances == world_.book.disturbances(e->where))
      throw broken_promise{name() + " goes on at " + to_string(e->where) + ' '
        + std::to_string(x.where.value()) + " for no reason"};
    ++e->disturbances;
  }
  e->may_jump = false;
  e->truth = world_.truth_now();
  e->awaits_position = x.where.is_moment();
  advance(*e, x.where);
}

// A broker that is apart answers at the address where another one was said to be: nothing
// in what it says tells that. What follows from an answer may come when all is well.
bool consumer::is_astray(const entry& e) const {
  const auto now = world_.truth_now();
  return now.lies > 0
    && (now.is_split || e.truth.is_split || e.truth.splits != now.splits);
}

void consumer::act(const machine::report& x) {
  auto* e = find(x.slot, x.generation);
  if (e == nullptr)
    return;
  world_.story.tell(world_.now, name(), "is told of", to_string(e->where),
    x.halted ? "halted:" : "going on:", protocol::to_string(x.why));
  const auto damaged = x.why.code == error_code::corrupt_message;
  switch (x.why.code) {
  case error_code::malformed_response:
  case error_code::corrupt_message:
    if (world_.lies_told() > 0)
      break;
    [[fallthrough]];
  case error_code::invalid_record:
  case error_code::batch_too_large:
  case error_code::frame_too_large:
  case error_code::unsupported_api_version:
  case error_code::unsupported_compression_type:
  case error_code::unsupported_for_message_format:
    throw broken_promise{name() + " finds fault with " + to_string(e->where) + ": "
      + protocol::to_string(x.why)};
  default: break;
  }
  if (!x.halted)
    return;
  if (damaged) {
    // The program tries again.
    world_.later(random_.between(1ms, 100ms), [this, e, generation = e->generation] {
      if (stopped_ || e->generation != generation)
        return;
      change(*e);
      wake();
    });
    return;
  }
  if (x.why.code != error_code::offset_out_of_range)
    throw broken_promise{
      name() + " halts " + to_string(e->where) + ": " + protocol::to_string(x.why)};
  if (!e->may_jump && !is_astray(*e)
    && e->disturbances == world_.book.disturbances(e->where))
    throw broken_promise{name() + " halts " + to_string(e->where)
      + " for no reason: " + protocol::to_string(x.why)};
  e->disturbances = std::min(e->disturbances + 1, world_.book.disturbances(e->where));
  world_.later(random_.between(1ms, 100ms), [this, e, generation = e->generation] {
    if (stopped_ || e->generation != generation)
      return;
    go_to(*e, start_at::earliest());
    wake();
  });
}

void consumer::act(const machine::stray& x) {
  if (world_.lies_told() > 0)
    return;
  throw broken_promise{
    name() + " was answered what it had not asked: " + protocol::to_string(x.why)};
}

// -- its program ------------------------------------------------------------------------

void consumer::take(std::size_t most) {
  for (; most > 0 && !queue_.empty(); --most) {
    auto q = std::move(queue_.front());
    queue_.pop_front();
    auto& e = *q.of;
    --e.queued;
    takings_.push_back({e.slot, e.generation, q.content->bytes});
    const auto drops = with_.drops_one_in > 0 && random_.below(with_.drops_one_in) == 0;
    if (!drops) {
      walk(e, q);
      if (with_.doubles_one_in > 0 && random_.below(with_.doubles_one_in) == 0)
        walk(e, q);
      e.start = q.next;
    }
    if (busy_ && random_.chance(with_.held))
      held_.push_back(std::move(q.content));
  }
  if (!takings_.empty())
    wake();
}

void consumer::walk(entry& e, const queued_batch& q) {
  if (e.start.is_moment())
    throw broken_promise{name() + " is handed records of " + to_string(e.where)
      + " and was not told where it begins"};
  auto next = e.start.value();
  for (const auto& r : q.content->records) {
    if (r.offset.value() != next)
      throw broken_promise{name() + " is handed " + to_string(e.where) + ' '
        + std::to_string(r.offset.value()) + " where " + std::to_string(next)
        + " is next"};
    world_.book.handed_out(name(), e.where, r.offset, id_of(r.value));
    ++next;
  }
  if (next != q.end.value())
    throw broken_promise{name() + " is handed " + to_string(e.where) + " up to "
      + std::to_string(next - 1) + ", and would go on at "
      + std::to_string(q.end.value())};
  e.may_jump = false;
  world_.story.tell(
    world_.now, name(), "is handed", to_string(e.where), e.start.value(), "to", next - 1);
  e.start = start_at::offset(next);
}

void consumer::set_busy(bool busy) {
  busy_ = busy;
  if (busy)
    return;
  held_.clear();
  for (auto& e : entries_) {
    if (e->assigned && !e->paused)
      continue;
    e->assigned = true;
    e->paused = false;
    change(*e);
  }
  wake();
}

void consumer::work() {
  if (stopped_)
    return;
  take(busy_ ? 1 + random_.below(10) : queue_.size());
  if (!held_.empty() && random_.chance(200))
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(random_.below(held_.size())));
  if (busy_ && random_.chance(with_.moves))
    move();
  world_.later(
    random_.between(1ms, busy_ ? with_.longest_pause : 20ms), [this] { work(); });
}

void consumer::move() {
  auto& e = *entries_[static_cast<std::size_t>(random_.below(entries_.size()))];
  switch (random_.below(5)) {
  case 0: // Elsewhere.
    if (!e.assigned || world_.cluster.partitions(e.where.first) == 0)
      return;
    e.may_jump = true;
    if (random_.chance(300))
      go_to(e, random_.chance(500) ? start_at::earliest() : start_at::latest());
    else
      go_to(e,
        start_at::offset(random_.between(
          0, world_.cluster.log(e.where.first, e.where.second).end().value() + 1)));
    break;
  case 1:
    e.paused = !e.paused;
    if (e.assigned)
      change(e);
    break;
  case 2: // No more; or again, from where it was.
    e.assigned = !e.assigned;
    change(e);
    break;
  case 3: // All at once.
    for (auto& x : entries_) {
      if (std::exchange(x->paused, false) && x->assigned)
        change(*x);
    }
    break;
  default: // The same place once more.
    if (e.assigned)
      change(e);
  }
  for (auto& x : entries_) {
    if (x->changed && x->assigned && x->start.is_moment())
      x->awaits_position = true;
  }
  wake();
}

std::string consumer::waits_for() {
  if (stopped_)
    return "";
  if (!lives())
    return "to be started again";
  for (const auto& e : entries_) {
    if (world_.cluster.partitions(e->where.first) == 0)
      continue;
    const auto end = world_.cluster.log(e->where.first, e->where.second).end().value();
    if (!e->start.is_moment() && e->start.value() == end)
      continue;
    auto text = to_string(e->where) + " is at "
      + (e->start.is_moment() ? std::string{"a moment"}
                              : std::to_string(e->start.value()))
      + " of " + std::to_string(end);
    for (const auto& v : client().view(client_now())) {
      if (v.slot == e->slot)
        text += ": condition " + std::to_string(static_cast<int>(v.is)) + ", leader "
          + std::to_string(v.leader.value()) + ", asked "
          + std::to_string(v.asked.value()) + ' ' + v.why;
    }
    return text;
  }
  return "";
}

void consumer::check() {
  // One answer of each broker may be larger than asked for, and one batch larger than
  // there is room when it is decompressed.
  const auto most = budget_->limit()
    // Answers that are lies may be twice as large.
    + (world_.lies_told() > 0 ? budget_->limit() : 0)
    + world_.cluster.brokers().size() * with_.largest_batch
    + std::max(with_.largest_batch, with_.largest_content);
  if (budget_->used() > most)
    throw broken_promise{name() + " holds " + std::to_string(budget_->used())
      + " bytes, the limit is " + std::to_string(budget_->limit()) + " and "
      + std::to_string(most - budget_->limit()) + " for what cannot be foreseen"};
}

} // namespace cafka::simulate
