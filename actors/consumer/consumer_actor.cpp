#include "../../protocol/clients/connections.hpp"
#include "../../protocol/clients/consumer_client.hpp"
#include "../client_actor.hpp"
#include "../client_settings.hpp"
#include "consumer_core.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <random>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::consumer_client;
using protocol::consumer_machine;

using consumer_impl =
  client_interface<consumer_actor, caf::result<void>(consumer_changed)>;

protocol::consumer_client_options settings_of(
  const consumer_core& core, const connection_options& connection) {
  const auto& o = core.options;
  protocol::consumer_client_options result;
  result.name = o.name;
  result.cluster = dispatcher_options_of(connection, "consumer");
  result.cluster.metadata_max_age = milliseconds{0}; // The machine asks.
  result.cluster.max_pending = SIZE_MAX; // The machine's own limits are lower.
  auto& machine = result.machine;
  machine.fetch_max_bytes = o.fetch_max_bytes;
  machine.max_partition_fetch_bytes = o.max_partition_fetch_bytes;
  machine.fetch_min_bytes = o.fetch_min_bytes;
  machine.fetch_max_wait = o.fetch_max_wait;
  machine.read_committed = o.isolation == isolation_level::read_committed;
  machine.client_rack = o.client_rack;
  machine.reset = protocol::place_of(o.auto_offset_reset);
  machine.metadata_max_age = connection.metadata_max_age;
  machine.unknown_topic_wait = connection.unknown_topic_wait;
  machine.unreachable = connection.socket_timeout;
  machine.stalled_after = o.stalled_after;
  // An answer must be whole long before it is given up.
  constexpr milliseconds shortest{50};
  machine.answer_time =
    std::clamp(std::min(o.request_timeout, connection.socket_timeout) / 8, shortest,
      machine.answer_time);
  machine.receive_message_max_bytes = connection.transport.receive_message_max_bytes;
  machine.retry_backoff.initial = connection.retry_backoff;
  machine.retry_backoff.max = connection.retry_backoff_max;
  machine.seed = std::random_device{}();
  result.request_timeout = o.request_timeout;
  result.reading = {.check_crcs = o.check_crcs,
    .max_decompressed_bytes =
      o.max_decompressed_bytes.value_or(connection.max_decompressed_bytes),
    .max_decompression_ratio =
      o.max_decompression_ratio.value_or(connection.max_decompression_ratio),
    .stop = &core.closing};
  return result;
}

class consumer_state
  : public client_shell<consumer_state, consumer_impl, consumer_client> {
public:
  static inline const char* name = "cafka.consumer";

  consumer_state(consumer_impl::pointer self, std::shared_ptr<consumer_core> core,
    const connection_options& connection, std::shared_ptr<transport_factory> transports)
    : client_shell(self,
      shell_settings_of(
        connection, std::move(transports), "consumer", core->options.name),
      settings_of(*core, connection), core->budget),
      core_(std::move(core)),
      log_(connection.log) {}

  ~consumer_state() { core_->detach(self()->address()); }

  consumer_impl::behavior_type make_behavior() {
    client().start(now());
    core_->metrics.restarted();
    // What is changed from here on wakes it.
    core_->attach(caf::actor_cast<consumer_actor>(self()));
    core_->begin();
    on_program();
    return behavior(
      own_handlers,
      [this](consumer_credit msg) {
        core_->grant(msg.batches);
        on_program();
      },
      [this](get_consumer_status) { return result<consumer_status>{status()}; },
      [this](consumer_changed) { on_program(); });
  }

  // -- what the client wants done -------------------------------------------------------

  void act(consumer_client::arrived& x) {
    std::vector<consumer_core::arrival> all;
    all.reserve(x.all.size());
    for (auto& a : x.all) {
      auto& to = all.emplace_back(
        consumer_core::arrival{a.slot, a.generation, a.next, std::nullopt});
      if (a.content == nullptr)
        continue;
      report_damage(*a.content, a.next);
      to.batch.emplace(std::move(a.content));
    }
    core_->push(all);
  }
  void act(const consumer_client::request_took& x) {
    core_->metrics.request_took(x.what, x.time);
  }
  void act(const consumer_machine::positioned& x) {
    core_->positioned(x.slot, x.generation, x.where);
  }
  void act(const consumer_machine::report& x) {
    log_report(x);
    core_->report(x.slot, x.generation, x.offset, x.halted, x.why);
  }
  void act(const consumer_machine::stray& x) {
    core_->report(
      {x.topic == nullptr ? std::string{} : *x.topic, x.partition, -1, false, x.why});
  }

  void before_event() { sync(false); }
  void before_effects() {}
  void after_event_done() {
    deliver();
    while (client().wants_taking() && sync(true)) {
      client().on_program(now());
      carry_out();
      deliver();
    }
    core_->metrics.update(client().machine());
  }

  void on_exit(const caf::error& reason) {
    core_->close();
    core_->metrics.ended();
    client().shut_down(now());
    carry_out();
    core_->detach(self()->address());
    quit(reason);
  }

private:
  void on_program() {
    sync(false);
    client().on_program(now());
    after_event();
  }

  /// Tells the client what has happened on the handles' side; whether anything has.
  bool sync(bool wants_takings) {
    core_->collect(changes_, takings_, wants_takings);
    for (const auto& t : takings_)
      client().on_taken(now(), t.slot, t.generation, t.bytes);
    for (const auto& c : changes_) {
      if (c.now)
        client().set(now(), c.slot, *c.now);
      else
        client().remove(now(), c.slot);
    }
    return !takings_.empty() || !changes_.empty();
  }

  void deliver() {
    if (!core_->options.deliver_to)
      return;
    auto got = core_->take_granted();
    for (auto& e : got.errors)
      post(core_->options.deliver_to, std::move(e));
    for (auto& b : got.batches)
      post(core_->options.deliver_to, std::move(b));
  }

  /// What is found damaged when the program walks the records becomes an error of the
  /// partition.
  void report_damage(protocol::consumed_content& content, log_offset next) const {
    content.records.when_damaged(
      [weak = std::weak_ptr{core_}, topic = content.topic, partition = content.partition,
        next](std::int32_t left_out, const error& why) {
        if (const auto core = weak.lock())
          core->report({*topic, partition, next, false,
            {why.code,
              why.detail + ", " + std::to_string(left_out) + " records left out"}});
      });
  }

  void log_report(const consumer_machine::report& x) const {
    if (log_ == nullptr)
      return;
    log_->write(x.why ? log_level::warning : log_level::info, "consumer",
      core_->options.name,
      core_->name_of(x.slot) + ": " + (x.why ? to_string(x.why) : x.why.detail));
  }

  consumer_status status() {
    const auto& connections = client().connections();
    consumer_status all;
    all.name = core_->options.name;
    all.connected = connections.connected();
    if (!all.connected)
      all.why_disconnected = connections.why_disconnected();
    all.connections = protocol::connections_of(connections, now());
    all.buffered_bytes = core_->budget->used();
    sync(false); // What was assigned just now is there.
    for (auto& v : client().view(now())) {
      auto& p = all.partitions.emplace_back();
      p.topic = *v.topic;
      p.partition = v.partition;
      p.state = state_of(v.is);
      p.position = core_->position({p.topic, p.partition}).value_or(log_offset{-1});
      p.log_end = v.log_end;
      p.leader = v.leader;
      p.asked = v.asked;
      p.why = std::move(v.why);
      p.without_progress = std::chrono::duration_cast<milliseconds>(now() - v.well_at);
    }
    client().on_program(now());
    after_event();
    return all;
  }

  static reading_state state_of(consumer_machine::condition c) {
    switch (c) {
    case consumer_machine::condition::reading: return reading_state::reading;
    case consumer_machine::condition::waiting: return reading_state::waiting;
    case consumer_machine::condition::full: return reading_state::full;
    case consumer_machine::condition::paused: return reading_state::paused;
    case consumer_machine::condition::halted: return reading_state::halted;
    }
    return reading_state::waiting;
  }

  const std::shared_ptr<consumer_core> core_;
  const std::shared_ptr<log_sink> log_;
  std::vector<consumer_core::change> changes_;
  std::vector<consumer_core::taking> takings_;
};

} // namespace

consumer_actor spawn_consumer(caf::actor_system& sys, std::shared_ptr<consumer_core> core,
  connection_options connection, std::shared_ptr<transport_factory> transports) {
  using actor = caf::stateful_actor<consumer_state, consumer_impl::impl>;
  const consumer_actor started =
    sys.spawn<actor>(core, std::move(connection), std::move(transports));
  // It begins at some time; its starter may give it credit at once.
  core->attach(started);
  return started;
}

} // namespace cafka::actors
