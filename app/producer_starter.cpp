#include <cafka/app/producer_starter.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/scoped_actor.hpp>
#include <spdlog/spdlog.h>

#include <utility>

namespace cafka {

namespace {

/// As long as the supervisor has it, incarnations may follow.
struct kept_by_supervisor {
  explicit kept_by_supervisor(std::shared_ptr<actors::producer_core> c)
    : core(std::move(c)) {}
  kept_by_supervisor(const kept_by_supervisor&) = delete;
  kept_by_supervisor& operator=(const kept_by_supervisor&) = delete;
  ~kept_by_supervisor() {
    core->end({error_code::closed,
      "producer " + core->options.name
        + " is not started again: its supervisor has ended"});
  }

  const std::shared_ptr<actors::producer_core> core;
};

/// For the supervisor's answers, which wait for nothing.
constexpr milliseconds supervisor_patience{5'000};

supervision::supervisor_actor supervisor_of(const caf::weak_actor_ptr& weak) {
  return caf::actor_cast<supervision::supervisor_actor>(weak.lock());
}

} // namespace

producer_starter::producer_starter(caf::actor_system& sys,
  const application_options& options,
  std::shared_ptr<actors::transport_factory> transports,
  const caf::strong_actor_ptr& producers, std::function<error()> why_ended)
  : sys_(sys),
    options_(options),
    transports_(std::move(transports)),
    supervisor_(caf::actor_cast<caf::weak_actor_ptr>(producers)),
    why_ended_(std::move(why_ended)) {
}

result<producer> producer_starter::start(producer_options options) {
  const std::lock_guard guard{mutex_};
  return start_locked(std::move(options));
}

result<producer> producer_starter::find_or_start(const std::string& name) {
  const std::lock_guard guard{mutex_};
  if (auto core = running(name))
    return producer{std::move(core)};
  producer_options options;
  options.name = name;
  return start_locked(std::move(options));
}

std::shared_ptr<actors::producer_core> producer_starter::running(
  const std::string& name) {
  std::erase_if(by_name_, [](const auto& entry) { return entry.second.expired(); });
  const auto found = by_name_.find(name);
  const auto core = found == by_name_.end() ? nullptr : found->second.lock();
  return core != nullptr && !core->batches.is_closed() ? core : nullptr;
}

result<producer> producer_starter::start_locked(producer_options options) {
  if (auto wrong = actors::producer_core::check(options); wrong.code != error_code::none)
    return wrong;
  if (auto why = why_ended_(); why.code != error_code::none)
    return why;
  const auto name = options.name;
  if (running(name) != nullptr)
    return error{
      error_code::already_started, "a producer named " + name + " runs already"};
  auto connection = worker_options_from(options_, {}, name);
  if (!connection)
    return connection.error();
  auto core = std::make_shared<actors::producer_core>(sys_, std::move(options));
  core->on_closed = [&sys = sys_, weak = supervisor_, name] {
    const auto supervisor = supervisor_of(weak);
    if (!supervisor)
      return;
    caf::scoped_actor self{sys};
    // One that the application's end has ended already is not there any more.
    ask(self, supervisor, supervisor_patience, supervision::terminate_child{.name = name})
      .receive([] {}, [](caf::error&) {});
  };
  core->on_trouble = [](const std::string& what) { spdlog::error("cafka: {}", what); };
  supervision::child_spec spec;
  spec.id = name;
  spec.name = name;
  // Again after a crash; not when it was closed.
  spec.restart = supervision::restart_type::transient;
  spec.start = [core, kept = std::make_shared<kept_by_supervisor>(core),
                 settings = *std::move(connection), transports = transports_](
                 caf::actor_system& system) -> supervision::start_result {
    return caf::actor_cast<caf::strong_actor_ptr>(
      actors::spawn_producer(system, core, settings, transports));
  };
  error outcome{error_code::closed, "the application has ended"};
  if (const auto supervisor = supervisor_of(supervisor_)) {
    caf::scoped_actor self{sys_};
    ask(self, supervisor, supervisor_patience, supervision::start_child{std::move(spec)})
      .receive([&](const caf::strong_actor_ptr&) { outcome = {}; },
        [&](caf::error& e) {
          outcome = {e == supervision::errc::already_started ? error_code::already_started
                                                             : error_code::closed,
            to_string(e)};
        });
  }
  if (outcome.code != error_code::none)
    return outcome;
  by_name_[name] = core;
  return producer{std::move(core)};
}

} // namespace cafka
