#include "group_starter.hpp"

#include "../../actors/group/handlers_core.hpp"
#include "../log.hpp"

#include <utility>

namespace cafka {

namespace {

const std::string partitions_name = "partitions";

/// Supervisors of handlers come and go under it.
supervision::child_spec partitions_spec(
  const std::string& name, const child_starter::rules& rules) {
  supervision::supervisor_options own;
  own.name = "cafka." + rules.under + '.' + name + '.' + partitions_name;
  own.strategy = supervision::strategy::simple_one_for_one;
  own.intensity = rules.intensity;
  own.observer = rules.observer;
  auto child = supervision::supervisor_spec(partitions_name, std::move(own));
  child.name = partitions_name;
  return child;
}

supervision::child_spec handlers_spec(
  const std::shared_ptr<actors::handlers_core>& core) {
  supervision::child_spec child;
  child.id = "handlers";
  child.start = [core](const supervision::start_context& in) {
    return supervision::start_result{
      caf::actor_cast<caf::strong_actor_ptr>(actors::spawn_handlers(in.system(), core))};
  };
  return child;
}

} // namespace

result<consumer_group> start_group(caf::actor_system& sys,
  const application_options& options, consumer_starter& consumers,
  producer_starter& producers, const child_starter::rules& rules,
  consumer_group_options what, handler_factory make) {
  if (auto wrong = check(what))
    return wrong;
  auto reading = what.reading;
  reading.name = what.name.empty() ? what.group : what.name;
  reading.group = what.group;
  reading.membership = what.membership;
  reading.deliver_to = {};
  const group_subscription topics{what.topics, what.pattern};
  const auto core = std::make_shared<actors::handlers_core>(
    sys, std::move(what), std::move(make), options.log);
  core->observer = rules.observer;
  if (core->options.on_failure == failure_policy::dead_letter) {
    auto letters = producers.find_or_start(reading.name + ".dead-letters");
    if (!letters)
      return letters.error();
    core->letters = *std::move(letters);
  }
  const auto names = std::make_shared<supervision::registry>();
  core->partitions = [names] {
    return caf::actor_cast<supervision::supervisor_actor>(
      names->look_up(partitions_name));
  };
  consumer_starter::extras with;
  with.prepare = [core](const std::shared_ptr<actors::consumer_core>& reader) {
    core->reader = reader;
    reader->on_something = [weak = std::weak_ptr{core}] {
      if (const auto alive = weak.lock())
        alive->signal();
    };
  };
  with.beside_member = {
    {partitions_spec(reading.name, rules), handlers_spec(core)}, names};
  const auto started = consumers.start(std::move(reading), std::move(with));
  if (!started)
    return started.error();
  if (const auto subscribed = started->subscribe(topics); !subscribed)
    return subscribed.error();
  return consumer_group{*started, core};
}

} // namespace cafka
