#include "../../protocol/records/run_reader.hpp"
#include "../../supervision/alarm.hpp"
#include "../../supervision/caf_compat.hpp"
#include "../dispatcher_shell.hpp"
#include "../log_sink.hpp"
#include "consumer_calls.hpp"
#include "consumer_core.hpp"

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include <algorithm>
#include <deque>
#include <exception>
#include <random>
#include <unordered_map>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::consumer_machine;
using protocol::dispatcher;
using protocol::time_point;

using consumer_impl =
  trapping_exits<consumer_actor::extend<caf::result<void>(consumer_news),
    caf::result<void>(transport_up), caf::result<void>(transport_frames),
    caf::result<void>(transport_progress), caf::result<void>(transport_down),
    caf::result<void>(supervision::alarm_rings)>>;

protocol::dispatcher_options settings_of(const worker_options& connection) {
  auto result = dispatcher_options_of(connection, "consumer");
  result.metadata_update_interval = milliseconds{0}; // The machine asks.
  result.max_pending = SIZE_MAX; // The machine's own limits are lower.
  return result;
}

protocol::consumer_machine_options machine_options_of(
  const consumer_options& o, const worker_options& connection) {
  protocol::consumer_machine_options result;
  result.fetch_max_bytes = o.fetch_max_bytes;
  result.max_partition_fetch_bytes = o.max_partition_fetch_bytes;
  result.fetch_min_bytes = o.fetch_min_bytes;
  result.fetch_max_wait = o.fetch_max_wait;
  result.read_committed = o.isolation == isolation_level::read_committed;
  result.client_rack = o.client_rack;
  if (o.auto_offset_reset == offset_reset::earliest)
    result.reset = start_at::earliest();
  else if (o.auto_offset_reset == offset_reset::latest)
    result.reset = start_at::latest();
  result.metadata_update_interval = connection.metadata_update_interval;
  result.unknown_topic_wait = connection.unknown_topic_wait;
  result.unreachable = connection.socket_timeout;
  result.stalled_after = o.stalled_after;
  // An answer must be whole long before it is given up.
  constexpr milliseconds shortest{50};
  result.answer_time =
    std::clamp(std::min(o.request_timeout, connection.socket_timeout) / 8, shortest,
      result.answer_time);
  result.largest_answer = connection.transport.max_frame_size;
  result.retry.initial = connection.retry_backoff;
  result.retry.max = connection.retry_backoff_max;
  result.seed = std::random_device{}();
  return result;
}

/// The shell around a consumer machine and a dispatcher: brings them messages and the
/// time, reads what was fetched, does what they say.
class consumer_state : public dispatcher::output, public consumer_events {
public:
  static inline const char* name = "cafka.consumer";

  consumer_state(consumer_impl::pointer self, std::shared_ptr<consumer_core> core,
    worker_options connection, std::shared_ptr<transport_factory> transports)
    : self_(self),
      core_(std::move(core)),
      connection_(std::move(connection)),
      transports_(std::move(transports)),
      machine_(machine_options_of(core_->options, connection_), *core_->budget),
      dispatcher_(settings_of(connection_), *this) {}

  virtual ~consumer_state() { core_->detach(self_->address()); }

  consumer_state(const consumer_state&) = delete;
  consumer_state& operator=(const consumer_state&) = delete;

  consumer_impl::behavior_type make_behavior() {
    trap_exit(self_, [this](caf::exit_msg& msg) { on_exit_message(msg); });
#ifdef CAF_ENABLE_EXCEPTIONS
    // CAF's own handler prints on standard output, which belongs to the program.
    self_->set_exception_handler(
      [](std::exception_ptr& thrown) { return reason_of(thrown); });
#endif
    dispatcher_.start(now());
    core_->metrics.restarted();
    // Whoever changes something from here on wakes it.
    core_->attach(caf::actor_cast<consumer_actor>(self_));
    core_->begin();
    after_event();
    return {
      [this](consumer_credit msg) {
        core_->grant(msg.batches);
        after_event();
      },
      [this](get_consumer_status) { return result<consumer_status>{status()}; },
      [this](consumer_news) {
        reads_on_ = false;
        after_event();
      },
      [this](transport_up msg) {
        dispatcher_.on_up(now(), msg.id);
        after_event();
      },
      [this](const transport_frames& msg) { on_frames(msg); },
      [this](transport_progress msg) {
        dispatcher_.on_progress(now(), msg.id, msg.received, msg.expected);
        if (msg.received > 0)
          machine_.on_progress(now(), dispatcher_.broker_at(msg.id));
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
    connection_.log->write(what.level, "consumer", core_->options.name, what.text);
  }

  // -- what the calls tell --------------------------------------------------------------

  std::optional<protocol::fetch_request> fill(
    std::uint64_t request, std::int16_t version) override {
    sent_at_[request] = now();
    return machine_.fill(now(), request, version);
  }

  void answered(std::uint64_t request, protocol::fetch_response r,
    const protocol::shared_bytes& frame) override {
    took(protocol::api_key::fetch, request);
    auto all = machine_.on_answer(now(), request, std::move(r));
    if (all.empty())
      return;
    const auto held = std::make_shared<protocol::held_bytes>(core_->budget, frame);
    for (auto& f : all) {
      unread_bytes_ += f.records.size();
      unread_.push_back({std::move(f), held, std::nullopt});
    }
  }

  std::optional<protocol::list_offsets_request> fill_offsets(
    std::uint64_t request) override {
    sent_at_[request] = now();
    return machine_.fill_offsets(now(), request);
  }

  void answered(
    std::uint64_t request, const protocol::list_offsets_response& r) override {
    took(protocol::api_key::list_offsets, request);
    machine_.on_offsets(now(), request, r);
  }

  void failed(std::uint64_t request, const error& why) override {
    sent_at_.erase(request);
    machine_.on_failure(now(), request, why);
  }

  void asking(protocol::api_key) override {
    metadata_asked_at_ = now();
  }

  void learned(const protocol::metadata_response& r) override {
    core_->metrics.request_took(protocol::api_key::metadata, now() - metadata_asked_at_);
    machine_.on_metadata(now(), r);
  }

  void learned_nothing(const error& why) override {
    machine_.on_metadata_failed(now(), why);
  }

private:
  /// Records as they came, before anybody looked at them.
  struct unread {
    consumer_machine::fetched what;
    std::shared_ptr<const void> frame;
    std::optional<protocol::run_reader> reader;
  };
  using reading = protocol::run_reader::state;

  /// So many bytes are decompressed at a time; messages that came meanwhile, the one to
  /// end among them, have their turn then.
  static constexpr std::size_t turn = 8 * 1024 * 1024;

  time_point now() const {
    return self_->clock().now();
  }

  void took(protocol::api_key what, std::uint64_t request) {
    const auto at = sent_at_.find(request);
    if (at == sent_at_.end())
      return;
    core_->metrics.request_took(what, now() - at->second);
    sent_at_.erase(at);
  }

  void on_frames(const transport_frames& msg) {
    const auto at = now();
    std::size_t bytes = 0;
    for (const auto& f : msg.frames) {
      bytes += f.size();
      dispatcher_.on_frame(at, msg.id, f);
    }
    // How much is held is not the socket's business: what may come is asked for.
    if (const auto found = transports_up_.find(msg.id); found != transports_up_.end())
      found->second->grant(bytes);
    after_event();
  }

  void tell_moves() {
    if (!machine_.has_moves())
      return;
    const auto moves = machine_.take_moves();
    if (connection_.log != nullptr)
      connection_.log->write(
        log_level::info, "consumer", core_->options.name, moves.text());
  }

  void after_event() {
    tell_moves();
    turn_left_ = turn;
    sync(false);
    do {
      read_on();
      machine_.on_time(now());
      while (machine_.has_actions()) {
        for (auto& a : machine_.take_actions())
          std::visit([this](auto& x) { act(x); }, a);
        read_on();
        machine_.on_time(now());
      }
      deliver();
    } while (machine_.wants_taking() && sync(true));
    core_->metrics.update(machine_);
    schedule();
  }

  /// Tells the machine what has happened on the handles' side; whether anything has.
  bool sync(bool wants_takings) {
    core_->collect(changes_, takings_, wants_takings);
    for (const auto& t : takings_)
      machine_.on_taken(t.slot, t.generation, t.bytes);
    for (const auto& c : changes_) {
      if (c.now)
        machine_.set(now(), c.slot, *c.now);
      else
        machine_.remove(c.slot);
    }
    return !takings_.empty() || !changes_.empty();
  }

  /// Reads what was fetched, for a turn. What grows when it is decompressed waits while
  /// the program has its memory's worth.
  void read_on() {
    auto told = false;
    while (!unread_.empty()) {
      auto& u = unread_.front();
      auto state = reading::done;
      if (core_->closing || !machine_.wants(u.what))
        unread_bytes_ -= u.what.records.size() - (u.reader ? u.reader->position() : 0);
      else
        state = read(u);
      if (state == reading::done) {
        unread_.pop_front();
      } else if (state == reading::more) {
        if (!std::exchange(reads_on_, true))
          tell(self_, caf::actor_cast<consumer_impl>(self_), consumer_news{});
        break;
      } else if (told) {
        break;
      } else {
        // Room may have come before anybody knew that it is wanted.
        core_->budget->room_wanted.store(true, std::memory_order_seq_cst);
        told = true;
        continue;
      }
      told = false;
    }
    if (!arrivals_.empty())
      core_->push(arrivals_);
  }

  /// Reads as much of it as there is memory for, into one batch for the program.
  reading read(unread& u) {
    auto& f = u.what;
    if (!u.reader)
      u.reader.emplace(f.records, f.from, std::move(f.aborted), read_options_);
    auto& in = *u.reader;
    const auto position = in.position();
    const auto before = in.next_offset();
    auto content = std::make_shared<consumed_content>();
    auto& records = content->records;
    const auto state = in.read(records,
      {core_->budget->room_to_grow(unread_bytes_), !core_->budget->has_grown(),
        turn_left_});
    const auto bytes = in.position() - position;
    unread_bytes_ -= bytes;
    turn_left_ -= std::min(turn_left_, records.decompressed());
    core_->budget->grow(records.decompressed());
    content->budget = core_->budget;
    const auto next = in.next_offset();
    const auto lying = records.empty() ? 0 : bytes;
    if (state != reading::done)
      machine_.on_part_read(f, lying);
    else if (!machine_.on_read(now(), f, next, lying, in.outcome()))
      return state;
    if (next == before)
      return state;
    consumer_core::arrival a{f.slot, f.generation, next, std::nullopt};
    if (!records.empty()) {
      content->topic = f.topic;
      content->partition = f.partition;
      content->log_end = f.log_end;
      content->bytes = bytes;
      content->frame = u.frame;
      records.when_damaged(
        [weak = std::weak_ptr{core_}, topic = content->topic, partition = f.partition,
          next](std::int32_t left_out, const error& why) {
          if (const auto core = weak.lock())
            core->report({*topic, partition, next, false,
              {why.code,
                why.detail + ", " + std::to_string(left_out) + " records left out"}});
        });
      a.batch.emplace(std::move(content));
    }
    arrivals_.push_back(std::move(a));
    return state;
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

  // -- what the machine wants done ------------------------------------------------------

  void act(const consumer_machine::send_fetch& x) {
    constexpr milliseconds longest = std::chrono::hours{24 * 365};
    dispatcher_.submit(now(), make_fetch_call(*this, x, core_->options),
      core_->options.fetch_max_wait + std::min(core_->options.request_timeout, longest));
  }

  void act(const consumer_machine::send_list_offsets& x) {
    dispatcher_.submit(now(), make_list_offsets_call(*this, x, core_->options),
      core_->options.request_timeout);
  }

  void act(consumer_machine::ask_metadata& x) {
    protocol::target where;
    const auto& brokers = dispatcher_.known().brokers();
    if (x.in_turn && !brokers.empty())
      where = std::next(
        brokers.begin(), static_cast<std::ptrdiff_t>(next_broker_++ % brokers.size()))
                ->first;
    dispatcher_.submit(now(),
      make_metadata_call(*this, std::move(x.topics), false, std::move(where)),
      std::min(x.patience, connection_.request_timeout));
  }

  void act(const consumer_machine::positioned& x) {
    core_->positioned(x.slot, x.generation, x.where);
  }

  void act(consumer_machine::report& x) {
    if (x.about)
      add_connection(x.why.detail, *x.about);
    log_report(x);
    core_->report(x.slot, x.generation, x.offset, x.halted, x.why);
  }

  void act(const consumer_machine::stray& x) {
    core_->report(
      {x.topic == nullptr ? std::string{} : *x.topic, x.partition, -1, false, x.why});
  }

  void log_report(const consumer_machine::report& x) const {
    if (connection_.log == nullptr)
      return;
    const bool is_over = !x.why;
    connection_.log->write(is_over ? log_level::info : log_level::warning, "consumer",
      core_->options.name,
      core_->name_of(x.slot) + ": " + (is_over ? x.why.detail : to_string(x.why)));
  }

  // -- how it is ------------------------------------------------------------------------

  /// What is known of the connection to a broker that a partition waits for.
  void add_connection(std::string& why, broker_id about) const {
    const auto add = [&](const std::string& text) {
      if (!text.empty() && why.find(text) == std::string::npos)
        why += (why.empty() ? "" : "; ") + text;
    };
    const auto* address = dispatcher_.known().address_of(about);
    if (address != nullptr && why.find(to_string(*address)) == std::string::npos)
      add("broker " + std::to_string(about.value()) + " is at " + to_string(*address));
    for (const auto& l : dispatcher_.links()) {
      if (l.broker == about && !l.up && l.last_error)
        add(to_string(l.last_error));
    }
    if (!dispatcher_.connected())
      add("no broker can be reached: " + dispatcher_.why_disconnected());
  }

  consumer_status status() {
    consumer_status all;
    all.name = core_->options.name;
    all.connected = dispatcher_.connected();
    if (!all.connected)
      all.why_disconnected = dispatcher_.why_disconnected();
    all.connections = connections_of(dispatcher_, now());
    all.buffered_bytes = core_->budget->used();
    sync(false); // What was assigned just now is there.
    for (auto& v : machine_.view(now())) {
      auto& p = all.partitions.emplace_back();
      p.topic = *v.topic;
      p.partition = v.partition;
      p.state = state_of(v.is);
      const auto position = core_->position({p.topic, p.partition});
      p.position = position.value_or(log_offset{-1});
      p.log_end = v.log_end;
      p.leader = v.leader;
      p.asked = v.asked;
      p.why = std::move(v.why);
      if (v.about)
        add_connection(p.why, *v.about);
      p.without_progress = std::chrono::duration_cast<milliseconds>(now() - v.well_at);
    }
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

  void on_exit_message(const caf::exit_msg& msg) {
    core_->close();
    core_->metrics.ended();
    dispatcher_.shut_down(
      {error_code::closed, "consumer " + core_->options.name + " was stopped"});
    transports_up_.clear();
    core_->detach(self_->address());
    self_->quit(msg.reason);
  }

  void schedule() {
    const auto next = std::min(dispatcher_.next_time(), machine_.next_time());
    alarm_.set<consumer_impl>(self_, now(), next);
  }

  consumer_impl::pointer self_;
  const std::shared_ptr<consumer_core> core_;
  const worker_options connection_;
  const std::shared_ptr<transport_factory> transports_;
  const protocol::read_options read_options_{.check_crc = core_->options.check_crcs,
    .max_decompressed_size =
      core_->options.max_decompressed_bytes.value_or(connection_.max_decompressed_bytes),
    .max_decompression_ratio = core_->options.max_decompression_ratio.value_or(
      connection_.max_decompression_ratio),
    .stop = &core_->closing};
  std::unordered_map<connection_id, std::unique_ptr<transport>> transports_up_;
  consumer_machine machine_;
  dispatcher dispatcher_;
  std::unordered_map<std::uint64_t, time_point> sent_at_;
  time_point metadata_asked_at_;
  std::deque<unread> unread_;
  std::size_t unread_bytes_ = 0;
  std::size_t turn_left_ = turn;
  bool reads_on_ = false; ///< A message says so.
  std::vector<consumer_core::arrival> arrivals_;
  std::vector<consumer_core::change> changes_;
  std::vector<consumer_core::taking> takings_;
  std::size_t next_broker_ = 0;
  supervision::alarm alarm_;
};

} // namespace

consumer_actor spawn_consumer(caf::actor_system& sys, std::shared_ptr<consumer_core> core,
  worker_options connection, std::shared_ptr<transport_factory> transports) {
  using actor = caf::stateful_actor<consumer_state, consumer_impl::impl>;
  const consumer_actor started =
    sys.spawn<actor>(core, std::move(connection), std::move(transports));
  // It begins at some time; whoever has started it may give it credit at once.
  core->attach(started);
  return started;
}

} // namespace cafka::actors
