#pragma once

#include "compression.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <span>

/// The codecs one by one, behind `compress` and `decompress`.
namespace cafka::protocol::detail {

/// Decompressed bytes, growing towards a limit as they come.
///
/// Large ones grow in place where the system can move pages: while they do, they are not
/// in memory twice.
class bounded_output {
public:
  /// Starts with room for about `expected` bytes and ends at the limit.
  bounded_output(std::size_t expected, const decompress_bounds& bounds)
    : limit_(std::min(bounds.limit, std::numeric_limits<std::size_t>::max() / 2)),
      stop_(bounds.stop) {
    static_cast<void>(
      grow_to(std::min(std::max<std::size_t>(expected, 512), limit_ + 1)));
  }

  /// Where the next bytes go, a piece at a time; empty when there is no memory. One byte
  /// beyond the limit is granted, so that output that just fits is told from output that
  /// goes on.
  [[nodiscard]] std::span<std::byte> room() {
    const auto whole = all_room();
    return whole.first(std::min(whole.size(), piece));
  }

  /// The same, all at a time that there is without growing.
  [[nodiscard]] std::span<std::byte> all_room() {
    if (size_ == capacity_
      && !grow_to(std::min(std::max(capacity_ * 2, size_), limit_ + 1)))
      return {};
    return {data_ + size_, capacity_ - size_};
  }

  /// Makes room for `count` bytes at once; nothing when they would pass the limit, or
  /// there is no memory for them.
  [[nodiscard]] std::byte* room(std::size_t count) {
    if (count > limit_ - std::min(limit_, size_))
      return nullptr;
    if (capacity_ - size_ < count && !grow_to(std::max(size_ + count, capacity_ * 2)))
      return nullptr;
    return data_ + size_;
  }

  /// Counts what was written; false when it passes the limit.
  [[nodiscard]] bool commit(std::size_t count) {
    size_ += count;
    return size_ <= limit_;
  }

  /// Whether the output is not wanted any more.
  [[nodiscard]] bool stopped() const {
    return stop_ != nullptr && stop_->load(std::memory_order_relaxed);
  }

  [[nodiscard]] shared_bytes freeze() {
    if (large_ != nullptr) {
      const auto* const at = large_.get();
      return {std::shared_ptr<const std::byte>{std::move(large_)}, at, size_};
    }
    small_.commit(size_ - small_.size());
    return small_.freeze();
  }

  /// Why `commit` or `room` has failed.
  [[nodiscard]] error too_large() const {
    if (out_of_memory_)
      return {error_code::queue_full, "there is no memory to decompress the records"};
    return {error_code::batch_too_large,
      "the records decompress to more than " + std::to_string(limit_) + " bytes"};
  }
  [[nodiscard]] static error was_stopped() {
    return {error_code::closed, "the records are not wanted any more"};
  }

private:
  /// Between two looks at `stop`.
  static constexpr std::size_t piece = 1024 * 1024;
  /// From here on growing does not copy.
  static constexpr std::size_t large = 4 * 1024 * 1024;

  struct freed {
    void operator()(std::byte* at) const { std::free(at); }
  };

  bool grow_to(std::size_t capacity) {
    if (capacity < large && large_ == nullptr) {
      small_.commit(size_ - small_.size());
      small_.grow_to(capacity);
      data_ = small_.data();
      capacity_ = small_.capacity();
      return true;
    }
    auto* const more = static_cast<std::byte*>(
      std::realloc(large_.get(), std::max<std::size_t>(capacity, 1)));
    if (more == nullptr) {
      out_of_memory_ = true;
      return false;
    }
    const auto first = large_ == nullptr;
    static_cast<void>(large_.release());
    large_.reset(more);
    if (first && size_ != 0)
      std::memcpy(more, data_, size_);
    small_ = {};
    data_ = more;
    capacity_ = capacity;
    return true;
  }

  const std::size_t limit_;
  const std::atomic<bool>* const stop_;
  byte_arena small_;
  std::unique_ptr<std::byte, freed> large_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  bool out_of_memory_ = false;
};

inline error corrupt(codec c, std::string_view what) {
  return {
    error_code::corrupt_message, std::string{to_string(c)}.append(": ").append(what)};
}

result<done> compress_gzip(byte_view in, byte_arena& out, int level);
result<done> compress_snappy(byte_view in, byte_arena& out);
result<done> compress_lz4(byte_view in, byte_arena& out, int level, lz4_header header);
result<done> compress_zstd(byte_view in, byte_arena& out, int level);

result<shared_bytes> decompress_gzip(byte_view in, const decompress_bounds& bounds);
result<shared_bytes> decompress_snappy(byte_view in, const decompress_bounds& bounds);
result<shared_bytes> decompress_lz4(
  byte_view in, const decompress_bounds& bounds, lz4_header header);
result<shared_bytes> decompress_zstd(byte_view in, const decompress_bounds& bounds);

} // namespace cafka::protocol::detail
