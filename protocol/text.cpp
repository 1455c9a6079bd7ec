#include "text.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

unsigned char at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f;
}

} // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty())
    return 0;
  const auto first = at(text, 0);
  if (first < 0x80)
    return 1;
  std::size_t length = 0;
  // Where the second byte must lie: this is what shuts out overlong forms, surrogates and
  // all beyond U+10FFFF.
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (first >= 0xc2 && first <= 0xdf) {
    length = 2;
  } else if (first >= 0xe0 && first <= 0xef) {
    length = 3;
    if (first == 0xe0)
      low = 0xa0;
    else if (first == 0xed)
      high = 0x9f;
  } else if (first >= 0xf0 && first <= 0xf4) {
    length = 4;
    if (first == 0xf0)
      low = 0x90;
    else if (first == 0xf4)
      high = 0x8f;
  }
  if (length == 0 || text.size() < length || at(text, 1) < low || at(text, 1) > high)
    return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (at(text, i) < 0x80 || at(text, i) > 0xbf)
      return 0;
  }
  return length;
}

bool is_utf8(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto length = utf8_length(bytes);
    if (length == 0)
      return false;
    bytes.remove_prefix(length);
  }
  return true;
}

bool is_control(std::string_view text) {
  if (text.empty())
    return false;
  const auto first = at(text, 0);
  if (first < 0x80)
    return first < 0x20 || first == 0x7f;
  if (text.starts_with('\xc2')) // C1: U+0080 to U+009F.
    return text.size() > 1 && at(text, 1) >= 0x80 && at(text, 1) <= 0x9f;
  if (text.starts_with("\xd8\x9c")) // U+061C, the Arabic letter mark.
    return true;
  if (!text.starts_with("\xe2\x80") && !text.starts_with("\xe2\x81"))
    return false;
  if (text.size() < 3)
    return false;
  const auto last = at(text, 2);
  // U+2066 to U+2069; U+200E and U+200F; U+2028 to U+202E.
  return at(text, 1) == 0x81
    ? last >= 0xa6 && last <= 0xa9
    : last == 0x8e || last == 0x8f || (last >= 0xa8 && last <= 0xae);
}

bool may_be_shown(std::string_view text, std::size_t longest) {
  if (text.size() > longest)
    return false;
  while (!text.empty()) {
    const auto length = is_plain(text.front()) ? 1 : utf8_length(text);
    if (length == 0 || is_control(text))
      return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string shown(std::string_view text, std::size_t longest) {
  const auto whole = text.size();
  std::string result;
  result.reserve(std::min(whole, longest));
  while (!text.empty()) {
    const auto c = text.front();
    const auto length = utf8_length(text);
    std::string_view next = text.substr(0, std::max<std::size_t>(length, 1));
    text.remove_prefix(next.size());
    if (c == '\n' || c == '\r' || c == '\t')
      next = " ";
    else if (length == 0 || is_control(next))
      next = replacement;
    if (result.size() + next.size() > longest)
      return result + "... (" + std::to_string(whole) + " bytes)";
    result += next;
  }
  return result;
}

} // namespace cafka::protocol
