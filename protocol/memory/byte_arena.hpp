#pragma once

#include "../wire/shared_bytes.hpp"

#include <bit>
#include <concepts>

namespace cafka::protocol {

/// Bytes that grow at their end and are then handed out, uncopied, as `shared_bytes`.
///
/// Unlike a `std::vector` it never writes to memory before its user does.
class byte_arena {
public:
  byte_arena() = default;
  /// Allocates `capacity` bytes.
  explicit byte_arena(std::size_t capacity) { grow_to(capacity); }

  /// How many bytes are in use.
  [[nodiscard]] std::size_t size() const { return size_; }
  /// How many bytes it has.
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  /// The first byte.
  [[nodiscard]] std::byte* data() { return bytes_.get(); }
  /// The bytes in use.
  [[nodiscard]] byte_view view() const { return {bytes_.get(), size_}; }

  /// Makes room for `count` more bytes and returns where they go. The room at least
  /// doubles when it is short, so that growing costs little per byte.
  [[nodiscard]] std::byte* room(std::size_t count) {
    if (capacity_ - size_ < count)
      grow_to(std::max(size_ + count, capacity_ * 2));
    return bytes_.get() + size_;
  }

  /// Sets the capacity to at least `capacity` bytes, no more than asked for.
  void grow_to(std::size_t capacity) {
    if (capacity <= capacity_)
      return;
    auto larger = std::make_shared_for_overwrite<std::byte[]>(capacity);
    if (size_ != 0)
      std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  /// Goes on in `larger`, of at least `size` bytes; what is there moves over.
  void move_to(std::shared_ptr<std::byte[]> larger, std::size_t capacity) {
    if (size_ != 0)
      std::memcpy(larger.get(), bytes_.get(), size_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }

  /// Counts `count` bytes, written where `room` said, as part of the arena.
  void commit(std::size_t count) { size_ += count; }

  /// Hands the bytes out and leaves the arena empty.
  [[nodiscard]] shared_bytes freeze() {
    const auto* data = bytes_.get();
    shared_bytes result{std::move(bytes_), data, size_};
    bytes_ = nullptr;
    size_ = capacity_ = 0;
    return result;
  }

private:
  std::shared_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

namespace detail {

/// Writes `x` big-endian at `at` and returns the place behind it.
template <std::integral T>
std::byte* store_big(std::byte* at, T x) {
  auto bits = static_cast<std::make_unsigned_t<T>>(x);
  for (auto i = sizeof(T); i-- > 0;) {
    at[i] = static_cast<std::byte>(bits & 0xFF);
    bits = static_cast<std::make_unsigned_t<T>>(static_cast<std::uint64_t>(bits) >> 8);
  }
  return at + sizeof(T);
}

constexpr std::uint64_t zigzag(std::int64_t x) {
  return (static_cast<std::uint64_t>(x) << 1) ^ static_cast<std::uint64_t>(x >> 63);
}

/// Bytes that `x` takes as a zigzag varint. Source: Protocol Buffers' encoding.
constexpr std::size_t varint_size(std::int64_t x) {
  if (zigzag(x) < 0x80) // Most are.
    return 1;
  return (static_cast<std::size_t>(std::bit_width(zigzag(x) | 1)) + 6) / 7;
}

/// Writes `x` as a zigzag varint at `at` and returns the place behind it.
inline std::byte* store_varint(std::byte* at, std::int64_t x) {
  auto bits = zigzag(x);
  while (bits >= 0x80) {
    *at++ = static_cast<std::byte>(bits | 0x80);
    bits >>= 7;
  }
  *at++ = static_cast<std::byte>(bits);
  return at;
}

/// Copies `bytes` to `at` and returns the place behind them.
inline std::byte* store_bytes(std::byte* at, byte_view bytes) {
  if (!bytes.empty())
    std::memcpy(at, bytes.data(), bytes.size());
  return at + bytes.size();
}

} // namespace detail

} // namespace cafka::protocol
