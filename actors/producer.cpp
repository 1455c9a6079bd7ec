#include <cafka/actors/producer_core.hpp>
#include <cafka/supervision/caf_compat.hpp>
#include <cafka/supervision/run_here.hpp>

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <ctime>
#include <random>

namespace cafka {

namespace actors {

namespace {

protocol::accumulator_options accumulator_options_of(const producer_options& o) {
  protocol::accumulator_options result;
  result.batch_size = o.batch_size;
  result.sticky_size = o.sticky_size;
  result.max_record_size = o.max_request_size;
  result.buffer_memory = o.buffer_memory;
  result.compression = o.compression;
  result.level = o.compression_level;
  result.partitioner = o.partitioner;
  return result;
}

error refused(const std::string& key, const std::string& value, const std::string& must) {
  return {error_code::invalid_argument, key + " = " + value + ": must be " + must};
}

} // namespace

error producer_core::check(const producer_options& o) {
  const auto number = [](auto x) { return std::to_string(x); };
  const auto between = [&](const char* key, std::size_t x, std::size_t min,
                         std::size_t max) -> error {
    if (x >= min && x <= max)
      return {};
    return refused(key, number(x), "from " + number(min) + " to " + number(max));
  };
  const auto time = [&](const char* key, milliseconds x, bool zero) -> error {
    if (x > milliseconds{0} || (zero && x == milliseconds{0}))
      return {};
    return refused(
      key, number(x.count()) + "ms", zero ? "zero or more" : "more than zero");
  };
  if (o.name.empty())
    return refused("name", "\"\"", "a text that is not empty");
  constexpr std::size_t gigabyte = std::size_t{1} << 30;
  for (const auto& wrong : {between("batch_size", o.batch_size, 1, gigabyte),
         between("max_request_size", o.max_request_size, 1'024, gigabyte),
         between("max_in_flight", o.max_in_flight, 1, o.idempotence ? 5 : 1'000),
         between("buffer_memory", o.buffer_memory, 4'096, SIZE_MAX / 2),
         between("sticky_size", o.sticky_size, 1, gigabyte), time("linger", o.linger, true),
         time("max_block", o.max_block, true),
         time("delivery_timeout", o.delivery_timeout, false),
         time("request_timeout", o.request_timeout, false)}) {
    if (wrong.code != error_code::none)
      return wrong;
  }
  if (o.acks < -1 || o.acks > 1)
    return refused("acks", number(o.acks), "-1 (all in sync), 0 or 1");
  if (o.idempotence && o.acks != -1)
    return refused("acks", number(o.acks), "-1 with idempotence");
  if (o.linger >= o.delivery_timeout)
    return refused("linger", number(o.linger.count()) + "ms", "less than delivery_timeout");
  if (o.compression > codec::zstd)
    return refused("compression", number(static_cast<int>(o.compression)),
      "none, gzip, snappy, lz4 or zstd");
  if (o.compression_level) {
    const auto levels = protocol::levels_of(o.compression);
    if (!levels)
      return refused("compression_level", number(*o.compression_level),
        "left out with " + std::string{to_string(o.compression)});
    if (*o.compression_level < levels->lowest || *o.compression_level > levels->highest)
      return refused("compression_level", number(*o.compression_level),
        "from " + number(levels->lowest) + " to " + number(levels->highest) + " with "
          + std::string{to_string(o.compression)});
  }
  return {};
}

producer_core::producer_core(caf::actor_system& system, producer_options settings)
  : sys(system),
    options(std::move(settings)),
    batches(accumulator_options_of(options), std::random_device{}()) {
  batches.when_news([this] { wake(); });
  batches.pool().when_room([this] { notify(); });
}

void producer_core::wake() const {
  caf::weak_actor_ptr weak;
  {
    const std::lock_guard guard{actor_mutex_};
    weak = actor_;
  }
  if (const auto self = caf::actor_cast<caf::strong_actor_ptr>(weak))
    post(self, producer_news{});
}

void producer_core::attach(producer_actor self) {
  {
    const std::lock_guard guard{actor_mutex_};
    actor_ = caf::actor_cast<caf::weak_actor_ptr>(self);
  }
  notify();
}

void producer_core::detach(const caf::actor_addr& self) {
  const std::lock_guard guard{actor_mutex_};
  if (caf::actor_cast<caf::actor_addr>(actor_) == self)
    actor_ = nullptr;
}

void producer_core::notify() {
  {
    const std::lock_guard guard{changes_mutex_};
    ++changes_;
  }
  changed_.notify_all();
}

std::uint64_t producer_core::changes() const {
  const std::lock_guard guard{changes_mutex_};
  return changes_;
}

bool producer_core::wait_changed(
  std::uint64_t seen, std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock{changes_mutex_};
  return changed_.wait_until(lock, deadline, [&] { return changes_ != seen; });
}

producer_actor producer_core::current() const {
  caf::weak_actor_ptr weak;
  {
    const std::lock_guard guard{actor_mutex_};
    weak = actor_;
  }
  return caf::actor_cast<producer_actor>(caf::actor_cast<caf::strong_actor_ptr>(weak));
}

timestamp producer_core::coarse_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return timestamp{milliseconds{now.tv_sec * 1'000 + now.tv_nsec / 1'000'000}};
}

} // namespace actors

using std::chrono::steady_clock;

producer::producer(std::shared_ptr<actors::producer_core> core) : core_(std::move(core)) {
}

const std::string& producer::name() const {
  return core_->options.name;
}

producer::topic producer::to(std::string_view name) const {
  return name.empty() ? topic{} : topic{&core_->batches.topic(name)};
}

producer_actor producer::actor() const {
  return core_->current();
}

result<std::int32_t> producer::partitions(const topic& t, milliseconds deadline) const {
  if (t.buffers_ == nullptr)
    return error{error_code::invalid_argument, "the topic has no name"};
  const auto known = core_->wait_until(steady_clock::now() + deadline,
    [&] { return t.buffers_->table.load(std::memory_order_acquire) != nullptr; });
  if (!known)
    return error{error_code::timed_out, "no metadata of topic " + t.buffers_->name};
  return static_cast<std::int32_t>(t.buffers_->table.load()->partitions.size());
}

sent producer::try_send(const topic& t, const outgoing_record& r) const {
  if (t.buffers_ == nullptr)
    return {error_code::invalid_argument};
  const auto taken = core_->batches.append(
    *t.buffers_, r, actors::producer_core::coarse_now(), nullptr);
  return {taken.status, taken.partition, taken.number};
}

sent producer::try_send(
  const topic& t, const outgoing_record& r, record_callback done) const {
  if (t.buffers_ == nullptr)
    return {error_code::invalid_argument};
  const auto taken =
    core_->batches.append(*t.buffers_, r, actors::producer_core::coarse_now(), &done);
  return {taken.status, taken.partition, taken.number};
}

sent producer::wait_and_send(const topic& t, const outgoing_record& r) const {
  sent taken{error_code::queue_full};
  if (core_->options.max_block <= milliseconds{0})
    return taken;
  auto& wanted = core_->batches.pool().room_wanted;
  ++wanted;
  (void)core_->wait_until(steady_clock::now() + core_->options.max_block, [&] {
    taken = try_send(t, r);
    return taken.status != error_code::queue_full;
  });
  --wanted;
  return taken;
}

sent producer::send(const topic& t, const record& r) const {
  std::vector<protocol::header_view> headers;
  headers.reserve(r.headers.size());
  for (const auto& [key, value] : r.headers)
    headers.push_back(
      {key, value ? std::optional{protocol::as_bytes(*value)} : std::nullopt});
  outgoing_record out;
  if (r.key)
    out.key = protocol::as_bytes(*r.key);
  if (r.value)
    out.value = protocol::as_bytes(*r.value);
  out.headers = headers;
  out.time = r.time;
  return send(t, out);
}

namespace {

/// Asks the actor, or the incarnation that follows it, by the deadline.
template <class Request>
result<done> ask_producer(actors::producer_core& core, milliseconds deadline) {
  if (deadline <= milliseconds{0})
    deadline = core.options.delivery_timeout;
  const auto until = steady_clock::now() + deadline;
  caf::scoped_actor self{core.sys};
  while (true) {
    producer_actor actor;
    const auto left = [&] {
      return std::chrono::ceil<milliseconds>(until - steady_clock::now());
    };
    while (!(actor = core.current())) {
      if (core.batches.is_closed())
        return error{error_code::closed, core.options.name + " was closed"};
      if (left() <= milliseconds{0})
        return error{error_code::timed_out, core.options.name + " is not running"};
      (void)core.wait_until(until, [&] {
        return core.current() != nullptr || core.batches.is_closed();
      });
    }
    error outcome;
    bool gone = false;
    constexpr milliseconds grace{1'000};
    ask(self, actor, left() + grace, Request{std::max(left(), milliseconds{1})})
      .receive([&](const error& e) { outcome = e; },
        [&](const caf::error& e) {
          gone = e != caf::sec::request_timeout;
          outcome = {error_code::timed_out, "the producer did not answer"};
        });
    if (gone) {
      core.detach(caf::actor_cast<caf::actor_addr>(actor));
      continue;
    }
    if (outcome.code == error_code::none)
      return done{};
    return outcome;
  }
}

} // namespace

result<done> producer::flush(milliseconds deadline) const {
  return ask_producer<flush_producer>(*core_, deadline);
}

result<done> producer::close(milliseconds deadline) const {
  core_->batches.close();
  auto outcome = ask_producer<close_producer>(*core_, deadline);
  if (core_->on_closed)
    core_->on_closed();
  if (!outcome && outcome.error().code == error_code::closed)
    return done{};
  return outcome;
}

} // namespace cafka
