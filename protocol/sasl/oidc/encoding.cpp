#include "encoding.hpp"

#include <algorithm>
#include <cstdint>

namespace cafka::protocol::sasl {

namespace {

constexpr std::string_view for_urls =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

bool stays_in_form(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
    || c == '*' || c == '-' || c == '.' || c == '_';
}

} // namespace

secret form_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(3 * text.size());
  for (const auto c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (stays_in_form(byte))
      out += c;
    else if (c == ' ')
      out += '+';
    else
      (out += '%').append({digits[byte >> 4], digits[byte & 15]});
  }
  return secret{std::move(out)};
}

std::string base64url_of(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  int count = 0;
  for (const auto c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (count += 8; count >= 6; count -= 6)
      text += for_urls[bits >> (count - 6) & 63];
  }
  if (count != 0)
    text += for_urls[bits << (6 - count) & 63];
  return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  int count = 0;
  for (const auto c : text) {
    const auto digit = for_urls.find(c);
    if (digit == std::string_view::npos)
      return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes += static_cast<char>(bits >> count & 0xff);
    }
  }
  // A digit that gives no byte, and bits beyond the last byte, are nobody's.
  if (count == 6 || (bits & ((1u << count) - 1)) != 0)
    return std::nullopt;
  return bytes;
}

bool same_word(std::string_view text, std::string_view lower) {
  return std::ranges::equal(text, lower,
    [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; });
}

std::string_view without_spaces_around(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const auto first = text.find_first_not_of(spaces);
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

} // namespace cafka::protocol::sasl
