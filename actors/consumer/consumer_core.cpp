#include "consumer_core.hpp"

#include "../../protocol/names.hpp"
#include "../../supervision/caf_compat.hpp"
#include "../group/group_core.hpp"
#include "consumer_settings.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace cafka::actors {

error consumer_core::check(const consumer_options& options) {
  return cafka::check(options);
}

consumer_core::consumer_core(caf::actor_system& system, consumer_options settings)
  : sys(system),
    options(std::move(settings)),
    budget(std::make_shared<protocol::byte_budget>(options.buffer_memory)),
    metrics(system, options.name) {
}

std::shared_ptr<consumer_core> consumer_core::make(
  caf::actor_system& system, consumer_options settings) {
  auto core = std::make_shared<consumer_core>(system, std::move(settings));
  // Frames may outlive everybody, so what they tell must not keep anybody.
  core->budget->when_room([weak = std::weak_ptr{core}] {
    if (const auto alive = weak.lock())
      alive->wake();
  });
  return core;
}

// -- the actor --------------------------------------------------------------------------

void consumer_core::wake() const {
  caf::weak_actor_ptr weak;
  {
    const std::lock_guard guard{actor_mutex_};
    weak = actor_;
  }
  if (const auto self = caf::actor_cast<caf::strong_actor_ptr>(weak))
    post(self, consumer_changed{});
}

consumer_actor consumer_core::current() const {
  caf::weak_actor_ptr weak;
  {
    const std::lock_guard guard{actor_mutex_};
    weak = actor_;
  }
  return caf::actor_cast<consumer_actor>(caf::actor_cast<caf::strong_actor_ptr>(weak));
}

consumer_actor consumer_core::wait_for_actor(
  std::chrono::steady_clock::time_point until) const {
  std::unique_lock lock{actor_mutex_};
  caf::strong_actor_ptr found;
  attached_.wait_until(lock, until, [&] {
    found = caf::actor_cast<caf::strong_actor_ptr>(actor_);
    return found != nullptr || ended_;
  });
  lock.unlock();
  return caf::actor_cast<consumer_actor>(found);
}

void consumer_core::attach(const consumer_actor& self) {
  {
    const std::lock_guard guard{actor_mutex_};
    actor_ = caf::actor_cast<caf::weak_actor_ptr>(self);
  }
  attached_.notify_all();
}

void consumer_core::begin() {
  const std::lock_guard guard{mutex_};
  clear_queue();
  takings_.clear();
  for (const auto& e : entries_) {
    if (e->assigned)
      change_entry(*e);
  }
}

// Under `mutex_`.
void consumer_core::clear_queue() {
  queue_.clear();
  queued_.clear();
  queue_bytes_ = 0;
  for (const auto& e : entries_) {
    e->lying.clear();
    e->queued_batches = 0;
  }
}

void consumer_core::detach(const caf::actor_addr& self) {
  const std::lock_guard guard{actor_mutex_};
  if (caf::actor_cast<caf::actor_addr>(actor_) == self)
    actor_ = nullptr;
}

void consumer_core::collect(
  std::vector<change>& changes, std::vector<taking>& takings, bool wants_takings) {
  changes.clear();
  takings.clear();
  const std::lock_guard guard{mutex_};
  for (auto* e : changed_) {
    e->changed = false;
    auto& c = changes.emplace_back();
    c.slot = e->slot;
    if (e->assigned)
      c.now = {e->generation, e->topic, e->partition, e->start, e->paused};
  }
  changed_.clear();
  std::swap(takings, takings_);
  taking_wanted_ = wants_takings && changes.empty() && takings.empty();
}

void consumer_core::push(std::vector<arrival>& arrivals) {
  bool wakes = false;
  bool something = false;
  {
    const std::lock_guard guard{mutex_};
    for (auto& a : arrivals) {
      auto* e = find(a.slot, a.generation);
      if (e == nullptr || closed_)
        continue;
      if (!a.batch) {
        advance(*e, start_at::offset(a.next));
        if (group != nullptr)
          note_skipped(*e, a.next);
        continue;
      }
      const auto bytes = a.batch->bytes();
      queue_bytes_ += bytes;
      ++e->queued_batches;
      if (on_something) {
        e->lying.push_back({*std::move(a.batch), start_at::offset(a.next), bytes});
        something = make_ready(*e) || something;
        continue;
      }
      queue_.push_back(*std::move(a.batch));
      queued_.push_back({e, start_at::offset(a.next), bytes});
    }
    wakes = waiting_ > 0 && !queue_.empty();
    update_memory();
  }
  arrivals.clear();
  if (wakes)
    arrived_.notify_one();
  if (something)
    on_something();
}

void consumer_core::advance(entry& e, start_at next) {
  if (e.queued_batches == 0) {
    e.start = next;
    return;
  }
  if (!e.lying.empty()) {
    e.lying.back().next = next;
    return;
  }
  const auto last = std::find_if(
    queued_.rbegin(), queued_.rend(), [&](const auto& l) { return l.of == &e; });
  last->next = next;
}

void consumer_core::positioned(
  std::uint32_t slot, std::uint64_t generation, start_at where) {
  const std::lock_guard guard{mutex_};
  if (auto* e = find(slot, generation))
    advance(*e, where);
}

void consumer_core::report(std::uint32_t slot, std::uint64_t generation,
  log_offset offset, bool halted, const error& why) {
  partition_error what;
  {
    const std::lock_guard guard{mutex_};
    const auto* e = find(slot, generation);
    if (e == nullptr)
      return;
    what = {*e->topic, e->partition, offset, halted, why};
  }
  report(std::move(what));
}

std::string consumer_core::name_of(std::uint32_t slot) const {
  const std::lock_guard guard{mutex_};
  const auto& e = *entries_[slot];
  return *e.topic + '/' + std::to_string(e.partition.value());
}

void consumer_core::report(partition_error what) {
  bool wakes = false;
  {
    const std::lock_guard guard{mutex_};
    // Without polls the oldest are forgotten.
    const auto most = 10'000 + 4 * entries_.size();
    if (errors_.size() >= most)
      errors_.erase(
        errors_.begin(), errors_.begin() + static_cast<std::ptrdiff_t>(most / 2));
    errors_.push_back(std::move(what));
    wakes = waiting_ > 0;
  }
  if (wakes)
    arrived_.notify_one();
  if (options.deliver_to)
    wake();
  if (on_something)
    on_something();
}

void consumer_core::grant(std::uint32_t batches) {
  const std::lock_guard guard{mutex_};
  credit_ += batches;
}

polled consumer_core::take_granted() {
  const std::lock_guard guard{mutex_};
  const auto most = static_cast<std::size_t>(
    std::min<std::uint64_t>(credit_, std::numeric_limits<std::size_t>::max()));
  auto got = take(most);
  credit_ -= got.batches.size();
  return got;
}

void consumer_core::close() {
  closing = true;
  {
    const std::lock_guard guard{mutex_};
    if (std::exchange(closed_, true))
      return;
    clear_queue();
  }
  metrics.ended();
  arrived_.notify_all();
}

void consumer_core::fail(const error& why) {
  {
    const std::lock_guard guard{mutex_};
    if (!closed_)
      why_closed_ = why;
  }
  close();
}

void consumer_core::end(const error& why) {
  fail(why);
  {
    const std::lock_guard guard{actor_mutex_};
    ended_ = true;
  }
  attached_.notify_all();
}

error consumer_core::why_closed() const {
  return why_closed_
    ? why_closed_
    : error{error_code::closed, "consumer " + options.name + " was closed"};
}

bool consumer_core::is_closed() const {
  const std::lock_guard guard{mutex_};
  return closed_;
}

// -- what is handed out -----------------------------------------------------------------

/// Whether something lies there of which anything may be handed out.
bool consumer_core::can_hand_out() const {
  return held_ == 0
    ? !queue_.empty()
    : std::ranges::any_of(queued_, [](const queued_batch& l) { return !l.of->held; });
}

polled consumer_core::take(std::size_t most) {
  polled got;
  std::swap(got.errors, errors_);
  std::swap(got.group, events_);
  unanswered_ += std::exchange(questions_, 0);
  if (held_ > 0) {
    // What is held goes behind all else, and each partition's batches keep their order.
    std::vector<consumed_batch> batches;
    std::vector<queued_batch> facts;
    for (const auto held : {false, true}) {
      for (std::size_t i = 0; i != queue_.size(); ++i) {
        if (queued_[i].of->held != held)
          continue;
        batches.push_back(std::move(queue_[i]));
        facts.push_back(queued_[i]);
      }
      if (!held)
        most = std::min(most, batches.size());
    }
    queue_ = std::move(batches);
    queued_ = std::move(facts);
  }
  const auto count = std::min(most, queue_.size());
  std::size_t bytes = 0;
  for (std::size_t i = 0; i != count; ++i) {
    const auto& l = queued_[i];
    if (group != nullptr)
      note_handed(*l.of, queue_[i], l.next);
    l.of->start = l.next;
    --l.of->queued_batches;
    bytes += l.bytes;
    takings_.push_back({l.of->slot, l.of->generation, l.bytes});
  }
  queue_bytes_ -= bytes;
  if (count == queue_.size()) {
    std::swap(got.batches, queue_);
    queued_.clear();
  } else {
    const auto end = static_cast<std::ptrdiff_t>(count);
    got.batches.assign(std::make_move_iterator(queue_.begin()),
      std::make_move_iterator(queue_.begin() + end));
    queue_.erase(queue_.begin(), queue_.begin() + end);
    queued_.erase(queued_.begin(), queued_.begin() + end);
  }
  if (count > 0) {
    metrics.handed_out(got.records(), bytes, count);
    update_memory();
  }
  return got;
}

// Under `mutex_`. Frames of which a part lies in the queue count as held with the rest.
void consumer_core::update_memory() {
  const auto used = budget->used();
  metrics.memory(queue_bytes_, used - std::min(used, queue_bytes_));
}

result<polled> consumer_core::poll(std::chrono::steady_clock::time_point deadline) {
  if (options.deliver_to)
    return {error_code::invalid_argument,
      "consumer " + options.name + " sends what it reads to an actor (deliver_to)"};
  if (on_something)
    return {error_code::invalid_argument,
      "what consumer " + options.name + " reads is for its group's handlers"};
  bool wakes = false;
  polled got;
  if (group != nullptr)
    acknowledge_all();
  {
    std::unique_lock lock{mutex_};
    const auto is_something = [&] {
      return can_hand_out() || !errors_.empty() || !events_.empty() || closed_;
    };
    if (!is_something()) {
      ++waiting_;
      arrived_.wait_until(lock, deadline, is_something);
      --waiting_;
    }
    last_poll_ = std::chrono::steady_clock::now();
    if (closed_ && errors_.empty() && events_.empty())
      return why_closed();
    got = take(queue_.size());
    wakes = !takings_.empty() && std::exchange(taking_wanted_, false);
  }
  if (wakes)
    wake();
  return got;
}

// -- a membership -----------------------------------------------------------------------

void consumer_core::note_handed(entry& e, const consumed_batch& batch, start_at next) {
  e.handed.next = log_offset{next.value()};
  e.handed.epoch = batch.epoch();
  e.handed.records += batch.size();
  e.handed_batch = batch.next();
  if (!std::exchange(e.in_hand, true)) {
    in_hand_.push_back(&e);
    e.unhandled = e.start;
  }
}

/// What is not the program's business is acknowledged with what it has before it.
void consumer_core::note_skipped(entry& e, log_offset next) {
  if (e.queued_batches > 0)
    return;
  if (e.in_hand) {
    e.handed.next = next;
    return;
  }
  e.through.next = next;
  if (std::exchange(e.told, false))
    untold_.push_back(&e);
}

/// Whether that is of interest to the membership.
bool consumer_core::acknowledge_locked(bool answers) {
  const auto news = !in_hand_.empty() || (answers && unanswered_ > 0);
  if (answers)
    unanswered_ = 0;
  for (auto* e : in_hand_) {
    e->in_hand = false;
    e->through.next = e->handed.next;
    e->through.epoch = e->handed.epoch;
    e->through.records += std::exchange(e->handed.records, 0);
    if (std::exchange(e->told, false))
      untold_.push_back(e);
  }
  in_hand_.clear();
  return news;
}

void consumer_core::acknowledge_all(bool answers) {
  if (on_something) // Handlers acknowledge for themselves.
    return;
  bool news = false;
  {
    const std::lock_guard guard{mutex_};
    last_poll_ = std::chrono::steady_clock::now();
    news = acknowledge_locked(answers);
  }
  if (news || group->waits_for_poll)
    group->wake();
}

std::vector<consumer_core::acknowledged> consumer_core::take_acknowledged(bool all) {
  std::vector<acknowledged> taken;
  const std::lock_guard guard{mutex_};
  if (all) {
    untold_.clear();
    for (const auto& e : entries_)
      untold_.push_back(e.get());
  }
  for (auto* e : untold_) {
    e->told = true;
    if (!e->assigned || (e->through.next.value() < 0 && !e->through.sought))
      continue;
    auto& t = taken.emplace_back(e->through);
    t.which = {*e->topic, e->partition};
    e->through.records = 0;
    e->through.sought = false;
  }
  untold_.clear();
  return taken;
}

void consumer_core::hold(const std::vector<topic_partition>& those, bool held) {
  bool wakes = false;
  bool something = false;
  {
    const std::lock_guard guard{mutex_};
    for (const auto& p : those) {
      auto* e = find(p);
      if (e == nullptr || std::exchange(e->held, held) == held)
        continue;
      held_ += held ? 1 : std::size_t{0} - 1;
      something = make_ready(*e) || something;
    }
    wakes = waiting_ > 0 && can_hand_out();
  }
  if (wakes)
    arrived_.notify_one();
  if (something)
    on_something();
}

bool consumer_core::in_hand(const std::vector<topic_partition>& those) const {
  const std::lock_guard guard{mutex_};
  return std::ranges::any_of(those, [&](const topic_partition& p) {
    const auto* e = find(p);
    return e != nullptr && e->in_hand;
  });
}

bool consumer_core::any_in_hand() const {
  const std::lock_guard guard{mutex_};
  return !in_hand_.empty();
}

std::vector<topic_partition> consumer_core::assigned_of(
  const std::vector<topic_partition>& those) const {
  std::vector<topic_partition> all;
  const std::lock_guard guard{mutex_};
  for (const auto& p : those) {
    if (find(p) != nullptr)
      all.push_back(p);
  }
  return all;
}

void consumer_core::tell(group_event what, bool is_question) {
  bool wakes = false;
  {
    const std::lock_guard guard{mutex_};
    events_.push_back(std::move(what));
    questions_ += is_question ? 1 : 0;
    wakes = waiting_ > 0;
  }
  if (wakes)
    arrived_.notify_one();
  if (on_something)
    on_something();
}

bool consumer_core::has_answered() const {
  const std::lock_guard guard{mutex_};
  return questions_ == 0 && unanswered_ == 0;
}

std::chrono::steady_clock::time_point consumer_core::last_poll() const {
  const std::lock_guard guard{mutex_};
  return last_poll_;
}

void consumer_core::forget(const std::vector<topic_partition>& those) {
  const std::lock_guard guard{mutex_};
  for (const auto& p : those) {
    auto* e = find(p);
    if (e == nullptr)
      continue;
    std::erase(in_hand_, e);
    std::erase(untold_, e);
    e->in_hand = false;
    e->told = true;
    e->handed = e->through = {};
  }
}

// -- handlers ---------------------------------------------------------------------------

/// Whether its handler can have a batch now, where it could not before.
bool consumer_core::make_ready(entry& e) {
  if (e.ready || !e.wanted || e.held || e.lying.empty())
    return false;
  e.ready = true;
  ready_.push_back(&e);
  return true;
}

consumer_core::for_handlers consumer_core::take_for_handlers() {
  for_handlers got;
  bool wakes = false;
  {
    const std::lock_guard guard{mutex_};
    std::swap(got.errors, errors_);
    std::swap(got.group, events_);
    std::swap(got.sought, sought_);
    unanswered_ += std::exchange(questions_, 0);
    std::size_t bytes = 0;
    std::size_t records = 0;
    for (auto* e : ready_) {
      e->ready = false;
      if (!e->wanted || e->held || e->lying.empty())
        continue;
      e->wanted = false;
      auto& l = e->lying.front();
      note_handed(*e, l.batch, l.next);
      e->start = l.next;
      --e->queued_batches;
      bytes += l.bytes;
      records += l.batch.size();
      takings_.push_back({e->slot, e->generation, l.bytes});
      got.batches.push_back(std::move(l.batch));
      e->lying.erase(e->lying.begin());
    }
    ready_.clear();
    queue_bytes_ -= bytes;
    if (!got.batches.empty()) {
      metrics.handed_out(records, bytes, got.batches.size());
      update_memory();
      wakes = std::exchange(taking_wanted_, false);
    }
  }
  if (wakes)
    wake();
  return got;
}

void consumer_core::want(const topic_partition& which) {
  bool something = false;
  {
    const std::lock_guard guard{mutex_};
    if (auto* e = find(which)) {
      e->wanted = true;
      something = make_ready(*e);
    }
  }
  if (something)
    on_something();
}

void consumer_core::acknowledge(const topic_partition& which, log_offset next,
  leader_epoch epoch, std::uint64_t records) {
  bool news = false;
  {
    const std::lock_guard guard{mutex_};
    auto* e = find(which);
    if (e == nullptr || !e->in_hand)
      return;
    auto& through = e->through;
    through.next = next;
    through.epoch = epoch;
    through.records += records;
    e->unhandled = start_at::offset(next);
    e->handed.records -= std::min(e->handed.records, records);
    if (next >= e->handed_batch) {
      // What came behind it was none of the program's business.
      through.next = e->handed.next;
      e->in_hand = false;
      std::erase(in_hand_, e);
    }
    news = std::exchange(e->told, false);
    if (news)
      untold_.push_back(e);
  }
  if (news)
    group->wake();
}

void consumer_core::answer() {
  {
    const std::lock_guard guard{mutex_};
    unanswered_ = 0;
  }
  group->wake();
}

void consumer_core::rewind() {
  {
    const std::lock_guard guard{mutex_};
    for (auto* e : in_hand_) {
      e->in_hand = false;
      e->handed = {};
      e->start = e->unhandled;
      change_entry(*e);
    }
    in_hand_.clear();
    for (const auto& e : entries_)
      e->wanted = false;
    sought_.clear();
  }
  wake();
}

// -- what is assigned -------------------------------------------------------------------

consumer_core::entry* consumer_core::find(const topic_partition& which) const {
  const auto found = by_name_.find(which);
  return found != by_name_.end() && found->second->assigned ? found->second : nullptr;
}

consumer_core::entry* consumer_core::find(
  std::uint32_t slot, std::uint64_t generation) const {
  auto* e = entries_[slot].get();
  return e->assigned && e->generation == generation ? e : nullptr;
}

error consumer_core::missing(const topic_partition& which) const {
  if (closed_)
    return why_closed();
  return {error_code::not_found,
    which.topic + '/' + std::to_string(which.partition.value()) + " is not assigned"};
}

// Under `mutex_`. What was fetched under the earlier generation is stale.
void consumer_core::change_entry(entry& e) {
  ++e.generation;
  for (const auto& l : e.lying)
    queue_bytes_ -= l.bytes;
  e.queued_batches -= e.lying.size();
  e.lying.clear();
  if (e.queued_batches > 0) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i != queue_.size(); ++i) {
      if (queued_[i].of == &e) {
        queue_bytes_ -= queued_[i].bytes;
        continue;
      }
      if (kept != i) {
        queue_[kept] = std::move(queue_[i]);
        queued_[kept] = queued_[i];
      }
      ++kept;
    }
    queue_.resize(kept);
    queued_.resize(kept);
    e.queued_batches = 0;
  }
  if (!std::exchange(e.changed, true))
    changed_.push_back(&e);
}

error consumer_core::read(
  const std::vector<assigned_partition>& partitions, bool alone, bool paused) {
  for (const auto& p : partitions) {
    // One that cannot even be asked about would keep all others from being.
    if (p.topic.empty() || p.topic.size() > protocol::longest_topic_name)
      return row::refused("topic", "(" + std::to_string(p.topic.size()) + " bytes)",
        "a text of 1 to " + std::to_string(protocol::longest_topic_name) + " bytes");
    if (auto wrong = protocol::check_topic_name(p.topic))
      return wrong;
    if (p.partition.value() < 0)
      return row::refused(
        "partition", std::to_string(p.partition.value()), "zero or more");
    if (p.start.value() < (p.start.is_moment() ? -2 : 0))
      return row::refused("start", std::to_string(p.start.value()),
        p.start.is_moment() ? "a time since 1970" : "an offset of zero or more");
  }
  {
    const std::lock_guard guard{mutex_};
    if (closed_)
      return missing({});
    for (const auto& e : entries_) {
      if (alone && std::exchange(e->assigned, false))
        change_entry(*e);
    }
    for (const auto& p : partitions) {
      auto& at = by_name_[{p.topic, p.partition}];
      if (at == nullptr) {
        at = entries_.emplace_back(std::make_unique<entry>()).get();
        at->slot = static_cast<std::uint32_t>(entries_.size() - 1);
        at->topic = std::make_shared<const std::string>(p.topic);
        at->partition = p.partition;
      }
      at->assigned = true;
      at->paused = paused;
      // Its handler may have wanted one already.
      at->wanted = on_something != nullptr;
      at->start = p.start;
      change_entry(*at);
    }
  }
  wake();
  return {};
}

error consumer_core::unassign(const std::vector<topic_partition>& partitions) {
  {
    const std::lock_guard guard{mutex_};
    for (const auto& p : partitions) {
      if (closed_ || find(p) == nullptr)
        return missing(p);
    }
    for (const auto& p : partitions) {
      if (auto* e = find(p)) {
        change_entry(*e);
        e->assigned = false;
        held_ -= std::exchange(e->held, false) ? 1 : 0;
      }
    }
  }
  wake();
  return {};
}

error consumer_core::seek(const topic_partition& which, start_at where) {
  if (where.value() < (where.is_moment() ? -2 : 0))
    return row::refused("start", std::to_string(where.value()),
      where.is_moment() ? "a time since 1970" : "an offset of zero or more");
  {
    const std::lock_guard guard{mutex_};
    auto* e = find(which);
    if (closed_ || e == nullptr)
      return missing(which);
    e->start = where;
    change_entry(*e);
    if (group != nullptr) {
      // What was handed out before is none of the position's business any more.
      std::erase(in_hand_, e);
      e->in_hand = false;
      e->handed = e->through = {};
      e->through.sought = true;
      if (std::exchange(e->told, false))
        untold_.push_back(e);
      sought_.push_back(which);
    }
  }
  wake();
  if (on_something)
    on_something();
  return {};
}

error consumer_core::set_paused(
  const std::vector<topic_partition>& partitions, bool paused) {
  {
    const std::lock_guard guard{mutex_};
    for (const auto& p : partitions) {
      if (closed_ || find(p) == nullptr)
        return missing(p);
    }
    for (const auto& p : partitions) {
      auto* e = find(p);
      e->paused = paused;
      change_entry(*e);
    }
  }
  wake();
  return {};
}

std::vector<topic_partition> consumer_core::assignment() const {
  std::vector<topic_partition> all;
  const std::lock_guard guard{mutex_};
  for (const auto& [which, e] : by_name_) {
    if (e->assigned)
      all.push_back(which);
  }
  return all;
}

std::optional<log_offset> consumer_core::position(const topic_partition& which) const {
  const std::lock_guard guard{mutex_};
  const auto* e = find(which);
  if (e == nullptr || e->start.is_moment())
    return std::nullopt;
  return log_offset{e->start.value()};
}

} // namespace cafka::actors
