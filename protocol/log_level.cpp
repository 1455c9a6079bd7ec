#include "log_level.hpp"

#include <array>

namespace cafka::protocol {

namespace {

constexpr std::array<std::string_view, 7> names{
  "trace", "debug", "info", "warning", "error", "critical", "off"};

} // namespace

std::string_view to_string(log_level level) {
  const auto at = static_cast<std::size_t>(level);
  return at < names.size() ? names[at] : "unknown";
}

std::optional<log_level> parse_log_level(std::string_view name) {
  for (std::size_t i = 0; i != names.size(); ++i) {
    if (names[i] == name)
      return static_cast<log_level>(i);
  }
  return std::nullopt;
}

} // namespace cafka::protocol
