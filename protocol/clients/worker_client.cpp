#include "worker_client.hpp"

#include "../sasl/failure.hpp"
#include "connections.hpp"

#include <algorithm>
#include <utility>

namespace cafka::protocol {

worker_client::worker_client(worker_client_options options)
  : dispatching_client(options.cluster),
    options_(std::move(options)),
    groups_(options_.defaults.group_idle),
    random_(static_cast<std::minstd_rand::result_type>(options_.cluster.seed + 1)) {
}

void worker_client::start(time_point now) {
  dispatcher_.start(now);
  after_event(now);
}

// -- requests ---------------------------------------------------------------------------

call_context worker_client::context(const moment& at) {
  at_ = at;
  return {options_.defaults, groups_, at.now, at.wall_clock,
    static_cast<std::uint32_t>(random_())};
}

void worker_client::submit_call(time_point now, std::unique_ptr<call> what) {
  if (what != nullptr)
    dispatcher_.submit(now, std::move(what));
  after_event(now);
}

void worker_client::submit(const moment& at, fetch asked, reply_function<fetched> reply) {
  const auto& defaults = options_.defaults;
  if (!asked.max_decompressed_bytes)
    asked.max_decompressed_bytes = defaults.max_decompressed_bytes;
  if (!asked.max_decompression_ratio)
    asked.max_decompression_ratio = defaults.max_decompression_ratio;
  if (asked.group.empty() && defaults.consumer_group)
    asked.group = *defaults.consumer_group;
  if (asked.deadline <= milliseconds{0})
    asked.deadline = defaults.request_timeout;
  const auto around = context(at);
  auto reply_later = later<fetched>(std::move(reply));
  if (!group_fetch::needs_steps(asked)) {
    submit_call(at.now, make_call(std::move(asked), around, std::move(reply_later)));
    return;
  }
  const auto deadline = at.now + asked.deadline;
  const auto f = std::make_shared<stepwise>(
    stepwise{group_fetch{std::move(asked), options_.auto_offset_reset}, deadline,
      std::move(reply_later)});
  proceed(f, f->machine.begin());
  after_event(at.now);
}

void worker_client::proceed(const std::shared_ptr<stepwise>& f, group_fetch::next next) {
  if (auto* outcome = std::get_if<result<fetched>>(&next)) {
    f->reply(std::move(*outcome));
    return;
  }
  std::visit(
    [&]<class Step>(Step& step) {
      const auto left = std::chrono::ceil<milliseconds>(f->deadline - at_.now);
      step.deadline = std::max(left, milliseconds{1});
      auto what =
        make_call(std::move(step), context(at_), [this, f](result<reply_of<Step>> got) {
          proceed(f, f->machine.on(std::move(got)));
        });
      if (what != nullptr)
        dispatcher_.submit(at_.now, std::move(what));
    },
    std::get<group_fetch::step>(next));
}

// -- events -----------------------------------------------------------------------------

time_point worker_client::next_time() const {
  auto next = dispatcher_.next_time();
  for (const auto& w : waiters_)
    next = std::min(next, w.deadline);
  return next;
}

void worker_client::shut_down() {
  dispatcher_.shut_down({error_code::closed, "worker " + options_.name + " was stopped"});
  take_from_dispatcher();
  for (auto& w : std::exchange(waiters_, {}))
    w.reply(error{error_code::closed, {}});
}

void worker_client::after_event(time_point now) {
  at_.now = now;
  take_from_dispatcher();
  answer_waiters(now);
}

// -- how it is --------------------------------------------------------------------------

worker_status worker_client::status(time_point now) const {
  worker_status told;
  told.name = options_.name;
  told.client_id = options_.cluster.client_id;
  told.consumer_group = options_.defaults.consumer_group;
  told.connected = dispatcher_.connected();
  told.pending = dispatcher_.pending();
  told.connections = connections_of(dispatcher_, now);
  return told;
}

void worker_client::submit(
  const moment& at, const get_status& asked, reply_function<worker_status> reply) {
  auto reply_later = later<worker_status>(std::move(reply));
  if (!asked.wait_connected) {
    reply_later(status(at.now));
    return;
  }
  const auto deadline =
    asked.deadline > milliseconds{0} ? asked.deadline : options_.defaults.request_timeout;
  waiters_.push_back({at.now + deadline, asked.until_refused, std::move(reply_later)});
  dispatcher_.want_connection(at.now);
  after_event(at.now);
}

error worker_client::why_disconnected() const {
  const auto connections = dispatcher_.connections();
  const auto by_login = [](const auto& l) {
    return sasl::is_login_failure(l.last_error.code);
  };
  const auto all = !connections.empty() && std::ranges::all_of(connections, by_login);
  return {all ? connections.front().last_error.code : error_code::disconnected,
    "no broker can be reached: " + dispatcher_.why_disconnected()};
}

void worker_client::answer_waiters(time_point now) {
  if (waiters_.empty())
    return;
  const auto refused = dispatcher_.unreachable();
  // That does not pass, however long a caller is ready to wait.
  const auto login = refused && sasl::is_login_failure(why_disconnected().code);
  std::erase_if(waiters_, [&](waiter& w) {
    if (dispatcher_.connected())
      w.reply(status(now));
    else if (w.deadline <= now || login || (w.until_refused && refused))
      w.reply(why_disconnected());
    else
      return false;
    return true;
  });
}

} // namespace cafka::protocol
