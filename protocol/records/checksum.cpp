#include "checksum.hpp"

#include <isa-l/crc.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace cafka::protocol {

std::uint32_t crc32c(byte_view bytes) {
  // ISA-L neither inverts before nor after, takes an int for the length and, although it
  // only reads, a pointer to bytes that are not const.
  auto crc = ~0U;
  while (!bytes.empty()) {
    constexpr std::size_t longest = std::numeric_limits<int>::max();
    const auto part = bytes.first(std::min(bytes.size(), longest));
    auto* data = const_cast<std::byte*>(part.data());
    crc = crc32_iscsi(
      reinterpret_cast<unsigned char*>(data), static_cast<int>(part.size()), crc);
    bytes = bytes.subspan(part.size());
  }
  return ~crc;
}

std::uint32_t crc32(byte_view bytes) {
  // Of this one ISA-L does the inversions itself.
  return crc32_gzip_refl(
    0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

namespace {

constexpr std::uint32_t prime_1 = 0x9E3779B1;
constexpr std::uint32_t prime_2 = 0x85EBCA77;
constexpr std::uint32_t prime_3 = 0xC2B2AE3D;
constexpr std::uint32_t prime_4 = 0x27D4EB2F;
constexpr std::uint32_t prime_5 = 0x165667B1;

std::uint32_t load_little(byte_view bytes) {
  std::uint32_t x = 0;
  for (std::size_t i = 4; i-- > 0;)
    x = (x << 8) | std::to_integer<std::uint32_t>(bytes[i]);
  return x;
}

} // namespace

std::uint32_t xxh32(byte_view bytes) {
  auto hash = prime_5;
  const auto total = static_cast<std::uint32_t>(bytes.size());
  if (bytes.size() >= 16) {
    std::array lanes{prime_1 + prime_2, prime_2, 0U, 0U - prime_1};
    for (; bytes.size() >= 16; bytes = bytes.subspan(16)) {
      for (std::size_t i = 0; i < lanes.size(); ++i) {
        const auto x = lanes[i] + load_little(bytes.subspan(i * 4)) * prime_2;
        lanes[i] = std::rotl(x, 13) * prime_1;
      }
    }
    hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) + std::rotl(lanes[2], 12)
      + std::rotl(lanes[3], 18);
  }
  hash += total;
  for (; bytes.size() >= 4; bytes = bytes.subspan(4))
    hash = std::rotl(hash + load_little(bytes) * prime_3, 17) * prime_4;
  for (const auto b : bytes)
    hash = std::rotl(hash + std::to_integer<std::uint32_t>(b) * prime_5, 11) * prime_1;
  hash = (hash ^ (hash >> 15)) * prime_2;
  hash = (hash ^ (hash >> 13)) * prime_3;
  return hash ^ (hash >> 16);
}

} // namespace cafka::protocol
