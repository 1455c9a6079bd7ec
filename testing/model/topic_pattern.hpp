#pragma once

#include <optional>
#include <regex>
#include <string>

namespace cafka::testing {

/// A regular expression that has to match the whole name of a topic.
///
/// Kafka's brokers take RE2's syntax. Here it is that of ECMAScript as far as RE2 has the
/// same: what looks ahead or behind or refers back is refused, and of flags `(?i)` is
/// known, at the beginning.
class topic_pattern {
public:
  /// Nothing for a text that is no regular expression.
  [[nodiscard]] static std::optional<topic_pattern> parse(const std::string& text);

  [[nodiscard]] bool matches(const std::string& topic) const;

private:
  explicit topic_pattern(std::regex what) : what_(std::move(what)) {}

  std::regex what_;
};

} // namespace cafka::testing
