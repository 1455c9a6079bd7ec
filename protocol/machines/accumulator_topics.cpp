// The accumulator's topics: how they are found, made, and released.

#include "accumulator.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace cafka::protocol {

namespace {

/// What does not fit the memory is too large, and not to be waited for.
accumulator_options within_memory(accumulator_options o) {
  o.max_record_size = std::min(
    o.max_record_size, std::bit_floor(std::max<std::size_t>(o.buffer_memory, 1)));
  return o;
}

} // namespace

/// Topics by name, read without a lock and written under one: a table of at least twice
/// their number, with marks where one was taken out.
struct accumulator::index {
  using slot = std::atomic<topic_buffers*>;

  explicit index(std::size_t count)
    : size(std::bit_ceil(count * 4 + 8)), slots(std::make_unique<slot[]>(size)) {}

  [[nodiscard]] static topic_buffers* taken_out() {
    static char mark;
    return reinterpret_cast<topic_buffers*>(&mark);
  }

  [[nodiscard]] static std::size_t hash(std::string_view name) {
    return std::hash<std::string_view>{}(name);
  }

  [[nodiscard]] topic_buffers* find(std::string_view name) const {
    for (auto at = hash(name);; ++at) {
      auto* t = slots[at & (size - 1)].load();
      if (t == nullptr || (t != taken_out() && t->name == name))
        return t;
    }
  }

  /// False: it is full.
  bool add(topic_buffers& t) {
    if (used * 2 >= size)
      return false;
    auto at = hash(t.name);
    while (slots[at & (size - 1)].load() != nullptr)
      ++at;
    slots[at & (size - 1)].store(&t);
    ++used;
    return true;
  }

  void take_out(const topic_buffers& t) {
    auto at = hash(t.name);
    while (slots[at & (size - 1)].load() != &t)
      ++at;
    slots[at & (size - 1)].store(taken_out());
  }

  const std::size_t size;
  std::size_t used = 0; ///< Marks are counted.
  const std::unique_ptr<slot[]> slots;
};

/// As long as a thread is here, what it finds by name is not freed.
class accumulator::reading {
public:
  explicit reading(accumulator& of) : count_(of.readers_[place() % readers].now) {
    count_.fetch_add(1);
  }
  reading(const reading&) = delete;
  reading& operator=(const reading&) = delete;
  ~reading() { count_.fetch_sub(1); }

private:
  static std::size_t place() {
    static std::atomic<std::size_t> threads = 0;
    static thread_local const std::size_t mine =
      threads.fetch_add(1, std::memory_order_relaxed);
    return mine;
  }

  std::atomic<std::uint32_t>& count_;
};

accumulator::accumulator(accumulator_options options, std::uint64_t seed)
  : options_(within_memory(std::move(options))),
    pool_(std::make_shared<buffer_pool>(options_.buffer_memory)),
    random_(seed) {
}

accumulator::~accumulator() = default;

std::shared_ptr<topic_buffers> accumulator::hold(std::string_view name) {
  std::shared_ptr<topic_buffers> made;
  {
    const std::lock_guard guard{topics_mutex_};
    if (const auto known = topics_.find(name); known != topics_.end())
      return known->second;
    made = std::make_shared<topic_buffers>(std::string{name}, options_.batch_size);
    topics_.emplace(made->name, made);
    new_topics_.push_back(made.get());
    if (current_ == nullptr || !current_->add(*made)) {
      auto larger = std::make_unique<index>(topics_.size());
      for (auto& [each, t] : topics_)
        larger->add(*t);
      index_.store(larger.get());
      if (current_ != nullptr)
        retired_.indexes.push_back(std::move(current_));
      current_ = std::move(larger);
    }
    reclaim();
  }
  if (wake_)
    wake_();
  return made;
}

topic_buffers* accumulator::find(std::string_view name) const {
  const std::lock_guard guard{topics_mutex_};
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

std::vector<topic_buffers*> accumulator::topics() const {
  const std::lock_guard guard{topics_mutex_};
  std::vector<topic_buffers*> all;
  for (const auto& [name, t] : topics_)
    all.push_back(t.get());
  std::ranges::sort(all, {}, &topic_buffers::name);
  return all;
}

std::vector<topic_buffers*> accumulator::take_new_topics() {
  const std::lock_guard guard{topics_mutex_};
  reclaim();
  return std::exchange(new_topics_, {});
}

std::size_t accumulator::topic_count() const {
  const std::lock_guard guard{topics_mutex_};
  return topics_.size();
}

void accumulator::release(
  const std::vector<topic_buffers*>& topics, std::function<void(topic_buffers&)> gone) {
  const std::lock_guard guard{topics_mutex_};
  for (auto* t : topics) {
    const auto found = topics_.find(t->name);
    if (found == topics_.end() || !release(*t, found->second))
      continue;
    gone(*t);
    current_->take_out(*t);
    retired_.topics.push_back(std::move(found->second));
    topics_.erase(found);
  }
  reclaim();
}

// A thread that has the topic's name alone finds it marked, and looks again behind the
// mutex.
bool accumulator::release(topic_buffers& t, const std::shared_ptr<topic_buffers>& held) {
  if (held.use_count() != 1)
    return false;
  const std::lock_guard making{t.making};
  std::vector<partition_buffers*> all{&t.unassigned};
  for (const auto& [id, p] : t.made)
    all.push_back(p.get());
  const auto mark = [](partition_buffers* p) {
    const std::lock_guard guard{p->lock};
    p->released = p->open.builder.empty() && p->closed.empty() && !p->listed
      && p->backlog.load(std::memory_order_relaxed) == 0;
    return p->released;
  };
  t.released = std::ranges::all_of(all, mark);
  for (auto* p : all) {
    const std::lock_guard guard{p->lock};
    p->released = t.released;
  }
  return t.released;
}

// Under the mutex: frees what no thread can look at any more. One that comes later does
// not find it, so that each of the counts need only have been zero once since.
void accumulator::reclaim() {
  if (freed_next_.empty()) {
    if (retired_.empty())
      return;
    freed_next_ = std::exchange(retired_, {});
    not_seen_idle_ = (std::uint32_t{1} << readers) - 1;
  }
  for (std::size_t i = 0; i != readers; ++i) {
    if (readers_[i].now.load() == 0)
      not_seen_idle_ &= ~(std::uint32_t{1} << i);
  }
  if (not_seen_idle_ == 0)
    freed_next_ = {};
}

std::vector<partition_buffers*> accumulator::partitions_of(topic_buffers& t) {
  const std::lock_guard guard{t.making};
  std::vector<partition_buffers*> all;
  for (const auto& [id, p] : t.made)
    all.push_back(p.get());
  return all;
}

partition_buffers* accumulator::partition_of(const topic_buffers& t, partition_id p) {
  const auto* table = t.table.load(std::memory_order_acquire);
  const auto at = static_cast<std::size_t>(p.value());
  return table == nullptr || at >= table->capacity
    ? nullptr
    : table->slots[at].buffers.load(std::memory_order_acquire);
}

void accumulator::set_led(topic_buffers& t, partition_id p, bool led) {
  const auto* table = t.table.load(std::memory_order_acquire);
  const auto at = static_cast<std::size_t>(p.value());
  if (table != nullptr && at < table->capacity)
    table->slots[at].led.store(led, std::memory_order_relaxed);
}

partition_buffers& accumulator::make(
  topic_buffers& t, partition_table& seen, std::size_t number) {
  const std::lock_guard guard{t.making};
  const partition_id id{static_cast<std::int32_t>(number)};
  auto& p = t.made[id];
  if (p == nullptr) {
    p = std::make_unique<partition_buffers>(t, id);
    p->released = t.released;
  }
  for (auto* table : {&seen, t.table.load(std::memory_order_acquire)}) {
    if (table != nullptr && number < table->capacity)
      table->slots[number].buffers.store(p.get(), std::memory_order_release);
  }
  return *p;
}

accumulator::appended accumulator::append(
  std::string_view name, const outgoing_record& r, timestamp now, record_callback* done) {
  {
    const reading guard{*this};
    const auto* known = index_.load();
    auto* t = known == nullptr ? nullptr : known->find(name);
    if (t != nullptr) {
      const auto taken = append(*t, r, now, done);
      if (taken.status != was_released)
        return taken;
    }
  }
  const auto held = hold(name);
  return append(*held, r, now, done);
}

} // namespace cafka::protocol
