#pragma once

#include "../../protocol/clients/stream_client.hpp"
#include "../interfaces.hpp"

#include <caf/fwd.hpp>

#include <functional>

namespace cafka::actors {

/// The worker to ask; `ended` is one that is known to be gone, or null. It must not
/// block.
///
/// Error `worker_down` while it is between two incarnations.
using worker_finder =
  std::function<result<worker_actor>(const caf::strong_actor_ptr& ended)>;

/// Starts a stream for a consumer, which is sent `stream_batch` and `stream_end`.
stream_actor spawn_stream(caf::actor_system& sys, protocol::stream_client_options options,
  worker_finder find_worker, caf::strong_actor_ptr consumer);

} // namespace cafka::actors
