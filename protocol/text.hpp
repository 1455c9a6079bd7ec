#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cafka::protocol {

/// How long the UTF-8 sequence is that `text` begins with, 1 to 4 bytes; zero when there
/// is none, and for an empty text.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

/// Whether the bytes are UTF-8.
[[nodiscard]] bool is_utf8(std::string_view bytes);

/// Whether a terminal obeys the character that `text` begins with instead of showing it:
/// control characters (C0, DEL and C1), separators of lines, and marks that change the
/// direction of writing.
[[nodiscard]] bool is_control(std::string_view text);

/// How long `shown` makes a text, at most, unless it is told otherwise.
inline constexpr std::size_t longest_shown = 500;

/// Another's words, such as a broker's message, as they may stand in an error, a log or
/// on a terminal: in UTF-8, a space for every kind of white space, U+FFFD for bytes that
/// are not UTF-8 and for characters that are not to be shown. What is longer than
/// `longest` bytes is cut between two characters and says how long it was.
[[nodiscard]] std::string shown(
  std::string_view text, std::size_t longest = longest_shown);

/// Whether `shown` leaves the text as it is.
[[nodiscard]] bool may_be_shown(
  std::string_view text, std::size_t longest = longest_shown);

} // namespace cafka::protocol
