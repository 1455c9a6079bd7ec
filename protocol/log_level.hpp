#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cafka::protocol {

/// How much a line of the log matters; docs/logging.md says what is logged at which
/// level.
enum class log_level : std::uint8_t {
  trace,    ///< Each request.
  debug,    ///< Each connection, and what supervisors do day by day.
  info,     ///< What has changed, or is over, and needs no action.
  warning,  ///< What is wrong and may pass by itself.
  error,    ///< What has failed for good.
  critical, ///< The client cannot go on.
  off,      ///< Above all lines: nothing is logged.
};

/// `trace`, `debug`, `info`, `warning`, `error`, `critical`, `off`.
[[nodiscard]] std::string_view to_string(log_level level);

/// The level of that name; nothing where there is none.
[[nodiscard]] std::optional<log_level> parse_log_level(std::string_view name);

} // namespace cafka::protocol
