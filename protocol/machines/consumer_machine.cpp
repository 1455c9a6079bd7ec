#include "consumer_state.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

using namespace std::chrono_literals;

/// A request that waits for its connection for so long is a reason to ask who leads.
/// One that has stalled is such a reason again and again.
constexpr auto opening_timeout = 250ms;
/// A question about topics is given so long; where one fails again and again, every other
/// one twice as long as before, as all brokers may be slow.
constexpr std::chrono::milliseconds metadata_timeout = 1s;
constexpr std::uint32_t most_doublings = 2;
/// How long a broker may rest on a fetch while other partitions of it wait for the
/// program: they must not wait for long once it has taken what lies there.
constexpr auto short_wait = 20ms;

topic_directory_options directory_options(const consumer_machine_options& o) {
  topic_directory_options result;
  result.update_interval = o.metadata_max_age;
  result.retry_backoff = o.retry_backoff;
  result.kept = known_topic::scope::watched;
  result.seed = o.seed;
  return result;
}

} // namespace

consumer_machine::consumer_machine(consumer_machine_options options, byte_budget& budget)
  : options_(std::move(options)),
    budget_(budget),
    random_(static_cast<std::minstd_rand::result_type>(options_.seed + 1)),
    directory_(directory_options(options_)) {
}

consumer_machine::~consumer_machine() = default;

// -- what is assigned -------------------------------------------------------------------

consumer_machine::topic_state& consumer_machine::topic(
  const std::shared_ptr<const std::string>& name) {
  auto& t = topics_[*name];
  if (t.name == nullptr) {
    t.name = name;
    t.known = &directory_.keep(*name);
  }
  return t;
}

consumer_machine::partition_state* consumer_machine::find(
  std::uint32_t slot, std::uint64_t generation) {
  if (slot >= partitions_.size() || partitions_[slot] == nullptr)
    return nullptr;
  auto* p = partitions_[slot].get();
  return p->generation == generation ? p : nullptr;
}

consumer_machine::partition_state* consumer_machine::find(
  const topic_state* t, partition_id id) {
  if (t == nullptr)
    return nullptr;
  const auto at = std::ranges::lower_bound(t->partitions, id, {}, &partition_state::id);
  return at != t->partitions.end() && (*at)->id == id ? *at : nullptr;
}

const consumer_machine::topic_state* consumer_machine::find_topic(
  const std::string& name, const uuid& id) const {
  if (!name.empty()) {
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : &found->second;
  }
  const auto found = topics_by_id_.find(id);
  return found == topics_by_id_.end() ? nullptr : found->second;
}

void consumer_machine::set(time_point now, std::uint32_t slot, const assignment& what) {
  happened(now);
  if (partitions_.size() <= slot)
    partitions_.resize(slot + 1);
  auto& owned = partitions_[slot];
  if (owned == nullptr) {
    owned = std::make_unique<partition_state>();
    owned->slot = slot;
    owned->topic = &topic(what.topic);
    owned->id = what.partition;
    owned->topic->known->watch(owned->id);
    auto& all = owned->topic->partitions;
    all.insert(
      std::ranges::lower_bound(all, owned->id, {}, &partition_state::id), owned.get());
    count(1);
  }
  auto& p = *owned;
  forget(p);
  p.generation = what.generation;
  p.paused = what.paused;
  p.halted = false;
  look_up(p, what.start);
  p.starting = what.start.is_moment();
  p.next = p.starting ? log_offset{-1} : log_offset{what.start.value()};
  leave_request(p);
  p.reading = 0;
  p.max_bytes = static_cast<std::int32_t>(options_.max_partition_fetch_bytes);
  p.not_before = time_point::min();
  p.attempts = 0;
  p.turns = 0;
  p.damages = 0;
  p.reported = error_code::none;
  p.unknown_since.reset();
  p.left_out_since.reset();
  p.last_error = {};
  p.well_at = now;
  if (options_.stalled_after > 0ms)
    next_look_ = std::min(next_look_, now + options_.stalled_after);
  if (p.leader.value() < 0 && !p.paused)
    want_metadata(0ms);
  if (p.starting)
    back_to_leader(p); // Followers are not asked for offsets.
  directory_.start(now);
}

void consumer_machine::remove(time_point now, std::uint32_t slot) {
  happened(now);
  if (slot >= partitions_.size() || partitions_[slot] == nullptr)
    return;
  auto& p = *partitions_[slot];
  forget(p);
  leave_request(p);
  move_to(p, -1);
  auto* t = p.topic;
  std::erase(t->partitions, &p);
  t->known->unwatch(p.id);
  partitions_[slot].reset();
  count(-1);
  if (t->partitions.empty()) {
    topics_by_id_.erase(t->known->id());
    directory_.release(*t->name);
    topics_.erase(*std::shared_ptr{t->name});
  }
}

// Two answers at least; more where the budget has room for the share of each.
void consumer_machine::count(std::ptrdiff_t more) {
  assigned_ += static_cast<std::size_t>(more);
  const auto share = budget_.limit() / (2 * std::max<std::size_t>(assigned_, 1));
  buffer_limit_ = std::max(2 * options_.max_partition_fetch_bytes, share);
}

void consumer_machine::on_taken(
  time_point now, std::uint32_t slot, std::uint64_t generation, std::size_t bytes) {
  happened(now);
  if (auto* p = find(slot, generation)) {
    const auto taken = std::min(bytes, p->buffered);
    p->buffered -= taken;
    buffered_ -= taken;
  }
}

// -- who is asked -----------------------------------------------------------------------

void consumer_machine::move_to(partition_state& p, broker_id home) {
  if (p.home == home)
    return;
  // What is under way to the other one is not waited for, and ignored when it comes.
  leave_request(p);
  if (p.home.value() >= 0)
    std::erase(brokers_[p.home].partitions, &p);
  p.home = home;
  if (home.value() >= 0)
    brokers_[home].partitions.push_back(&p);
}

void consumer_machine::leave_request(partition_state& p) {
  const auto r = requests_.find(std::exchange(p.request, 0));
  if (r != requests_.end())
    r->second.left = true;
}

void consumer_machine::back_to_leader(partition_state& p) {
  p.replica = -1;
  move_to(p, p.leader);
}

// The leader of a broker that hangs or cannot be reached may be another one.
void consumer_machine::leave_replica(time_point now, broker_id id) {
  for (auto* p : std::vector{brokers_[id].partitions}) {
    if (p->leader == id)
      continue;
    back_to_leader(*p);
    near_again_ = now + options_.replica_pause;
  }
}

void consumer_machine::set_leader(
  time_point now, partition_state& p, broker_id leader, leader_epoch e) {
  p.epoch = e;
  if (p.leader != leader) {
    p.leader = leader;
    if (leader.value() >= 0)
      again(now, p);
  } else if (p.home == p.replica && now < p.replica_until) {
    return;
  }
  back_to_leader(p);
}

void consumer_machine::on_metadata_failed(time_point now, const error& why) {
  happened(now);
  if (!silent_since_)
    silent_since_ = now;
  if (now - *silent_since_ >= options_.unreachable) {
    for (const auto& [name, t] : topics_)
      tell_all(t.partitions, why);
  }
  directory_.on_failure(now, why);
}

void consumer_machine::on_metadata(time_point now, const metadata_response& answer) {
  happened(now);
  silent_since_.reset();
  for (const auto& change : directory_.on_metadata(now, answer))
    adopt(now, change);
  // What was assigned meanwhile was not in the question.
  for (const auto& [name, t] : topics_) {
    for (const auto* p : t.partitions) {
      if (p->leader.value() < 0 && !p->paused)
        want_metadata(p->reported == error_code::none ? leader_pause : unknown_pause);
    }
  }
}

void consumer_machine::unknown(time_point now, partition_state& p, const error& why) {
  if (!p.unknown_since)
    p.unknown_since = now;
  if (now - *p.unknown_since >= options_.unknown_topic_wait)
    tell(p, false, why);
  p.last_error = why;
  pause(now, p);
  want_metadata(p.reported == error_code::none ? leader_pause : unknown_pause);
}

void consumer_machine::adopt(time_point now, const topic_directory::change& c) {
  const auto found = topics_.find(c.about->name());
  if (found == topics_.end())
    return;
  auto& mine = found->second;
  switch (c.what) {
  case known_topic::update::refused: on_refused(now, mine, c.answer->error_code); return;
  case known_topic::update::outdated: want_metadata(leader_pause); return;
  case known_topic::update::malformed:
  case known_topic::update::left_out: return;
  case known_topic::update::recreated:
    for (auto* p : mine.partitions)
      begin_anew(*p);
    break;
  case known_topic::update::known: break;
  }
  adopt_id(mine, c.former);
  for (auto* p : mine.partitions) {
    const auto* known = mine.known->find(p->id);
    if (known == nullptr || known->last == known_partition::outcome::earlier)
      continue;
    if (known->last == known_partition::outcome::left_out) {
      set_leader(now, *p, -1, -1);
      unknown(now, *p,
        {error_code::unknown_topic_or_partition,
          "topic " + *mine.name + " has " + std::to_string(c.answer->partitions.size())
            + " partitions"});
      continue;
    }
    set_leader(now, *p, known->leader, known->epoch);
    if (known->leader.value() >= 0)
      p->unknown_since.reset();
    else
      want_metadata(leader_pause);
  }
}

void consumer_machine::adopt_id(topic_state& t, const uuid& former) {
  if (t.known->id() == former)
    return;
  // What is under way goes by the other one.
  for (const auto* p : t.partitions) {
    if (const auto r = requests_.find(p->request); r != requests_.end())
      r->second.left = true;
  }
  topics_by_id_.erase(former);
  topics_by_id_[t.known->id()] = &t;
}

void consumer_machine::on_refused(time_point now, topic_state& t, error_code why) {
  const error refused{why, "topic " + *t.name};
  for (auto* p : t.partitions) {
    if (why == error_code::unknown_topic_or_partition) {
      set_leader(now, *p, -1, -1);
      unknown(now, *p, refused);
    } else {
      p->last_error = refused;
      if (!is_retriable(why))
        tell(*p, false, refused);
    }
  }
  want_metadata(is_retriable(why) ? leader_pause : unknown_pause);
}

// The topic was deleted, and another has its name: offsets of the old one mean nothing.
// All that the new one has is new to the reader.
void consumer_machine::begin_anew(partition_state& p) {
  p.leader = -1;
  p.epoch = -1;
  back_to_leader(p);
  if (p.starting)
    return;
  p.log_end = -1;
  if (options_.reset) {
    look_up(p, start_at::earliest());
    // Partitions that are paused or halted now will go on from where the program stands.
    effects_.emplace_back(positioned{p.slot, p.generation, p.start});
  } else {
    tell(p, true,
      {error_code::offset_out_of_range,
        "topic " + *p.topic->name + " was deleted and recreated"});
  }
  // What is being read is of the old one.
  p.reading = 0;
}

// -- what is asked when -----------------------------------------------------------------

consumer_machine::readiness consumer_machine::is_ready(
  time_point now, const partition_state& p) const {
  if (p.paused || p.halted || p.starting || p.request != 0)
    return readiness::not_now;
  if (p.reading != 0)
    return readiness::buffered;
  if (p.buffered >= buffer_limit_)
    return readiness::buffered;
  return p.not_before <= now ? readiness::ready : readiness::later;
}

std::size_t consumer_machine::room() const {
  const auto spent = budget_.used() + reserved_;
  return budget_.limit() - std::min(spent, budget_.limit());
}

// Fetches that rest at brokers with nothing to say take up room as well: each broker has
// a share that the others' fetches leave to it.
std::size_t consumer_machine::share() const {
  const auto in_use = std::ranges::count_if(
    brokers_, [](const auto& b) { return !b.second.partitions.empty(); });
  return budget_.limit() / static_cast<std::size_t>(std::max<std::ptrdiff_t>(in_use, 1));
}

std::size_t consumer_machine::least_fetch() const {
  return std::min(
    {options_.max_partition_fetch_bytes, options_.fetch_max_bytes, share()});
}

bool consumer_machine::has_room() const {
  return room() >= least_fetch();
}

std::uint64_t consumer_machine::open_request(time_point now, broker_id id, bool fetch) {
  const auto request = ++last_request_;
  auto& r = requests_[request];
  r.broker = id;
  r.fetch = fetch;
  r.opened_at = now;
  r.watch_at = now + opening_timeout;
  note_time(r.watch_at);
  return request;
}

void consumer_machine::look_at(time_point now, broker_id id, broker_state& b) {
  if (b.fetch != 0 && b.offsets != 0)
    return;
  if (b.not_before > now) {
    if (!b.partitions.empty())
      note_time(b.not_before);
    return;
  }
  bool fetch = false;
  bool by_id = true;
  bool offsets = false;
  for (std::size_t i = 0; i < b.partitions.size(); ++i) {
    auto& p = *b.partitions[i];
    if (p.home == p.replica && p.replica_until <= now) {
      back_to_leader(p);
      moved_ = true; // Its leader may have been looked at already.
      if (p.home != id)
        --i;
      continue;
    }
    if (p.starting && !p.paused && !p.halted && p.request == 0) {
      if (p.not_before <= now)
        offsets = true;
      else
        note_time(p.not_before);
      continue;
    }
    switch (is_ready(now, p)) {
    case readiness::ready:
      fetch = true;
      by_id = by_id && !p.topic->known->id().is_zero();
      break;
    case readiness::later: note_time(p.not_before); break;
    case readiness::buffered: wants_taking_ = true; break;
    case readiness::not_now: break;
    }
  }
  if (offsets && b.offsets == 0) {
    b.offsets = open_request(now, id, false);
    effects_.emplace_back(send_list_offsets{id, b.offsets});
  }
  if (!fetch || b.fetch != 0)
    return;
  if (!has_room()) {
    budget_.room_wanted.store(true, std::memory_order_seq_cst);
    // It may have come before anybody knew that it is wanted.
    if (!has_room())
      return;
  }
  b.fetch = open_request(now, id, true);
  last_asked_ = id;
  effects_.emplace_back(send_fetch{id, b.fetch, by_id});
}

std::vector<consumer_machine::effect> consumer_machine::take_effects() {
  if (std::exchange(undecided_, false))
    decide(now_);
  return std::exchange(effects_, {});
}

void consumer_machine::decide(time_point now) {
  next_time_ = time_point::max();
  wants_taking_ = false;
  look_for_stalled(now);
  directory_.on_time(now);
  for (auto& [id, r] : requests_) {
    if (r.watch_at <= now) {
      r.watch_at = now + opening_timeout;
      if (r.filled || now - r.opened_at >= options_.stall)
        leave_replica(now, r.broker);
      if (!brokers_[r.broker].partitions.empty())
        want_metadata(leader_pause);
    }
    note_time(r.watch_at);
  }
  do {
    moved_ = false;
    // Brokers that were asked last come last: where memory is short, they take turns.
    const auto first = brokers_.upper_bound(last_asked_);
    for (auto at = first; at != brokers_.end(); ++at)
      look_at(now, at->first, at->second);
    for (auto at = brokers_.begin(); at != first; ++at)
      look_at(now, at->first, at->second);
  } while (moved_);
  if (auto question = directory_.ask(now)) {
    ask_metadata ask;
    ask.in_turn = question->failures % 2 == 1;
    ask.answer_timeout = metadata_timeout;
    if (!ask.in_turn)
      ask.answer_timeout *= 1 << std::min(question->failures / 2, most_doublings);
    ask.topics = std::move(question->topics);
    effects_.emplace_back(std::move(ask));
  }
  note_time(directory_.next_time());
}

std::optional<fetch_request> consumer_machine::fill(
  time_point now, std::uint64_t request, std::int16_t version) {
  happened(now);
  const auto found = requests_.find(request);
  if (found == requests_.end())
    return std::nullopt;
  auto& r = found->second;
  auto& b = brokers_[r.broker];
  if (r.filled) { // It was not sent after all.
    b.session.on_lost();
    reserved_ -= std::exchange(r.reserved, 0);
    for (const auto slot : r.slots) {
      auto* p = slot < partitions_.size() ? partitions_[slot].get() : nullptr;
      if (p != nullptr && p->request == request)
        p->request = 0;
    }
    r.slots.clear();
    r.filled = false;
  }
  r.left = false;
  r.empty = true;
  if (!has_room())
    return std::nullopt;
  constexpr std::int16_t by_id_since = 13;
  constexpr std::int16_t sessions_since = 7;
  constexpr std::int16_t limit_since = 3;
  const auto count = b.partitions.size();
  r.alone = b.alone > 0;
  std::vector<fetch_session::wanted> wanted;
  wanted.reserve(count);
  bool buffered = false;
  bool others = false; ///< That this request leaves out.
  std::size_t most = 0;
  // A broker that answers in the order of the request, and has no room for all, must not
  // begin with the same one always.
  const auto first = (b.session.id() == 0 || r.alone) && count > 0 ? b.turn++ % count : 0;
  for (std::size_t i = 0; i != count; ++i) {
    auto& p = *b.partitions[(first + i) % count];
    const auto ready = is_ready(now, p);
    buffered = buffered || ready == readiness::buffered;
    if (ready != readiness::ready
      || (version >= by_id_since && p.topic->known->id().is_zero()))
      continue;
    // Before there was a limit for a whole answer, it is kept by asking for few of them.
    const auto enough = r.alone
      || (version < limit_since
        && most + static_cast<std::size_t>(p.max_bytes) > b.pace.limit());
    if (enough && !wanted.empty()) {
      others = true;
      continue;
    }
    wanted.push_back(
      {p.slot, p.topic->name, p.topic->known->id(), p.id, p.next, p.epoch, p.max_bytes});
    p.request = request;
    r.slots.push_back(p.slot);
    most += static_cast<std::size_t>(p.max_bytes);
  }
  if (wanted.empty())
    return std::nullopt;
  // No more than an eighth of the memory unless a partition needs it: answers that come
  // while others are dealt with are worth more than large ones.
  const auto much = std::max(least_fetch(), std::min(share(), budget_.limit() / 8));
  r.reserved = std::min({most, options_.fetch_max_bytes, much, room(),
    // A limit for the answer leaves room for what is not records.
    std::max<std::size_t>(options_.receive_message_max_bytes / 2, 1),
    r.alone ? std::size_t{1} : b.pace.limit()});
  reserved_ += r.reserved;
  r.empty = false;
  r.filled = true;
  r.filled_at = now;
  r.wait = buffered || others
    ? std::min<std::chrono::milliseconds>(options_.fetch_max_wait, short_wait)
    : options_.fetch_max_wait;
  r.watch_at = now + r.wait + options_.stall;
  fetch_request out;
  out.max_wait_ms = static_cast<std::int32_t>(r.wait.count());
  out.max_bytes = static_cast<std::int32_t>(std::max<std::size_t>(r.reserved, 1));
  // A broker that waits for more than the answer may have waits for as long as it may.
  out.min_bytes =
    std::min(static_cast<std::int32_t>(options_.fetch_min_bytes), out.max_bytes);
  out.isolation_level = options_.read_committed ? 1 : 0;
  if (near_again_ <= now)
    out.rack_id = options_.client_rack;
  b.session.fill(
    out, wanted, version >= by_id_since, version >= sessions_since && !r.alone);
  if (b.session.full())
    ++totals_.sessions;
  return out;
}

} // namespace cafka::protocol
