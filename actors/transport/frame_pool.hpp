#pragma once

#include "../../protocol/memory/spin_lock.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace cafka::actors {

/// Buffers of large frames, used again: memory that the kernel has to find and to clear
/// for each costs more than reading into it.
///
/// Any thread. A buffer comes back when the last reference to it is gone, wherever that
/// is; the pool lives as long as any of its buffers.
class frame_pool : public std::enable_shared_from_this<frame_pool> {
public:
  /// Smaller ones are the allocator's business.
  static constexpr std::size_t smallest = 64 * 1024;

  /// `limit`: most bytes that lie unused.
  explicit frame_pool(std::size_t limit = 32u << 20) : limit_(limit) {}
  frame_pool(const frame_pool&) = delete;
  frame_pool& operator=(const frame_pool&) = delete;

  /// At least `size` bytes, which is `smallest` or more.
  [[nodiscard]] std::shared_ptr<std::byte[]> take(std::size_t size) {
    auto b = find(size);
    if (b.bytes == nullptr) {
      b.capacity = (size + smallest - 1) / smallest * smallest;
      b.bytes = std::make_unique_for_overwrite<std::byte[]>(b.capacity);
    }
    return {b.bytes.release(),
      [pool = shared_from_this(), capacity = b.capacity](std::byte* bytes) noexcept {
        buffer back{std::unique_ptr<std::byte[]>{bytes}, capacity};
        try {
          pool->give_back(std::move(back));
        } catch (const std::bad_alloc&) {
          // Then it is the allocator's again, which needs it.
        }
      }};
  }

  /// Bytes that lie unused.
  [[nodiscard]] std::size_t unused() const {
    const std::lock_guard guard{lock_};
    return unused_;
  }

private:
  struct buffer {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t capacity = 0;
  };

  /// The smallest that will do and is not far too large.
  buffer find(std::size_t size) {
    const std::lock_guard guard{lock_};
    const auto at = std::ranges::lower_bound(free_, size, {}, &buffer::capacity);
    if (at == free_.end() || at->capacity > 4 * size)
      return {};
    auto found = std::move(*at);
    free_.erase(at);
    unused_ -= found.capacity;
    return found;
  }

  void give_back(buffer b) {
    if (b.capacity > limit_)
      return;
    std::vector<buffer> dropped; // Given to the allocator after the lock.
    const std::lock_guard guard{lock_};
    while (unused_ + b.capacity > limit_) {
      dropped.push_back(std::move(free_.front()));
      unused_ -= dropped.back().capacity;
      free_.erase(free_.begin());
    }
    const auto capacity = b.capacity;
    const auto at = std::ranges::lower_bound(free_, capacity, {}, &buffer::capacity);
    free_.insert(at, std::move(b));
    unused_ += capacity;
  }

  const std::size_t limit_;
  mutable protocol::spin_lock lock_;
  std::size_t unused_ = 0;
  std::vector<buffer> free_; ///< By capacity.
};

} // namespace cafka::actors
