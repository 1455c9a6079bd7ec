#include <cafka/protocol/machines/accumulator.hpp>
#include <cafka/protocol/records/format.hpp>
#include <cafka/protocol/records/record_batch.hpp>

#include <algorithm>
#include <bit>
#include <utility>

namespace cafka::protocol {

namespace {

constexpr std::size_t header_overhead = 10;

/// Bytes that the record takes at most.
std::size_t bound_of(const outgoing_record& r) {
  auto size = batch_builder::record_bound(r.key, r.value);
  for (const auto& h : r.headers)
    size += header_overhead + h.key.size() + (h.value ? h.value->size() : 0);
  return size;
}

/// What does not fit the memory is too large, and not to be waited for.
accumulator_options within_memory(accumulator_options o) {
  o.max_record_size = std::min(
    o.max_record_size, std::bit_floor(std::max<std::size_t>(o.buffer_memory, 1)));
  return o;
}

std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

} // namespace

/// Topics by name, read without a lock: a table of twice their number.
struct accumulator::index {
  explicit index(std::size_t count) : slots(std::bit_ceil(count * 2 + 8)) {}

  [[nodiscard]] static std::size_t hash(std::string_view name) {
    return std::hash<std::string_view>{}(name);
  }

  [[nodiscard]] topic_buffers* find(std::string_view name) const {
    for (auto at = hash(name);; ++at) {
      auto* t = slots[at & (slots.size() - 1)];
      if (t == nullptr || t->name == name)
        return t;
    }
  }

  void add(topic_buffers& t) {
    auto at = hash(t.name);
    while (slots[at & (slots.size() - 1)] != nullptr)
      ++at;
    slots[at & (slots.size() - 1)] = &t;
  }

  std::vector<topic_buffers*> slots;
};

accumulator::accumulator(accumulator_options options, std::uint64_t seed)
  : options_(within_memory(std::move(options))),
    pool_(std::make_shared<buffer_pool>(options_.buffer_memory)),
    random_(seed) {
}

accumulator::~accumulator() = default;

// -- any thread -------------------------------------------------------------------------

topic_buffers& accumulator::topic(std::string_view name) {
  if (const auto* known = index_.load(std::memory_order_acquire)) {
    if (auto* t = known->find(name))
      return *t;
  }
  const std::lock_guard guard{topics_mutex_};
  if (const auto* known = index_.load(std::memory_order_acquire)) {
    if (auto* t = known->find(name))
      return *t;
  }
  auto& t = topics_.emplace_back(std::string{name}, options_.batch_size);
  // Whoever reads the old one still may; there are as many as there were new topics.
  auto larger = std::make_unique<index>(topics_.size());
  for (auto& each : topics_)
    larger->add(each);
  index_.store(larger.get(), std::memory_order_release);
  indexes_.push_back(std::move(larger));
  topic_count_.store(topics_.size(), std::memory_order_release);
  if (when_news_)
    when_news_();
  return t;
}

std::vector<topic_buffers*> accumulator::topics() const {
  const std::lock_guard guard{topics_mutex_};
  std::vector<topic_buffers*> all;
  for (const auto& t : topics_)
    all.push_back(const_cast<topic_buffers*>(&t));
  return all;
}

accumulator::appended accumulator::append(
  topic_buffers& t, const outgoing_record& r, timestamp now, record_callback* done) {
  if (is_closed())
    return {error_code::closed};
  const auto bound = bound_of(r);
  if (bound + detail::v2::header_size > options_.max_record_size)
    return {error_code::message_too_large};
  const auto* table = t.table.load(std::memory_order_acquire);
  if (table == nullptr)
    return append_unassigned(t, r, now, done, bound);
  auto wrong = error_code::none;
  const auto keyless = !r.key && r.partition.value() < 0;
  const auto sticky = t.sticky.load(std::memory_order_relaxed);
  auto* p = keyless && sticky < table->partitions.size() ? table->partitions[sticky]
                                                         : choose(t, *table, r, wrong);
  if (p == nullptr)
    return {wrong, r.partition};
  bool long_enough = false;
  if (r.headers.empty() && done == nullptr) {
    // Most records join a batch that has room for them, and that is no news.
    const std::lock_guard guard{p->lock};
    auto& builder = p->open.builder;
    const auto size = builder.size();
    if (!builder.empty() && builder.capacity() - size >= bound
      && size + bound <= t.batch_size.load(std::memory_order_relaxed) && !is_closed()) {
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

partition_buffers* accumulator::choose(topic_buffers& t, const partition_table& table,
  const outgoing_record& r, error_code& wrong) const {
  const auto count = table.partitions.size();
  auto at = static_cast<std::size_t>(t.sticky.load(std::memory_order_relaxed));
  if (r.partition.value() >= 0) {
    at = static_cast<std::size_t>(r.partition.value());
  } else if (r.key) {
    const auto partitions = static_cast<std::int32_t>(count);
    at = options_.partitioner ? static_cast<std::size_t>(
           options_.partitioner({t.name, r.key, partitions, draw()}).value())
                              : (murmur2(*r.key) & 0x7fffffff) % count;
  } else if (at >= count) {
    at = 0; // There were more.
  }
  if (at >= count) {
    wrong = error_code::unknown_topic_or_partition;
    return nullptr;
  }
  return table.partitions[at];
}

std::uint32_t accumulator::draw() const {
  return static_cast<std::uint32_t>(
    mixed(random_.fetch_add(1, std::memory_order_relaxed)));
}

void accumulator::next_sticky(topic_buffers& t, const partition_table& table) {
  const auto count = table.partitions.size();
  if (count < 2)
    return;
  const auto drawn = mixed(random_.fetch_add(1, std::memory_order_relaxed));
  auto best = static_cast<std::size_t>((drawn & 0xffffffff) % count);
  const auto other = static_cast<std::size_t>((drawn >> 32) % count);
  const auto cost = [&](std::size_t at) {
    const auto& p = *table.partitions[at];
    return p.led.load(std::memory_order_relaxed)
      ? std::uint64_t{p.backlog.load(std::memory_order_relaxed)}
      : UINT64_MAX;
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
  if (!starved_.exchange(true, std::memory_order_relaxed) && when_news_)
    when_news_();
}

accumulator::appended accumulator::put(partition_buffers& p, const outgoing_record& r,
  timestamp now, record_callback* done, std::size_t bound, bool& long_enough,
  bool forced) {
  // The unassigned records of a topic are locked by the caller.
  std::unique_lock guard{p.lock, std::defer_lock};
  if (p.id.value() >= 0)
    guard.lock();
  appended outcome{error_code::none, p.id, p.next_number};
  // What was taken before the end goes on to its partition.
  if (is_closed() && !forced)
    return {error_code::closed};
  bool news = false;
  auto& builder = p.open.builder;
  const auto size = builder.size();
  if (builder.capacity() - size < bound
    || size + bound > p.topic.batch_size.load(std::memory_order_relaxed)) {
    if (!make_room(p, bound, forced)) {
      outcome.status = error_code::queue_full;
    } else {
      news = p.open.builder.empty() || p.closed.size() != 0;
    }
  }
  if (outcome.status == error_code::none) {
    const auto before = builder.size();
    if (before == 0)
      p.open.opened = options_.clock();
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
  news = news && !std::exchange(p.listed, p.listed || news);
  if (guard.owns_lock())
    guard.unlock();
  if (news)
    tell(p);
  return outcome;
}

// There is no batch, or its buffer is too small, or it has grown to its size.
bool accumulator::make_room(partition_buffers& p, std::size_t bound, bool forced) {
  auto& builder = p.open.builder;
  const auto batch_size = p.topic.batch_size.load(std::memory_order_relaxed);
  const auto largest = buffer_pool::rounded(batch_size);
  if (!builder.empty() && builder.size() + bound <= batch_size) {
    auto larger = pool_->take(
      std::min(std::max(builder.size() + bound, builder.capacity() * 4), largest),
      forced);
    if (larger.bytes == nullptr)
      larger = pool_->take(builder.size() + bound, forced);
    if (larger.bytes != nullptr) {
      builder.move_to(std::move(larger.bytes), larger.capacity);
      return true;
    }
  }
  const auto needed = bound + detail::v2::header_size;
  const auto expected = std::min(builder.empty() ? p.expected : builder.size(), largest);
  auto room = pool_->take(std::max(needed, expected), forced);
  if (room.bytes == nullptr && expected > needed)
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
  auto* head = news_.load(std::memory_order_relaxed);
  do {
    p.next_listed = head;
  } while (!news_.compare_exchange_weak(
    head, &p, std::memory_order_release, std::memory_order_relaxed));
  // Whoever finds the list empty wakes the machine; it takes all there is.
  if (head == nullptr && when_news_)
    when_news_();
}

// -- the machine ------------------------------------------------------------------------

std::vector<partition_buffers*> accumulator::news() {
  std::vector<partition_buffers*> all;
  auto* p = news_.exchange(nullptr, std::memory_order_acquire);
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

std::deque<filled_batch> accumulator::take_unassigned(topic_buffers& t) {
  const std::lock_guard guard{t.unassigned.lock};
  t.choices.clear();
  return drain_unassigned(t);
}

// Under the lock.
std::deque<filled_batch> accumulator::drain_unassigned(topic_buffers& t) {
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

std::vector<record_callback> accumulator::set_partitions(
  topic_buffers& t, std::int32_t count, std::size_t& refused) {
  std::vector<record_callback> lost;
  refused = 0;
  const auto* before = t.table.load(std::memory_order_acquire);
  const auto wanted = static_cast<std::size_t>(std::max(count, 0));
  if (wanted == 0 || (before != nullptr && before->partitions.size() == wanted))
    return lost;
  auto table = std::make_unique<partition_table>();
  if (before != nullptr)
    table->partitions = before->partitions;
  table->partitions.resize(std::min(table->partitions.size(), wanted));
  while (table->partitions.size() < wanted) {
    // One that was gone for a while is the same when it comes back.
    const auto next = table->partitions.size();
    if (next == t.ever.size())
      t.ever.push_back(
        &partitions_.emplace_back(t, partition_id{static_cast<std::int32_t>(next)}));
    table->partitions.push_back(t.ever[next]);
  }
  const auto& now = *tables_.emplace_back(std::move(table));
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
    batch_reader in{*sealed, {.check_crc = false}};
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
      if (auto* p = choose(t, now, r, wrong)) {
        bool long_enough = false;
        put(*p, r, record.time, done, bound_of(r), long_enough, true);
        if (long_enough)
          next_sticky(t, now);
      } else {
        ++refused;
        if (done != nullptr)
          lost.push_back(std::move(*done));
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
    {.check_crc = false,
      .max_decompressed_size = SIZE_MAX,
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
