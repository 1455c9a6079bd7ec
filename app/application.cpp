#include "application.hpp"

#include "../supervision/proxy.hpp"
#include "application_actor.hpp"
#include "application_core.hpp"
#include "starters/group_starter.hpp"

namespace cafka {

namespace {

using std::chrono::steady_clock;

/// Sends `other` an exit message with the reason that `watched` ends with.
void tell_end(const caf::strong_actor_ptr& watched, const caf::strong_actor_ptr& other) {
  watched->get()->attach_functor(
    [from = watched->address(), to = caf::actor_cast<caf::weak_actor_ptr>(other)](
      const caf::error& reason) {
      post(to, caf::exit_msg{from, reason});
    });
}

} // namespace

result<std::unique_ptr<application>> application::start(
  caf::actor_system& sys, application_options options) {
  if (caf::query_type_name(caf::type_id_v<cafka::produce>).empty())
    return error{error_code::invalid_argument,
      "cafka::init_global_meta_objects() was not called before the actor system "
      "was made"};
  if (auto wrong = check(options))
    return wrong;
  if (options.log == nullptr) {
    auto log = make_log(options);
    if (!log)
      return log.error();
    options.log = *std::move(log);
  }
  std::shared_ptr<actors::asio_transport_factory> sockets;
  const auto has_provider =
    options.tokens == nullptr && !options.sasl.oidc.token_endpoint_url.empty();
  if (options.transports == nullptr || has_provider)
    sockets = std::make_shared<actors::asio_transport_factory>(options.io_threads);
  if (has_provider) {
    auto tokens = actors::make_token_source({options.sasl.oidc,
      options.sasl.oidc_ssl_options, sockets, options.log, &sys.metrics()});
    if (!tokens)
      return tokens.error();
    options.tokens = *std::move(tokens);
  }
  auto content = std::make_shared<application_core>(sys, std::move(options));
  content->sockets = std::move(sockets);
  content->transports = content->options.transports;
  if (content->transports == nullptr)
    content->transports = content->sockets;
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
  content->consumers =
    std::make_shared<consumer_starter>(sys, content->options, content->transports,
      content->rules_under(consumers_name), why_ended, content->rules_under(groups_name));
  content->actor = spawn_application_actor(sys, content);
  const auto actor = caf::actor_cast<caf::strong_actor_ptr>(content->actor);
  content->add_linked(actor);
  // It ends with all others also when they end by themselves.
  tell_end(caf::actor_cast<caf::strong_actor_ptr>(content->root), actor);
  std::unique_ptr<application> app{new application{std::move(content)}};
  if (!app->core_->options.disable_default_worker) {
    const auto& name = app->core_->options.default_worker;
    const auto started =
      app->core_->start_worker(name, {}, app->core_->options.stop_timeout);
    if (!started)
      return started.error();
    const std::lock_guard guard{app->core_->state->default_worker_mutex};
    app->core_->state->default_worker = [made = app->core_.get(), &name] {
      return made->worker_spec(name, {}, std::nullopt);
    };
  }
  return app;
}

application::application(std::shared_ptr<application_core> core)
  : core_(std::move(core)) {
}

application::~application() {
  (void)stop();
  const std::lock_guard guard{core_->state->default_worker_mutex};
  core_->state->default_worker = nullptr;
}

result<done> application::stop(milliseconds deadline) {
  if (core_->state->stopped.exchange(true))
    return done{};
  if (deadline <= milliseconds{0})
    deadline = core_->options.stop_timeout;
  const auto until = steady_clock::now() + deadline;
  caf::scoped_actor self{core_->sys};
  result<done> outcome{done{}};
  core_->end_linked();
  // The last tenth is for those that have to be killed.
  ask(self, core_->root, deadline, supervision::stop{deadline / 10 * 9})
    .receive([] {},
      [&](caf::error& e) {
        // One that escalated has ended already.
        if (e == caf::sec::request_timeout)
          outcome = error{error_code::timed_out, "workers did not end in time"};
      });
  if (core_->sockets != nullptr)
    core_->sockets->stop(application_core::left_until(until));
  return outcome;
}

result<worker_actor> application::create_worker(
  const std::string& name, const worker_init& init, milliseconds deadline) {
  if (name.empty())
    return error{error_code::invalid_argument, "a worker needs a name, or no_name"};
  return core_->create_worker(name, init, deadline);
}

result<worker_actor> application::create_worker(
  no_name_t, const worker_init& init, milliseconds deadline) {
  return core_->create_worker({}, init, deadline);
}

result<worker_actor> application::start_link_worker(
  const caf::strong_actor_ptr& owner, const worker_init& init, milliseconds deadline) {
  const auto until = steady_clock::now() + core_->time_for(deadline);
  if (owner == nullptr)
    return error{error_code::invalid_argument, "there is no actor to link the worker to"};
  if (auto why = core_->why_ended())
    return why;
  auto settings = connection_options_from(core_->options, init, {});
  if (!settings)
    return settings.error();
  const auto risks = risks_of(*settings);
  auto handle = actors::spawn_worker(core_->sys, *std::move(settings), core_->transports);
  const auto worker = caf::actor_cast<caf::strong_actor_ptr>(handle);
  core_->add_linked(worker);
  tell_end(owner, worker);
  if (init.wait) {
    if (auto why = core_->wait_until_connected(handle, until, deadline > milliseconds{0});
        why) {
      post_exit(handle, caf::exit_reason::kill);
      return why;
    }
  }
  tell_end(worker, owner);
  warn_of(risks, *core_->options.log, "worker", {});
  return handle;
}

result<worker_init> application::build_worker_options(const worker_init& init) const {
  return merged(core_->options, init);
}

result<std::optional<std::string>> application::consumer_group(
  const worker_ref& worker, milliseconds deadline) {
  auto told = status(worker, deadline);
  if (!told)
    return told.error();
  return std::move(told->consumer_group);
}

result<done> application::stop_worker(const worker_ref& worker, milliseconds deadline) {
  return core_->stop_worker(worker, deadline);
}

result<worker_actor> application::worker(const worker_ref& which) const {
  if (which.handle())
    return which.handle();
  const auto& name = core_->name_of(which);
  if (const auto found = core_->names->look_up(name))
    return caf::actor_cast<worker_actor>(found);
  if (core_->names->contains(name))
    return error{error_code::worker_down, name + " is being restarted"};
  return core_->no_worker(which);
}

result<worker_actor> application::worker_by_name(const std::string& name) {
  if (auto why = core_->why_ended())
    return why;
  const auto proxy =
    supervision::spawn_proxy(core_->sys, core_->names, core_->name_of(name));
  core_->add_linked(caf::actor_cast<caf::strong_actor_ptr>(proxy));
  return caf::actor_cast<worker_actor>(proxy);
}

application_actor application::actor() const {
  return core_->actor;
}

std::vector<std::string> application::workers() const {
  auto names = core_->names->names();
  std::ranges::sort(names);
  return names;
}

result<supervision::tree_node> application::tree(milliseconds deadline) const {
  auto root = supervision::tree_of(core_->sys, core_->root, core_->time_for(deadline));
  if (root)
    return *std::move(root);
  if (auto why = core_->why_ended())
    return why;
  return error{error_code::timed_out, to_string(root.error())};
}

result<producer> application::producer(producer_options options) {
  return core_->producers->start(std::move(options));
}

result<producer> application::producer_named(const std::string& name) {
  return core_->producers->find_or_start(name);
}

result<consumer> application::consumer(consumer_options options) {
  return core_->consumers->start(std::move(options));
}

result<consumer_group> application::consumer_group(
  consumer_group_options options, handler_factory make) {
  return start_group(core_->sys, core_->options, *core_->consumers, *core_->producers,
    core_->rules_under(groups_name), std::move(options), std::move(make));
}

template <class Request>
  requires requires {
    typename operation<Request>::reply;
  }
result<reply_of<Request>> application::call(
  const Request& request, const worker_ref& worker) {
  return core_->ask_worker(worker, request);
}

#define CAFKA_CALL(request, reply)                                                       \
  template result<reply> application::call(const cafka::request&, const worker_ref&);
CAFKA_OPERATIONS(CAFKA_CALL, CAFKA_CALL)
#undef CAFKA_CALL

result<consumer> application::consumer_named(const std::string& name) {
  return core_->consumers->find_or_start(name);
}

result<worker_status> application::status(
  const worker_ref& worker, milliseconds deadline) {
  get_status request;
  request.deadline = deadline;
  return core_->ask_worker(worker, request);
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

result<fetched> application::fetch(std::string topic, partition_id partition,
  cafka::fetch options, const worker_ref& worker) {
  options.topic = std::move(topic);
  options.partition = partition;
  return fetch(options, worker);
}

result<listed_offset> application::offset(
  std::string topic, partition_id partition, offset_time time, const worker_ref& worker) {
  list_offsets request;
  request.topic = std::move(topic);
  request.partition = partition;
  request.time = time;
  const auto until = steady_clock::now() + core_->time_for({});
  auto found = offset(request, worker);
  if (!found || found->offset || time.value < 0)
    return found;
  request.time = offset_time::latest();
  request.deadline = std::max(application_core::left_until(until), milliseconds{1});
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
  return {core_->starter, std::move(topic), partition, std::move(options)};
}

result<stream_actor> application::stream_to(caf::strong_actor_ptr consumer,
  std::string topic, partition_id partition, const stream_options& options) {
  if (consumer == nullptr)
    return error{error_code::invalid_argument, "a stream needs a consumer"};
  const auto settings = core_->starter->settings(topic, partition, options);
  if (!settings)
    return settings.error();
  return core_->starter->start(*settings, options.worker, consumer);
}

} // namespace cafka
