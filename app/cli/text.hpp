#pragma once

#include <cafka/actors/interfaces.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace cafka::cli {

/// Whether all of `bytes` is UTF-8, without surrogates and overlong forms (RFC 3629).
[[nodiscard]] bool is_utf8(std::string_view bytes);

/// One line's worth of text for any bytes: a backslash becomes `\\`, a tab `\t`, a
/// newline
/// `\n`, a return `\r`, and every other control character and byte that is not UTF-8
/// `\xNN`.
[[nodiscard]] std::string escaped(std::string_view bytes);

/// RFC 4648, with padding.
[[nodiscard]] std::string base64(std::string_view bytes);

/// `2024-05-01T12:30:00.250Z`; years beyond four digits as milliseconds since the epoch.
[[nodiscard]] std::string time_text(timestamp t);

/// Reads milliseconds since the Unix epoch, or `2024-05-01T12:30:00Z` with at most three
/// decimals of a second. Nothing for any other text.
[[nodiscard]] std::optional<timestamp> parse_time(std::string_view text);

/// Reads `500ms`, `10s` or `1min`, more than zero, as a configuration file spells it.
[[nodiscard]] std::optional<milliseconds> parse_duration(const std::string& text);

/// Reads the whole text as a number of at least zero.
[[nodiscard]] std::optional<std::int64_t> parse_number(std::string_view text);

} // namespace cafka::cli
