#pragma once

#include "shared_bytes.hpp"

#include <bit>
#include <concepts>
#include <optional>
#include <string_view>

namespace cafka::protocol {

namespace detail {

/// Big-endian to native and back.
template <std::integral T>
constexpr T byte_swapped(T x) {
  if constexpr (sizeof(T) == 1) {
    return x;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(static_cast<std::uint16_t>(x)));
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(static_cast<std::uint32_t>(x)));
  } else {
    return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(x)));
  }
}

template <std::integral T>
T load_big(const std::byte* from) {
  T x;
  std::memcpy(&x, from, sizeof(T));
  return std::endian::native == std::endian::big ? x : byte_swapped(x);
}

} // namespace detail

/// What is wrong with bytes that could not be read.
enum class wire_error : std::uint8_t {
  none,
  truncated,       ///< Something ends after the bytes do.
  bad_varint,      ///< A varint is longer than its type allows.
  negative_length, ///< A length below -1, or null where Kafka allows none.
  bad_length,      ///< A length or count larger than what is left.
  bad_value,       ///< A value outside what Kafka defines.
  trailing_bytes,  ///< Bytes are left over after the last field.
};

/// What `e` means, in words.
constexpr std::string_view to_string(wire_error e) {
  switch (e) {
  case wire_error::none: return "no error";
  case wire_error::truncated: return "truncated";
  case wire_error::bad_varint: return "overlong varint";
  case wire_error::negative_length: return "negative length";
  case wire_error::bad_length: return "length beyond the end";
  case wire_error::bad_value: return "value out of range";
  case wire_error::trailing_bytes: return "trailing bytes";
  }
  return "unknown";
}

/// Reads Kafka's primitive types, bounds-checked.
///
/// The first error sticks: from then on every read yields zero or nothing, so that a
/// decoder checks once, at its end. Nothing throws and nothing is read past the end.
class reader {
public:
  /// Reads bytes that the caller keeps alive; `slice` copies.
  explicit reader(byte_view bytes)
    : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()) {}

  /// Reads a shared buffer; `slice` shares it.
  explicit reader(shared_bytes bytes) : reader(bytes.view()) {
    owner_ = std::move(bytes);
  }

  /// Whether there was no error so far.
  [[nodiscard]] bool ok() const { return error_ == wire_error::none; }
  /// The first error.
  [[nodiscard]] wire_error error() const { return error_; }
  /// Bytes not read yet; 0 after an error.
  [[nodiscard]] std::size_t remaining() const {
    return static_cast<std::size_t>(end_ - at_);
  }
  /// Bytes read so far; where the first error struck, after one.
  [[nodiscard]] std::size_t position() const {
    return ok() ? static_cast<std::size_t>(at_ - begin_) : failed_at_;
  }

  /// Records the first error and ends the reading.
  void fail(wire_error e) {
    if (ok()) {
      failed_at_ = static_cast<std::size_t>(at_ - begin_);
      error_ = e;
      at_ = end_;
    }
  }

  /// A signed integer of 8 bits.
  std::int8_t i8() { return fixed<std::int8_t>(); }
  /// A signed integer of 16 bits.
  std::int16_t i16() { return fixed<std::int16_t>(); }
  /// A signed integer of 32 bits.
  std::int32_t i32() { return fixed<std::int32_t>(); }
  /// A signed integer of 64 bits.
  std::int64_t i64() { return fixed<std::int64_t>(); }
  /// An unsigned integer of 16 bits.
  std::uint16_t u16() { return fixed<std::uint16_t>(); }
  /// An unsigned integer of 32 bits.
  std::uint32_t u32() { return fixed<std::uint32_t>(); }
  /// A floating-point number of 64 bits.
  double f64() { return std::bit_cast<double>(fixed<std::uint64_t>()); }
  /// A truth value; every byte but zero is true.
  bool boolean() { return fixed<std::uint8_t>() != 0; }

  /// An unsigned varint of at most 32 bits.
  std::uint32_t uvarint() { return static_cast<std::uint32_t>(base128<5, 0x0F>()); }
  /// A zigzag-encoded varint of at most 32 bits.
  std::int32_t varint() {
    const auto x = uvarint();
    return static_cast<std::int32_t>((x >> 1) ^ (~(x & 1) + 1));
  }
  /// A zigzag-encoded varint of at most 64 bits.
  std::int64_t varlong() {
    const auto x = base128<10, 0x01>();
    return static_cast<std::int64_t>((x >> 1) ^ (~(x & 1) + 1));
  }

  /// The next `count` bytes, as a view on what is being read.
  byte_view raw(std::size_t count) {
    if (count > remaining()) {
      fail(wire_error::truncated);
      return {};
    }
    byte_view result{at_, count};
    at_ += count;
    return result;
  }

  /// The next `count` bytes, for keeping: shared where the reader was given a shared
  /// buffer, copied otherwise.
  shared_bytes slice(std::size_t count) {
    const auto view = raw(count);
    if (!ok())
      return {};
    if (owner_.data() == nullptr)
      return shared_bytes::copy_of(view);
    return owner_.slice(static_cast<std::size_t>(view.data() - begin_), count);
  }

  /// Passes over `count` bytes.
  void skip(std::size_t count) { (void)raw(count); }

  /// A reader on the next `count` bytes alone, which this one skips.
  reader sub(std::size_t count) {
    const auto first = static_cast<std::size_t>(at_ - begin_);
    const auto view = raw(count);
    if (!ok()) {
      reader failed{byte_view{}};
      failed.fail(error_);
      return failed;
    }
    return owner_.data() == nullptr ? reader{view} : reader{owner_.slice(first, count)};
  }

private:
  template <std::integral T>
  T fixed() {
    if (remaining() < sizeof(T)) {
      fail(wire_error::truncated);
      return 0;
    }
    const auto x = detail::load_big<T>(at_);
    at_ += sizeof(T);
    return x;
  }

  /// At most `MaxBytes` groups of seven bits; of the last byte only `LastMask` may be
  /// set.
  template <int MaxBytes, unsigned LastMask>
  std::uint64_t base128() {
    // Most varints are this short.
    if (at_ != end_ && std::to_integer<unsigned>(*at_) < 0x80)
      return std::to_integer<std::uint64_t>(*at_++);
    return long_base128<MaxBytes, LastMask>();
  }

  template <int MaxBytes, unsigned LastMask>
  std::uint64_t long_base128() {
    std::uint64_t x = 0;
    for (int i = 0; i < MaxBytes; ++i) {
      if (at_ == end_) {
        fail(wire_error::truncated);
        return 0;
      }
      const auto b = std::to_integer<std::uint64_t>(*at_);
      if (i == MaxBytes - 1 && (b & ~std::uint64_t{LastMask}) != 0)
        break;
      ++at_;
      x |= (b & 0x7F) << (7 * i);
      if ((b & 0x80) == 0)
        return x;
    }
    fail(wire_error::bad_varint);
    return 0;
  }

  const std::byte* begin_;
  const std::byte* at_;
  const std::byte* end_;
  std::size_t failed_at_ = 0;
  wire_error error_ = wire_error::none;
  shared_bytes owner_;
};

} // namespace cafka::protocol
