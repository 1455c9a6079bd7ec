#pragma once

#include "../../actors/interfaces.hpp"
#include "../../protocol/text.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::cli {

using protocol::is_utf8;

/// One line's worth of text for any bytes: a backslash becomes `\\`, a tab `\t`, a
/// newline
/// `\n`, a return `\r`, and every byte of another control character, of a mark that
/// changes the direction of writing, and of what is not UTF-8 `\xNN`.
[[nodiscard]] std::string escaped(std::string_view bytes);

/// The text with its escapes read: `\n`, `\r`, `\t`, `\\`, and `\xN` or `\xNN` for any
/// byte.
///
/// Error `invalid_argument` names the place, counted from 1, of a backslash that begins
/// none of these.
[[nodiscard]] result<std::string> unescaped(std::string_view text);

/// RFC 4648, with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

/// `2024-05-01T12:30:00.250Z`; years beyond four digits as milliseconds since the epoch.
[[nodiscard]] std::string time_text(timestamp t);

/// The time now, to the millisecond.
[[nodiscard]] timestamp current_time();

/// Reads milliseconds since the Unix epoch, `2024-05-01T12:30:00Z` with at most three
/// decimals of a second, or how long before `now` it was: `-` and a whole number of `ms`,
/// `s`, `min`, `h` or `d`. Nothing for any other text, and for a time before 1970.
[[nodiscard]] std::optional<timestamp> parse_time(
  std::string_view text, timestamp now = current_time());

/// Reads `500ms`, `10s` or `1min`, more than zero, as a configuration file spells it.
[[nodiscard]] std::optional<milliseconds> parse_duration(const std::string& text);

/// Reads the whole text as a number of at least zero.
[[nodiscard]] std::optional<std::int64_t> parse_number(std::string_view text);

/// The same for what fits into 32 bits, as partitions and brokers do.
[[nodiscard]] std::optional<std::int32_t> parse_int32(std::string_view text);

/// The pieces of a text between commas; at least one, any of which may be empty.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char at = ',');

/// `orders/0`: a partition as every message names it.
[[nodiscard]] std::string place(const std::string& topic, partition_id partition);

/// `1 record`, `2 records`.
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

} // namespace cafka::cli
