#pragma once

#include "../../protocol/wire/shared_bytes.hpp"
#include "frame_pool.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace cafka::actors {

/// Cuts a stream of bytes into length-prefixed frames, each in a buffer of its own size.
///
/// Small frames are copied out of a chunk that takes many of them in one read; the rest
/// of a large one is read straight into its buffer. No memory is taken for a length
/// before it has been checked and admitted; and beyond `trusted` bytes, or twice what a
/// frame before it has had, its buffer grows with what has come, and not with what was
/// announced.
class frame_assembler {
public:
  enum class step : std::uint8_t {
    frame,        ///< One was taken out.
    more,         ///< Bytes are missing: read into `space`.
    not_admitted, ///< The next frame was refused for now; ask again.
    bad_length,   ///< Its length is negative or above the limit; nothing follows.
  };

  /// Large frames are read into buffers of `pool`.
  explicit frame_assembler(std::size_t receive_message_max_bytes,
    std::shared_ptr<frame_pool> pool = std::make_shared<frame_pool>())
    : chunk_(std::make_unique_for_overwrite<std::byte[]>(chunk_size)),
      receive_message_max_bytes_(receive_message_max_bytes),
      pool_(std::move(pool)) {}

  /// Where the next bytes of the stream go. Never empty after `step::more`.
  [[nodiscard]] std::span<std::byte> space() {
    if (large_ != nullptr)
      return {large_.get() + have_, capacity_ - have_};
    return {chunk_.get() + end_, chunk_size - end_};
  }

  /// The first `count` bytes of `space` have been filled.
  void filled(std::size_t count) { (large_ != nullptr ? have_ : end_) += count; }

  /// Takes the next whole frame into `out`, without its length prefix.
  ///
  /// `admit(size)` is asked once per frame, or until it agrees, as soon as the length is
  /// known.
  template <class Admit>
  step next(protocol::shared_bytes& out, Admit&& admit) {
    if (large_ == nullptr) {
      const auto available = end_ - begin_;
      if (available < prefix_size)
        return compact();
      if (!admitted_) {
        length_ = read_length();
        if (length_ < 0 || static_cast<std::size_t>(length_) > receive_message_max_bytes_)
          return step::bad_length;
        want_ = static_cast<std::size_t>(length_);
        if (!admit(want_))
          return step::not_admitted;
        admitted_ = true;
      }
      have_ = std::min(available - prefix_size, want_);
      if (have_ < want_ && want_ < large_frame)
        return compact();
      if (want_ > 0) {
        capacity_ = std::min(want_, allowed_);
        large_ = buffer_of(capacity_);
        std::memcpy(large_.get(), chunk_.get() + begin_ + prefix_size, have_);
      }
      begin_ += prefix_size + have_;
      if (begin_ == end_)
        begin_ = end_ = 0;
    }
    if (have_ < want_) {
      if (have_ == capacity_)
        grow();
      return step::more;
    }
    const auto* data = large_.get();
    out = {std::move(large_), data, want_};
    large_ = nullptr;
    admitted_ = false;
    return step::frame;
  }

  /// The length prefix that `next` read last.
  [[nodiscard]] std::int32_t length() const { return length_; }

  /// Bytes that the buffer of the large frame at hand has room for; zero: there is none.
  [[nodiscard]] std::size_t missing() const {
    return large_ != nullptr ? capacity_ - have_ : 0;
  }

  /// Gives the buffer of the frame at hand back; nothing is read any more.
  void drop() { large_.reset(); }

  /// Bytes so far of the frame that has begun, and of the whole of it; both zero where
  /// nothing of it is known but that it has begun, or where none has.
  [[nodiscard]] std::pair<std::size_t, std::size_t> arriving() const {
    if (large_ != nullptr)
      return {have_, want_};
    return admitted_ ? std::pair{end_ - begin_ - prefix_size, want_}
                     : std::pair<std::size_t, std::size_t>{};
  }

  /// Whether the stream would end within a frame if it ended here.
  [[nodiscard]] bool within_frame() const { return large_ != nullptr || begin_ != end_; }

  /// Bytes that a frame gets before any of them has come.
  static constexpr std::size_t trusted = 1024 * 1024;

private:
  static constexpr std::size_t prefix_size = 4;
  static constexpr std::size_t chunk_size = 64 * 1024;
  /// From this size on a frame that has not come whole is read into its own buffer: one
  /// more read costs less than copying it.
  static constexpr std::size_t large_frame = 16 * 1024;

  [[nodiscard]] std::int32_t read_length() const {
    std::uint32_t length = 0;
    for (std::size_t i = 0; i != prefix_size; ++i)
      length = length << 8 | std::to_integer<std::uint32_t>(chunk_[begin_ + i]);
    return static_cast<std::int32_t>(length);
  }

  [[nodiscard]] std::shared_ptr<std::byte[]> buffer_of(std::size_t size) const {
    return size < frame_pool::smallest ? std::make_shared_for_overwrite<std::byte[]>(size)
                                       : pool_->take(size);
  }

  void grow() {
    const auto capacity = std::min(want_, 2 * capacity_);
    auto larger = buffer_of(capacity);
    std::memcpy(larger.get(), large_.get(), have_);
    large_ = std::move(larger);
    capacity_ = capacity;
    allowed_ = std::max(allowed_, capacity);
  }

  /// Makes room behind the beginning of a small frame.
  step compact() {
    std::memmove(chunk_.get(), chunk_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    return step::more;
  }

  std::unique_ptr<std::byte[]> chunk_;
  std::size_t begin_ = 0; ///< First byte of the chunk that is not taken out.
  std::size_t end_ = 0;   ///< End of what has been read into the chunk.
  std::size_t receive_message_max_bytes_;
  std::shared_ptr<frame_pool> pool_;
  bool admitted_ = false;
  std::int32_t length_ = 0;
  std::size_t want_ = 0;          ///< Size of the frame at hand.
  std::size_t have_ = 0;          ///< Bytes of it in `large_`.
  std::size_t capacity_ = 0;      ///< Of `large_`, as far as it is used.
  std::size_t allowed_ = trusted; ///< What the next one gets at once.
  std::shared_ptr<std::byte[]> large_;
};

} // namespace cafka::actors
