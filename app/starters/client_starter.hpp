#pragma once

#include "../../actors/consumer/consumer_core.hpp"
#include "../../actors/producer/producer_core.hpp"
#include "../options.hpp"
#include "child_starter.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace cafka {

/// What a starter knows of producers.
struct producer_kind {
  using handle = producer;
  using core = actors::producer_core;
  using options = producer_options;
};

/// What a starter knows of consumers.
struct consumer_kind {
  using handle = consumer;
  using core = actors::consumer_core;
  using options = consumer_options;
};

/// Starts the actors behind clients of a kind, each under a supervisor of its own, and
/// knows the clients by name. Any thread.
template <class Kind>
class client_starter {
public:
  using handle = typename Kind::handle;
  using client_options = typename Kind::options;

  /// `why_ended` says why nothing works any more, code `none` while it does.
  /// `members`: for the memberships of consumers.
  client_starter(caf::actor_system& sys, const application_options& options,
    std::shared_ptr<actors::transport_factory> transports, child_starter::rules rules,
    std::function<error()> why_ended, child_starter::rules members = {});

  /// What comes with a client beyond its options.
  struct extras {
    /// Called before its actors start; may be empty.
    std::function<void(const std::shared_ptr<typename Kind::core>&)> prepare;
    /// Beside the actor of its membership.
    child_starter::companions beside_member;
  };

  /// Errors: `already_started`, `invalid_argument`, `closed`.
  [[nodiscard]] result<handle> start(client_options what, extras with = {});

  /// The one of that name; else one that is started as the application's options say of
  /// that name, or with the defaults.
  [[nodiscard]] result<handle> find_or_start(const std::string& name);

private:
  using core = typename Kind::core;

  result<handle> start_locked(client_options what, extras with = {});
  [[nodiscard]] std::shared_ptr<core> running(const std::string& name);

  caf::actor_system& sys_;
  const application_options& options_;
  const std::shared_ptr<actors::transport_factory> transports_;
  const child_starter children_;
  const child_starter members_;
  const std::function<error()> why_ended_;
  std::mutex mutex_;
  // Those that run are their actors'; one that has ended is not to be kept.
  std::map<std::string, std::weak_ptr<core>> by_name_;
};

extern template class client_starter<producer_kind>;
extern template class client_starter<consumer_kind>;

using producer_starter = client_starter<producer_kind>;
using consumer_starter = client_starter<consumer_kind>;

} // namespace cafka
