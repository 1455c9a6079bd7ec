#include "uuid.hpp"

#include <string_view>

namespace cafka::protocol {

std::string to_string(const uuid& id) {
  constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string text;
  text.reserve(22);
  std::uint32_t bits = 0;
  int count = 0;
  for (const auto byte : id.bytes) {
    bits = (bits << 8) | byte;
    count += 8;
    while (count >= 6) {
      count -= 6;
      text += digits[(bits >> count) & 0x3F];
    }
  }
  text += digits[(bits << (6 - count)) & 0x3F];
  return text;
}

} // namespace cafka::protocol
