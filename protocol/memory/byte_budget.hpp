#pragma once

#include "../wire/shared_bytes.hpp"

#include <algorithm>
#include <atomic>
#include <functional>

namespace cafka::protocol {

/// Counts the bytes that a consumer has fetched and that are still held. Any
/// thread.
class byte_budget {
public:
  /// `limit` in bytes.
  explicit byte_budget(std::size_t limit) : limit_(limit) {}
  byte_budget(const byte_budget&) = delete;
  byte_budget& operator=(const byte_budget&) = delete;

  /// Counts bytes that are held from now on.
  void take(std::size_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  /// Counts bytes that are not held any more.
  void give_back(std::size_t bytes) {
    used_.fetch_sub(bytes, std::memory_order_seq_cst);
    if (room_wanted.load(std::memory_order_seq_cst) && room_wanted.exchange(false)
      && when_room_)
      when_room_();
  }
  /// Bytes that came of frames as they were decompressed.
  void grow(std::size_t bytes) {
    grown_.fetch_add(bytes, std::memory_order_relaxed);
    take(bytes);
  }
  /// Bytes that were decompressed and are not held any more.
  void shrink(std::size_t bytes) {
    grown_.fetch_sub(bytes, std::memory_order_seq_cst);
    give_back(bytes);
  }
  /// How much may be decompressed, `waiting` bytes of frames being still to be read.
  [[nodiscard]] std::size_t room_to_grow(std::size_t waiting) const {
    const auto all = used();
    return limit_ - std::min(all - std::min(waiting, all), limit_);
  }
  /// Whether anything decompressed is still held. If not, something may be
  /// decompressed in any case: no bytes might come back that could be waited for, as
  /// frames are held until all of them is read.
  [[nodiscard]] bool has_grown() const {
    return grown_.load(std::memory_order_seq_cst) > 0;
  }
  /// Bytes that are held.
  [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_seq_cst); }
  /// The budget in bytes.
  [[nodiscard]] std::size_t limit() const { return limit_; }

  /// Called, in any thread, when bytes come back while `room_wanted`; to be set before
  /// the first `take`.
  void when_room(std::function<void()> f) { when_room_ = std::move(f); }
  /// Whether `when_room` is to be called.
  std::atomic<bool> room_wanted = false;

private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_ = 0;
  std::atomic<std::size_t> grown_ = 0; ///< Of these, decompressed.
  std::function<void()> when_room_;
};

/// Bytes that count against a budget until the last copy of this is gone.
class held_bytes {
public:
  /// Counts the frame's bytes against the budget.
  held_bytes(std::shared_ptr<byte_budget> budget, shared_bytes frame)
    : budget_(std::move(budget)), frame_(std::move(frame)) {
    budget_->take(frame_.size());
  }
  ~held_bytes() {
    const auto size = frame_.size();
    frame_ = {};
    budget_->give_back(size);
  }
  held_bytes(const held_bytes&) = delete;
  held_bytes& operator=(const held_bytes&) = delete;

private:
  const std::shared_ptr<byte_budget> budget_;
  shared_bytes frame_;
};

} // namespace cafka::protocol
