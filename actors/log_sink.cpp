#include "log_sink.hpp"

#include <utility>

namespace cafka::actors {

log_sink::log_sink(
  writer write, log_level level, std::map<std::string, log_level> of_component)
  : write_(std::move(write)),
    level_(level),
    of_component_(of_component.begin(), of_component.end()) {
}

log_level log_sink::level_of(std::string_view component) const {
  const auto found = of_component_.find(component);
  return found == of_component_.end() ? level_ : found->second;
}

void log_sink::write(log_level level, std::string_view component, std::string_view name,
  std::string_view text) noexcept {
  if (level < level_of(component) || level == log_level::off || !write_)
    return;
  try {
    write_(level, component, name, text);
  } catch (...) {
    ++failures_;
  }
}

} // namespace cafka::actors
