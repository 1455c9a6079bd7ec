#pragma once

#include <cafka/app/application.hpp>
#include <cafka/app/cli/arguments.hpp>
#include <cafka/app/configuration.hpp>

#include <caf/actor_system.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace cafka::cli {

/// Says on standard error what failed, why, and what to try.
void report(std::string_view what, const error& why);

/// Whether what failed so may work a little later, without anybody doing anything.
[[nodiscard]] bool may_pass(error_code code);

/// The settings of a configuration file and the command line together.
struct settings {
  std::unique_ptr<configuration> config;
  application_options options;
  /// Whether the configuration file says which brokers to ask.
  bool names_brokers = false;
  /// Whether it or the command line says how long a request may take.
  bool names_timeout = false;
};

/// Error `invalid_argument` names the file and what is wrong with it.
[[nodiscard]] result<settings> read_settings(const common_arguments& common);

/// Makes the logger that cafka writes to: on standard error, in short lines.
void set_up_log();

/// An actor system with a cafka application and one worker, the default one, that a
/// broker has answered.
class session {
public:
  explicit session(settings from)
    : settings_(std::move(from)), system_(*settings_.config) {}

  /// Starts the application and waits for the worker's first answer.
  [[nodiscard]] result<done> connect();

  [[nodiscard]] application& app() { return *app_; }

private:
  settings settings_;
  caf::actor_system system_;
  std::unique_ptr<application> app_;
};

} // namespace cafka::cli
