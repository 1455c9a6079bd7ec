#pragma once

#include "../application.hpp"
#include "../configuration.hpp"
#include "arguments.hpp"

#include <caf/actor_system.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace cafka::cli {

/// Says on standard error what failed, why, and what to try, in the words of the command
/// line.
void report(std::string_view what, const error& why);

/// Whether what failed so may work a little later, without anybody doing anything.
[[nodiscard]] bool may_pass(error_code code);

/// The settings of a configuration file, the environment and the command line together.
struct settings {
  std::unique_ptr<configuration> config;
  application_options options;
  /// Whether a configuration file that the command line names says which brokers to ask.
  bool names_brokers = false;
  /// Whether it or the command line says how long a request may take.
  bool names_timeout = false;
};

/// What the command line says goes before the environment (`CAFKA_BROKERS`), which goes
/// before a file that nobody named there: `CAFKA_CONFIG`, else `cafka.conf` in
/// `XDG_CONFIG_HOME` or `~/.config`, where there is one. What is reported from then on
/// names settings as the user has made them.
///
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
