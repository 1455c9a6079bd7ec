#include "consumer_starter.hpp"

#include "../../actors/transport/tls.hpp"
#include "../log.hpp"

#include <utility>

namespace cafka {

consumer_starter::consumer_starter(caf::actor_system& sys,
  const application_options& options,
  std::shared_ptr<actors::transport_factory> transports, child_starter::rules rules,
  std::function<error()> why_ended)
  : sys_(sys),
    options_(options),
    transports_(std::move(transports)),
    children_(sys, std::move(rules)),
    why_ended_(std::move(why_ended)) {
}

result<consumer> consumer_starter::start(consumer_options options) {
  const std::lock_guard guard{mutex_};
  return start_locked(std::move(options));
}

result<consumer> consumer_starter::find_or_start(const std::string& name) {
  const std::lock_guard guard{mutex_};
  if (auto core = running(name))
    return consumer{std::move(core)};
  const auto known = options_.consumers.find(name);
  auto options = known == options_.consumers.end() ? consumer_options{} : known->second;
  options.name = name;
  return start_locked(std::move(options));
}

std::shared_ptr<actors::consumer_core> consumer_starter::running(
  const std::string& name) {
  std::erase_if(by_name_, [](const auto& entry) { return entry.second.expired(); });
  const auto found = by_name_.find(name);
  const auto core = found == by_name_.end() ? nullptr : found->second.lock();
  return core != nullptr && !core->is_closed() ? core : nullptr;
}

result<consumer> consumer_starter::start_locked(consumer_options options) {
  if (auto wrong = actors::consumer_core::check(options))
    return wrong;
  if (auto why = why_ended_())
    return why;
  const auto name = options.name;
  if (running(name) != nullptr)
    return error{
      error_code::already_started, "a consumer named " + name + " runs already"};
  auto connection = connection_options_from(options_, {}, name);
  if (!connection)
    return connection.error();
  const auto tls = connection->transport.tls;
  auto core = actors::consumer_core::make(sys_, std::move(options));
  core->on_closed = [children = children_, name](
                      milliseconds deadline) { return children.end(name, deadline); };
  const auto outcome = children_.start(
    name,
    [core, settings = *std::move(connection), transports = transports_](
      caf::actor_system& system) {
      return caf::actor_cast<caf::strong_actor_ptr>(
        actors::spawn_consumer(system, core, settings, transports));
    },
    [core](const error& why) {
      core->end({why.code,
        "consumer " + core->options.name + " is not started again: " + why.detail});
    });
  if (outcome)
    return outcome;
  if (tls != nullptr)
    warn_of_verification(*options_.log, "consumer", name, tls->options());
  by_name_[name] = core;
  return consumer{std::move(core)};
}

} // namespace cafka
