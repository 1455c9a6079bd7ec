#include "../../protocol/dead_letter.hpp"
#include "../../protocol/machines/partition_processor.hpp"
#include "../../supervision/alarm.hpp"
#include "../../supervision/alone.hpp"
#include "../client_actor.hpp"
#include "handler_messages.hpp"
#include "handlers_core.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <utility>

namespace cafka::actors {

namespace {

using protocol::partition_processor;
using protocol::time_point;

/// A partition that the member has, and its handler.
struct partition_place {
  partition_place(std::uint64_t n, topic_partition p, time_point now,
    protocol::partition_processor_options how)
    : number(n), which(std::move(p)), processor(now, std::move(how)) {}

  const std::uint64_t number; ///< Of this assignment.
  const topic_partition which;
  partition_processor processor;
  std::deque<consumed_batch> batches; ///< Those that are not acknowledged.
  caf::strong_actor_ptr supervisor;   ///< Null: it is being started.
  caf::actor handler;                 ///< Null: there is none.
  caf::actor next_handler; ///< One that came before the end of the other was known.
  std::uint64_t started = 0;
  bool asked = false; ///< It is to be given up, and its handler has not said yes.
  offset_of_partition acknowledged; ///< What is committed next.
  error reading;                    ///< What keeps it from being read.
};

/// Feeds the handlers of a group's member: brings each the batches of its partition, and
/// takes its answers to the consumer and the membership. What is to be done says each
/// partition's `partition_processor`.
///
/// A crash of it ends all handlers and makes others, which go on at what was
/// acknowledged.
class handlers_state {
public:
  static inline const char* name = "cafka.handlers";
  using self_pointer = caf::event_based_actor*;

  handlers_state(self_pointer self, std::shared_ptr<handlers_core> core)
    : self_(self), core_(std::move(core)), reader_(*core_->reader) {}

  ~handlers_state() { core_->actor.detach(self_->address()); }

  caf::behavior make_behavior() {
    trap_exit(self_, [this](caf::exit_msg& msg) { end(msg.reason); });
#ifdef CAF_ENABLE_EXCEPTIONS
    self_->set_exception_handler(
      [](std::exception_ptr& thrown) { return reason_of(thrown); });
#endif
    core_->actor.attach(caf::actor_cast<caf::strong_actor_ptr>(self_));
    begin();
    return {
      [this](handlers_changed) { take(); },
      [this](const handler_started& msg) { on_started(msg); },
      [this](const handler_ended& msg) { on_ended(msg); },
      [this](const records_acknowledged& msg) {
        if (auto* p = find(msg.number))
          with(*p, [&] { p->processor.on_acknowledged(now(), msg.next); });
      },
      [this](const dead_letter_written& msg) {
        if (auto* p = find(msg.number))
          with(*p, [&] { p->processor.on_dead_letter(now(), msg.letter, msg.outcome); });
      },
      [this](const resume_handlers& msg) {
        for (const auto& which : msg.partitions) {
          if (auto* p = find(which))
            with(*p, [&] { p->processor.resume(now()); });
        }
      },
      [this](get_group_status) { return status(); },
      [this](const get_handler& msg) {
        const auto* p = find(msg.which);
        return p == nullptr ? caf::actor{} : p->handler;
      },
      [this](supervision::alarm_rings msg) {
        if (alarm_.rings(msg))
          on_time();
      },
      [this](caf::exit_msg& msg) { end(msg.reason); },
    };
  }

private:
  static time_point now() {
    return std::chrono::steady_clock::now();
  }

  // -- partitions -----------------------------------------------------------------------

  partition_place* find(const topic_partition& which) {
    const auto found = places_.find(which);
    return found == places_.end() ? nullptr : found->second.get();
  }
  partition_place* find(std::uint64_t number) {
    const auto found = by_number_.find(number);
    return found == by_number_.end() ? nullptr : found->second;
  }

  /// An incarnation before this one may have had handlers.
  void begin() {
    reader_.rewind();
    reader_.answer();
    const auto to = core_->partitions();
    ask(self_, to, caf::infinite, supervision::which_children{})
      .then(
        [this, to](const std::vector<supervision::child_info>& all) {
          for (const auto& child : all)
            tell(self_, to, supervision::terminate_child{.child = child.handle});
          for (const auto& which : reader_.assignment())
            add(which);
          core_->signal();
        },
        [this](const caf::error& e) { end(e); });
  }

  partition_place& add(const topic_partition& which) {
    protocol::partition_processor_options how;
    const auto& o = core_->options;
    how.which = which;
    how.max_attempts = o.max_attempts;
    how.on_failure = o.on_failure;
    how.retry_backoff.initial = o.retry_backoff;
    how.retry_backoff.max = o.retry_backoff_max;
    how.max_unacknowledged = o.max_unacknowledged;
    how.told_after = reader_.options.stalled_after;
    how.seed = std::random_device{}();
    auto& at = places_[which];
    at = std::make_unique<partition_place>(
      ++core_->last_number, which, now(), std::move(how));
    by_number_[at->number] = at.get();
    start(*at);
    return *at;
  }

  void start(partition_place& p) {
    const auto weak = std::weak_ptr{core_};
    supervision::child_spec child;
    child.id = to_string(p.which);
    child.shutdown = supervision::shutdown::timeout(core_->options.shutdown);
    child.start = [weak, which = p.which, number = p.number](
                    const supervision::start_context& in) -> supervision::start_result {
      const auto core = weak.lock();
      if (core == nullptr)
        return supervision::ignore{};
      const partition_assignment of{
        in.system(), core->options.group, which, number, core};
      auto handler = core->factory(of, core->options.detached);
      post(core->actor.get(), handler_started{number, handler});
      return caf::actor_cast<caf::strong_actor_ptr>(handler);
    };
    supervision::supervisor_options own;
    own.name = "cafka.groups." + reader_.options.name + '.' + to_string(p.which);
    own.intensity = {core_->options.max_restarts, core_->options.max_seconds};
    own.observer = core_->observer;
    ask(self_, core_->partitions(), caf::infinite,
      supervision::start_child{supervision::alone(std::move(child), std::move(own))})
      .then(
        [this, number = p.number](const caf::strong_actor_ptr& started) {
          auto* place = find(number);
          if (place == nullptr) { // It has gone meanwhile.
            terminate(started);
            return;
          }
          place->supervisor = started;
          watch(self_, started, [number](const caf::error& reason) {
            return handler_ended{number, {}, reason, true};
          });
        },
        [this, number = p.number](const caf::error& e) {
          if (auto* place = find(number))
            with(*place, [&] {
              place->processor.on_down(
                now(), {error_code::worker_down, to_string(e)}, true);
            });
        });
  }

  void terminate(const caf::strong_actor_ptr& supervisor) {
    if (supervisor != nullptr)
      tell(self_, core_->partitions(), supervision::terminate_child{.child = supervisor});
  }

  void remove(partition_place& p) {
    terminate(p.supervisor);
    by_number_.erase(p.number);
    places_.erase(topic_partition{p.which});
  }

  // -- what has happened ----------------------------------------------------------------

  void take() {
    core_->take_signal();
    auto got = reader_.take_for_handlers();
    for (auto& e : got.group)
      on_event(e);
    for (const auto& e : got.errors) {
      if (auto* p = find({e.topic, e.partition}))
        p->reading = e.why;
      if (e.halted && e.offset.value() < 0)
        core_->write(log_level::warning, to_string(e.why));
    }
    for (const auto& which : got.sought) {
      if (auto* p = find(which)) {
        p->batches.clear();
        with(*p, [&] { p->processor.sought(now()); });
      }
    }
    for (auto& b : got.batches) {
      const topic_partition which{b.topic(), b.partition()};
      auto* found = find(which);
      auto& p = found != nullptr ? *found : add(which);
      partition_processor::batch facts{b.next(), b.next(), b.epoch(), b.size()};
      if (const auto first = b.begin(); first != b.end())
        facts.first = first->offset;
      p.batches.push_back(std::move(b));
      with(p, [&] { p.processor.offer(now(), facts); });
    }
    answer_if_through();
  }

  void on_event(const group_event& e) {
    for (const auto& which : e.partitions) {
      auto* p = find(which);
      if (p == nullptr) {
        if (e.kind == group_event_kind::assigned)
          add(which);
        continue;
      }
      switch (e.kind) {
      case group_event_kind::assigned: break;
      case group_event_kind::kept: with(*p, [&] { p->processor.keep(now()); }); break;
      case group_event_kind::revoking:
        with(*p, [&] { p->processor.give_up(now()); });
        if (tells_handlers() && p->handler)
          ask_to_let_go(*p, e.until);
        break;
      case group_event_kind::lost:
        if (tells_handlers() && p->handler)
          tell(self_, p->handler, partition_lost{e.why});
        remove(*p);
        break;
      case group_event_kind::revoked: remove(*p); break;
      }
    }
    if (e.kind == group_event_kind::revoking)
      to_answer_ = true;
    if (core_->options.on_event)
      core_->options.on_event(e);
  }

  [[nodiscard]] bool tells_handlers() const {
    return core_->options.tell_handlers || !core_->factory.makes_actors();
  }

  void ask_to_let_go(partition_place& p, time_point until) {
    p.asked = true;
    const auto left =
      std::max(std::chrono::ceil<milliseconds>(until - now()), milliseconds{1});
    const auto answered = [this, number = p.number] {
      if (auto* place = find(number)) {
        place->asked = false;
        answer_if_through();
      }
    };
    ask(self_, p.handler, left, partition_revoked{left})
      .then([answered](const caf::message&) { answered(); },
        [answered](const caf::error&) { answered(); });
  }

  /// The membership waits for all that is to be given up.
  void answer_if_through() {
    if (!to_answer_)
      return;
    const auto waits = std::ranges::any_of(places_, [](const auto& entry) {
      const auto& p = *entry.second;
      return p.processor.state() == partition_processor::phase::giving_up
        && (p.asked || !p.processor.through());
    });
    if (waits)
      return;
    to_answer_ = false;
    reader_.answer();
  }

  void on_started(const handler_started& msg) {
    auto* p = find(msg.number);
    if (p == nullptr)
      return;
    ++p->started;
    if (p->handler) {
      p->next_handler = msg.handler;
      return;
    }
    use(*p, msg.handler);
  }

  void use(partition_place& p, caf::actor handler) {
    p.handler = std::move(handler);
    watch(self_, p.handler,
      [number = p.number, who = p.handler.address()](const caf::error& reason) {
        return handler_ended{number, who, reason, false};
      });
    with(p, [&] { p.processor.on_up(now()); });
  }

  void on_ended(const handler_ended& msg) {
    auto* p = find(msg.number);
    if (p == nullptr)
      return;
    const error why{error_code::worker_down,
      msg.reason.empty() ? std::string{"it has ended by itself"} : to_string(msg.reason)};
    if (msg.given_up) {
      p->supervisor = nullptr;
      p->handler = p->next_handler = nullptr;
    } else if (!p->handler || p->handler.address() != msg.who) {
      return;
    } else {
      p->handler = nullptr;
    }
    with(*p, [&] { p->processor.on_down(now(), why, msg.given_up); });
    if (auto next = std::exchange(p->next_handler, nullptr))
      use(*p, std::move(next));
  }

  void on_time() {
    for (const auto& entry : places_) {
      auto& p = *entry.second;
      if (p.processor.next_time() <= now())
        with(p, [&] { p.processor.on_time(now()); });
      alarm_.set<caf::actor>(self_, now(), p.processor.next_time());
    }
  }

  // -- what is to be done ---------------------------------------------------------------

  /// Tells a processor something, and does what it wants done.
  template <class F>
  void with(partition_place& p, F tell_it) {
    tell_it();
    while (p.processor.has_effects()) {
      for (auto& e : p.processor.take_effects())
        std::visit([&](auto& x) { act(p, x); }, e);
    }
    answer_if_through();
    alarm_.set<caf::actor>(self_, now(), p.processor.next_time());
  }

  void act(partition_place& p, const partition_processor::give& x) {
    const auto& whole = p.batches[x.place];
    auto batch = x.from <= first_of(whole) && x.most >= whole.size()
      ? whole
      : whole.part(x.from, x.most);
    p.processor.on_given(now(), x.number, first_of(batch), batch.next());
    if (batch.size() == 0)
      return;
    ask(self_, p.handler, caf::infinite, batch)
      .then(
        [this, number = p.number, give = x.number, batch](const handled& how) {
          if (auto* place = find(number))
            with(*place, [&] { on_answer(*place, give, batch, how); });
        },
        [this, number = p.number, give = x.number](const caf::error& e) {
          auto* place = find(number);
          // Its end is told by `handler_ended`.
          if (place == nullptr || e == caf::sec::request_receiver_down)
            return;
          with(*place, [&] {
            place->processor.on_failed(
              now(), give, std::nullopt, {error_code::worker_down, to_string(e)});
          });
        });
  }

  static log_offset first_of(const consumed_batch& b) {
    const auto first = b.begin();
    return first == b.end() ? b.next() : first->offset;
  }

  static log_offset last_of(const consumed_batch& b) {
    auto last = b.next();
    for (const auto& r : b)
      last = r.offset;
    return last;
  }

  void on_answer(partition_place& p, std::uint64_t give, const consumed_batch& batch,
    const handled& how) {
    auto& to = p.processor;
    const auto next = batch.next();
    switch (how.is) {
    case handled::answer::async_commit: to.on_handled(now(), give, next, false); break;
    case handled::answer::sync_commit: to.on_handled(now(), give, next, true); break;
    case handled::answer::later: to.on_taken(now(), give, last_of(batch), next); break;
    case handled::answer::failed:
      to.on_failed(now(), give, how.at.value() < 0 ? std::nullopt : std::optional{how.at},
        {error_code::worker_down, how.why});
      break;
    }
  }

  void act(partition_place& p, const partition_processor::acknowledge& x) {
    while (!p.batches.empty() && p.batches.front().next() <= x.next)
      p.batches.pop_front();
    reader_.acknowledge(p.which, x.next, x.epoch, x.records);
    p.acknowledged = {p.which, x.next, x.epoch};
  }

  void act(partition_place& p, const partition_processor::commit& x) {
    const auto member = reader_.group->current();
    const auto time = reader_.options.request_timeout;
    const auto ended = [this, number = p.number, commit = x.number](
                         const error& outcome) {
      if (auto* place = find(number))
        with(*place, [&] { place->processor.on_committed(now(), commit, outcome); });
    };
    if (!member) {
      p.processor.on_committed(
        now(), x.number, {error_code::worker_down, "the member is being restarted"});
      return;
    }
    ask(self_, member, time + milliseconds{100}, commit_offsets{{p.acknowledged}, time})
      .then([ended](const result<done>& r) { ended(r ? error{} : r.error()); },
        [ended](const caf::error& e) {
          ended({error_code::worker_down, to_string(e)});
        });
  }

  void act(partition_place& p, const partition_processor::write_dead_letter& x) {
    const auto one = p.batches.front().part(x.offset, 1);
    auto first = one.begin();
    if (first == one.end()) {
      p.processor.on_dead_letter(
        now(), x.number, {error_code::invalid_record, "the record cannot be read"});
      return;
    }
    const auto& record = *first;
    const auto headers =
      protocol::headers_of({core_->options.group, p.which, x.offset, record.time,
                             record.time_type, x.attempts, x.why},
        core_->options.letter_headers);
    std::vector<protocol::header_view> views;
    for (const auto& h : record.headers)
      views.push_back(h);
    for (const auto& [key, value] : headers)
      views.push_back({key, protocol::text_or_bytes{*value}});
    protocol::outgoing_record letter;
    if (record.key)
      letter.key = *record.key;
    if (record.value)
      letter.value = *record.value;
    letter.headers = views;
    if (record.time_type == protocol::timestamp_type::create_time)
      letter.time = record.time;
    const auto& to = core_->letters;
    const auto taken = to.try_send(to.to(core_->letters_for(p.which.topic)), letter,
      [self = caf::actor_cast<caf::weak_actor_ptr>(self_), number = p.number,
        letter_number = x.number](const result<log_offset>& outcome) {
        post(self,
          dead_letter_written{
            number, letter_number, outcome ? error{} : outcome.error()});
      });
    if (!taken)
      p.processor.on_dead_letter(now(), x.number, {taken.status, "not taken"});
  }

  void act(partition_place& p, const partition_processor::want_batch&) {
    reader_.want(p.which);
  }

  void act(partition_place& p, const partition_processor::restart_handler&) {
    start(p);
  }

  void act(partition_place&, const partition_processor::end_group& x) {
    const auto member = reader_.group->current();
    const auto failed = [this, why = x.why] {
      reader_.group->end(why);
      reader_.fail(why);
    };
    if (!member)
      return failed();
    ask(self_, member, reader_.options.request_timeout, leave_group_now{})
      .then([failed](const result<done>&) { failed(); },
        [failed](const caf::error&) { failed(); });
  }

  void act(partition_place&, const partition_processor::told& x) {
    core_->write(x.level, x.text);
  }

  // -- for people -----------------------------------------------------------------------

  group_status status() {
    group_status all;
    for (const auto& [which, p] : places_) {
      const auto looks = p->processor.look();
      auto& h = all.handlers.emplace_back();
      h.topic = which.topic;
      h.partition = which.partition;
      h.state = to_string(looks.is);
      h.since = std::chrono::duration_cast<milliseconds>(now() - looks.since);
      h.offset = looks.at;
      h.attempts = looks.attempts;
      h.last_error = looks.last_error ? looks.last_error : p->reading;
      h.restarts = p->started > 0 ? p->started - 1 : 0;
    }
    return all;
  }

  void end(const caf::error& reason) {
    core_->actor.detach(self_->address());
    self_->quit(reason);
  }

  const self_pointer self_;
  const std::shared_ptr<handlers_core> core_;
  consumer_core& reader_;
  std::map<topic_partition, std::unique_ptr<partition_place>> places_;
  std::map<std::uint64_t, partition_place*> by_number_;
  bool to_answer_ = false; ///< The membership waits for an answer.
  supervision::actor_alarm alarm_;
};

} // namespace

caf::actor spawn_handlers(
  caf::actor_system& sys, const std::shared_ptr<handlers_core>& core) {
  return sys.spawn<caf::stateful_actor<handlers_state>>(core);
}

} // namespace cafka::actors
