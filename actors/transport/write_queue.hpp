#pragma once

#include "../../protocol/wire/shared_bytes.hpp"

#include <deque>
#include <span>
#include <sys/uio.h>

namespace cafka::actors {

/// The pieces that wait to be written, in order.
class write_queue {
public:
  [[nodiscard]] bool empty() const { return pieces_.empty(); }
  /// Takes no memory, whatever happens.
  void clear() noexcept { pieces_.clear(); }

  /// Appends a frame without its first `skip` bytes, which have been written.
  void push(protocol::frame&& f, std::size_t skip = 0) {
    for (auto& part : f.parts) {
      const auto gone = std::min(skip, part.size());
      skip -= gone;
      if (gone < part.size())
        pieces_.push_back(
          gone == 0 ? std::move(part) : part.slice(gone, part.size() - gone));
    }
  }

  /// Points `vectors` at the first pieces and says how many it filled.
  [[nodiscard]] std::size_t gather(std::span<iovec> vectors) const {
    const auto count = std::min(vectors.size(), pieces_.size());
    for (std::size_t i = 0; i != count; ++i)
      vectors[i] = as_iovec(pieces_[i]);
    return count;
  }

  /// Drops the first `count` bytes.
  void consume(std::size_t count) {
    while (count > 0) {
      auto& first = pieces_.front();
      if (count < first.size()) {
        first = first.slice(count, first.size() - count);
        return;
      }
      count -= first.size();
      pieces_.pop_front();
    }
  }

  static iovec as_iovec(const protocol::shared_bytes& piece) {
    return {const_cast<std::byte*>(piece.data()), piece.size()};
  }

private:
  std::deque<protocol::shared_bytes> pieces_;
};

} // namespace cafka::actors
