#pragma once

#include "../../actors/stream/stream_actor.hpp"
#include "../../supervision/registry.hpp"
#include "../../supervision/supervisor.hpp"
#include "../stream.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <string>

namespace cafka {

/// Starts the actors behind streams, under a supervisor of their own.
///
/// Shared by the application and every stream, which may outlive it by the word `closed`.
class stream_starter {
public:
  /// `names` are the workers, `streams` yields the supervisor, null once the application
  /// has ended; `why_ended` says why nothing works any more, code `none` while it does.
  /// Both may be called from any thread.
  stream_starter(caf::actor_system& sys, const application_options& options,
    std::shared_ptr<supervision::registry> names,
    std::function<caf::strong_actor_ptr()> streams, std::function<error()> why_ended);

  [[nodiscard]] caf::actor_system& system() const { return sys_; }
  [[nodiscard]] actors::log_sink& log() const { return *options_.log; }

  /// What the options mean. Errors: `invalid_argument`, `invalid_group_id`.
  [[nodiscard]] result<protocol::stream_client_options> settings(const std::string& topic,
    partition_id partition, const stream_options& options) const;

  /// Starts a stream. Error `closed` when the application was stopped.
  [[nodiscard]] result<stream_actor> start(
    const protocol::stream_client_options& settings, const worker_ref& worker,
    const caf::strong_actor_ptr& consumer);

private:
  [[nodiscard]] actors::worker_finder finder(const worker_ref& worker) const;

  caf::actor_system& sys_;
  const application_options options_;
  std::shared_ptr<supervision::registry> names_;
  std::function<caf::strong_actor_ptr()> streams_;
  std::function<error()> why_ended_;
  std::atomic<std::uint64_t> last_ = 0;
};

} // namespace cafka
