#pragma once

#include "reader.hpp"

#include <string>

namespace cafka::protocol {

/// Writes Kafka's primitive types into a growing buffer.
///
/// Large shared pieces can be attached by reference: they reach the socket uncopied. The
/// first error sticks, as in `reader`; nothing throws but `std::bad_alloc`.
class writer {
public:
  /// `reserve` bytes are allocated at once.
  explicit writer(std::size_t reserve = 256) { buffer_.reserve(reserve); }

  /// Whether there was no error so far.
  [[nodiscard]] bool ok() const { return error_.empty(); }
  /// What was wrong first, in words; empty when nothing was.
  [[nodiscard]] const std::string& error() const { return error_; }
  /// Records the first error.
  void fail(std::string what) {
    if (ok())
      error_ = std::move(what);
  }

  /// Bytes written so far, attached pieces included.
  [[nodiscard]] std::size_t size() const { return buffer_.size() + attached_; }

  /// A signed integer of 8 bits.
  void i8(std::int8_t x) { fixed(x); }
  /// A signed integer of 16 bits.
  void i16(std::int16_t x) { fixed(x); }
  /// A signed integer of 32 bits.
  void i32(std::int32_t x) { fixed(x); }
  /// A signed integer of 64 bits.
  void i64(std::int64_t x) { fixed(x); }
  /// An unsigned integer of 16 bits.
  void u16(std::uint16_t x) { fixed(x); }
  /// An unsigned integer of 32 bits.
  void u32(std::uint32_t x) { fixed(x); }
  /// A floating-point number of 64 bits.
  void f64(double x) { fixed(std::bit_cast<std::uint64_t>(x)); }
  /// A truth value, in one byte.
  void boolean(bool x) { fixed(static_cast<std::uint8_t>(x)); }

  /// An unsigned varint.
  void uvarint(std::uint32_t x) { base128(x); }
  /// A zigzag-encoded varint of at most 32 bits.
  void varint(std::int32_t x) {
    base128((static_cast<std::uint32_t>(x) << 1) ^ static_cast<std::uint32_t>(x >> 31));
  }
  /// A zigzag-encoded varint of at most 64 bits.
  void varlong(std::int64_t x) {
    base128((static_cast<std::uint64_t>(x) << 1) ^ static_cast<std::uint64_t>(x >> 63));
  }

  /// The bytes as they are.
  void raw(byte_view bytes) { buffer_.insert(buffer_.end(), bytes.begin(), bytes.end()); }
  /// The bytes as they are.
  void raw(std::string_view text) { raw(std::as_bytes(std::span{text})); }

  /// Appends `bytes`: by reference when they are many, by copy when that is cheaper.
  void attach(const shared_bytes& bytes) {
    if (bytes.size() < attach_threshold) {
      raw(bytes.view());
      return;
    }
    cuts_.push_back({buffer_.size(), bytes});
    attached_ += bytes.size();
  }

  /// Overwrites four bytes written earlier at `position`, with nothing attached before
  /// it.
  void patch_i32(std::size_t position, std::int32_t x) {
    const auto big =
      std::endian::native == std::endian::big ? x : detail::byte_swapped(x);
    std::memcpy(buffer_.data() + position, &big, sizeof big);
  }

  /// Everything written, as one piece; copies what was attached.
  [[nodiscard]] std::vector<std::byte> bytes() const {
    std::vector<std::byte> all;
    all.reserve(size());
    std::size_t from = 0;
    const auto copy_until = [&](std::size_t to) {
      all.insert(all.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(from),
        buffer_.begin() + static_cast<std::ptrdiff_t>(to));
      from = to;
    };
    for (const auto& c : cuts_) {
      copy_until(c.at);
      all.insert(all.end(), c.piece.view().begin(), c.piece.view().end());
    }
    copy_until(buffer_.size());
    return all;
  }

  /// Appends all that `other` holds, its attached pieces by reference.
  void append(const writer& other) {
    for (const auto& c : other.cuts_) {
      cuts_.push_back({buffer_.size() + c.at, c.piece});
      attached_ += c.piece.size();
    }
    raw(byte_view{other.buffer_});
    if (!other.ok())
      fail(other.error_);
  }

  /// Hands everything over as a frame for a gather write and leaves the writer empty.
  [[nodiscard]] frame finish() {
    frame result;
    result.size = size();
    const auto own = shared_bytes::from(std::move(buffer_));
    std::size_t from = 0;
    for (auto& c : cuts_) {
      if (c.at != from)
        result.parts.push_back(own.slice(from, c.at - from));
      result.parts.push_back(std::move(c.piece));
      from = c.at;
    }
    if (from != own.size())
      result.parts.push_back(own.slice(from, own.size() - from));
    buffer_ = {};
    cuts_.clear();
    attached_ = 0;
    return result;
  }

private:
  /// Below this a copy costs less than one more piece in the gather write.
  static constexpr std::size_t attach_threshold = 1024;

  struct cut {
    std::size_t at; ///< Place in `buffer_` before which the piece goes.
    shared_bytes piece;
  };

  template <std::integral T>
  void fixed(T x) {
    if constexpr (std::endian::native == std::endian::little)
      x = detail::byte_swapped(x);
    const auto at = buffer_.size();
    buffer_.resize(at + sizeof(T));
    std::memcpy(buffer_.data() + at, &x, sizeof(T));
  }

  template <std::unsigned_integral T>
  void base128(T x) {
    while (x >= 0x80) {
      buffer_.push_back(static_cast<std::byte>(x | 0x80));
      x >>= 7;
    }
    buffer_.push_back(static_cast<std::byte>(x));
  }

  std::vector<std::byte> buffer_;
  std::vector<cut> cuts_;
  std::size_t attached_ = 0;
  std::string error_;
};

} // namespace cafka::protocol
