#pragma once

#include "../../protocol/machines/stream_cursor.hpp"
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

/// What a stream reads, and how.
struct stream_settings {
  /// What each fetch asks for; offset and deadline are the stream's.
  fetch records;
  /// The group that it starts and commits for; empty: none, or the worker's where the
  /// cursor asks for that.
  std::string group;
  std::optional<std::int16_t> offset_fetch_api_version;
  std::optional<std::int16_t> offset_commit_api_version;
  protocol::stream_cursor_options cursor;
};

/// Starts a stream for a consumer, which is sent `stream_batch` and `stream_end`.
stream_actor spawn_stream(caf::actor_system& sys, stream_settings settings,
  worker_finder find_worker, caf::strong_actor_ptr consumer);

} // namespace cafka::actors
