#include "producer_core.hpp"

#include "../../base/thrown_by.hpp"
#include "../../supervision/caf_compat.hpp"
#include "producer_metrics.hpp"
#include "producer_settings.hpp"

#include <algorithm>
#include <ctime>
#include <exception>
#include <random>

namespace cafka::actors {

namespace {

protocol::accumulator_options accumulator_options_of(const producer_options& o) {
  protocol::accumulator_options result;
  result.batch_size = o.batch_size;
  if (o.batch_records > 0)
    result.batch_records = o.batch_records;
  result.sticky_size = o.sticky_size;
  result.max_record_size = o.max_request_size;
  result.buffer_memory = o.buffer_memory;
  result.compression = o.compression;
  result.level = o.compression_level;
  result.partitioner = o.partitioner;
  return result;
}

} // namespace

error producer_core::check(const producer_options& options) {
  return cafka::check(options);
}

producer_core::producer_core(caf::actor_system& system, producer_options settings)
  : sys(system),
    options(std::move(settings)),
    batches(accumulator_options_of(options), std::random_device{}()) {
  batches.on_wakeup([this] { wake(); });
  batches.when_thrown(
    [this](const std::string& what) { note_thrown("the partitioner", what); });
  batches.pool().when_room([what = changes_] { what->notify(); });
}

// -- the actor's side -------------------------------------------------------------------

void producer_core::enter() {
  const std::lock_guard guard{actor_mutex_};
  ++incarnations_;
}

void producer_core::attach(producer_actor self) {
  {
    const std::lock_guard guard{actor_mutex_};
    actor_ = caf::actor_cast<caf::weak_actor_ptr>(self);
  }
  notify();
}

void producer_core::leave(const caf::actor_addr& self) {
  error why;
  {
    const std::lock_guard guard{actor_mutex_};
    --incarnations_;
    if (caf::actor_cast<caf::actor_addr>(actor_) == self)
      actor_ = nullptr;
    why = why_ended_;
  }
  if (why)
    give_up(why);
  notify();
}

void producer_core::end(const error& why) {
  batches.close();
  bool alone = false;
  {
    const std::lock_guard guard{actor_mutex_};
    if (why_ended_)
      return;
    why_ended_ = why;
    alone = incarnations_ == 0;
  }
  if (alone)
    give_up(why);
  notify();
}

void producer_core::release() {
  released_ = true;
  notify();
}

// What is left, its last incarnation could not report: it was killed, or never began.
void producer_core::give_up(const error& why) {
  using protocol::producer_machine;
  producer_metrics metrics{sys, options.name};
  producer_machine last{{}, batches};
  last.abandon(why);
  std::vector<protocol::delivery_report> reports;
  for (auto& a : last.take_effects()) {
    if (auto* report = std::get_if<protocol::delivery_report>(&a)) {
      metrics.delivered(*report, std::chrono::steady_clock::now());
      reports.push_back(std::move(*report));
    }
  }
  tell_all(std::move(reports));
}

template <class Callback>
void producer_core::contain(const char* which, Callback call) const noexcept {
  if (const auto thrown = thrown_by(call))
    note_thrown(which, *thrown);
}

void producer_core::note_thrown(
  const char* which, const std::string& what) const noexcept {
  thrown_.fetch_add(1, std::memory_order_relaxed);
  // One that throws at each record would fill a log.
  constexpr std::int64_t pause = 1'000'000'000;
  const auto at = std::chrono::steady_clock::now().time_since_epoch().count();
  auto last = complained_at_.load(std::memory_order_relaxed);
  if (!on_trouble || (last != INT64_MIN && at - last < pause)
    || !complained_at_.compare_exchange_strong(last, at))
    return;
  try {
    on_trouble(protocol::log_level::error, std::string{which} + " has thrown: " + what);
  } catch (...) {
    // No one is left to tell.
  }
}

void producer_core::tell(protocol::delivery_report x) const noexcept {
  delivery report{std::move(x.topic), x.partition, x.base_offset, x.first_number, x.count,
    std::move(x.error)};
  if (options.deliver_to)
    contain("deliver_to", [&] { post(options.deliver_to, report); });
  if (options.on_delivery)
    contain("on_delivery", [&] { options.on_delivery(report); });
  for (const auto& [place, done] : x.callbacks) {
    contain("a record's callback", [&, &place = place, &done = done] {
      if (report.error)
        done(report.error);
      else
        done(report.base_offset.value() < 0 ? report.base_offset
                                            : report.base_offset + place);
    });
  }
}

void producer_core::tell_all(
  std::vector<protocol::delivery_report> reports) const noexcept {
  for (auto& report : reports)
    tell(std::move(report));
}

void producer_core::tell(protocol::stall_report x) const noexcept {
  const producer_stall stall{
    std::move(x.topic), x.partition, x.waited, x.over, std::move(x.why)};
  if (options.on_stalled)
    contain("on_stalled", [&] { options.on_stalled(stall); });
  if (!on_trouble)
    return;
  contain("on_trouble", [&] {
    const auto seconds = std::to_string(stall.waited.count() / 1'000) + " s";
    std::string text;
    if (!stall.over)
      text =
        "records for " + stall.topic + " wait for " + seconds + ": " + stall.why.detail;
    else if (!stall.why)
      text = "records for " + stall.topic + " go on after " + seconds;
    else
      text = stall.topic + " after " + seconds + ": " + stall.why.detail;
    on_trouble(
      stall.over ? protocol::log_level::info : protocol::log_level::warning, text);
  });
}

void producer_core::changes::notify() {
  {
    const std::lock_guard guard{mutex_};
    ++count_;
  }
  changed_.notify_all();
}

std::uint64_t producer_core::changes::count() const {
  const std::lock_guard guard{mutex_};
  return count_;
}

bool producer_core::changes::wait(
  std::uint64_t seen, std::chrono::steady_clock::time_point deadline) const {
  std::unique_lock lock{mutex_};
  return changed_.wait_until(lock, deadline, [&] { return count_ != seen; });
}

// -- the handles' side ------------------------------------------------------------------

void producer_core::wake() const {
  caf::weak_actor_ptr weak;
  {
    const std::lock_guard guard{actor_mutex_};
    weak = actor_;
  }
  if (const auto self = caf::actor_cast<caf::strong_actor_ptr>(weak))
    post(self, producer_changed{});
}

producer_actor producer_core::current() const {
  caf::weak_actor_ptr weak;
  {
    const std::lock_guard guard{actor_mutex_};
    weak = actor_;
  }
  return caf::actor_cast<producer_actor>(caf::actor_cast<caf::strong_actor_ptr>(weak));
}

void producer_core::close() {
  batches.close();
  notify();
}

error producer_core::why_ended() const {
  const std::lock_guard guard{actor_mutex_};
  return why_ended_;
}

std::chrono::steady_clock::time_point producer_core::until(milliseconds deadline) {
  // More than a clock can count must not come out as less.
  constexpr milliseconds longest = std::chrono::hours{24 * 365};
  return std::chrono::steady_clock::now() + std::min(deadline, longest);
}

timestamp producer_core::coarse_now() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return timestamp{milliseconds{now.tv_sec * 1'000 + now.tv_nsec / 1'000'000}};
}

} // namespace cafka::actors
