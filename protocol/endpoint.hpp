#pragma once

#include "../base/inspect.hpp"
#include "result.hpp"

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

/// Where a broker listens.
struct endpoint {
  /// The host's name or address.
  std::string host;
  /// The port.
  std::uint16_t port = 9092;

  friend auto operator<=>(const endpoint&, const endpoint&) = default;
};

CAFKA_INSPECT(endpoint, host, port)

/// `host:port`, an IPv6 host in brackets.
[[nodiscard]] std::string to_string(const endpoint& e);
std::ostream& operator<<(std::ostream& out, const endpoint& e);

/// Reads `host`, `host:port` or `[v6]:port`; without a port it is 9092.
///
/// Error `invalid_argument` names the text and what is wrong with it.
[[nodiscard]] result<endpoint> parse_endpoint(std::string_view text);

/// Reads a comma-separated list, spaces around its items allowed; an empty list is an
/// error.
[[nodiscard]] result<std::vector<endpoint>> parse_endpoints(std::string_view text);

/// An address as a broker sends it.
///
/// Error `malformed_response` for a host that is empty, longer than 255 bytes or has
/// control characters, and for a port outside 1 to 65535; it says which.
[[nodiscard]] result<endpoint> told_endpoint(std::string_view host, std::int32_t port);

} // namespace cafka::protocol

template <>
struct std::hash<cafka::protocol::endpoint> {
  std::size_t operator()(const cafka::protocol::endpoint& e) const noexcept {
    return std::hash<std::string>{}(e.host) * 31 + e.port;
  }
};
