#include <cafka/actors/asio_transport.hpp>
#include <cafka/actors/producer_core.hpp>
#include <cafka/app/application.hpp>
#include <cafka/supervision/run_here.hpp>

#include <caf/actor_system.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

namespace cafka {

namespace {

using std::chrono::steady_clock;
using supervision::event_kind;
using supervision::supervision_event;
using time_point = steady_clock::time_point;

/// Beyond a request's deadline, for the worker's own answer that it has passed.
constexpr milliseconds grace{1'000};

void log_event(const supervision_event& event) {
  switch (event.kind) {
  case event_kind::escalated: spdlog::critical("cafka: {}", to_string(event)); break;
  case event_kind::start_failed:
  case event_kind::restarted:
  case event_kind::restart_failed:
  case event_kind::killed: spdlog::warn("cafka: {}", to_string(event)); break;
  case event_kind::started:
  case event_kind::exited:
  case event_kind::removed:
  case event_kind::stopped: spdlog::debug("cafka: {}", to_string(event)); break;
  }
}

milliseconds left_until(time_point deadline) {
  return std::max(
    std::chrono::ceil<milliseconds>(deadline - steady_clock::now()), milliseconds{0});
}

/// Whether the message was never handled, so that asking again does no harm.
bool never_handled(const caf::error& e) {
  return e == caf::sec::request_receiver_down;
}

} // namespace

namespace {

/// What the supervisor's observer needs; it may outlive the application by a moment.
struct health {
  std::function<void(const supervision_event&)> on_event;
  std::atomic<bool> stopped = false;
  std::mutex mutex;
  error escalated;

  void observe(const supervision_event& event) {
    if (event.kind == event_kind::escalated) {
      const std::lock_guard guard{mutex};
      escalated = {error_code::closed, to_string(event)};
    }
    log_event(event);
    if (on_event)
      on_event(event);
  }

  /// Why nothing works any more; `none` while it does.
  error why_ended() {
    if (stopped)
      return {error_code::closed, "the application was stopped"};
    const std::lock_guard guard{mutex};
    return escalated;
  }
};

} // namespace

struct application::impl {
  impl(caf::actor_system& system, application_options given)
    : sys(system), options(std::move(given)) {
    state->on_event = options.on_event;
  }

  caf::actor_system& sys;
  const application_options options;
  std::shared_ptr<health> state = std::make_shared<health>();
  std::shared_ptr<supervision::registry> names =
    std::make_shared<supervision::registry>();
  // Null when the options brought another kind.
  std::shared_ptr<actors::asio_transport_factory> sockets;
  std::shared_ptr<actors::transport_factory> transports;
  supervision::supervisor_actor workers;
  supervision::supervisor_actor producers;
  std::mutex producers_mutex;
  std::map<std::string, std::shared_ptr<actors::producer_core>> producers_by_name;

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
    return {error_code::not_found, "no worker is named " + name_of(which)};
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
  result<Reply> ask_worker(const worker_ref& which, const Request& request) {
    const auto deadline = steady_clock::now() + time_for(request.deadline);
    caf::strong_actor_ptr stale;
    caf::scoped_actor self{sys};
    while (true) {
      const auto handle = find(which, stale, deadline);
      if (!handle)
        return handle.error();
      auto due = request;
      due.deadline = left_until(deadline);
      if (due.deadline <= milliseconds{0})
        return error{error_code::timed_out, "no time is left"};
      const auto timeout = due.deadline + grace;
      result<Reply> reply;
      caf::error failed;
      auto answer = supervision::ask_here(self, *handle, std::move(due));
      if (!supervision::answer_within(self, timeout))
        return lost<Request>(caf::make_error(caf::sec::request_timeout));
      std::move(answer).receive([&](result<Reply>& r) { reply = std::move(r); },
        [&](caf::error& e) { failed = std::move(e); });
      if (failed.empty())
        return reply;
      if (!never_handled(failed))
        return lost<Request>(failed);
      stale = caf::actor_cast<caf::strong_actor_ptr>(*handle);
    }
  }

  /// A worker ended, or stayed silent, with the request in its hands.
  template <class Request>
  error lost(const caf::error& failed) {
    if (auto why = why_ended(); why.code != error_code::none)
      return why;
    if constexpr (std::is_same_v<Request, cafka::produce>) {
      return {error_code::outcome_unknown,
        "the worker ended before its answer: " + to_string(failed)};
    } else {
      return {error_code::worker_down,
        "the worker ended before its answer: " + to_string(failed)};
    }
  }

  /// Asks the supervisor; CAF's error becomes one of ours.
  template <class Request>
  error ask_supervisor(const supervision::supervisor_actor& supervisor,
    milliseconds deadline, Request request, auto on_reply) {
    caf::scoped_actor self{sys};
    error outcome;
    ask(self, supervisor, deadline, std::move(request))
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

  result<worker_actor> start_worker(
    const std::string& name, const worker_init& init, milliseconds deadline) {
    if (name.empty())
      return error{error_code::invalid_argument, "a worker needs a name"};
    auto settings = worker_options_from(options, init, name);
    if (!settings)
      return settings.error();
    supervision::child_spec spec;
    spec.id = name;
    spec.start = [settings = *settings, transports = transports](
                   caf::actor_system& system) -> supervision::start_result {
      return caf::actor_cast<caf::strong_actor_ptr>(
        actors::spawn_worker(system, settings, transports));
    };
    worker_actor handle;
    auto outcome = ask_supervisor(workers, deadline, supervision::start_child{std::move(spec)},
      [&](const caf::strong_actor_ptr& h) { handle = caf::actor_cast<worker_actor>(h); });
    if (outcome.code == error_code::already_started)
      outcome.detail = "a worker named " + name + " runs already";
    if (outcome.code != error_code::none)
      return outcome;
    return handle;
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
  auto content = std::make_unique<impl>(sys, std::move(options));
  content->transports = content->options.transports;
  if (content->transports == nullptr) {
    content->sockets = std::make_shared<actors::asio_transport_factory>(
      std::max(content->options.io_threads, 1u));
    content->transports = content->sockets;
  }
  supervision::supervisor_options root;
  root.name = "cafka.workers";
  root.intensity = {content->options.max_restarts, content->options.max_seconds};
  root.names = content->names;
  root.observer = [state = content->state](
                    const supervision_event& e) { state->observe(e); };
  auto of_producers = root;
  of_producers.name = "cafka.producers";
  of_producers.names = nullptr;
  content->producers = supervision::spawn_supervisor(sys, std::move(of_producers));
  content->workers = supervision::spawn_supervisor(sys, std::move(root));
  std::unique_ptr<application> app{new application{std::move(content)}};
  if (!app->impl_->options.disable_default_worker) {
    const auto started = app->impl_->start_worker(
      app->impl_->options.default_worker, {}, app->impl_->options.stop_timeout);
    if (!started)
      return started.error();
  }
  return app;
}

application::application(std::unique_ptr<impl> content) : impl_(std::move(content)) {
}

application::~application() {
  (void)stop();
}

result<done> application::stop(milliseconds deadline) {
  if (impl_->state->stopped.exchange(true))
    return done{};
  if (deadline <= milliseconds{0})
    deadline = impl_->options.stop_timeout;
  const auto until = steady_clock::now() + deadline;
  caf::scoped_actor self{impl_->sys};
  result<done> outcome{done{}};
  // The last tenth is for those that have to be killed.
  for (const auto& supervisor : {impl_->producers, impl_->workers}) {
    const auto left = std::max(left_until(until), milliseconds{1});
    ask(self, supervisor, left, supervision::stop{left / 10 * 9})
      .receive([] {},
        [&](caf::error& e) {
          // One that escalated has ended already.
          if (e == caf::sec::request_timeout)
            outcome = error{error_code::timed_out, "workers did not end in time"};
        });
  }
  if (impl_->sockets != nullptr)
    impl_->sockets->stop(left_until(until));
  return outcome;
}

result<worker_actor> application::create_worker(
  const std::string& name, const worker_init& init, milliseconds deadline) {
  const auto until = steady_clock::now() + impl_->time_for(deadline);
  auto handle = impl_->start_worker(name, init, left_until(until));
  if (!handle)
    return handle;
  get_status request;
  request.wait_connected = true;
  request.deadline = left_until(until);
  const auto connected = impl_->ask_worker<worker_status>(*handle, request);
  if (connected)
    return handle;
  (void)stop_worker(*handle, impl_->options.stop_timeout);
  return connected.error();
}

result<done> application::stop_worker(const worker_ref& worker, milliseconds deadline) {
  supervision::terminate_child request;
  if (worker.handle())
    request.child = caf::actor_cast<caf::strong_actor_ptr>(worker.handle());
  else
    request.id = impl_->name_of(worker);
  auto outcome =
    impl_->ask_supervisor(
    impl_->workers, impl_->time_for(deadline), std::move(request), [] {});
  if (outcome.code == error_code::none)
    return done{};
  if (outcome.code == error_code::not_found)
    outcome.detail = worker.handle() ? "the worker behind this handle has ended"
                                     : "no worker is named " + impl_->name_of(worker);
  return outcome;
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

std::vector<std::string> application::workers() const {
  auto names = impl_->names->names();
  std::ranges::sort(names);
  return names;
}

result<producer> application::producer(producer_options options) {
  if (auto wrong = actors::producer_core::check(options); wrong.code != error_code::none)
    return wrong;
  auto connection = worker_options_from(impl_->options, {}, options.name);
  if (!connection)
    return connection.error();
  const auto name = options.name;
  const std::lock_guard guard{impl_->producers_mutex};
  if (auto why = impl_->why_ended(); why.code != error_code::none)
    return why;
  if (const auto found = impl_->producers_by_name.find(name);
      found != impl_->producers_by_name.end() && !found->second->batches.is_closed())
    return error{error_code::already_started, "a producer named " + name + " runs already"};
  auto core = std::make_shared<actors::producer_core>(impl_->sys, std::move(options));
  // The supervisor outlives the handle of it that is kept here, by its own business.
  core->on_closed = [&sys = impl_->sys, producers = impl_->producers, name] {
    caf::scoped_actor self{sys};
    supervision::terminate_child request;
    request.id = name;
    ask(self, producers, grace, std::move(request)).receive([] {}, [](caf::error&) {});
  };
  supervision::child_spec spec;
  spec.id = name;
  spec.start = [core, settings = *std::move(connection), transports = impl_->transports](
                 caf::actor_system& system) -> supervision::start_result {
    return caf::actor_cast<caf::strong_actor_ptr>(
      actors::spawn_producer(system, core, settings, transports));
  };
  const auto outcome = impl_->ask_supervisor(impl_->producers, impl_->options.stop_timeout,
    supervision::start_child{std::move(spec)}, [](const caf::strong_actor_ptr&) {});
  if (outcome.code != error_code::none)
    return outcome;
  impl_->producers_by_name[name] = core;
  return cafka::producer{std::move(core)};
}

result<producer> application::producer(const std::string& name) {
  {
    const std::lock_guard guard{impl_->producers_mutex};
    const auto found = impl_->producers_by_name.find(name);
    if (found != impl_->producers_by_name.end() && !found->second->batches.is_closed())
      return cafka::producer{found->second};
  }
  producer_options options;
  options.name = name;
  return producer(std::move(options));
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

result<produced> application::produce(std::string topic, partition_id partition,
  std::optional<std::string> value, const produce_options& options) {
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

result<cluster_metadata> application::metadata(
  const cafka::metadata& request, const worker_ref& worker) {
  return impl_->ask_worker<cluster_metadata>(worker, request);
}

result<supported_versions> application::api_versions(
  const cafka::api_versions& request, const worker_ref& worker) {
  return impl_->ask_worker<supported_versions>(worker, request);
}

} // namespace cafka
