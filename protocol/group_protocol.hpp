#pragma once

#include <cstdint>
#include <string_view>

namespace cafka::protocol {

/// How a member and its coordinator agree on who reads what.
enum class group_protocol : std::uint8_t {
  classic,  ///< The members: one of them assigns, in rounds that all take part in.
  consumer, ///< The coordinator: each member follows at its own pace (KIP-848). Kafka 4.0
            ///< and later.
  automatic, ///< `consumer` where the brokers have it, else `classic`.
};

/// The protocol's name, as `classic`.
[[nodiscard]] constexpr std::string_view to_string(group_protocol p) {
  switch (p) {
  case group_protocol::classic: return "classic";
  case group_protocol::consumer: return "consumer";
  case group_protocol::automatic: return "automatic";
  }
  return "unknown";
}

} // namespace cafka::protocol
