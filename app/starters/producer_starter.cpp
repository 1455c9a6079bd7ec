#include "producer_starter.hpp"

#include "../../actors/transport/tls.hpp"
#include "../log.hpp"

#include <utility>

namespace cafka {

producer_starter::producer_starter(caf::actor_system& sys,
  const application_options& options,
  std::shared_ptr<actors::transport_factory> transports, child_starter::rules rules,
  std::function<error()> why_ended)
  : sys_(sys),
    options_(options),
    transports_(std::move(transports)),
    children_(sys, std::move(rules)),
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
  const auto known = options_.producers.find(name);
  auto options = known == options_.producers.end() ? producer_options{} : known->second;
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
  if (auto wrong = actors::producer_core::check(options))
    return wrong;
  if (auto why = why_ended_())
    return why;
  const auto name = options.name;
  if (running(name) != nullptr)
    return error{
      error_code::already_started, "a producer named " + name + " runs already"};
  auto connection = connection_options_from(options_, {}, name);
  if (!connection)
    return connection.error();
  const auto tls = connection->transport.tls;
  auto core = std::make_shared<actors::producer_core>(sys_, std::move(options));
  core->on_closed = [children = children_, name] { children.end(name); };
  core->on_trouble = [log = options_.log, name](
                       log_level level, const std::string& what) {
    log->write(level, "producer", name, what);
  };
  const auto outcome = children_.start(
    name,
    [core, settings = *std::move(connection), transports = transports_](
      caf::actor_system& system) {
      return caf::actor_cast<caf::strong_actor_ptr>(
        actors::spawn_producer(system, core, settings, transports));
    },
    [core](const error& why) {
      core->end({why.code,
        "producer " + core->options.name + " is not started again: " + why.detail});
      core->release();
    });
  if (outcome)
    return outcome;
  if (tls != nullptr)
    warn_of_verification(*options_.log, "producer", name, tls->options());
  by_name_[name] = core;
  return producer{std::move(core)};
}

} // namespace cafka
