#pragma once

#include "../../actors/group/consumer_group.hpp"
#include "client_starter.hpp"

namespace cafka {

/// Starts a member of a group whose records handlers handle: its consumer, its
/// membership, and beside that the supervisor of the handlers and the actor that feeds
/// them. `rules`: those of memberships.
///
/// Errors: `already_started`, `invalid_argument`, `closed`.
[[nodiscard]] result<consumer_group> start_group(caf::actor_system& sys,
  const application_options& options, consumer_starter& consumers,
  producer_starter& producers, const child_starter::rules& rules,
  consumer_group_options what, handler_factory make);

} // namespace cafka
