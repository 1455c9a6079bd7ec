#pragma once

#include "../../actors/consumer/consumer_core.hpp"
#include "../options.hpp"
#include "child_starter.hpp"

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace cafka {

/// Starts the actors behind consumers, each under a supervisor of its own. Any thread.
class consumer_starter {
public:
  /// `why_ended` says why nothing works any more, code `none` while it does.
  consumer_starter(caf::actor_system& sys, const application_options& options,
    std::shared_ptr<actors::transport_factory> transports, child_starter::rules rules,
    std::function<error()> why_ended);

  /// Errors: `already_started`, `invalid_argument`, `closed`.
  [[nodiscard]] result<consumer> start(consumer_options options);

  /// The one of that name; else one that is started as the application's options say of
  /// that name, or with the defaults.
  [[nodiscard]] result<consumer> find_or_start(const std::string& name);

private:
  result<consumer> start_locked(consumer_options options);
  [[nodiscard]] std::shared_ptr<actors::consumer_core> running(const std::string& name);

  caf::actor_system& sys_;
  const application_options& options_;
  const std::shared_ptr<actors::transport_factory> transports_;
  const child_starter children_;
  const std::function<error()> why_ended_;
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<actors::consumer_core>> by_name_;
};

} // namespace cafka
