#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

namespace cafka::protocol {

/// A topic's or directory's id: 16 bytes; all zero where Kafka says "none".
struct uuid {
  /// Its 16 bytes, the first one first.
  std::array<std::uint8_t, 16> bytes{};

  /// Whether all bytes are zero.
  [[nodiscard]] bool is_zero() const { return *this == uuid{}; }

  friend auto operator<=>(const uuid&, const uuid&) = default;

  template <class Inspector>
  friend bool inspect(Inspector& f, uuid& x) {
    return f.object(x).fields(f.field("bytes", x.bytes));
  }
};

/// The id as Kafka's tools print it: base64 with `-` and `_`, without padding.
[[nodiscard]] std::string to_string(const uuid& id);

} // namespace cafka::protocol

template <>
struct std::hash<cafka::protocol::uuid> {
  std::size_t operator()(const cafka::protocol::uuid& id) const noexcept {
    std::uint64_t half[2];
    std::memcpy(half, id.bytes.data(), sizeof half);
    return std::hash<std::uint64_t>{}(half[0] ^ (half[1] * 0x9E3779B97F4A7C15U));
  }
};
