#pragma once

#include <cafka/protocol/records/compression.hpp>

/// The codecs one by one, behind `compress` and `decompress`.
namespace cafka::protocol::detail {

/// Decompressed bytes, growing towards a limit.
class bounded_output {
public:
  /// Starts with room for about `expected` bytes and ends at `limit`.
  bounded_output(std::size_t expected, std::size_t limit)
    : limit_(limit), bytes_(std::min(std::max<std::size_t>(expected, 512), limit + 1)) {}

  /// Where the next bytes go, never empty. One byte beyond the limit is granted, so that
  /// output that just fits is told from output that goes on.
  [[nodiscard]] std::span<std::byte> room() {
    if (bytes_.size() == bytes_.capacity())
      bytes_.grow_to(std::min(bytes_.capacity() * 2, limit_ + 1));
    auto* at = bytes_.room(0);
    return {at, bytes_.capacity() - bytes_.size()};
  }

  /// Makes room for `count` bytes at once; nothing when they would pass the limit.
  [[nodiscard]] std::byte* room(std::size_t count) {
    if (count > limit_ - bytes_.size())
      return nullptr;
    return bytes_.room(count);
  }

  /// Counts what was written; false when it passes the limit.
  [[nodiscard]] bool commit(std::size_t count) {
    bytes_.commit(count);
    return bytes_.size() <= limit_;
  }

  [[nodiscard]] shared_bytes freeze() { return bytes_.freeze(); }

  [[nodiscard]] error too_large() const {
    return {error_code::message_too_large,
      "the records decompress to more than " + std::to_string(limit_) + " bytes"};
  }

private:
  std::size_t limit_;
  byte_arena bytes_;
};

inline error corrupt(codec c, std::string_view what) {
  return {
    error_code::corrupt_message, std::string{to_string(c)}.append(": ").append(what)};
}

result<done> compress_gzip(byte_view in, byte_arena& out, int level);
result<done> compress_snappy(byte_view in, byte_arena& out);
result<done> compress_lz4(byte_view in, byte_arena& out, int level, lz4_header header);
result<done> compress_zstd(byte_view in, byte_arena& out, int level);

result<shared_bytes> decompress_gzip(byte_view in, std::size_t limit);
result<shared_bytes> decompress_snappy(byte_view in, std::size_t limit);
result<shared_bytes> decompress_lz4(byte_view in, std::size_t limit, lz4_header header);
result<shared_bytes> decompress_zstd(byte_view in, std::size_t limit);

} // namespace cafka::protocol::detail
