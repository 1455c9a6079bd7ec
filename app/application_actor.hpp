#pragma once

#include "application_messages.hpp"

#include <caf/fwd.hpp>

#include <memory>

namespace cafka {

struct application_core;

/// The actor that starts and ends an application's workers. It keeps nothing but the
/// application, and answers `closed` once that has ended.
[[nodiscard]] application_actor spawn_application_actor(
  caf::actor_system& sys, std::weak_ptr<application_core> core);

} // namespace cafka
