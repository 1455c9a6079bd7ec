#pragma once

#include "spin_lock.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace cafka::protocol {

/// The buffers of a producer's batches, within a budget; those given back are used again,
/// so that no batch waits for the kernel to find memory.
///
/// Any thread. A buffer comes back when the last reference to it is gone, wherever that
/// is; the pool lives as long as any of its buffers.
class buffer_pool : public std::enable_shared_from_this<buffer_pool> {
public:
  /// A buffer that was taken.
  struct buffer {
    std::shared_ptr<std::byte[]> bytes; ///< Null: the budget or the memory is spent.
    /// How many bytes it has.
    std::size_t capacity = 0;
  };

  /// `limit` in bytes; unused buffers count as well as those in use.
  explicit buffer_pool(std::size_t limit) : limit_(limit) {}
  buffer_pool(const buffer_pool&) = delete;
  buffer_pool& operator=(const buffer_pool&) = delete;
  ~buffer_pool();

  /// A buffer of at least `size` bytes, rounded up to a power of two.
  /// `forced`: beyond the budget if need be.
  [[nodiscard]] buffer take(std::size_t size, bool forced = false);

  /// What `take` would round `size` up to.
  [[nodiscard]] static std::size_t rounded(std::size_t size);

  /// Bytes of all its buffers, unused ones among them.
  [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  /// The budget in bytes.
  [[nodiscard]] std::size_t limit() const { return limit_; }

  /// Called, in any thread, when bytes come back while `room_wanted` is above zero; to be
  /// set before the first `take`.
  void when_room(std::function<void()> f) { when_room_ = std::move(f); }
  /// How many wait for room; to be raised before the `take` that may fail.
  std::atomic<std::uint32_t> room_wanted = 0;

private:
  static constexpr std::size_t smallest_bits = 12;
  static constexpr std::size_t classes = 20;

  static std::size_t class_of(std::size_t rounded);
  void give_back(std::byte* bytes, std::size_t capacity);

  const std::size_t limit_;
  std::atomic<std::size_t> used_ = 0;
  std::function<void()> when_room_;
  spin_lock lock_;
  std::size_t unused_ = 0;
  std::array<std::vector<std::byte*>, classes> free_;
};

} // namespace cafka::protocol
