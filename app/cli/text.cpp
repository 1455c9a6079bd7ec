#include "text.hpp"

#include <caf/config_value.hpp>
#include <caf/timespan.hpp>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace cafka::cli {

namespace {

unsigned char at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

/// How many characters of ASCII come first that are written as they are.
std::size_t plain_length(std::string_view text) {
  const auto special = std::ranges::find_if(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte >= 0x7f || byte == '\\';
  });
  return static_cast<std::size_t>(special - text.begin());
}

/// Takes a number of exactly `digits` digits off the front.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  int number = 0;
  const auto* end = text.data() + std::min(digits, text.size());
  const auto [stopped, wrong] = std::from_chars(text.data(), end, number);
  if (text.size() < digits || wrong != std::errc{} || stopped != end || number < 0)
    return std::nullopt;
  text.remove_prefix(digits);
  return number;
}

bool take(std::string_view& text, char c) {
  if (!text.starts_with(c))
    return false;
  text.remove_prefix(1);
  return true;
}

/// `1h` before `now`.
std::optional<timestamp> time_before(timestamp now, std::string_view text) {
  static constexpr std::pair<std::string_view, milliseconds> units[] = {
    {"ms", milliseconds{1}}, {"s", std::chrono::seconds{1}},
    {"min", std::chrono::minutes{1}}, {"h", std::chrono::hours{1}},
    {"d", std::chrono::days{1}}};
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_number(text.substr(0, digits));
  const auto* unit = std::ranges::find(
    units, text.substr(digits), &std::pair<std::string_view, milliseconds>::first);
  if (!number || unit == std::end(units)
    || *number > now.time_since_epoch() / unit->second)
    return std::nullopt;
  return now - *number * unit->second;
}

} // namespace

std::string escaped(std::string_view bytes) {
  std::string result;
  result.reserve(bytes.size());
  while (true) {
    const auto run = plain_length(bytes);
    result += bytes.substr(0, run);
    bytes.remove_prefix(run);
    if (bytes.empty())
      return result;
    const auto length = protocol::utf8_length(bytes);
    const auto c = at(bytes, 0);
    if (c == '\\')
      result += "\\\\";
    else if (c == '\t')
      result += "\\t";
    else if (c == '\n')
      result += "\\n";
    else if (c == '\r')
      result += "\\r";
    else if (length == 0)
      result += fmt::format("\\x{:02x}", c);
    else if (protocol::is_control(bytes))
      for (std::size_t i = 0; i != length; ++i)
        result += fmt::format("\\x{:02x}", at(bytes, i));
    else
      result += bytes.substr(0, length);
    bytes.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

result<std::string> unescaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    const auto wrong = [at = i + 1] {
      return error{error_code::invalid_argument,
        fmt::format(
          "character {} begins none of the escapes \\n \\r \\t \\\\ \\xNN", at)};
    };
    switch (const auto next = ++i < text.size() ? text[i] : '\0'; next) {
    case 'n': result += '\n'; break;
    case 'r': result += '\r'; break;
    case 't': result += '\t'; break;
    case '\\': result += '\\'; break;
    case 'x': {
      unsigned char byte = 0;
      const auto* begin = text.data() + i + 1;
      const auto* end = begin + std::min<std::size_t>(2, text.size() - i - 1);
      const auto [stopped, bad] = std::from_chars(begin, end, byte, 16);
      if (bad != std::errc{})
        return wrong();
      result += static_cast<char>(byte);
      i += static_cast<std::size_t>(stopped - begin);
      break;
    }
    default: return wrong();
    }
  }
  return result;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string result;
  result.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto left = bytes.size() - i;
    const unsigned group = unsigned{at(bytes, i)} << 16
      | (left > 1 ? unsigned{at(bytes, i + 1)} << 8 : 0u)
      | (left > 2 ? unsigned{at(bytes, i + 2)} : 0u);
    result += digits[group >> 18];
    result += digits[group >> 12 & 63];
    result += left > 1 ? digits[group >> 6 & 63] : '=';
    result += left > 2 ? digits[group & 63] : '=';
  }
  return result;
}

std::string time_text(timestamp t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss time{t - day};
  const auto year = static_cast<int>(date.year());
  // The calendar's type ends at 32767; a record's time need not.
  if (t < timestamp{} || t > timestamp{std::chrono::milliseconds{253'402'300'799'999}})
    return std::to_string(t.time_since_epoch().count());
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", year,
    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
    time.hours().count(), time.minutes().count(), time.seconds().count(),
    time.subseconds().count());
}

timestamp current_time() {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now());
}

std::optional<timestamp> parse_time(std::string_view text, timestamp now) {
  if (const auto number = parse_number(text))
    return timestamp{milliseconds{*number}};
  if (take(text, '-'))
    return time_before(now, text);
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-'))
    return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-'))
    return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take(text, 'T'))
    return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || *hour > 23 || !take(text, ':'))
    return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || *minute > 59 || !take(text, ':'))
    return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *second > 59)
    return std::nullopt;
  int fraction = 0;
  if (take(text, '.')) {
    int digits = 0;
    for (; digits < 3; ++digits) {
      const auto digit = take_number(text, 1);
      if (!digit)
        break;
      fraction = fraction * 10 + *digit;
    }
    if (digits == 0)
      return std::nullopt;
    for (; digits < 3; ++digits)
      fraction *= 10;
  }
  const std::chrono::year_month_day date{std::chrono::year{*year},
    std::chrono::month{static_cast<unsigned>(*month)},
    std::chrono::day{static_cast<unsigned>(*day)}};
  if (text != "Z" || !date.ok() || *year < 1970)
    return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{*hour}
  + std::chrono::minutes{*minute} + std::chrono::seconds{*second}
  + milliseconds{fraction};
}

std::optional<milliseconds> parse_duration(const std::string& text) {
  const auto parsed = caf::get_as<caf::timespan>(caf::config_value{text});
  if (!parsed)
    return std::nullopt;
  const auto rounded = std::chrono::duration_cast<milliseconds>(*parsed);
  if (rounded != *parsed || rounded <= milliseconds{0})
    return std::nullopt;
  return rounded;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, wrong] = std::from_chars(text.data(), end, number);
  if (text.empty() || wrong != std::errc{} || stopped != end || number < 0)
    return std::nullopt;
  return number;
}

std::optional<std::int32_t> parse_int32(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number > std::numeric_limits<std::int32_t>::max())
    return std::nullopt;
  return static_cast<std::int32_t>(*number);
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> result;
  while (true) {
    const auto end = text.find(at);
    result.push_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return result;
    text.remove_prefix(end + 1);
  }
}

std::string place(const std::string& topic, partition_id partition) {
  return topic + '/' + std::to_string(partition.value());
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

} // namespace cafka::cli
