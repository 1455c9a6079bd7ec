#include "position.hpp"

namespace cafka::cli {

std::optional<position> parse_position(std::string_view text, timestamp now) {
  if (text == "beginning" || text == "earliest")
    return offset_time::earliest();
  if (text == "end" || text == "latest")
    return offset_time::latest();
  if (text == "max-timestamp")
    return offset_time::max_timestamp();
  // Before other numbers: -0 is the end.
  if (text.starts_with('-')) {
    if (const auto number = parse_number(text.substr(1)))
      return before_end{*number};
  } else if (const auto number = parse_number(text)) {
    return log_offset{*number};
  }
  if (text.starts_with('@'))
    text.remove_prefix(1);
  if (const auto time = parse_time(text, now))
    return offset_time{*time};
  return std::nullopt;
}

} // namespace cafka::cli
