#pragma once

#include "../types.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace cafka::protocol {

/// A slice of an immutable buffer that lives as long as any slice of it does.
///
/// Copying one costs a reference count, never a byte.
class shared_bytes {
public:
  shared_bytes() = default;

  /// Shares the ownership of `owner` for the `size` bytes at `data`.
  shared_bytes(std::shared_ptr<const void> owner, const std::byte* data, std::size_t size)
    : data_(std::move(owner), data), size_(size) {}

  /// Takes over a vector without copying its bytes.
  static shared_bytes from(std::vector<std::byte>&& bytes) {
    auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes));
    const auto* data = owner->data();
    const auto size = owner->size();
    return {std::move(owner), data, size};
  }

  /// A copy of the bytes, in a buffer of its own.
  static shared_bytes copy_of(byte_view bytes) {
    return from({bytes.begin(), bytes.end()});
  }

  /// A copy of the bytes, in a buffer of its own.
  static shared_bytes copy_of(std::string_view text) {
    return copy_of(std::as_bytes(std::span{text}));
  }

  /// The first byte; null where there is no buffer.
  [[nodiscard]] const std::byte* data() const { return data_.get(); }
  /// How many bytes there are.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// The bytes as a view, valid as long as a copy of this lives.
  [[nodiscard]] byte_view view() const { return {data_.get(), size_}; }
  /// The bytes as text, valid as long as a copy of this lives.
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(data_.get()), size_};
  }

  /// The `count` bytes from `first` on, of the same buffer; both are clamped to the
  /// slice.
  [[nodiscard]] shared_bytes slice(std::size_t first, std::size_t count) const {
    first = std::min(first, size_);
    return {data_, data_.get() + first, std::min(count, size_ - first)};
  }

  /// Whether both hold the same bytes.
  friend bool operator==(const shared_bytes& a, const shared_bytes& b) {
    return std::ranges::equal(a.view(), b.view());
  }

private:
  std::shared_ptr<const std::byte> data_;
  std::size_t size_ = 0;
};

/// A frame on its way out: the pieces that a gather write hands to the socket in turn.
struct frame {
  /// The pieces, in order.
  std::vector<shared_bytes> parts;
  /// How many bytes they have together.
  std::size_t size = 0;
};

} // namespace cafka::protocol
