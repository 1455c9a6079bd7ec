#include "endpoint.hpp"

#include <algorithm>
#include <charconv>
#include <ostream>

namespace cafka::protocol {

namespace {

error refused(std::string_view text, std::string_view why) {
  return {error_code::invalid_argument,
    "broker \"" + std::string{text} + "\": " + std::string{why}};
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

} // namespace

std::string to_string(const endpoint& e) {
  const auto port = std::to_string(e.port);
  if (e.host.find(':') != std::string::npos)
    return '[' + e.host + "]:" + port;
  return e.host + ':' + port;
}

std::ostream& operator<<(std::ostream& out, const endpoint& e) {
  return out << to_string(e);
}

result<endpoint> parse_endpoint(std::string_view text) {
  const auto whole = trimmed(text);
  if (whole.find_first_of(" \t/") != std::string_view::npos)
    return refused(whole, "a host has no spaces or slashes");
  // A zero byte would hide what follows it from the system, and from a reader of the
  // text.
  if (std::ranges::any_of(whole, [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    return {error_code::invalid_argument,
      "broker \"" + std::string{whole.substr(0, whole.find('\0'))}
        + "\": a host has no control characters"};
  auto host = whole;
  std::string_view port;
  bool has_port = false;
  if (whole.starts_with('[')) {
    const auto close = whole.find(']');
    if (close == std::string_view::npos)
      return refused(whole, "the bracket is not closed");
    host = whole.substr(1, close - 1);
    const auto rest = whole.substr(close + 1);
    if (!rest.empty() && rest.front() != ':')
      return refused(whole, "only a port may follow the bracket");
    has_port = !rest.empty();
    port = has_port ? rest.substr(1) : rest;
  } else if (const auto colon = whole.find(':'); colon != std::string_view::npos) {
    if (whole.find(':', colon + 1) != std::string_view::npos)
      return refused(whole, "an IPv6 address goes in brackets, as in [::1]:9092");
    host = whole.substr(0, colon);
    port = whole.substr(colon + 1);
    has_port = true;
  }
  if (host.empty())
    return refused(whole, "the host is missing");
  endpoint result{std::string{host}, 9092};
  if (has_port) {
    unsigned number = 0;
    const auto* end = port.data() + port.size();
    const auto [stop, status] = std::from_chars(port.data(), end, number);
    if (status != std::errc{} || stop != end || number == 0 || number > 65535)
      return refused(whole, "the port must be a number from 1 to 65535");
    result.port = static_cast<std::uint16_t>(number);
  }
  return result;
}

result<std::vector<endpoint>> parse_endpoints(std::string_view text) {
  std::vector<endpoint> all;
  while (true) {
    const auto comma = text.find(',');
    auto one = parse_endpoint(text.substr(0, comma));
    if (!one)
      return one.error();
    all.push_back(*std::move(one));
    if (comma == std::string_view::npos)
      return all;
    text.remove_prefix(comma + 1);
  }
}

result<endpoint> told_endpoint(std::string_view host, std::int32_t port) {
  constexpr std::size_t longest = 255;
  const auto refuse = [](std::string why) {
    return error{error_code::malformed_response, std::move(why)};
  };
  if (host.empty())
    return refuse("its host is empty");
  if (host.size() > longest)
    return refuse("its host has " + std::to_string(host.size()) + " bytes, of "
      + std::to_string(longest) + " at most");
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  };
  if (std::ranges::any_of(host, is_control))
    return refuse("its host has a control character");
  if (port < 1 || port > 65535)
    return refuse("its port is " + std::to_string(port));
  return endpoint{std::string{host}, static_cast<std::uint16_t>(port)};
}

} // namespace cafka::protocol
