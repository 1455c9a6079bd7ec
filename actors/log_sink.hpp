#pragma once

#include "../protocol/log_level.hpp"

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace cafka::actors {

using protocol::log_level;

/// Where the lines of the log go, with the level from which on they are wanted. The
/// application makes one; all its actors share it. Any thread.
class log_sink {
public:
  /// Takes one line: its level, the part that logs it (`worker`, `producer`, `consumer`,
  /// `stream`, `supervisor`), that one's name, and the text.
  using writer = std::function<void(log_level level, std::string_view component,
    std::string_view name, std::string_view text)>;

  /// `level` holds for the components that `of_component` does not name.
  log_sink(writer write, log_level level, std::map<std::string, log_level> of_component);

  /// The lowest level that is wanted of a component.
  [[nodiscard]] log_level level_of(std::string_view component) const;

  /// Writes the line if its level is wanted. What the writer throws ends here; it is
  /// counted.
  void write(log_level level, std::string_view component, std::string_view name,
    std::string_view text) noexcept;

  /// How often the writer has thrown.
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

private:
  const writer write_;
  const log_level level_;
  const std::map<std::string, log_level, std::less<>> of_component_;
  std::atomic<std::uint64_t> failures_ = 0;
};

} // namespace cafka::actors
