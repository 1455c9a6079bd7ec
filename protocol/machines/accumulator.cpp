#include "accumulator.hpp"

#include "../../base/thrown_by.hpp"
#include "../records/format.hpp"
#include "../records/record_batch.hpp"

#include <algorithm>
#include <bit>
#include <exception>
#include <utility>

namespace cafka::protocol {

namespace {

constexpr std::size_t header_overhead = 10;
/// In place of a partition: the program's function has thrown.
constexpr std::size_t thrown = SIZE_MAX;

/// Bytes that the record takes at most.
std::size_t bound_of(const outgoing_record& r) {
  auto size = batch_builder::record_bound(r.key, r.value);
  for (const auto& h : r.headers)
    size += header_overhead + h.key.size() + (h.value ? h.value->size() : 0);
  return size;
}

std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

} // namespace

// -- any thread -------------------------------------------------------------------------

accumulator::appended accumulator::append(
  topic_buffers& t, const outgoing_record& r, timestamp now, record_callback* done) {
  if (is_closed())
    return {error_code::closed};
  const auto bound = bound_of(r);
  if (bound + detail::v2::header_size > options_.max_record_size)
    return {error_code::message_too_large};
  auto* table = t.table.load(std::memory_order_acquire);
  if (table == nullptr)
    return append_unassigned(t, r, now, done, bound);
  auto wrong = error_code::none;
  const auto keyless = !r.key && r.partition.value() < 0;
  const auto sticky = t.sticky.load(std::memory_order_relaxed);
  const auto at = keyless && sticky < table->count.load(std::memory_order_relaxed)
    ? sticky
    : choose(t, *table, r, wrong);
  if (wrong != error_code::none)
    return {wrong, r.partition};
  auto* p = table->slots[at].buffers.load(std::memory_order_acquire);
  if (p == nullptr)
    p = &make(t, *table, at);
  bool long_enough = false;
  if (r.headers.empty() && done == nullptr) {
    // Most records join a batch that has room for them, and nothing else changes.
    const std::lock_guard guard{p->lock};
    auto& builder = p->open.builder;
    const auto size = builder.size();
    if (!builder.empty() && builder.capacity() - size >= bound
      && size + bound <= t.batch_size.load(std::memory_order_relaxed)
      && has_place(builder) && !is_closed()) {
      builder.append_within(r.key, r.value, r.time.value_or(now));
      if (keyless) {
        p->sticky_bytes += builder.size() - size;
        long_enough = p->sticky_bytes >= options_.sticky_size;
        if (long_enough)
          p->sticky_bytes = 0;
      }
      const appended joined{error_code::none, p->id, p->next_number++};
      if (long_enough)
        next_sticky(t, *table);
      return joined;
    }
  }
  const auto result = put(*p, r, now, done, bound, long_enough);
  if (long_enough)
    next_sticky(t, *table);
  if (result.status == error_code::queue_full)
    starve();
  return result;
}

accumulator::appended accumulator::append_unassigned(topic_buffers& t,
  const outgoing_record& r, timestamp now, record_callback* done, std::size_t bound) {
  std::optional<appended> result;
  {
    auto& p = t.unassigned;
    const std::lock_guard guard{p.lock};
    if (t.table.load(std::memory_order_acquire) == nullptr) {
      t.choices.push_back(r.partition);
      bool ignored = false;
      result = put(p, r, now, done, bound, ignored);
      if (result->status != error_code::none)
        t.choices.pop_back();
    }
  }
  if (!result)
    return append(t, r, now, done);
  if (result->status == error_code::queue_full)
    starve();
  return *result;
}

std::size_t accumulator::partition_by_key(
  const topic_buffers& t, byte_view key, std::int32_t partitions) const {
  if (!options_.partitioner)
    return (murmur2(key) & 0x7fffffff) % static_cast<std::size_t>(partitions);
  partition_id chosen;
  const auto what = thrown_by([&] {
    chosen = options_.partitioner({t.name, key, partitions, draw()});
  });
  if (!what)
    return static_cast<std::uint32_t>(chosen.value());
  if (when_thrown_)
    when_thrown_(*what);
  return thrown;
}

std::size_t accumulator::choose(const topic_buffers& t, const partition_table& table,
  const outgoing_record& r, error_code& wrong) const {
  const auto count = table.count.load(std::memory_order_relaxed);
  auto at = static_cast<std::size_t>(t.sticky.load(std::memory_order_relaxed));
  if (r.partition.value() >= 0) {
    at = static_cast<std::size_t>(r.partition.value());
  } else if (r.key) {
    at = partition_by_key(t, *r.key, static_cast<std::int32_t>(count));
    if (at == thrown) {
      wrong = error_code::invalid_argument;
      return 0;
    }
  } else if (at >= count) {
    at = 0; // There were more.
  }
  if (at >= count)
    wrong = error_code::unknown_topic_or_partition;
  return at;
}

std::uint32_t accumulator::draw() const {
  return static_cast<std::uint32_t>(
    mixed(random_.fetch_add(1, std::memory_order_relaxed)));
}

void accumulator::next_sticky(topic_buffers& t, const partition_table& table) {
  const auto count = table.count.load(std::memory_order_relaxed);
  if (count < 2)
    return;
  const auto drawn = mixed(random_.fetch_add(1, std::memory_order_relaxed));
  auto best = static_cast<std::size_t>((drawn & 0xffffffff) % count);
  const auto other = static_cast<std::size_t>((drawn >> 32) % count);
  const auto cost = [&](std::size_t at) {
    const auto& slot = table.slots[at];
    if (!slot.led.load(std::memory_order_relaxed))
      return UINT64_MAX;
    const auto* p = slot.buffers.load(std::memory_order_acquire);
    return std::uint64_t{p == nullptr ? 0 : p->backlog.load(std::memory_order_relaxed)};
  };
  if (cost(other) < cost(best))
    best = other;
  // Drawn by chance, none of the two may have a leader while others have.
  for (std::size_t i = 0; i != count && cost(best) == UINT64_MAX; ++i)
    best = (best + 1) % count;
  t.sticky.store(static_cast<std::uint32_t>(best), std::memory_order_relaxed);
}

filled_batch accumulator::fresh_for(const partition_buffers& p) const {
  // What waits for its partition is read again.
  return fresh(p.id.value() < 0 ? codec::none : options_.compression);
}

filled_batch accumulator::fresh(codec compression) const {
  builder_options options;
  options.compression = compression;
  options.level = options_.level;
  options.initial_capacity = 0;
  options.max_size = std::max(options_.batch_size, options_.max_record_size);
  return {batch_builder{options}, {}, 0, {}};
}

void accumulator::starve() {
  if (!starved_.exchange(true, std::memory_order_relaxed) && wake_)
    wake_();
}

accumulator::appended accumulator::put(partition_buffers& p, const outgoing_record& r,
  timestamp now, record_callback* done, std::size_t bound, bool& long_enough,
  const filled_batch* moved) {
  // The unassigned records of a topic are locked by the caller.
  std::unique_lock guard{p.lock, std::defer_lock};
  if (p.id.value() >= 0)
    guard.lock();
  appended outcome{error_code::none, p.id, p.next_number};
  // What was taken before the end goes on to its partition, and has its memory.
  const auto forced = moved != nullptr;
  if (is_closed() && !forced)
    return {error_code::closed};
  if (p.released)
    return {was_released};
  bool changed = false;
  auto& builder = p.open.builder;
  const auto size = builder.size();
  if (builder.capacity() - size < bound
    || size + bound > p.topic.batch_size.load(std::memory_order_relaxed)
    || !has_place(builder)) {
    if (!make_room(p, bound, forced)) {
      outcome.status = error_code::queue_full;
    } else {
      changed = p.open.builder.empty() || p.closed.size() != 0;
    }
  }
  if (outcome.status == error_code::none) {
    const auto before = builder.size();
    if (before == 0)
      p.open.opened = moved == nullptr ? options_.clock() : moved->opened;
    else if (moved != nullptr)
      p.open.opened = std::min(p.open.opened, moved->opened);
    if (done != nullptr)
      p.open.callbacks.emplace_back(builder.count(), std::move(*done));
    static_cast<void>(builder.append(r.key, r.value, r.time.value_or(now), r.headers));
    ++p.next_number;
    if (!r.key && r.partition.value() < 0) {
      p.sticky_bytes += builder.size() - before;
      long_enough = p.sticky_bytes >= options_.sticky_size;
      if (long_enough)
        p.sticky_bytes = 0;
    }
  }
  changed = changed && !std::exchange(p.listed, p.listed || changed);
  if (guard.owns_lock())
    guard.unlock();
  if (changed)
    tell(p);
  return outcome;
}

// There is no batch, or its buffer is too small, or it has grown to its size.
bool accumulator::make_room(partition_buffers& p, std::size_t bound, bool forced) {
  auto& builder = p.open.builder;
  const auto batch_size = p.topic.batch_size.load(std::memory_order_relaxed);
  const auto largest = buffer_pool::rounded(batch_size);
  // Room that may be of use later is taken within the budget alone.
  if (!builder.empty() && builder.size() + bound <= batch_size && has_place(builder)) {
    auto larger = pool_->take(
      std::min(std::max(builder.size() + bound, builder.capacity() * 4), largest));
    if (larger.bytes == nullptr)
      larger = pool_->take(builder.size() + bound, forced);
    if (larger.bytes != nullptr) {
      builder.move_to(std::move(larger.bytes), larger.capacity);
      return true;
    }
  }
  const auto needed = bound + detail::v2::header_size;
  const auto expected = std::min(builder.empty() ? p.expected : builder.size(), largest);
  auto room = pool_->take(std::max(needed, expected));
  if (room.bytes == nullptr && (expected > needed || forced))
    room = pool_->take(needed, forced);
  if (room.bytes == nullptr)
    return false;
  if (!builder.empty())
    close_open(p);
  p.open = fresh_for(p);
  p.open.first_number = p.next_number;
  p.open.builder.move_to(std::move(room.bytes), room.capacity);
  return true;
}

void accumulator::close_open(partition_buffers& p) {
  p.expected = p.open.builder.size();
  p.closed.push_back(std::exchange(p.open, fresh_for(p)));
  p.backlog.fetch_add(1, std::memory_order_relaxed);
}

void accumulator::ask_for(topic_buffers& t) {
  bool listed = true;
  {
    const std::lock_guard guard{t.unassigned.lock};
    if (t.table.load(std::memory_order_relaxed) == nullptr)
      listed = std::exchange(t.unassigned.listed, true);
  }
  if (!listed)
    tell(t.unassigned);
}

void accumulator::tell(partition_buffers& p) {
  auto* head = changed_.load(std::memory_order_relaxed);
  do {
    p.next_listed = head;
  } while (!changed_.compare_exchange_weak(
    head, &p, std::memory_order_release, std::memory_order_relaxed));
  // The thread that finds the list empty wakes the machine, which takes all there is.
  if (head == nullptr && wake_)
    wake_();
}

// -- the machine ------------------------------------------------------------------------

std::vector<partition_buffers*> accumulator::take_changed() {
  std::vector<partition_buffers*> all;
  auto* p = changed_.exchange(nullptr, std::memory_order_acquire);
  while (p != nullptr) {
    auto* next = p->next_listed;
    {
      const std::lock_guard guard{p->lock};
      p->listed = false;
    }
    all.push_back(p);
    p = next;
  }
  return all;
}

accumulator::waiting accumulator::peek(partition_buffers& p) {
  const std::lock_guard guard{p.lock};
  if (!p.closed.empty())
    return {true, p.closed.front().opened};
  if (!p.open.builder.empty())
    return {false, p.open.opened};
  return {};
}

std::uint64_t accumulator::records_in(partition_buffers& p) {
  const std::lock_guard guard{p.lock};
  auto count = static_cast<std::uint64_t>(p.open.builder.count());
  for (const auto& b : p.closed)
    count += static_cast<std::uint64_t>(b.builder.count());
  return count;
}

std::list<filled_batch> accumulator::take_unassigned(topic_buffers& t) {
  const std::lock_guard guard{t.unassigned.lock};
  t.choices.clear();
  return drain_unassigned(t);
}

// Under the lock.
std::list<filled_batch> accumulator::drain_unassigned(topic_buffers& t) {
  auto& p = t.unassigned;
  auto all = std::exchange(p.closed, {});
  if (!p.open.builder.empty())
    all.push_back(std::exchange(p.open, fresh_for(p)));
  return all;
}

std::optional<filled_batch> accumulator::take(partition_buffers& p, bool open) {
  const std::lock_guard guard{p.lock};
  if (!p.closed.empty()) {
    auto oldest = std::move(p.closed.front());
    p.closed.pop_front();
    return oldest;
  }
  if (!open || p.open.builder.empty())
    return std::nullopt;
  p.expected = p.open.builder.size();
  p.backlog.fetch_add(1, std::memory_order_relaxed);
  return std::exchange(p.open, fresh_for(p));
}

std::vector<accumulator::refusal> accumulator::set_partitions(
  topic_buffers& t, std::int32_t count) {
  std::vector<refusal> lost;
  auto* before = t.table.load(std::memory_order_acquire);
  const auto wanted = static_cast<std::size_t>(std::max(count, 0));
  if (wanted == 0 || (before != nullptr && before->count.load() == wanted))
    return lost;
  if (before != nullptr && wanted <= before->capacity) {
    before->count.store(wanted, std::memory_order_release);
    return lost;
  }
  partition_table* larger = nullptr;
  {
    const std::lock_guard guard{t.making};
    larger = t.tables
               .emplace_back(std::make_unique<partition_table>(
                 before == nullptr ? wanted : std::bit_ceil(wanted)))
               .get();
    for (const auto& [id, p] : t.made) {
      if (static_cast<std::size_t>(id.value()) < wanted)
        larger->slots[static_cast<std::size_t>(id.value())].buffers = p.get();
    }
    for (std::size_t i = 0; before != nullptr && i != before->capacity; ++i)
      larger->slots[i].led = before->slots[i].led.load();
    larger->count = wanted;
    // A thread that makes a partition from here on notes it there, too.
    if (before != nullptr)
      t.table.store(larger, std::memory_order_release);
  }
  auto& now = *larger;
  next_sticky(t, now);
  // Later records of a sender that has seen records wait here must not overtake them.
  const std::lock_guard guard{t.unassigned.lock};
  auto batches = drain_unassigned(t);
  auto choices = std::exchange(t.choices, {});
  std::size_t at = 0;
  for (auto& filled : batches) {
    std::vector<header_view> headers;
    auto callback = filled.callbacks.begin();
    const auto sealed = filled.builder.seal(); // Which fails for lack of records alone.
    batch_reader in{*sealed, {.check_crcs = false}};
    record_batch batch;
    if (!in.next(batch))
      continue;
    std::int32_t place = 0;
    for (const auto& record : batch) {
      outgoing_record r;
      r.key = record.key;
      r.value = record.value;
      r.time = record.time;
      r.partition = choices[at++];
      headers.assign(record.headers.begin(), record.headers.end());
      r.headers = headers;
      record_callback* done = nullptr;
      if (callback != filled.callbacks.end() && callback->first == place)
        done = &(callback++)->second;
      auto wrong = error_code::none;
      const auto number = choose(t, now, r, wrong);
      if (wrong == error_code::none) {
        bool long_enough = false;
        put(
          make(t, now, number), r, record.time, done, bound_of(r), long_enough, &filled);
        if (long_enough)
          next_sticky(t, now);
      } else {
        auto of = std::ranges::find(lost, wrong, &refusal::why);
        if (of == lost.end())
          of = lost.insert(lost.end(), refusal{wrong, 0, {}});
        ++of->count;
        if (done != nullptr)
          of->callbacks.push_back(std::move(*done));
      }
      ++place;
    }
  }
  t.table.store(&now, std::memory_order_release);
  return lost;
}

std::optional<std::pair<filled_batch, filled_batch>> accumulator::split(
  topic_buffers& t, filled_batch& whole, const shared_bytes& sealed) {
  batch_reader in{sealed,
    {.check_crcs = false,
      .max_decompressed_bytes = SIZE_MAX,
      .max_decompression_ratio = 0}};
  record_batch batch;
  std::pair<filled_batch, filled_batch> halves{
    fresh(options_.compression), fresh(options_.compression)};
  auto& [front, back] = halves;
  if (!in.next(batch))
    return std::nullopt;
  const auto size = batch.payload().size() + detail::v2::header_size;
  t.batch_size = std::min(t.batch_size.load(), std::max<std::size_t>(size / 2, 1));
  front.opened = back.opened = whole.opened;
  front.first_number = back.first_number = whole.first_number;
  const auto last = batch.info().record_count - 1;
  std::int32_t place = 0;
  auto callback = whole.callbacks.begin();
  for (const auto& r : batch) {
    // Never all of them: the last one, however small the others are, is behind.
    auto& half = place == 0
        || (place < last && front.builder.size() < size / 2 && back.builder.empty())
      ? front
      : back;
    if (half.builder.empty()) {
      half.first_number += static_cast<std::uint64_t>(place);
      auto room = pool_->take(size, true);
      half.builder.move_to(std::move(room.bytes), room.capacity);
    }
    if (callback != whole.callbacks.end() && callback->first == place)
      half.callbacks.emplace_back(half.builder.count(), std::move((callback++)->second));
    static_cast<void>(half.builder.append(r));
    ++place;
  }
  return halves;
}

} // namespace cafka::protocol
