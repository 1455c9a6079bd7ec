#pragma once

#include "../../protocol/machines/start_at.hpp"
#include "text.hpp"

#include <optional>
#include <string_view>
#include <variant>

namespace cafka::cli {

using protocol::start_at;

/// So many offsets before the log's end, and not before its beginning.
struct before_end {
  std::int64_t count = 0;
};

/// A place in a log, as every command that takes one names it.
using position = std::variant<start_at, before_end>;

/// What `parse_position` reads, for the help and for errors.
inline constexpr auto position_words =
  "beginning (or earliest), end (or latest), max-timestamp, an offset, -NUMBER (so many "
  "before the end), or the first record at or after a time: @2024-05-01T12:30:00Z, "
  "@MILLISECONDS since 1970, or @-1h, an hour ago";

/// Reads what `position_words` says; a time in words may lack its `@`. Relative times are
/// before `now`.
[[nodiscard]] std::optional<position> parse_position(
  std::string_view text, timestamp now = current_time());

} // namespace cafka::cli
