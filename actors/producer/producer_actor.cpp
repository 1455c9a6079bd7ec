#include "../../protocol/clients/connections.hpp"
#include "../../protocol/clients/producer_client.hpp"
#include "../client_actor.hpp"
#include "../client_settings.hpp"
#include "producer_core.hpp"
#include "producer_metrics.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>
#include <caf/typed_response_promise.hpp>

#include <map>
#include <random>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::producer_client;

using producer_impl =
  client_interface<producer_actor, caf::result<void>(producer_changed)>;

protocol::producer_client_options settings_of(
  const producer_options& o, const connection_options& connection) {
  protocol::producer_client_options result;
  result.name = o.name;
  result.cluster = dispatcher_options_of(connection, "producer");
  result.cluster.metadata_max_age = milliseconds{0}; // The machine asks.
  result.cluster.max_pending = SIZE_MAX; // The machine's own limits are lower.
  auto& machine = result.machine;
  machine.linger = o.linger;
  machine.max_request_size = o.max_request_size;
  machine.max_in_flight = o.max_in_flight;
  machine.delivery_timeout = o.delivery_timeout;
  machine.idempotence = o.idempotence;
  machine.stalled_after = o.stalled_after;
  machine.metadata_max_age = connection.metadata_max_age;
  machine.unknown_topic_wait = connection.unknown_topic_wait;
  machine.retry_backoff.initial = connection.retry_backoff;
  machine.retry_backoff.max = connection.retry_backoff_max;
  machine.seed = std::random_device{}();
  result.acks = o.acks;
  result.compression = o.compression;
  result.idempotence = o.idempotence;
  result.request_timeout = o.request_timeout;
  result.allow_auto_topic_creation = o.allow_auto_topic_creation;
  return result;
}

shell_settings shell_settings_of(const producer_options& o,
  const connection_options& connection, std::shared_ptr<transport_factory> transports) {
  auto result =
    actors::shell_settings_of(connection, std::move(transports), "producer", o.name);
  // Compressing a batch must not keep the transport from other connections.
  result.transport.handled_here = o.compression == codec::none;
  return result;
}

/// That an incarnation runs, which alone takes from the accumulator.
class producer_presence {
public:
  producer_presence(std::shared_ptr<producer_core> core, caf::actor_addr self)
    : core_(std::move(core)), address_(std::move(self)) {
    core_->enter();
  }
  producer_presence(const producer_presence&) = delete;
  producer_presence& operator=(const producer_presence&) = delete;

protected:
  ~producer_presence() { core_->leave(address_); }

  const std::shared_ptr<producer_core> core_;

private:
  const caf::actor_addr address_;
};

// The presence is its first base: it begins before the client, and ends after it.
class producer_state
  : producer_presence,
    public client_shell<producer_state, producer_impl, producer_client> {
public:
  static inline const char* name = "cafka.producer";

  producer_state(producer_impl::pointer self, std::shared_ptr<producer_core> core,
    const connection_options& connection, std::shared_ptr<transport_factory> transports)
    : producer_presence(std::move(core), self->address()),
      client_shell(self,
        shell_settings_of(core_->options, connection, std::move(transports)),
        settings_of(core_->options, connection), core_->batches),
      metrics_(core_->sys, core_->options.name) {}

  /// After a crash: what is in this incarnation's hands ends here, what has not been
  /// taken from the senders' side yet is the next one's.
  ~producer_state() {
    std::vector<protocol::delivery_report> reports;
    const auto take = [&](producer_client::effect& e) {
      if (auto* report = std::get_if<protocol::delivery_report>(&e)) {
        metrics_.delivered(*report, now());
        reports.push_back(std::move(*report));
      }
    };
    each_not_begun(take);
    client().abandon_taken(
      {error_code::worker_down, "producer " + core_->options.name + " crashed"});
    for (auto& e : client().take_effects())
      take(e);
    before_effects();
    core_->tell_all(std::move(reports));
  }

  producer_impl::behavior_type make_behavior() {
    client().start(now());
    core_->attach(caf::actor_cast<producer_actor>(self()));
    // What changed before that was told to nobody.
    client().on_changed(now());
    after_event();
    return behavior(
      own_handlers,
      [this](flush_producer request) { return on_flush(request.deadline, false); },
      [this](close_producer request) { return on_flush(request.deadline, true); },
      [this](get_producer_status) { return result<producer_status>{status()}; },
      [this](producer_changed) {
        client().on_changed(now());
        after_event();
      });
  }

  // -- what the client wants done -------------------------------------------------------

  void act(protocol::delivery_report& x) {
    metrics_.delivered(x, now());
    core_->tell(std::move(x));
  }
  void act(protocol::stall_report& x) { core_->tell(std::move(x)); }
  void act(const producer_client::request_took& x) {
    metrics_.request_took(x.what, x.time);
  }
  void act(const producer_client::topics_learned&) { core_->notify(); }
  void act(producer_client::flush_ended& x) {
    const auto found = flushers_.find(x.flush);
    found->second.deliver(std::move(x.outcome));
    flushers_.erase(found);
  }
  void act(const producer_client::operation_ended& x) { x.tell(); }
  void act(const producer_client::closed&) { closed_ = true; }

  // The metrics are up to date before the program gets a report.
  void before_event() {}
  void before_effects() {
    metrics_.update(
      client().machine(), core_->batches.pool().used(), core_->take_thrown());
  }
  void after_event_done() {
    before_effects();
    if (std::exchange(closed_, false))
      end(caf::exit_reason::normal);
  }

  void on_exit(const caf::error& reason) { end(reason); }

private:
  caf::typed_response_promise<error> on_flush(milliseconds deadline, bool closes) {
    if (closes)
      core_->close();
    if (deadline <= milliseconds{0})
      deadline = core_->options.delivery_timeout;
    auto promise = self()->make_response_promise<error>();
    const auto flush = client().flush(now(), producer_core::until(deadline), closes);
    flushers_.emplace(flush, promise);
    after_event();
    return promise;
  }

  void end(const caf::error& reason) {
    const error why{
      error_code::closed, "producer " + core_->options.name + " was stopped"};
    core_->end(why);
    client().shut_down(now(), why);
    carry_out();
    before_effects();
    quit(reason);
  }

  [[nodiscard]] producer_status status() {
    const auto& connections = client().connections();
    producer_status result;
    result.name = core_->options.name;
    result.connected = connections.connected();
    if (!result.connected)
      result.why_disconnected = connections.why_disconnected();
    result.connections = protocol::connections_of(connections, now());
    result.buffered_bytes = core_->batches.pool().used();
    result.outstanding_batches = client().machine().outstanding();
    result.requests_in_flight = client().machine().in_flight();
    for (auto& w : client().waiting(now()))
      result.waiting.push_back(
        {std::move(w.topic), w.partition, w.records, w.waited, std::move(w.why)});
    return result;
  }

  producer_metrics metrics_;
  std::map<std::uint64_t, caf::typed_response_promise<error>> flushers_;
  // It was closed, and all is told.
  bool closed_ = false;
};

} // namespace

producer_actor spawn_producer(caf::actor_system& sys, std::shared_ptr<producer_core> core,
  connection_options connection, std::shared_ptr<transport_factory> transports) {
  using actor = caf::stateful_actor<producer_state, producer_impl::impl>;
  return sys.spawn<actor>(std::move(core), std::move(connection), std::move(transports));
}

} // namespace cafka::actors
