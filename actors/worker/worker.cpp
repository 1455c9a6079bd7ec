#include "worker.hpp"

#include "../../supervision/alarm.hpp"
#include "../../supervision/caf_compat.hpp"
#include "../dispatcher_shell.hpp"
#include "../log_sink.hpp"
#include "calls.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <exception>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <unordered_map>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::dispatcher;
using protocol::time_point;

using worker_impl = trapping_exits<worker_actor::extend<caf::result<void>(transport_up),
  caf::result<void>(transport_frames), caf::result<void>(transport_progress),
  caf::result<void>(transport_down), caf::result<void>(supervision::alarm_rings)>>;

protocol::dispatcher_options settings_of(const worker_options& options) {
  auto result = dispatcher_options_of(options, "worker");
  result.metadata_update_interval = options.metadata_update_interval;
  result.unknown_topic_wait = options.unknown_topic_wait;
  result.coordinator_update_interval = options.consumer_group_update_interval;
  result.initial_topics = options.initial_topics;
  result.max_pending = options.max_pending;
  return result;
}

/// The shell around a dispatcher: brings it messages and the time, does what it says.
class worker_state : public dispatcher::output {
public:
  static inline const char* name = "cafka.worker";

  worker_state(worker_impl::pointer self, worker_options options,
    std::shared_ptr<transport_factory> transports)
    : self_(self),
      options_(std::move(options)),
      transports_(std::move(transports)),
      dispatcher_(settings_of(options_), *this) {}

  virtual ~worker_state() = default;

  worker_state(const worker_state&) = delete;
  worker_state& operator=(const worker_state&) = delete;

  worker_impl::behavior_type make_behavior() {
    trap_exit(self_, [this](caf::exit_msg& msg) { on_exit_message(msg); });
#ifdef CAF_ENABLE_EXCEPTIONS
    // CAF's own handler prints on standard output, which belongs to the program; the
    // supervisor's event carries this.
    self_->set_exception_handler(
      [](std::exception_ptr& thrown) { return reason_of(thrown); });
#endif
    dispatcher_.start(now());
    schedule();
    return {
      [this](produce& request) {
        set_deadline(request.deadline);
        return submit<produced>(request.deadline, [&](auto reply) {
          produce_surroundings around{options_.allow_auto_topic_creation, wall_clock(),
            options_.partitioner, static_cast<std::uint32_t>(random_())};
          return make_call(std::move(request), std::move(around), std::move(reply));
        });
      },
      [this](fetch& request) { return on_fetch(request); },
      [this](list_offsets& request) { return submit_simple<listed_offset>(request); },
      [this](metadata& request) { return submit_simple<cluster_metadata>(request); },
      [this](
        api_versions& request) { return submit_simple<supported_versions>(request); },
      [this](offset_commit& request) { return submit_for_group<done>(request); },
      [this](
        offset_fetch& request) { return submit_for_group<fetched_offsets>(request); },
      [this](find_coordinator& request) {
        if (request.type == coordinator_type::group)
          set_group(request.key);
        return submit_simple<found_coordinator>(request);
      },
      [this](join_group& request) { return on_join_group(request); },
      [this](sync_group& request) {
        set_group(request.group);
        if (request.deadline <= milliseconds{0})
          request.deadline =
            options_.request_timeout + timeouts_of(request.group).rebalance;
        return submit_simple<synced_group>(request);
      },
      [this](heartbeat& request) {
        set_group(request.group);
        const auto session = timeouts_of(request.group).session;
        if (request.deadline <= milliseconds{0} && session > milliseconds{0})
          request.deadline = std::min(options_.request_timeout, session);
        return submit_simple<done>(request);
      },
      [this](leave_group& request) { return submit_for_group<left_group>(request); },
      [this](create_topics& request) { return submit_simple<topic_results>(request); },
      [this](delete_topics& request) { return submit_simple<topic_results>(request); },
      [this](const get_status& request) { return on_get_status(request); },
      [this](transport_up msg) {
        dispatcher_.on_up(now(), msg.id);
        after_event();
      },
      [this](const transport_frames& msg) { on_frames(msg); },
      [this](transport_progress msg) {
        dispatcher_.on_progress(now(), msg.id, msg.received, msg.expected);
        after_event();
      },
      [this](const transport_down& msg) {
        transports_up_.erase(msg.id);
        dispatcher_.on_down(now(), msg.id, msg.reason);
        after_event();
      },
      [this](supervision::alarm_rings msg) {
        if (!alarm_.rings(msg))
          return;
        dispatcher_.on_time(now());
        after_event();
      },
      [this](caf::exit_msg& msg) { on_exit_message(msg); },
    };
  }

  // -- what the dispatcher wants done
  // -----------------------------------------------------

  void connect(std::uint64_t connection, const endpoint& to) override {
    transports_up_[connection] = transports_->open(
      to, options_.transport, caf::actor_cast<caf::weak_actor_ptr>(self_), connection);
  }

  sent send(std::uint64_t connection, protocol::frame bytes) override {
    const auto found = transports_up_.find(connection);
    if (found == transports_up_.end())
      return sent::closed;
    switch (found->second->send(std::move(bytes))) {
    case transport::sent::queued: return sent::queued;
    case transport::sent::full: return sent::full;
    case transport::sent::closed: return sent::closed;
    }
    return sent::closed;
  }

  void disconnect(std::uint64_t connection) override {
    transports_up_.erase(connection);
  }

  void happened(const protocol::happening& what) override {
    options_.log->write(what.level, "worker", options_.name, what.text);
  }

private:
  struct waiter {
    time_point deadline;
    bool until_refused = false;
    caf::typed_response_promise<result<worker_status>> promise;
  };

  time_point now() const {
    return self_->clock().now();
  }

  static timestamp wall_clock() {
    return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
  }

  void set_deadline(milliseconds& deadline) const {
    if (deadline <= milliseconds{0})
      deadline = options_.request_timeout;
  }

  template <class Reply, class MakeCall>
  caf::typed_response_promise<result<Reply>> submit(
    milliseconds deadline, MakeCall make) {
    auto promise = self_->template make_response_promise<result<Reply>>();
    auto what =
      make([promise](result<Reply> reply) mutable { promise.deliver(std::move(reply)); });
    if (what != nullptr) {
      dispatcher_.submit(now(), std::move(what), deadline);
      after_event();
    }
    return promise;
  }

  template <class Reply, class Request>
  caf::typed_response_promise<result<Reply>> submit_simple(Request& request) {
    set_deadline(request.deadline);
    return submit<Reply>(request.deadline,
      [&](auto reply) { return make_call(std::move(request), std::move(reply)); });
  }

  // -- groups ---------------------------------------------------------------------------

  struct group_timeouts {
    milliseconds rebalance{0};
    milliseconds session{0};
    time_point used = {};
  };

  void set_group(std::string& group) const {
    if (group.empty() && options_.consumer_group)
      group = *options_.consumer_group;
  }

  template <class Reply, class Request>
  caf::typed_response_promise<result<Reply>> submit_for_group(Request& request) {
    set_group(request.group);
    return submit_simple<Reply>(request);
  }

  /// Zero where the group was not joined through this worker.
  [[nodiscard]] group_timeouts timeouts_of(const std::string& group) {
    const auto found = joined_.find(group);
    if (found == joined_.end())
      return {};
    found->second.used = now();
    return found->second;
  }

  /// Forgets groups whose members have sent no heartbeat for long; now and then, so that
  /// joining stays cheap.
  void forget_idle_groups() {
    if (joined_.size() < joined_limit_)
      return;
    const auto at = now();
    const auto idle = dispatcher_options_of(options_, "worker").topic_idle;
    std::erase_if(joined_, [&](const auto& entry) {
      const auto& g = entry.second;
      return at - g.used > std::max({g.rebalance, g.session, idle});
    });
    joined_limit_ = std::max<std::size_t>(64, 2 * joined_.size());
  }

  caf::typed_response_promise<result<joined_group>> on_join_group(join_group& request) {
    set_group(request.group);
    joined_[request.group] = {request.rebalance_timeout, request.session_timeout, now()};
    forget_idle_groups();
    if (request.deadline <= milliseconds{0})
      request.deadline = options_.request_timeout + request.rebalance_timeout;
    return submit_simple<joined_group>(request);
  }

  // -- a fetch in steps -----------------------------------------------------------------

  /// One on its way: where it begins, the records, the commit.
  struct stepwise_fetch {
    fetch request;
    time_point deadline;
    bool finds_offset = false; // The caller names no offset.
    bool reset = false;        // It has been replaced once.
    caf::typed_response_promise<result<fetched>> promise;
  };
  using stepwise_fetch_ptr = std::shared_ptr<stepwise_fetch>;

  caf::typed_response_promise<result<fetched>> on_fetch(fetch& request) {
    if (!request.max_decompressed_bytes)
      request.max_decompressed_bytes = options_.max_decompressed_bytes;
    if (!request.max_decompression_ratio)
      request.max_decompression_ratio = options_.max_decompression_ratio;
    set_group(request.group);
    if (request.offset && (!request.auto_commit || request.group.empty()))
      return submit_simple<fetched>(request);
    set_deadline(request.deadline);
    auto promise = self_->make_response_promise<result<fetched>>();
    pair_pins(request.offset_fetch_api_version, request.offset_commit_api_version);
    const auto pins = first_wrong(request);
    if (pins) {
      promise.deliver(result<fetched>{pins});
      return promise;
    }
    const auto f = std::make_shared<stepwise_fetch>(stepwise_fetch{
      std::move(request), now() + request.deadline, !request.offset, false, promise});
    if (!f->finds_offset)
      fetch_records(f);
    else if (f->request.group.empty())
      reset_offset(f);
    else
      ask_committed(f);
    after_event();
    return promise;
  }

  /// Of the versions that are pinned for the steps; the last one must not fail the work
  /// of the others.
  static error first_wrong(const fetch& request) {
    auto wrong = check_fetch_pin(request.api_version);
    return wrong
      ? wrong
      : check_pins(request.offset_fetch_api_version, request.offset_commit_api_version);
  }

  void ask_committed(const stepwise_fetch_ptr& f) {
    offset_fetch question;
    question.group = f->request.group;
    question.topics = {{{f->request.topic, {f->request.partition}}}};
    question.api_version = f->request.offset_fetch_api_version;
    submit_step<fetched_offsets>(f, question, [this, f](result<fetched_offsets> kept) {
      if (!kept)
        return f->promise.deliver(result<fetched>{kept.error()});
      for (const auto& o : kept->offsets)
        f->request.offset = o.offset;
      if (f->request.offset)
        fetch_records(f);
      else
        reset_offset(f);
    });
  }

  void reset_offset(const stepwise_fetch_ptr& f) {
    f->reset = true;
    list_offsets question;
    question.topic = f->request.topic;
    question.partition = f->request.partition;
    question.time = options_.auto_offset_reset == offset_reset::latest
      ? offset_time::latest()
      : offset_time::earliest();
    question.isolation = f->request.isolation;
    submit_step<listed_offset>(f, question, [this, f](result<listed_offset> found) {
      if (!found)
        return f->promise.deliver(result<fetched>{found.error()});
      f->request.offset = found->offset.value_or(0);
      fetch_records(f);
    });
  }

  void fetch_records(const stepwise_fetch_ptr& f) {
    submit_step<fetched>(f, f->request, [this, f](result<fetched> got) {
      const bool out_of_range = got.error().code == error_code::offset_out_of_range;
      if (out_of_range && f->finds_offset && !f->reset
        && options_.auto_offset_reset != offset_reset::none)
        return reset_offset(f);
      if (!got || !f->request.auto_commit || f->request.group.empty()
        || got->records.next_offset() <= *f->request.offset)
        return f->promise.deliver(std::move(got));
      commit(f, *std::move(got));
    });
  }

  void commit(const stepwise_fetch_ptr& f, fetched got) {
    offset_commit request;
    request.group = f->request.group;
    request.api_version = f->request.offset_commit_api_version;
    const auto next = got.records.next_offset();
    request.offsets.push_back({f->request.topic, f->request.partition, next});
    submit_step<done>(f, request, [f, next, got](result<done> kept) mutable {
      if (kept)
        got.committed = next;
      got.commit_error = kept.error();
      f->promise.deliver(result<fetched>{std::move(got)});
    });
  }

  /// Asks, within what is left of the fetch's time. The answer is taken after the event
  /// that brings it, as the dispatcher is in the midst of a decision then.
  template <class Reply, class Request, class F>
  void submit_step(const stepwise_fetch_ptr& f, Request request, F take) {
    const auto left = std::chrono::ceil<milliseconds>(f->deadline - now());
    request.deadline = std::max(left, milliseconds{1});
    const auto deadline = request.deadline;
    auto what = make_call(std::move(request),
      reply_function<Reply>{[this, take = std::move(take)](result<Reply> reply) {
        later_.push_back(
          [take, reply = std::move(reply)]() mutable { take(std::move(reply)); });
      }});
    if (what != nullptr)
      dispatcher_.submit(now(), std::move(what), deadline);
  }

  void run_later() {
    while (!later_.empty()) {
      for (auto& step : std::exchange(later_, {}))
        step();
    }
  }

  void on_frames(const transport_frames& msg) {
    const auto at = now();
    std::size_t bytes = 0;
    for (const auto& f : msg.frames) {
      bytes += f.size();
      dispatcher_.on_frame(at, msg.id, f);
    }
    if (const auto found = transports_up_.find(msg.id); found != transports_up_.end())
      found->second->grant(bytes);
    after_event();
  }

  void on_exit_message(const caf::exit_msg& msg) {
    dispatcher_.shut_down(
      {error_code::closed, "worker " + options_.name + " was stopped"});
    run_later();
    for (auto& w : std::exchange(waiters_, {}))
      w.promise.deliver(result<worker_status>{error_code::closed});
    transports_up_.clear();
    self_->quit(msg.reason);
  }

  // -- status
  // -----------------------------------------------------------------------------

  [[nodiscard]] worker_status status() const {
    worker_status result;
    result.name = options_.name;
    result.client_id = options_.client_id;
    result.consumer_group = options_.consumer_group;
    result.connected = dispatcher_.connected();
    result.pending = dispatcher_.pending();
    result.connections = connections_of(dispatcher_, now());
    return result;
  }

  caf::typed_response_promise<result<worker_status>> on_get_status(
    const get_status& request) {
    auto promise = self_->make_response_promise<result<worker_status>>();
    if (!request.wait_connected || dispatcher_.connected()) {
      promise.deliver(result<worker_status>{status()});
      return promise;
    }
    auto deadline = request.deadline;
    set_deadline(deadline);
    waiters_.push_back({now() + deadline, request.until_refused, promise});
    answer_waiters();
    schedule();
    return promise;
  }

  [[nodiscard]] error why_disconnected() const {
    const auto links = dispatcher_.links();
    const auto wants_login = [](const auto& l) {
      return l.last_error.code == error_code::illegal_sasl_state;
    };
    const auto all = !links.empty() && std::ranges::all_of(links, wants_login);
    return {all ? error_code::illegal_sasl_state : error_code::disconnected,
      "no broker can be reached: " + dispatcher_.why_disconnected()};
  }

  void answer_waiters() {
    if (waiters_.empty())
      return;
    const auto at = now();
    const auto refused = dispatcher_.unreachable();
    // That does not pass, however long somebody is ready to wait.
    const auto login =
      refused && why_disconnected().code == error_code::illegal_sasl_state;
    std::erase_if(waiters_, [&](waiter& w) {
      if (dispatcher_.connected())
        w.promise.deliver(result<worker_status>{status()});
      else if (w.deadline <= at || login || (w.until_refused && refused))
        w.promise.deliver(result<worker_status>{why_disconnected()});
      else
        return false;
      return true;
    });
  }

  // -- time
  // ---------------------------------------------------------------------------------

  void after_event() {
    run_later();
    answer_waiters();
    schedule();
  }

  void schedule() {
    auto next = dispatcher_.next_time();
    for (const auto& w : waiters_)
      next = std::min(next, w.deadline);
    alarm_.set<worker_impl>(self_, now(), next);
  }

  worker_impl::pointer self_;
  worker_options options_;
  std::shared_ptr<transport_factory> transports_;
  std::unordered_map<connection_id, std::unique_ptr<transport>> transports_up_;
  dispatcher dispatcher_;
  std::minstd_rand random_{std::random_device{}()};
  std::map<std::string, group_timeouts> joined_;
  std::size_t joined_limit_ = 64;
  std::vector<std::function<void()>> later_;
  std::vector<waiter> waiters_;
  supervision::alarm alarm_;
};

} // namespace

worker_actor spawn_worker(caf::actor_system& sys, worker_options options,
  std::shared_ptr<transport_factory> transports) {
  using worker = caf::stateful_actor<worker_state, worker_impl::impl>;
  return sys.spawn<worker>(std::move(options), std::move(transports));
}

} // namespace cafka::actors
