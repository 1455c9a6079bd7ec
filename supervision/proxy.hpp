#pragma once

#include "registry.hpp"

#include <caf/actor.hpp>
#include <caf/fwd.hpp>

#include <cstddef>
#include <memory>
#include <string>

namespace cafka::supervision {

/// Starts an actor that passes every message on to the actor behind a name: a handle that
/// follows the name through restarts. OTP: a registered name as a destination.
///
/// The receiver answers the sender itself. What comes while the name has no actor behind
/// it waits for the next one, `most_waiting` messages at most; a request beyond that, and
/// one to a name that no actor has, is answered with `errc::not_found`. A request's own
/// timeout is its deadline; one that reaches an actor in the moment of its death is
/// answered by CAF with `request_receiver_down`.
///
/// It lives as long as a reference to it is held; what waits when it ends is answered
/// with `request_receiver_down`. With zero `most_waiting` nothing waits.
caf::actor spawn_proxy(caf::actor_system& sys, std::shared_ptr<registry> names,
  std::string name, std::size_t most_waiting = 10'000);

} // namespace cafka::supervision
