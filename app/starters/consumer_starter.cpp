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
  if (auto wrong = actors::consumer_core::check(options))
    return wrong;
  if (auto why = why_ended_())
    return why;
  const auto name = options.name;
  if (const auto running = by_name_[name].lock(); running && !running->is_closed())
    return error{
      error_code::already_started, "a consumer named " + name + " runs already"};
  auto connection = worker_options_from(options_, {}, name);
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
