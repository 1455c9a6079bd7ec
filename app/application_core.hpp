#pragma once

// Of no concern to programs: what `application` and its actor share.

#include "../actors/sasl/token_source.hpp"
#include "../actors/transport/asio_transport.hpp"
#include "../actors/transport/tls.hpp"
#include "../base/thrown_by.hpp"
#include "../supervision/run_here.hpp"
#include "application_messages.hpp"
#include "isolated_workers.hpp"
#include "log.hpp"
#include "options.hpp"
#include "starters/client_starter.hpp"
#include "starters/stream_starter.hpp"
#include "worker_ref.hpp"

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <type_traits>
#include <utility>

namespace cafka {

/// The names of the supervisors, and of the root.
inline const std::string root_name = "cafka";
inline const std::string workers_name = "workers";
inline const std::string streams_name = "streams";
inline const std::string producers_name = "producers";
inline const std::string consumers_name = "consumers";
inline const std::string groups_name = "groups";

/// What the supervisors' observer needs; it may outlive the application by a moment.
struct application_health {
  std::function<void(const supervision::supervision_event&)> on_event;
  std::shared_ptr<actors::log_sink> log;
  std::atomic<bool> stopped = false;
  /// Makes the default worker's specification; empty: there is none. The application's,
  /// and so under a lock of its own, which its end waits for.
  std::mutex default_worker_mutex;
  std::function<supervision::child_spec()> default_worker;
  std::mutex mutex;
  /// Why the workers were ended the last time.
  std::string workers_escalated;
  error escalated;

  void observe(const supervision::supervision_event& event) {
    if (event.kind == supervision::event_kind::escalated) {
      const std::lock_guard guard{mutex};
      // The root gives up because of what has happened below it.
      if (event.supervisor == root_name)
        escalated = {error_code::closed,
          workers_escalated.empty() ? to_string(event) : workers_escalated};
      else if (event.supervisor == root_name + '.' + workers_name)
        workers_escalated = to_string(event);
    }
    log_event(*log, event);
    // It comes back without children.
    if (event.kind == supervision::event_kind::restarted && event.supervisor == root_name
      && event.child == workers_name) {
      const std::lock_guard guard{default_worker_mutex};
      if (default_worker)
        post(event.handle, supervision::start_child{default_worker()});
    }
    if (!on_event)
      return;
    if (const auto thrown = thrown_by([&] { on_event(event); }))
      log->write(
        log_level::error, "supervisor", event.supervisor, "on_event threw: " + *thrown);
  }

  /// Why nothing works any more; `none` while it does.
  error why_ended() {
    if (stopped)
      return {error_code::closed, "the application was stopped"};
    const std::lock_guard guard{mutex};
    return escalated;
  }

  /// Why a worker is not there; empty: not known.
  std::string why_no_worker() {
    const std::lock_guard guard{mutex};
    return workers_escalated.empty()
      ? std::string{}
      : " (all workers were ended: " + workers_escalated + ')';
  }
};

/// What is behind an application and the actor that answers for it.
struct application_core {
  using time_point = std::chrono::steady_clock::time_point;

  /// Beyond a request's deadline, for the worker's own answer that it has passed.
  static constexpr milliseconds grace{1'000};
  /// The longest wait before a restart.
  static constexpr milliseconds longest_delay = supervision::restart_delay{}.max;

  static milliseconds left_until(time_point deadline) {
    return std::max(
      std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now()),
      milliseconds{0});
  }

  application_core(caf::actor_system& system, application_options given)
    : sys(system), options(std::move(given)) {
    state->on_event = options.on_event;
    state->log = options.log;
  }

  caf::actor_system& sys;
  const application_options options;
  std::shared_ptr<application_health> state = std::make_shared<application_health>();
  std::shared_ptr<supervision::registry> names =
    std::make_shared<supervision::registry>();
  /// Apart from the workers', whose names are the program's.
  std::shared_ptr<supervision::registry> supervisors =
    std::make_shared<supervision::registry>();
  // Null when the options brought another kind.
  std::shared_ptr<actors::asio_transport_factory> sockets;
  std::shared_ptr<actors::transport_factory> transports;
  supervision::supervisor_actor root;
  std::shared_ptr<stream_starter> starter;
  std::shared_ptr<producer_starter> producers;
  std::shared_ptr<consumer_starter> consumers;
  /// With `isolate_workers`: the workers' own supervisors by name, and whom they have.
  std::shared_ptr<supervision::registry> isolated_names =
    std::make_shared<supervision::registry>();
  std::shared_ptr<isolated_workers> isolated = std::make_shared<isolated_workers>();
  /// Answers what actors ask.
  application_actor actor;
  /// The workers and proxies outside the tree, and what guards the list.
  std::mutex linked_mutex;
  std::vector<caf::weak_actor_ptr> linked;

  /// Notes an actor outside the tree; it ends with the application nevertheless.
  void add_linked(const caf::strong_actor_ptr& who) {
    const std::lock_guard guard{linked_mutex};
    std::erase_if(
      linked, [](const auto& w) { return w == nullptr || w.lock() == nullptr; });
    linked.push_back(caf::actor_cast<caf::weak_actor_ptr>(who));
  }

  void end_linked() {
    const std::lock_guard guard{linked_mutex};
    for (const auto& w : std::exchange(linked, {}))
      post(w, caf::exit_msg{{}, caf::make_error(caf::exit_reason::user_shutdown)});
  }

  /// The worker supervisor; null once the application has ended.
  [[nodiscard]] supervision::supervisor_actor workers() const {
    return caf::actor_cast<supervision::supervisor_actor>(
      supervisors->look_up(workers_name));
  }

  error why_ended() { return state->why_ended(); }

  [[nodiscard]] milliseconds time_for(milliseconds deadline) const {
    return deadline > milliseconds{0} ? deadline : options.request_timeout;
  }

  /// The name that a worker goes by.
  [[nodiscard]] const std::string& name_of(const std::string& name) const {
    return worker_name(options, name);
  }
  [[nodiscard]] const std::string& name_of(const worker_ref& which) const {
    return name_of(which.name());
  }

  error no_worker(const worker_ref& which) {
    if (auto why = why_ended())
      return why;
    return {error_code::not_found,
      "no worker is named " + name_of(which) + state->why_no_worker()};
  }

  /// The worker to ask; waits for its next incarnation while it is being restarted.
  result<worker_actor> find(
    const worker_ref& which, const caf::strong_actor_ptr& stale, time_point deadline) {
    if (which.handle()) {
      if (stale != nullptr)
        return error{error_code::worker_down, "the worker behind this handle has ended"};
      return which.handle();
    }
    auto found = names->look_up(name_of(which));
    if (found == nullptr || found == stale)
      found = names->wait_for(name_of(which), stale, deadline);
    if (found != nullptr)
      return caf::actor_cast<worker_actor>(found);
    if (names->contains(name_of(which)))
      return error{
        error_code::worker_down, name_of(which) + " was not restarted in time"};
    return no_worker(which);
  }

  /// Asks a worker and blocks for its reply.
  template <class Request>
  result<reply_of<Request>> ask_worker(const worker_ref& which, const Request& request) {
    using reply_type = reply_of<Request>;
    constexpr bool worker_decides = requires {
      operation<Request>::longest(request, options.request_timeout);
    };
    const bool told = request.deadline > milliseconds{0};
    auto limit = time_for(request.deadline);
    if constexpr (worker_decides) {
      if (!told)
        limit = operation<Request>::longest(request, options.request_timeout);
    }
    const auto deadline = std::chrono::steady_clock::now() + limit;
    caf::strong_actor_ptr stale;
    caf::scoped_actor self{sys};
    while (true) {
      const auto handle = find(which, stale, deadline);
      if (!handle)
        return handle.error();
      auto due = request;
      const auto left = left_until(deadline);
      if (left <= milliseconds{0})
        return error{error_code::timed_out, "no time is left"};
      due.deadline = worker_decides && !told ? milliseconds{0} : left;
      const auto timeout = left + grace;
      result<reply_type> reply;
      caf::error failed;
      auto answer = supervision::ask_here(self, *handle, std::move(due));
      if (!supervision::answer_within(self, timeout))
        return unanswered<Request>(left);
      std::move(answer).receive([&](result<reply_type>& r) { reply = std::move(r); },
        [&](caf::error& e) { failed = std::move(e); });
      if (failed.empty())
        return reply;
      if (failed != caf::sec::request_receiver_down) // It was handled.
        return lost<Request>(failed);
      stale = caf::actor_cast<caf::strong_actor_ptr>(*handle);
    }
  }

  /// A worker that runs did not answer in time.
  template <class Request>
  error unanswered(milliseconds deadline) {
    if (auto why = why_ended())
      return why;
    return {operation<Request>::changes_something ? error_code::outcome_unknown
                                                  : error_code::timed_out,
      "the worker did not answer within " + std::to_string(deadline.count())
        + " ms: it is busy"};
  }

  /// A worker ended with the request in its hands.
  template <class Request>
  error lost(const caf::error& failed) {
    if (auto why = why_ended())
      return why;
    if constexpr (operation<Request>::changes_something) {
      return {error_code::outcome_unknown,
        "the worker ended before its answer: " + to_string(failed)};
    } else {
      return {error_code::worker_down,
        "the worker ended before its answer: " + to_string(failed)};
    }
  }

  /// What a supervisor's error is in our words.
  error outcome_of(const caf::error& e) {
    if (auto why = why_ended())
      return why;
    if (e == supervision::errc::already_started)
      return {error_code::already_started, {}};
    if (e == supervision::errc::not_found)
      return {error_code::not_found, {}};
    if (e == caf::sec::request_timeout)
      return {error_code::timed_out, {}};
    if (e == supervision::errc::invalid_child_spec)
      return {error_code::invalid_argument, to_string(e)};
    return {error_code::closed, to_string(e)};
  }

  /// Asks the supervisor; CAF's error becomes one of ours.
  template <class Request>
  error ask_supervisor(milliseconds deadline, Request request, auto on_reply) {
    caf::scoped_actor self{sys};
    error outcome;
    ask(self, workers(), deadline, std::move(request))
      .receive(on_reply, [&](const caf::error& e) { outcome = outcome_of(e); });
    return outcome;
  }

  [[nodiscard]] auto observer() const {
    return [observed = state](
             const supervision::supervision_event& e) { observed->observe(e); };
  }

  [[nodiscard]] supervision::restart_intensity intensity() const {
    return {options.max_restarts, options.max_seconds};
  }

  [[nodiscard]] supervision::restart_delay restart_delay() const {
    return {options.restart_delay, std::max(options.restart_delay, longest_delay)};
  }

  /// How children come and go that have a supervisor each.
  [[nodiscard]] child_starter::rules rules_under(const std::string& name) const {
    child_starter::rules result;
    result.supervisors = supervisors;
    result.under = name;
    result.intensity = intensity();
    result.restart_delay = restart_delay();
    result.observer = observer();
    return result;
  }

  [[nodiscard]] child_starter isolated_starter() const {
    auto rules = rules_under(workers_name);
    rules.names = names;
    return {sys, std::move(rules)};
  }

  /// The root supervisor and what lives under it from the start.
  ///
  /// It restarts a supervisor that has given up, once in `max_seconds`; the next time all
  /// is ended.
  [[nodiscard]] supervision::supervisor_options tree_options() const {
    supervision::supervisor_options of_root;
    of_root.name = root_name;
    of_root.intensity = {1, options.max_seconds};
    of_root.names = supervisors;
    of_root.observer = observer();
    const auto add = [&](const std::string& name,
                       std::shared_ptr<supervision::registry> of_children) {
      supervision::supervisor_options below;
      below.name = root_name + '.' + name;
      below.strategy = supervision::strategy::simple_one_for_one;
      below.intensity = intensity();
      below.names = std::move(of_children);
      below.observer = observer();
      of_root.children.push_back(supervision::supervisor_spec(name, std::move(below)));
      of_root.children.back().name = name;
    };
    add(workers_name, options.isolate_workers ? isolated_names : names);
    // Behind the workers, so that it ends before them: last commits need a worker.
    add(streams_name, nullptr);
    // Their names are apart from the workers'.
    add(producers_name, std::make_shared<supervision::registry>());
    add(consumers_name, std::make_shared<supervision::registry>());
    // Behind the consumers, so that it ends before them: members commit what they have.
    add(groups_name, std::make_shared<supervision::registry>());
    return of_root;
  }

  /// The settings a worker begins with, asked for anew at each start, but for the first,
  /// when they are at hand.
  std::function<result<actors::connection_options>()> settings_source(
    const std::string& name, const worker_init& init,
    std::optional<actors::connection_options> first) const {
    auto at_hand =
      std::make_shared<std::optional<actors::connection_options>>(std::move(first));
    return
      [at_hand, name, init, common = options]() -> result<actors::connection_options> {
        if (auto known = std::exchange(*at_hand, std::nullopt))
          return *std::move(known);
        return connection_options_from(common, init, name);
      };
  }

  /// How a worker is started under its supervisor; without a name nobody finds it by one.
  /// `first`: the settings of its first start, if they are at hand.
  [[nodiscard]] supervision::child_spec worker_spec(const std::string& name,
    const worker_init& init, std::optional<actors::connection_options> first) const {
    auto start = [source = settings_source(name, init, std::move(first)),
                   transports = transports](
                   caf::actor_system& system) -> supervision::start_result {
      auto fresh = source();
      if (!fresh)
        return caf::make_error(supervision::errc::start_failed, to_string(fresh.error()));
      return caf::actor_cast<caf::strong_actor_ptr>(
        actors::spawn_worker(system, *std::move(fresh), transports));
    };
    if (options.isolate_workers) {
      const auto known = isolated->add(name);
      return isolated_starter().spec(
        known->name,
        [known, start](const supervision::start_context& c) {
          auto result = start(c);
          if (const auto* handle = std::get_if<caf::strong_actor_ptr>(&result))
            known->set(*handle);
          return result;
        },
        [known, all = isolated](const error&) { all->remove(known); }, name);
    }
    supervision::child_spec spec;
    spec.id = name.empty() ? isolated_workers::no_name : name;
    spec.name = name;
    spec.restart_delay = restart_delay();
    spec.start = std::move(start);
    return spec;
  }

  /// A worker that the supervisor may start.
  struct prepared_worker {
    std::string name;
    supervision::child_spec spec;
    std::vector<std::string> risks;
  };

  /// Errors: as of `application::create_worker`, as far as they are known before it runs.
  result<prepared_worker> prepare_worker(
    const std::string& given, const worker_init& init) const {
    const auto name = given.empty() ? std::string{} : name_of(given);
    auto settings = connection_options_from(options, init, name);
    if (!settings)
      return settings.error();
    prepared_worker prepared{name, {}, risks_of(*settings)};
    prepared.spec = worker_spec(name, init, *std::move(settings));
    return prepared;
  }

  /// The worker that the supervisor has started, by its answer.
  worker_actor take_started(
    const prepared_worker& prepared, const caf::strong_actor_ptr& child) {
    warn_of(prepared.risks, *options.log, "worker", prepared.name);
    return caf::actor_cast<worker_actor>(
      options.isolate_workers ? isolated->current(prepared.spec.id) : child);
  }

  /// Why the supervisor has not started it.
  error not_started(const prepared_worker& prepared, const caf::error& e) {
    auto why = outcome_of(e);
    if (why.code == error_code::already_started)
      why.detail = "a worker named " + prepared.name + " runs already";
    return why;
  }

  /// Starts a worker under the supervisor.
  result<worker_actor> start_worker(
    const std::string& name, const worker_init& init, milliseconds deadline) {
    auto prepared = prepare_worker(name, init);
    if (!prepared)
      return prepared.error();
    result<worker_actor> outcome;
    caf::scoped_actor self{sys};
    ask(self, workers(), deadline, supervision::start_child{prepared->spec})
      .receive(
        [&](const caf::strong_actor_ptr& child) {
          outcome = take_started(*prepared, child);
        },
        [&](const caf::error& e) { outcome = not_started(*prepared, e); });
    return outcome;
  }

  /// How the supervisor is asked to end a worker; nothing when there is none.
  std::optional<supervision::terminate_child> termination_of(const worker_ref& worker) {
    supervision::terminate_child request;
    const auto handle = caf::actor_cast<caf::strong_actor_ptr>(worker.handle());
    if (handle == nullptr)
      request.name = name_of(worker);
    else if (options.isolate_workers)
      request.name = isolated->find(handle);
    else
      request.child = handle;
    if (request.child == nullptr && request.name.empty())
      return std::nullopt;
    return request;
  }

  error not_stopped(const worker_ref& worker, error why) const {
    if (why.code == error_code::not_found)
      why.detail = worker.handle() ? "the worker behind this handle has ended"
                                   : "no worker is named " + name_of(worker);
    return why;
  }

  result<done> stop_worker(const worker_ref& worker, milliseconds deadline) {
    error outcome{error_code::not_found, {}};
    if (auto request = termination_of(worker))
      outcome = ask_supervisor(time_for(deadline), *std::move(request), [] {});
    if (!outcome)
      return done{};
    return not_stopped(worker, std::move(outcome));
  }

  result<worker_actor> create_worker(
    const std::string& name, const worker_init& init, milliseconds deadline) {
    const auto until = std::chrono::steady_clock::now() + time_for(deadline);
    auto handle = start_worker(name, init, left_until(until));
    if (!handle || !init.wait)
      return handle;
    auto why = wait_until_connected(*handle, until, deadline > milliseconds{0});
    if (!why)
      return handle;
    (void)stop_worker(*handle, options.stop_timeout);
    return why;
  }

  /// Asks whether a broker has answered the worker by the deadline. Unless the program
  /// has `chosen` it, brokers that refuse are not waited for.
  static get_status connection_question(time_point deadline, bool chosen) {
    get_status request;
    request.wait_connected = true;
    request.until_refused = !chosen;
    request.deadline = std::max(left_until(deadline), milliseconds{1});
    return request;
  }

  error wait_until_connected(
    const worker_actor& handle, time_point deadline, bool chosen) {
    return ask_worker(handle, connection_question(deadline, chosen)).error();
  }
};

} // namespace cafka
