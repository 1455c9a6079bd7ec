#include "connections.hpp"

#include <algorithm>

namespace cafka::protocol {

std::vector<connection_status> connections_of(const dispatcher& all, time_point now) {
  std::vector<connection_status> told;
  for (const auto& l : all.connections()) {
    const auto held = std::chrono::ceil<milliseconds>(l.held_until - now);
    const auto session = l.session_ends
      ? std::chrono::ceil<milliseconds>(*l.session_ends - now)
      : milliseconds{0};
    told.push_back({l.broker, l.address, l.up, static_cast<std::uint32_t>(l.in_flight),
      l.last_error ? to_string(l.last_error) : std::string{},
      std::max(held, milliseconds{0}),
      l.mechanism ? std::string{to_string(*l.mechanism)} : std::string{},
      std::max(session, milliseconds{0}), l.principal});
  }
  return told;
}

} // namespace cafka::protocol
