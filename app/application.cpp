#include <cafka/actors/asio_transport.hpp>
#include <cafka/actors/tls.hpp>
#include <cafka/app/application.hpp>
#include <cafka/app/consumer_starter.hpp>
#include <cafka/app/isolated_workers.hpp>
#include <cafka/app/log.hpp>
#include <cafka/app/producer_starter.hpp>
#include <cafka/app/stream_starter.hpp>
#include <cafka/protocol/thrown_by.hpp>
#include <cafka/supervision/proxy.hpp>
#include <cafka/supervision/run_here.hpp>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <type_traits>
#include <utility>

namespace cafka {

namespace {

using std::chrono::steady_clock;
using supervision::event_kind;
using supervision::supervision_event;
using time_point = steady_clock::time_point;

template <class T, class... Ts>
constexpr bool one_of = (std::is_same_v<T, Ts> || ...);

/// Beyond a request's deadline, for the worker's own answer that it has passed.
constexpr milliseconds grace{1'000};

/// The longest wait before a restart.
constexpr milliseconds longest_delay{10'000};

/// Beyond this no group's rebalance is waited for unless a deadline says so.
constexpr milliseconds longest_rebalance = std::chrono::minutes{30};

/// The names of the supervisors, and of the root.
const std::string root_name = "cafka";
const std::string workers_name = "workers";
const std::string streams_name = "streams";
const std::string producers_name = "producers";
const std::string consumers_name = "consumers";

milliseconds left_until(time_point deadline) {
  return std::max(
    std::chrono::ceil<milliseconds>(deadline - steady_clock::now()), milliseconds{0});
}

/// Sends `other` an exit message with the reason that `watched` ends with.
void tell_end(const caf::strong_actor_ptr& watched, const caf::strong_actor_ptr& other) {
  watched->get()->attach_functor(
    [from = watched->address(), to = caf::actor_cast<caf::weak_actor_ptr>(other)](
      const caf::error& reason) {
      post(to, caf::exit_msg{from, reason});
    });
}

/// Whether the message was never handled, so that asking again does no harm.
bool never_handled(const caf::error& e) {
  return e == caf::sec::request_receiver_down;
}

} // namespace

namespace {

/// What the supervisors' observer needs; it may outlive the application by a moment.
struct health {
  std::function<void(const supervision_event&)> on_event;
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

  void observe(const supervision_event& event) {
    if (event.kind == event_kind::escalated) {
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
    if (event.kind == event_kind::restarted && event.supervisor == root_name
      && event.child == workers_name) {
      const std::lock_guard guard{default_worker_mutex};
      if (default_worker)
        post(event.handle, supervision::start_child{default_worker()});
    }
    if (!on_event)
      return;
    if (const auto thrown = protocol::thrown_by([&] { on_event(event); }))
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

  /// What may have become of a worker that is not there; empty: nothing is known.
  std::string why_no_worker() {
    const std::lock_guard guard{mutex};
    return workers_escalated.empty()
      ? std::string{}
      : " (all workers were ended: " + workers_escalated + ')';
  }
};

} // namespace

struct application::impl {
  impl(caf::actor_system& system, application_options given)
    : sys(system), options(std::move(given)) {
    state->on_event = options.on_event;
    state->log = options.log;
  }

  caf::actor_system& sys;
  const application_options options;
  std::shared_ptr<health> state = std::make_shared<health>();
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
  /// The workers and proxies outside the tree, and what guards the list.
  std::mutex linked_mutex;
  std::vector<caf::weak_actor_ptr> linked;

  /// Notes an actor outside the tree; it ends with the application all the same.
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

  const std::string& name_of(const worker_ref& which) const {
    return which.name().empty() ? options.default_worker : which.name();
  }

  error no_worker(const worker_ref& which) {
    if (auto why = why_ended(); why.code != error_code::none)
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
  template <class Reply, class Request>
  result<Reply> ask_worker(
    const worker_ref& which, const Request& request, milliseconds unless_told = {}) {
    // Of these the worker knows best how long they may take.
    constexpr bool worker_decides = one_of<Request, cafka::sync_group, cafka::heartbeat>;
    const bool told = request.deadline > milliseconds{0};
    const auto deadline =
      steady_clock::now() + time_for(told ? request.deadline : unless_told);
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
      result<Reply> reply;
      caf::error failed;
      auto answer = supervision::ask_here(self, *handle, std::move(due));
      if (!supervision::answer_within(self, timeout))
        return unanswered<Request>(left);
      std::move(answer).receive([&](result<Reply>& r) { reply = std::move(r); },
        [&](caf::error& e) { failed = std::move(e); });
      if (failed.empty())
        return reply;
      if (!never_handled(failed))
        return lost<Request>(failed);
      stale = caf::actor_cast<caf::strong_actor_ptr>(*handle);
    }
  }

  template <class Request>
  static constexpr bool changes_something = one_of<Request, cafka::produce,
    cafka::create_topics, cafka::delete_topics, cafka::join_group>;

  /// A worker that runs did not answer in time.
  template <class Request>
  error unanswered(milliseconds deadline) {
    if (auto why = why_ended(); why.code != error_code::none)
      return why;
    return {
      changes_something<Request> ? error_code::outcome_unknown : error_code::timed_out,
      "the worker did not answer within " + std::to_string(deadline.count())
        + " ms: it is busy"};
  }

  /// A worker ended with the request in its hands.
  template <class Request>
  error lost(const caf::error& failed) {
    if (auto why = why_ended(); why.code != error_code::none)
      return why;
    if constexpr (changes_something<Request>) {
      return {error_code::outcome_unknown,
        "the worker ended before its answer: " + to_string(failed)};
    } else {
      return {error_code::worker_down,
        "the worker ended before its answer: " + to_string(failed)};
    }
  }

  /// Asks the supervisor; CAF's error becomes one of ours.
  template <class... Replies, class Request>
  error ask_supervisor(milliseconds deadline, Request request, auto on_reply) {
    caf::scoped_actor self{sys};
    error outcome;
    ask(self, workers(), deadline, std::move(request))
      .receive(on_reply, [&](caf::error& e) {
        if (auto why = why_ended(); why.code != error_code::none)
          outcome = why;
        else if (e == supervision::errc::already_started)
          outcome = {error_code::already_started, {}};
        else if (e == supervision::errc::not_found)
          outcome = {error_code::not_found, {}};
        else if (e == caf::sec::request_timeout)
          outcome = {error_code::timed_out, {}};
        else if (e == supervision::errc::invalid_child_spec)
          outcome = {error_code::invalid_argument, to_string(e)};
        else
          outcome = {error_code::closed, to_string(e)};
      });
    return outcome;
  }

  [[nodiscard]] auto observer() const {
    return [observed = state](const supervision_event& e) { observed->observe(e); };
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
    return of_root;
  }

  /// The settings a worker begins with, asked for anew at each start, but for the first,
  /// when they are at hand.
  std::function<result<actors::worker_options>()> settings_source(const std::string& name,
    const worker_init& init, std::optional<actors::worker_options> first) const {
    auto at_hand =
      std::make_shared<std::optional<actors::worker_options>>(std::move(first));
    return [at_hand, name, init, common = options]() -> result<actors::worker_options> {
      if (auto known = std::exchange(*at_hand, std::nullopt))
        return *std::move(known);
      return worker_options_from(common, init, name);
    };
  }

  /// How a worker is started under its supervisor; without a name nobody finds it by one.
  /// `first`: the settings of its first start, if they are at hand.
  [[nodiscard]] supervision::child_spec worker_spec(const std::string& name,
    const worker_init& init, std::optional<actors::worker_options> first) const {
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

  /// Starts a worker under the supervisor.
  result<worker_actor> start_worker(
    const std::string& name, const worker_init& init, milliseconds deadline) {
    auto settings = worker_options_from(options, init, name);
    if (!settings)
      return settings.error();
    const auto tls = settings->transport.tls;
    auto spec = worker_spec(name, init, *std::move(settings));
    const auto id = spec.id;
    caf::strong_actor_ptr started;
    auto outcome = ask_supervisor(deadline, supervision::start_child{std::move(spec)},
      [&](const caf::strong_actor_ptr& h) { started = h; });
    if (options.isolate_workers && outcome.code == error_code::none)
      started = isolated->current(id);
    const auto handle = caf::actor_cast<worker_actor>(started);
    if (outcome.code == error_code::already_started)
      outcome.detail = "a worker named " + name + " runs already";
    if (outcome.code != error_code::none)
      return outcome;
    if (tls != nullptr)
      warn_of_verification(*options.log, "worker", name, tls->options());
    return handle;
  }

  result<done> stop_worker(const worker_ref& worker, milliseconds deadline) {
    supervision::terminate_child request;
    const auto handle = caf::actor_cast<caf::strong_actor_ptr>(worker.handle());
    if (handle == nullptr)
      request.name = name_of(worker);
    else if (options.isolate_workers)
      request.name = isolated->find(handle);
    else
      request.child = handle;
    error outcome{error_code::not_found, {}};
    if (request.child != nullptr || !request.name.empty())
      outcome = ask_supervisor(time_for(deadline), std::move(request), [] {});
    if (outcome.code == error_code::none)
      return done{};
    if (outcome.code == error_code::not_found)
      outcome.detail = worker.handle() ? "the worker behind this handle has ended"
                                       : "no worker is named " + name_of(worker);
    return outcome;
  }

  result<worker_actor> create_worker(
    const std::string& name, const worker_init& init, milliseconds deadline) {
    const auto until = steady_clock::now() + time_for(deadline);
    auto handle = start_worker(name, init, left_until(until));
    if (!handle || !init.wait)
      return handle;
    auto why = wait_until_connected(*handle, until, deadline > milliseconds{0});
    if (why.code == error_code::none)
      return handle;
    (void)stop_worker(*handle, options.stop_timeout);
    return why;
  }

  /// Whether a broker has answered the worker by the deadline. Unless the program has
  /// `chosen` it, brokers that refuse are not waited for.
  error wait_until_connected(
    const worker_actor& handle, time_point deadline, bool chosen) {
    get_status request;
    request.wait_connected = true;
    request.until_refused = !chosen;
    request.deadline = std::max(left_until(deadline), milliseconds{1});
    return ask_worker<worker_status>(handle, request).error();
  }
};

result<std::unique_ptr<application>> application::start(
  caf::actor_system& sys, application_options options) {
  if (caf::query_type_name(caf::type_id_v<cafka::produce>).empty())
    return error{error_code::invalid_argument,
      "cafka::init_global_meta_objects() was not called before the actor system "
      "was made"};
  if (options.default_worker.empty())
    return error{error_code::invalid_argument, "default_worker is empty"};
  if (options.request_timeout <= milliseconds{0}
    || options.stop_timeout <= milliseconds{0})
    return error{error_code::invalid_argument,
      "request_timeout and stop_timeout must be more than zero"};
  if (options.log == nullptr) {
    auto log = make_log(options);
    if (!log)
      return log.error();
    options.log = *std::move(log);
  }
  auto content = std::make_unique<impl>(sys, std::move(options));
  content->transports = content->options.transports;
  if (content->transports == nullptr) {
    content->sockets = std::make_shared<actors::asio_transport_factory>(
      std::max(content->options.io_threads, 1u));
    content->transports = content->sockets;
  }
  auto root = supervision::start_supervisor(sys, content->tree_options());
  if (!root)
    return error{error_code::invalid_argument, to_string(root.error())};
  content->root = *root;
  const auto why_ended = [state = content->state] { return state->why_ended(); };
  content->starter = std::make_shared<stream_starter>(
    sys, content->options, content->names,
    [all = content->supervisors] { return all->look_up(streams_name); }, why_ended);
  content->producers = std::make_shared<producer_starter>(sys, content->options,
    content->transports, content->rules_under(producers_name), why_ended);
  content->consumers = std::make_shared<consumer_starter>(sys, content->options,
    content->transports, content->rules_under(consumers_name), why_ended);
  std::unique_ptr<application> app{new application{std::move(content)}};
  if (!app->impl_->options.disable_default_worker) {
    const auto& name = app->impl_->options.default_worker;
    const auto started =
      app->impl_->start_worker(name, {}, app->impl_->options.stop_timeout);
    if (!started)
      return started.error();
    const std::lock_guard guard{app->impl_->state->default_worker_mutex};
    app->impl_->state->default_worker = [made = app->impl_.get(), &name] {
      return made->worker_spec(name, {}, std::nullopt);
    };
  }
  return app;
}

application::application(std::unique_ptr<impl> content) : impl_(std::move(content)) {
}

application::~application() {
  (void)stop();
  const std::lock_guard guard{impl_->state->default_worker_mutex};
  impl_->state->default_worker = nullptr;
}

result<done> application::stop(milliseconds deadline) {
  if (impl_->state->stopped.exchange(true))
    return done{};
  if (deadline <= milliseconds{0})
    deadline = impl_->options.stop_timeout;
  const auto until = steady_clock::now() + deadline;
  caf::scoped_actor self{impl_->sys};
  result<done> outcome{done{}};
  impl_->end_linked();
  // The last tenth is for those that have to be killed.
  ask(self, impl_->root, deadline, supervision::stop{deadline / 10 * 9})
    .receive([] {},
      [&](caf::error& e) {
        // One that escalated has ended already.
        if (e == caf::sec::request_timeout)
          outcome = error{error_code::timed_out, "workers did not end in time"};
      });
  if (impl_->sockets != nullptr)
    impl_->sockets->stop(left_until(until));
  return outcome;
}

result<worker_actor> application::create_worker(
  const std::string& name, const worker_init& init, milliseconds deadline) {
  if (name.empty())
    return error{error_code::invalid_argument, "a worker needs a name, or no_name"};
  return impl_->create_worker(name, init, deadline);
}

result<worker_actor> application::create_worker(
  no_name_t, const worker_init& init, milliseconds deadline) {
  return impl_->create_worker({}, init, deadline);
}

result<worker_actor> application::start_link_worker(
  const caf::strong_actor_ptr& owner, const worker_init& init, milliseconds deadline) {
  const auto until = steady_clock::now() + impl_->time_for(deadline);
  if (owner == nullptr)
    return error{error_code::invalid_argument, "there is no actor to link the worker to"};
  if (auto why = impl_->why_ended(); why.code != error_code::none)
    return why;
  auto settings = worker_options_from(impl_->options, init, {});
  if (!settings)
    return settings.error();
  const auto tls = settings->transport.tls;
  auto handle = actors::spawn_worker(impl_->sys, *std::move(settings), impl_->transports);
  const auto worker = caf::actor_cast<caf::strong_actor_ptr>(handle);
  impl_->add_linked(worker);
  tell_end(owner, worker);
  if (init.wait) {
    if (auto why = impl_->wait_until_connected(handle, until, deadline > milliseconds{0});
        why.code != error_code::none) {
      post_exit(handle, caf::exit_reason::kill);
      return why;
    }
  }
  tell_end(worker, owner);
  if (tls != nullptr)
    warn_of_verification(*impl_->options.log, "worker", {}, tls->options());
  return handle;
}

result<worker_init> application::build_worker_options(const worker_init& init) const {
  return merged(impl_->options, init);
}

result<std::optional<std::string>> application::consumer_group(
  const worker_ref& worker, milliseconds deadline) {
  auto told = status(worker, deadline);
  if (!told)
    return told.error();
  return std::move(told->consumer_group);
}

result<done> application::stop_worker(const worker_ref& worker, milliseconds deadline) {
  return impl_->stop_worker(worker, deadline);
}

result<worker_actor> application::worker(const worker_ref& which) const {
  if (which.handle())
    return which.handle();
  const auto& name = impl_->name_of(which);
  if (const auto found = impl_->names->look_up(name))
    return caf::actor_cast<worker_actor>(found);
  if (impl_->names->contains(name))
    return error{error_code::worker_down, name + " is being restarted"};
  return impl_->no_worker(which);
}

result<worker_actor> application::worker_by_name(const std::string& name) {
  if (auto why = impl_->why_ended(); why.code != error_code::none)
    return why;
  const auto proxy =
    supervision::spawn_proxy(impl_->sys, impl_->names, impl_->name_of(name));
  impl_->add_linked(caf::actor_cast<caf::strong_actor_ptr>(proxy));
  return caf::actor_cast<worker_actor>(proxy);
}

std::vector<std::string> application::workers() const {
  auto names = impl_->names->names();
  std::ranges::sort(names);
  return names;
}

result<supervision::tree_node> application::tree(milliseconds deadline) const {
  auto root = supervision::tree_of(impl_->sys, impl_->root, impl_->time_for(deadline));
  if (root)
    return *std::move(root);
  if (auto why = impl_->why_ended(); why.code != error_code::none)
    return why;
  return error{error_code::timed_out, to_string(root.error())};
}

result<producer> application::producer(producer_options options) {
  return impl_->producers->start(std::move(options));
}

result<producer> application::producer(const std::string& name) {
  return impl_->producers->find_or_start(name);
}

result<consumer> application::consumer(consumer_options options) {
  return impl_->consumers->start(std::move(options));
}

result<worker_status> application::status(
  const worker_ref& worker, milliseconds deadline) {
  get_status request;
  request.deadline = deadline;
  return impl_->ask_worker<worker_status>(worker, request);
}

result<produced> application::produce(
  const cafka::produce& request, const worker_ref& worker) {
  return impl_->ask_worker<produced>(worker, request);
}

result<produced> application::produce(std::string topic,
  std::optional<partition_id> partition, std::optional<std::string> value,
  const produce_options& options) {
  cafka::produce request;
  request.topic = std::move(topic);
  request.partition = partition;
  request.records.push_back(
    {options.key, std::move(value), options.headers, options.timestamp});
  request.required_acks = options.required_acks;
  request.timeout = options.timeout;
  request.compression = options.compression;
  request.deadline = options.deadline;
  request.api_version = options.api_version;
  return produce(request, options.worker);
}

result<fetched> application::fetch(
  const cafka::fetch& request, const worker_ref& worker) {
  return impl_->ask_worker<fetched>(worker, request);
}

result<listed_offset> application::offset(
  const list_offsets& request, const worker_ref& worker) {
  return impl_->ask_worker<listed_offset>(worker, request);
}

result<listed_offset> application::offset(
  std::string topic, partition_id partition, offset_time time, const worker_ref& worker) {
  list_offsets request;
  request.topic = std::move(topic);
  request.partition = partition;
  request.time = time;
  const auto until = steady_clock::now() + impl_->time_for({});
  auto found = offset(request, worker);
  if (!found || found->offset || time.value < 0)
    return found;
  request.time = offset_time::latest();
  request.deadline = std::max(left_until(until), milliseconds{1});
  return offset(request, worker);
}

result<listed_offset> application::latest_offset(
  std::string topic, partition_id partition, const worker_ref& worker) {
  return offset(std::move(topic), partition, offset_time::latest(), worker);
}

result<listed_offset> application::earliest_offset(
  std::string topic, partition_id partition, const worker_ref& worker) {
  return offset(std::move(topic), partition, offset_time::earliest(), worker);
}

stream application::stream(
  std::string topic, partition_id partition, stream_options options) {
  return {impl_->starter, std::move(topic), partition, std::move(options)};
}

result<stream_actor> application::stream_to(caf::strong_actor_ptr consumer,
  std::string topic, partition_id partition, const stream_options& options) {
  if (consumer == nullptr)
    return error{error_code::invalid_argument, "a stream needs a consumer"};
  const auto settings = impl_->starter->settings(topic, partition, options);
  if (!settings)
    return settings.error();
  return impl_->starter->start(*settings, options.worker, consumer);
}

result<cluster_metadata> application::metadata(
  const cafka::metadata& request, const worker_ref& worker) {
  return impl_->ask_worker<cluster_metadata>(worker, request);
}

result<supported_versions> application::api_versions(
  const cafka::api_versions& request, const worker_ref& worker) {
  return impl_->ask_worker<supported_versions>(worker, request);
}

result<topic_results> application::create_topics(
  const cafka::create_topics& request, const worker_ref& worker) {
  return impl_->ask_worker<topic_results>(worker, request);
}

result<topic_results> application::delete_topics(
  const cafka::delete_topics& request, const worker_ref& worker) {
  return impl_->ask_worker<topic_results>(worker, request);
}

result<done> application::offset_commit(
  const cafka::offset_commit& request, const worker_ref& worker) {
  return impl_->ask_worker<done>(worker, request);
}

result<fetched_offsets> application::offset_fetch(
  const cafka::offset_fetch& request, const worker_ref& worker) {
  return impl_->ask_worker<fetched_offsets>(worker, request);
}

result<found_coordinator> application::consumer_group_metadata(
  const cafka::find_coordinator& request, const worker_ref& worker) {
  return impl_->ask_worker<found_coordinator>(worker, request);
}

result<joined_group> application::join_group(
  const cafka::join_group& request, const worker_ref& worker) {
  return impl_->ask_worker<joined_group>(
    worker, request, impl_->options.request_timeout + request.rebalance_timeout);
}

result<synced_group> application::sync_group(
  const cafka::sync_group& request, const worker_ref& worker) {
  // What it may take the worker knows better.
  return impl_->ask_worker<synced_group>(
    worker, request, impl_->options.request_timeout + longest_rebalance);
}

result<done> application::heartbeat(
  const cafka::heartbeat& request, const worker_ref& worker) {
  return impl_->ask_worker<done>(worker, request);
}

result<left_group> application::leave_group(
  const cafka::leave_group& request, const worker_ref& worker) {
  return impl_->ask_worker<left_group>(worker, request);
}

} // namespace cafka
