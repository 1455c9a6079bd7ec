#include "../../protocol/names.hpp"
#include "../../supervision/caf_compat.hpp"
#include "producer_core.hpp"

#include <caf/scoped_actor.hpp>

#include <algorithm>
#include <type_traits>

namespace cafka {

using std::chrono::steady_clock;

producer::producer(std::shared_ptr<actors::producer_core> core) : core_(std::move(core)) {
}

namespace {

error nothing_behind() {
  return {error_code::closed, "a handle without a producer"};
}

/// A deadline of zero is the default.
milliseconds time_for(milliseconds deadline, const producer_options& options) {
  return deadline > milliseconds{0} ? deadline : options.request_timeout;
}

} // namespace

const std::string& producer::name() const {
  static const std::string none;
  return core_ == nullptr ? none : core_->options.name;
}

producer::topic producer::to(std::string_view name) const {
  if (core_ == nullptr || protocol::check_topic_name(name).code != error_code::none)
    return {};
  return topic{core_.get(), core_->batches.hold(name)};
}

producer_actor producer::actor() const {
  return core_ == nullptr ? producer_actor{} : core_->current();
}

result<std::int32_t> producer::partitions(const topic& t, milliseconds deadline) const {
  if (t.of_ == nullptr || t.of_ != core_.get())
    return error{error_code::invalid_argument, "not a topic of this producer"};
  core_->batches.ask_for(*t.buffers_);
  error ended;
  const auto known = core_->wait_until(
    actors::producer_core::until(time_for(deadline, core_->options)), [&] {
      ended = core_->why_ended();
      return t.buffers_->table.load(std::memory_order_acquire) != nullptr || ended;
    });
  if (t.buffers_->table.load(std::memory_order_acquire) == nullptr && known)
    return ended;
  if (!known) {
    const auto now = status(milliseconds{1'000});
    if (now) {
      for (const auto& w : now->waiting) {
        if (w.topic == t.buffers_->name)
          return error{error_code::timed_out, w.why};
      }
    }
    return error{error_code::timed_out, "no metadata of topic " + t.buffers_->name};
  }
  return static_cast<std::int32_t>(t.buffers_->table.load()->count.load());
}

send_result producer::try_send(const topic& t, const outgoing_record& r) const {
  if (t.of_ == nullptr || t.of_ != core_.get())
    return {error_code::invalid_argument};
  const auto taken =
    core_->batches.append(*t.buffers_, r, actors::producer_core::coarse_now(), nullptr);
  return {taken.status, taken.partition, taken.number};
}

send_result producer::try_send(
  const topic& t, const outgoing_record& r, record_callback done) const {
  if (t.of_ == nullptr || t.of_ != core_.get())
    return {error_code::invalid_argument};
  const auto taken =
    core_->batches.append(*t.buffers_, r, actors::producer_core::coarse_now(), &done);
  return {taken.status, taken.partition, taken.number};
}

send_result producer::send(std::string_view t, const outgoing_record& r) const {
  if (core_ == nullptr || protocol::check_topic_name(t).code != error_code::none)
    return {error_code::invalid_argument};
  const auto taken =
    core_->batches.append(t, r, actors::producer_core::coarse_now(), nullptr);
  if (taken.status == error_code::queue_full)
    return wait_and_send(to(t), r);
  return {taken.status, taken.partition, taken.number};
}

send_result producer::wait_and_send(const topic& t, const outgoing_record& r) const {
  send_result taken{error_code::queue_full};
  if (core_->options.max_block <= milliseconds{0})
    return taken;
  auto& wanted = core_->batches.pool().room_wanted;
  ++wanted;
  (void)core_->wait_until(actors::producer_core::until(core_->options.max_block), [&] {
    taken = try_send(t, r);
    return taken.status != error_code::queue_full;
  });
  --wanted;
  return taken;
}

send_result producer::send_record(const topic& t, const record& r) const {
  std::vector<protocol::header_view> headers;
  headers.reserve(r.headers.size());
  for (const auto& [key, value] : r.headers)
    headers.push_back({key, value});
  outgoing_record out;
  out.key = r.key;
  out.value = r.value;
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
  const auto until = actors::producer_core::until(deadline);
  const auto left = [&] {
    return std::max(
      std::chrono::ceil<milliseconds>(until - steady_clock::now()), milliseconds{1});
  };
  caf::actor_addr gone;
  while (true) {
    producer_actor actor;
    error ended;
    // One that did not answer has ended, and is not there much longer.
    (void)core.wait_until(until, [&] {
      ended = core.why_ended();
      actor = core.current();
      return ended || (actor && actor.address() != gone);
    });
    if (ended) {
      // Who closes what has ended has what it wanted.
      if constexpr (std::is_same_v<Request, close_producer>)
        return done{};
      else
        return ended;
    }
    if (!actor || actor.address() == gone)
      return error{error_code::timed_out, core.options.name + " is not running"};
    // For an actor that hangs, which would have answered at the deadline.
    constexpr milliseconds grace{1'000};
    caf::scoped_actor self{core.sys};
    error outcome;
    ask(self, actor, left() + grace, Request{left()})
      .receive([&](const error& e) { outcome = e; },
        [&](const caf::error& e) {
          if (e != caf::sec::request_timeout)
            gone = actor.address();
          outcome = {error_code::timed_out, "the producer did not answer"};
        });
    if (gone == actor.address())
      continue;
    if (!outcome)
      return done{};
    return outcome;
  }
}

} // namespace

result<producer_status> producer::status(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  const auto until = actors::producer_core::until(time_for(deadline, core_->options));
  producer_actor actor;
  error ended;
  (void)core_->wait_until(until, [&] {
    ended = core_->why_ended();
    actor = core_->current();
    return ended || actor;
  });
  if (ended)
    return ended;
  if (!actor)
    return error{error_code::timed_out, core_->options.name + " is not running"};
  const auto left = std::max(
    std::chrono::ceil<milliseconds>(until - steady_clock::now()), milliseconds{1});
  result<producer_status> outcome =
    error{error_code::timed_out, "the producer did not answer"};
  caf::scoped_actor self{core_->sys};
  ask(self, actor, left, get_producer_status{})
    .receive([&](result<producer_status>& told) { outcome = std::move(told); },
      [](const caf::error&) {});
  return outcome;
}

result<done> producer::flush(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  return ask_producer<flush_producer>(*core_, deadline);
}

result<done> producer::close(milliseconds deadline) const {
  if (core_ == nullptr)
    return nothing_behind();
  core_->close();
  auto outcome = ask_producer<close_producer>(*core_, deadline);
  // Its supervisor learns of its end a moment later, and then another may have its name.
  if (!core_->on_closed)
    return outcome;
  if (!core_->why_ended())
    core_->on_closed();
  (void)core_->wait_until(actors::producer_core::until(milliseconds{5'000}),
    [&] { return core_->is_released(); });
  return outcome;
}

} // namespace cafka
