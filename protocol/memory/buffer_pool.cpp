#include "buffer_pool.hpp"

#include <algorithm>
#include <bit>
#include <mutex>
#include <new>
#include <utility>

namespace cafka::protocol {

buffer_pool::~buffer_pool() {
  for (const auto& list : free_) {
    for (auto* bytes : list)
      delete[] bytes;
  }
}

std::size_t buffer_pool::rounded(std::size_t size) {
  return std::bit_ceil(std::max(size, std::size_t{1} << smallest_bits));
}

std::size_t buffer_pool::class_of(std::size_t rounded) {
  return static_cast<std::size_t>(std::bit_width(rounded)) - 1 - smallest_bits;
}

buffer_pool::buffer buffer_pool::take(std::size_t size, bool forced) {
  const auto capacity = rounded(size);
  // Never beyond the limit, not even for a moment: another's attempt would fail for it,
  // and it would never be told to try again.
  auto before = used_.load();
  do {
    if (!forced && (capacity > limit_ || before > limit_ - capacity))
      return {};
  } while (!used_.compare_exchange_weak(before, before + capacity));
  std::byte* bytes = nullptr;
  std::vector<std::byte*> dropped;
  const auto at = class_of(capacity);
  {
    const std::lock_guard guard{lock_};
    if (at < classes && !free_[at].empty()) {
      bytes = free_[at].back();
      free_[at].pop_back();
      unused_ -= capacity;
    } else {
      // None of this size lies ready: those that do must not add to the budget.
      for (auto i = classes; i-- > 0;) {
        while (before + capacity + unused_ > limit_ && !free_[i].empty()) {
          dropped.push_back(free_[i].back());
          free_[i].pop_back();
          unused_ -= std::size_t{1} << (i + smallest_bits);
        }
      }
    }
  }
  for (auto* each : dropped)
    delete[] each;
  if (bytes == nullptr)
    bytes = new (std::nothrow) std::byte[capacity];
  if (bytes == nullptr) {
    used_.fetch_sub(capacity);
    return {};
  }
  return {std::shared_ptr<std::byte[]>{bytes,
            [pool = shared_from_this(), capacity](
              std::byte* b) { pool->give_back(b, capacity); }},
    capacity};
}

void buffer_pool::give_back(std::byte* bytes, std::size_t capacity) {
  const auto at = class_of(capacity);
  // In one order with `room_wanted`: who finds no room is counted there first.
  used_.fetch_sub(capacity);
  {
    const std::lock_guard guard{lock_};
    if (at < classes && used() + unused_ + capacity <= limit_) {
      free_[at].push_back(std::exchange(bytes, nullptr));
      unused_ += capacity;
    }
  }
  delete[] bytes;
  if (room_wanted.load() > 0 && when_room_)
    when_room_();
}

} // namespace cafka::protocol
