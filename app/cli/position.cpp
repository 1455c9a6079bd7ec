#include "position.hpp"

namespace cafka::cli {

std::optional<position> parse_position(std::string_view text, timestamp now) {
  if (text == "beginning" || text == "earliest")
    return start_at::earliest();
  if (text == "end" || text == "latest")
    return start_at::latest();
  if (text == "max-timestamp")
    return start_at::max_timestamp();
  // Before other numbers: -0 is the end.
  if (text.starts_with('-')) {
    if (const auto number = parse_number(text.substr(1)))
      return before_end{*number};
  } else if (const auto number = parse_number(text)) {
    return start_at::offset(*number);
  }
  if (text.starts_with('@'))
    text.remove_prefix(1);
  if (const auto time = parse_time(text, now))
    return start_at::time(*time);
  return std::nullopt;
}

} // namespace cafka::cli
