#include "settings.hpp"

namespace cafka::row {

std::string range(const whole& w) {
  const auto from = "from " + std::to_string(w.min);
  return w.max == std::numeric_limits<std::int64_t>::max()
    ? from + " on"
    : from + " to " + std::to_string(w.max);
}

std::string range(const period& p) {
  if (p.max != std::chrono::milliseconds::max())
    return "from " + std::to_string(p.min.count()) + " to "
      + std::to_string(p.max.count()) + "ms";
  return p.min.count() == 0 ? "zero or more" : "more than zero";
}

protocol::error refused(
  std::string_view key, const std::string& value, const std::string& must) {
  return {protocol::error_code::invalid_argument,
    std::string{key} + " = " + value + ": must be " + must};
}

} // namespace cafka::row
