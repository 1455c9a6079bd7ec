#include "../../supervision/alarm.hpp"
#include "../../supervision/caf_compat.hpp"
#include "../dispatcher_shell.hpp"
#include "../log_sink.hpp"
#include "producer_calls.hpp"
#include "producer_metrics.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <algorithm>
#include <exception>
#include <random>
#include <unordered_map>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::dispatcher;
using protocol::producer_machine;
using protocol::time_point;

using producer_impl =
  trapping_exits<producer_actor::extend<caf::result<void>(producer_news),
    caf::result<void>(transport_up), caf::result<void>(transport_frames),
    caf::result<void>(transport_progress), caf::result<void>(transport_down),
    caf::result<void>(supervision::alarm_rings)>>;

/// Beyond what a broker may take by the request's own words.
constexpr milliseconds answer_grace{10'000};

worker_options connection_of(worker_options o, const producer_options& options) {
  // Compressing a batch must not keep the transport from other connections.
  o.transport.handled_here = options.compression == codec::none;
  return o;
}

protocol::dispatcher_options settings_of(const worker_options& connection) {
  auto result = dispatcher_options_of(connection, "producer");
  result.metadata_update_interval = milliseconds{0}; // The machine asks.
  result.max_pending = SIZE_MAX; // The machine's own limits are lower.
  return result;
}

protocol::producer_machine_options machine_options_of(
  const producer_options& o, const worker_options& connection) {
  protocol::producer_machine_options result;
  result.linger = o.linger;
  result.max_request_size = o.max_request_size;
  result.max_in_flight = o.max_in_flight;
  result.delivery_timeout = o.delivery_timeout;
  result.idempotent = o.idempotence;
  result.stalled_after = o.stalled_after;
  result.metadata_update_interval = connection.metadata_update_interval;
  result.unknown_topic_wait = connection.unknown_topic_wait;
  result.retry.initial = connection.retry_backoff;
  result.retry.max = connection.retry_backoff_max;
  result.seed = std::random_device{}();
  return result;
}

/// The shell around a producer machine and a dispatcher: brings them messages and the
/// time, does what they say.
class producer_state : public dispatcher::output, public producer_events {
public:
  static inline const char* name = "cafka.producer";

  producer_state(producer_impl::pointer self, std::shared_ptr<producer_core> core,
    worker_options connection, std::shared_ptr<transport_factory> transports)
    : self_(self),
      core_(std::move(core)),
      presence_(*core_, self_->address()),
      connection_(connection_of(std::move(connection), core_->options)),
      transports_(std::move(transports)),
      metrics_(core_->sys, core_->options.name),
      machine_(machine_options_of(core_->options, connection_), core_->batches),
      dispatcher_(settings_of(connection_), *this) {}

  /// After a crash: what is in this incarnation's hands ends here, what has not been
  /// taken from the senders' side yet is the next one's.
  virtual ~producer_state() {
    machine_.abandon(
      {error_code::worker_down, "producer " + core_->options.name + " crashed"}, true);
    std::vector<protocol::delivery_report> reports;
    const auto take = [&](producer_machine::action& a) {
      if (auto* report = std::get_if<protocol::delivery_report>(&a)) {
        metrics_.delivered(*report, now());
        reports.push_back(std::move(*report));
      }
    };
    // What ends the actor may end it in the middle of what was to be done.
    std::for_each(
      doing_.begin() + static_cast<std::ptrdiff_t>(done_), doing_.end(), take);
    auto rest = machine_.take_actions();
    std::ranges::for_each(rest, take);
    update_metrics();
    core_->tell_all(std::move(reports));
  }

  producer_state(const producer_state&) = delete;
  producer_state& operator=(const producer_state&) = delete;

  producer_impl::behavior_type make_behavior() {
    trap_exit(self_, [this](caf::exit_msg& msg) { on_exit_message(msg); });
#ifdef CAF_ENABLE_EXCEPTIONS
    // CAF's own handler prints on standard output, which belongs to the program.
    self_->set_exception_handler(
      [](std::exception_ptr& thrown) { return reason_of(thrown); });
#endif
    dispatcher_.start(now());
    machine_.start(now());
    core_->attach(caf::actor_cast<producer_actor>(self_));
    // Whoever told of news before that told nobody.
    machine_.on_news(now());
    after_event();
    return {
      [this](flush_producer request) { return on_flush(request.deadline, false); },
      [this](close_producer request) { return on_flush(request.deadline, true); },
      [this](get_producer_status) { return result<producer_status>{status()}; },
      [this](producer_news) {
        machine_.on_news(now());
        after_event();
      },
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
        machine_.on_connection_lost(now());
        after_event();
      },
      [this](supervision::alarm_rings msg) {
        if (!alarm_.rings(msg))
          return;
        dispatcher_.on_time(now());
        if (machine_.next_reasons() <= now())
          machine_.on_reachability(reachability());
        machine_.on_time(now());
        after_event();
      },
      [this](caf::exit_msg& msg) { on_exit_message(msg); },
    };
  }

  // -- what the dispatcher wants done ---------------------------------------------------

  void connect(std::uint64_t connection, const endpoint& to) override {
    transports_up_[connection] = transports_->open(
      to, connection_.transport, caf::actor_cast<caf::weak_actor_ptr>(self_), connection);
  }

  dispatcher::output::sent send(
    std::uint64_t connection, protocol::frame bytes) override {
    const auto found = transports_up_.find(connection);
    if (found == transports_up_.end())
      return dispatcher::output::sent::closed;
    switch (found->second->send(std::move(bytes))) {
    case transport::sent::queued: return dispatcher::output::sent::queued;
    case transport::sent::full: return dispatcher::output::sent::full;
    case transport::sent::closed: return dispatcher::output::sent::closed;
    }
    return dispatcher::output::sent::closed;
  }

  void disconnect(std::uint64_t connection) override {
    transports_up_.erase(connection);
  }

  void happened(const protocol::happening& what) override {
    connection_.log->write(what.level, "producer", core_->options.name, what.text);
  }

  // -- what the calls tell --------------------------------------------------------------

  std::vector<producer_machine::item> fill(std::uint64_t request) override {
    sent_at_[request] = now();
    return machine_.fill(now(), request);
  }

  void answered(std::uint64_t request, const protocol::produce_response& r) override {
    if (const auto sent = sent_at_.find(request); sent != sent_at_.end()) {
      metrics_.request_took(protocol::api_key::produce, now() - sent->second);
      sent_at_.erase(sent);
    }
    machine_.on_answer(now(), request, r);
  }

  void sent(std::uint64_t request) override {
    sent_at_.erase(request);
    machine_.on_sent(now(), request);
  }

  void failed(std::uint64_t request, const error& why) override {
    sent_at_.erase(request);
    machine_.on_failure(now(), request, why);
  }

  void asking(protocol::api_key what) override {
    (what == protocol::api_key::metadata ? metadata_asked_at_ : identity_asked_at_) =
      now();
  }

  void learned(const protocol::metadata_response& r) override {
    metrics_.request_took(protocol::api_key::metadata, now() - metadata_asked_at_);
    machine_.on_metadata(now(), r);
    core_->notify();
  }

  void learned_nothing(const error& why) override {
    machine_.on_metadata_failed(now(), why);
  }

  void identified(std::int64_t id, std::int16_t epoch) override {
    metrics_.request_took(
      protocol::api_key::init_producer_id, now() - identity_asked_at_);
    machine_.on_identity(now(), id, epoch);
  }

  void not_identified(const error& why) override {
    machine_.on_identity_failed(now(), why);
  }

private:
  struct presence {
    presence(producer_core& c, caf::actor_addr self) : core(c), address(std::move(self)) {
      core.enter();
    }
    presence(const presence&) = delete;
    presence& operator=(const presence&) = delete;
    ~presence() { core.leave(address); }

    producer_core& core;
    const caf::actor_addr address;
  };

  struct flusher {
    std::uint64_t flush = 0;
    time_point deadline;
    bool closes = false;
    caf::typed_response_promise<error> promise;
    bool late = false; ///< Its deadline has passed, with so many batches left.
    std::size_t left = 0;
  };

  time_point now() const {
    return self_->clock().now();
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

  // -- what the machine wants done ------------------------------------------------------

  void tell_moves() {
    if (!machine_.has_moves())
      return;
    const auto moves = machine_.take_moves();
    if (connection_.log != nullptr)
      connection_.log->write(
        log_level::info, "producer", core_->options.name, moves.text());
  }

  void after_event() {
    tell_moves();
    while (machine_.has_actions()) {
      // Before anybody is told of it.
      update_metrics();
      doing_ = machine_.take_actions();
      for (done_ = 0; done_ != doing_.size();)
        std::visit([this](auto& x) { act(x); }, doing_[done_++]);
      doing_.clear();
      done_ = 0;
    }
    update_metrics();
    schedule();
    if (std::exchange(ends_, false))
      end(caf::exit_reason::normal);
  }

  void act(const producer_machine::send_request& x) {
    dispatcher_.submit(now(),
      make_produce_call(*this, x.broker, x.request, core_->options),
      core_->options.request_timeout + answer_grace);
  }

  void act(producer_machine::ask_metadata& x) {
    dispatcher_.submit(now(),
      make_metadata_call(
        *this, std::move(x.topics), x.create && core_->options.allow_auto_topic_creation),
      connection_.request_timeout);
  }

  void act(const producer_machine::ask_identity&) {
    dispatcher_.submit(now(), make_identity_call(*this), connection_.request_timeout);
  }

  void act(const producer_machine::flushed& x) {
    std::erase_if(flushers_, [&](flusher& f) {
      if (f.flush != x.flush || f.late)
        return false;
      ends_ = ends_ || f.closes;
      f.promise.deliver(error{});
      return true;
    });
  }

  void act(protocol::delivery_report& x) {
    metrics_.delivered(x, now());
    core_->tell(std::move(x));
  }

  void act(protocol::stall_report& x) {
    core_->tell(std::move(x));
  }

  // -- how it is ------------------------------------------------------------------------

  void update_metrics() {
    metrics_.update(machine_, core_->batches.pool().used(), core_->take_thrown());
  }

  [[nodiscard]] producer_machine::reachability reachability() const {
    producer_machine::reachability result;
    if (!dispatcher_.connected())
      result.none_reachable = {error_code::disconnected,
        "no broker can be reached: " + dispatcher_.why_disconnected()};
    for (const auto& l : dispatcher_.links()) {
      if (l.up || l.broker.value() < 0 || !l.last_error)
        continue;
      auto& why = result.broken[l.broker] = l.last_error;
      if (why.detail.find(to_string(l.address)) == std::string::npos)
        why.detail += " (" + to_string(l.address) + ')';
    }
    return result;
  }

  [[nodiscard]] producer_status status() {
    machine_.on_reachability(reachability());
    producer_status result;
    result.name = core_->options.name;
    result.connected = dispatcher_.connected();
    if (!result.connected)
      result.why_disconnected = dispatcher_.why_disconnected();
    result.connections = connections_of(dispatcher_, now());
    result.buffered_bytes = core_->batches.pool().used();
    result.outstanding_batches = machine_.outstanding();
    result.requests_in_flight = machine_.in_flight();
    for (auto& w : machine_.waiting(now()))
      result.waiting.push_back(
        {std::move(w.topic), w.partition, w.records, w.waited, std::move(w.why)});
    return result;
  }

  // -- flush, close, exit ---------------------------------------------------------------

  caf::typed_response_promise<error> on_flush(milliseconds deadline, bool closes) {
    if (closes)
      core_->close();
    if (deadline <= milliseconds{0})
      deadline = core_->options.delivery_timeout;
    auto promise = self_->make_response_promise<error>();
    flushers_.push_back(
      {machine_.flush(now()), producer_core::until(deadline), closes, promise});
    after_event();
    return promise;
  }

  void answer_late_flushers() {
    const auto at = now();
    bool gives_up = false;
    if (std::ranges::none_of(
          flushers_, [&](const flusher& f) { return f.late || f.deadline <= at; }))
      return;
    machine_.on_reachability(reachability());
    if (const auto why = machine_.why_waiting(at); !why.empty())
      why_late_ = ": " + why;
    for (auto& f : flushers_) {
      if (f.late || f.deadline > at)
        continue;
      f.late = true;
      f.left = machine_.outstanding();
      gives_up = gives_up || f.closes;
    }
    if (gives_up) {
      ends_ = true;
      machine_.abandon({error_code::closed,
        "producer " + core_->options.name + " was closed before it could be sent"
          + why_late_});
      // Who closes it is answered once all is reported.
      if (machine_.has_actions())
        return;
    }
    std::erase_if(flushers_, [this](flusher& f) {
      if (f.late)
        f.promise.deliver(error{error_code::timed_out,
          std::to_string(f.left) + " batches have no outcome yet" + why_late_});
      return f.late;
    });
    why_late_.clear();
  }

  void on_exit_message(const caf::exit_msg& msg) {
    end(msg.reason);
  }

  void end(const caf::error& reason) {
    const error why{
      error_code::closed, "producer " + core_->options.name + " was stopped"};
    core_->end(why);
    machine_.abandon(why);
    for (auto& f : std::exchange(flushers_, {}))
      f.promise.deliver(why);
    after_event();
    dispatcher_.shut_down(why);
    transports_up_.clear();
    self_->quit(reason);
  }

  // -- time -----------------------------------------------------------------------------

  void schedule() {
    auto next = std::min(dispatcher_.next_time(), machine_.next_time());
    if (!flushers_.empty()) {
      answer_late_flushers();
      if (machine_.has_actions())
        return after_event();
      for (const auto& f : flushers_)
        next = std::min(next, f.deadline);
    }
    alarm_.set<producer_impl>(self_, now(), next);
  }

  producer_impl::pointer self_;
  const std::shared_ptr<producer_core> core_;
  // Before the machine, and so until it is gone.
  const presence presence_;
  const worker_options connection_;
  const std::shared_ptr<transport_factory> transports_;
  producer_metrics metrics_;
  std::unordered_map<connection_id, std::unique_ptr<transport>> transports_up_;
  producer_machine machine_;
  dispatcher dispatcher_;
  std::unordered_map<std::uint64_t, time_point> sent_at_;
  time_point metadata_asked_at_;
  time_point identity_asked_at_;
  /// What the machine wanted done, and how much of it was begun.
  std::vector<producer_machine::action> doing_;
  std::size_t done_ = 0;
  std::vector<flusher> flushers_;
  std::string why_late_; ///< Why those have no outcome.
  bool ends_ = false;    ///< It was closed, and all is told.
  supervision::alarm alarm_;
};

} // namespace

producer_actor spawn_producer(caf::actor_system& sys, std::shared_ptr<producer_core> core,
  worker_options connection, std::shared_ptr<transport_factory> transports) {
  using actor = caf::stateful_actor<producer_state, producer_impl::impl>;
  return sys.spawn<actor>(std::move(core), std::move(connection), std::move(transports));
}

} // namespace cafka::actors
