#include "http_message.hpp"

#include "../../text.hpp"
#include "encoding.hpp"

#include <algorithm>

namespace cafka::protocol::sasl {

namespace {

std::uint16_t own_port(bool tls) {
  return tls ? 443 : 80;
}

bool begins_with(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && same_word(text.substr(0, lower.size()), lower);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  const auto lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// A URL has neither spaces nor control characters, nor anything beyond ASCII.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(
    text, [](unsigned char c) { return c > ' ' && c < 0x7f && c != '"'; });
}

} // namespace

std::string to_string(const http_url& url) {
  return (url.tls ? "https://" : "http://") + host_header(url)
    + shown(url.target.substr(0, url.target.find('?')));
}

std::string host_header(const http_url& url) {
  if (url.server.port != own_port(url.tls))
    return to_string(url.server);
  return url.server.host.find(':') == std::string::npos ? url.server.host
                                                        : '[' + url.server.host + ']';
}

result<http_url> parse_http_url(std::string_view text) {
  const auto wrong = [text](const std::string& why) {
    return error{error_code::invalid_argument,
      "\"" + shown(text.substr(0, text.find('?'))) + "\": " + why};
  };
  http_url url;
  if (begins_with(text, "https://"))
    text.remove_prefix(8);
  else if (begins_with(text, "http://")) {
    url.tls = false;
    text.remove_prefix(7);
  } else
    return wrong("a URL that begins with https:// or http:// is wanted");
  const auto whole = text.substr(0, text.find('#'));
  const auto begin = std::min(whole.find_first_of("/?"), whole.size());
  const auto authority = whole.substr(0, begin);
  if (authority.find('@') != std::string_view::npos)
    return error{error_code::invalid_argument,
      "the URL has a user in it: name client and secret by their own settings"};
  if (!is_plain(whole))
    return wrong("a URL has no spaces and only characters of ASCII");
  auto where = parse_endpoint(authority);
  if (!where) {
    // What it says of a broker holds for any server.
    const auto words = where.error().detail;
    const auto after = words.rfind("\": ");
    return wrong(after == std::string::npos ? words : words.substr(after + 3));
  }
  url.server = *std::move(where);
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon == std::string_view::npos
    || (bracket != std::string_view::npos && colon < bracket))
    url.server.port = own_port(url.tls);
  const auto target = whole.substr(begin);
  url.target = target.starts_with('/') ? std::string{target} : '/' + std::string{target};
  return url;
}

std::string path_of_file_url(std::string_view text) {
  if (!begins_with(text, "file:"))
    return {};
  text.remove_prefix(5);
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    if (begins_with(text, "localhost/"))
      text.remove_prefix(9);
  }
  if (!text.starts_with('/'))
    return {};
  std::string path;
  for (std::size_t i = 0; i != text.size(); ++i) {
    if (text[i] != '%') {
      path += text[i];
      continue;
    }
    const auto high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const auto low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0 || high + low == 0)
      return {};
    path += static_cast<char>(high << 4 | low);
    i += 2;
  }
  return path;
}

} // namespace cafka::protocol::sasl
