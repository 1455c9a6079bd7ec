#pragma once

#include <cstdint>
#include <string_view>

namespace cafka::protocol {

/// How a member and its coordinator agree on who reads what.
enum class member_protocol : std::uint8_t {
  classic,  ///< The members: one of them assigns, in rounds that all take part in.
  consumer, ///< The coordinator: each member follows at its own pace (KIP-848). Kafka 4.0
            ///< and later.
  automatic, ///< `consumer` where the brokers have it, else `classic`.
};

/// The protocol's name, as `classic`.
[[nodiscard]] constexpr std::string_view to_string(member_protocol p) {
  switch (p) {
  case member_protocol::classic: return "classic";
  case member_protocol::consumer: return "consumer";
  case member_protocol::automatic: return "automatic";
  }
  return "unknown";
}

} // namespace cafka::protocol
