#include "topic_pattern.hpp"

#include <string_view>

namespace cafka::testing {

namespace {

/// Whether RE2 has nothing of the kind: groups that look around, references back, and a
/// repetition of a repetition.
bool unknown_to_re2(const std::string& text) {
  constexpr std::string_view repetitions = "*+?}";
  auto in_class = false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const auto c = text[i], next = text[i + 1];
    if (c == '\\') {
      if (next >= '1' && next <= '9')
        return true;
      ++i; // What is escaped begins nothing.
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
    } else if (c == '(' && next == '?' && (i + 2 == text.size() || text[i + 2] != ':')) {
      return true;
    } else if (repetitions.find(c) != std::string_view::npos
      && (next == '*' || next == '+')) {
      return true;
    }
  }
  return false;
}

} // namespace

std::optional<topic_pattern> topic_pattern::parse(const std::string& text) {
  constexpr std::string_view ignores_case = "(?i)";
  auto flags = std::regex::ECMAScript;
  auto rest = text;
  if (rest.starts_with(ignores_case)) {
    flags |= std::regex::icase;
    rest.erase(0, ignores_case.size());
  }
  if (unknown_to_re2(rest))
    return std::nullopt;
  // The standard library has no other way to say that it cannot read it.
  try {
    return topic_pattern{std::regex{rest, flags}};
  } catch (const std::regex_error&) {
    return std::nullopt;
  }
}

bool topic_pattern::matches(const std::string& topic) const {
  return std::regex_match(topic, what_);
}

} // namespace cafka::testing
