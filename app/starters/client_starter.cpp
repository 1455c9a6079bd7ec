#include "client_starter.hpp"

#include "../../actors/group/group_core.hpp"
#include "../../actors/transport/tls.hpp"
#include "../log.hpp"

#include <utility>

namespace cafka {

namespace {

// -- producers --------------------------------------------------------------------------

std::string_view word(const actors::producer_core&) {
  return "producer";
}

const auto& settings_of(const application_options& o, const producer_options&) {
  return o.producers;
}

std::shared_ptr<actors::producer_core> make(caf::actor_system& sys,
  producer_options options, const child_starter& children,
  const std::shared_ptr<actors::log_sink>& log) {
  const auto name = options.name;
  auto core = std::make_shared<actors::producer_core>(sys, std::move(options));
  core->on_closed = [children, name] { children.end(name); };
  core->on_trouble = [log, name](log_level level, const std::string& what) {
    log->write(level, "producer", name, what);
  };
  return core;
}

bool is_closed(const actors::producer_core& core) {
  return core.batches.is_closed();
}

void give_up(actors::producer_core& core, const error& why) {
  core.end(why);
  core.release();
}

auto spawn(caf::actor_system& sys, std::shared_ptr<actors::producer_core> core,
  const actors::connection_options& connection,
  std::shared_ptr<actors::transport_factory> transports) {
  return actors::spawn_producer(sys, std::move(core), connection, std::move(transports));
}

/// It has no membership.
error start_member(const std::shared_ptr<actors::producer_core>&,
  const actors::connection_options&, const std::shared_ptr<actors::transport_factory>&,
  const child_starter&, child_starter::companions) {
  return {};
}

// -- consumers --------------------------------------------------------------------------

std::string_view word(const actors::consumer_core&) {
  return "consumer";
}

const auto& settings_of(const application_options& o, const consumer_options&) {
  return o.consumers;
}

std::shared_ptr<actors::consumer_core> make(caf::actor_system& sys,
  consumer_options options, const child_starter& children,
  const std::shared_ptr<actors::log_sink>&) {
  const auto name = options.name;
  auto core = actors::consumer_core::make(sys, std::move(options));
  core->on_closed = [children, name](
                      milliseconds deadline) { return children.end(name, deadline); };
  if (!core->options.group.empty())
    core->group = std::make_shared<actors::group_core>(sys);
  return core;
}

/// The actor of its membership, under a supervisor of its own.
error start_member(const std::shared_ptr<actors::consumer_core>& core,
  const actors::connection_options& connection,
  const std::shared_ptr<actors::transport_factory>& transports,
  const child_starter& members, child_starter::companions beside) {
  if (core->group == nullptr)
    return {};
  const auto name = core->options.name;
  core->group->on_closed = [members, name](milliseconds deadline) {
    return members.end(name, deadline);
  };
  return members.start(
    name,
    [core, connection, transports](caf::actor_system& system) {
      return caf::actor_cast<caf::strong_actor_ptr>(
        actors::spawn_member(system, core, connection, transports));
    },
    [core, name](const error& why) {
      if (core->group->has_ended()) // It was closed, or has told why.
        return;
      const error told{
        why.code, "the member " + name + " is not started again: " + why.detail};
      core->group->end(told);
      core->fail(told);
    },
    std::move(beside));
}

bool is_closed(const actors::consumer_core& core) {
  return core.is_closed();
}

void give_up(actors::consumer_core& core, const error& why) {
  core.end(why);
}

auto spawn(caf::actor_system& sys, std::shared_ptr<actors::consumer_core> core,
  const actors::connection_options& connection,
  std::shared_ptr<actors::transport_factory> transports) {
  return actors::spawn_consumer(sys, std::move(core), connection, std::move(transports));
}

} // namespace

// -- both -------------------------------------------------------------------------------

template <class Kind>
client_starter<Kind>::client_starter(caf::actor_system& sys,
  const application_options& options,
  std::shared_ptr<actors::transport_factory> transports, child_starter::rules rules,
  std::function<error()> why_ended, child_starter::rules members)
  : sys_(sys),
    options_(options),
    transports_(std::move(transports)),
    children_(sys, std::move(rules)),
    members_(sys, std::move(members)),
    why_ended_(std::move(why_ended)) {
}

template <class Kind>
result<typename Kind::handle> client_starter<Kind>::start(
  client_options what, extras with) {
  const std::lock_guard guard{mutex_};
  return start_locked(std::move(what), std::move(with));
}

template <class Kind>
result<typename Kind::handle> client_starter<Kind>::find_or_start(
  const std::string& name) {
  const std::lock_guard guard{mutex_};
  if (auto found = running(name))
    return handle{std::move(found)};
  client_options what;
  const auto& known = settings_of(options_, what);
  if (const auto of = known.find(name); of != known.end())
    what = of->second;
  what.name = name;
  return start_locked(std::move(what));
}

template <class Kind>
std::shared_ptr<typename Kind::core> client_starter<Kind>::running(
  const std::string& name) {
  std::erase_if(by_name_, [](const auto& entry) { return entry.second.expired(); });
  const auto found = by_name_.find(name);
  auto known = found == by_name_.end() ? nullptr : found->second.lock();
  return known != nullptr && !is_closed(*known) ? known : nullptr;
}

template <class Kind>
result<typename Kind::handle> client_starter<Kind>::start_locked(
  client_options what, extras with) {
  if (auto wrong = core::check(what))
    return wrong;
  if (auto why = why_ended_())
    return why;
  const auto name = what.name;
  if (const auto other = running(name))
    return error{error_code::already_started,
      "a " + std::string{word(*other)} + " named " + name + " runs already"};
  auto connection = connection_options_from(options_, {}, name);
  if (!connection)
    return connection.error();
  const auto risks = risks_of(*connection);
  const auto made = make(sys_, std::move(what), children_, options_.log);
  if (with.prepare)
    with.prepare(made);
  auto outcome = children_.start(
    name,
    [made, settings = *connection, transports = transports_](caf::actor_system& system) {
      return caf::actor_cast<caf::strong_actor_ptr>(
        spawn(system, made, settings, transports));
    },
    [made, name](const error& why) {
      give_up(*made,
        {why.code,
          std::string{word(*made)} + ' ' + name
            + " is not started again: " + why.detail});
    });
  if (!outcome)
    outcome = start_member(
      made, *connection, transports_, members_, std::move(with.beside_member));
  if (outcome)
    return outcome;
  warn_of(risks, *options_.log, std::string{word(*made)}, name);
  by_name_[name] = made;
  return handle{made};
}

template class client_starter<producer_kind>;
template class client_starter<consumer_kind>;

} // namespace cafka
