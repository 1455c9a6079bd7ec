#include "checksum.hpp"
#include "codecs.hpp"

#include <lz4frame.h>

#include <array>

namespace cafka::protocol::detail {

namespace {

constexpr std::size_t magic_size = 4;
/// Magic, flags, block descriptor, content size, dictionary, checksum.
constexpr std::size_t longest_header = magic_size + 2 + 8 + 4 + 1;

/// Where the header's checksum byte stands; 0 when `frame` is too short to have one.
std::size_t checksum_position(byte_view frame) {
  if (frame.size() <= magic_size)
    return 0;
  const auto flags = std::to_integer<unsigned>(frame[magic_size]);
  const auto position =
    magic_size + 2 + ((flags & 0x08) != 0 ? 8U : 0U) + ((flags & 0x01) != 0 ? 4U : 0U);
  return position < frame.size() ? position : 0;
}

std::byte header_checksum(byte_view frame, std::size_t position, lz4_header header) {
  const auto first = header == lz4_header::standard ? magic_size : 0;
  return static_cast<std::byte>(
    (xxh32(frame.subspan(first, position - first)) >> 8) & 0xFF);
}

/// Each thread keeps the last one for its next frame, unless that frame did not end: what
/// is left of its content size in lz4 1.9 survives `LZ4F_resetDecompressionContext`, and
/// would be missed in a frame that names none.
class lz4_context {
public:
  lz4_context() = default;
  lz4_context(const lz4_context&) = delete;
  lz4_context& operator=(const lz4_context&) = delete;
  ~lz4_context() { LZ4F_freeDecompressionContext(state_); }

  /// For a frame that begins; null when there is no memory.
  LZ4F_dctx* begin() {
    if (!ended_) {
      LZ4F_freeDecompressionContext(state_);
      if (LZ4F_isError(LZ4F_createDecompressionContext(&state_, LZ4F_VERSION)) != 0)
        state_ = nullptr;
    }
    ended_ = false;
    return state_;
  }
  void end() { ended_ = true; }

private:
  LZ4F_dctx* state_ = nullptr;
  bool ended_ = false;
};

/// Feeds `in` to the frame; true once the frame has ended.
result<bool> feed(LZ4F_dctx* state, byte_view& in, bounded_output& out) {
  while (true) {
    const auto room = out.room();
    if (room.empty())
      return out.too_large();
    if (out.stopped())
      return out.was_stopped();
    auto produced = room.size();
    auto consumed = in.size();
    const auto hint =
      LZ4F_decompress(state, room.data(), &produced, in.data(), &consumed, nullptr);
    if (LZ4F_isError(hint) != 0)
      return corrupt(codec::lz4, LZ4F_getErrorName(hint));
    if (!out.commit(produced))
      return out.too_large();
    in = in.subspan(consumed);
    if (hint == 0)
      return true;
    // Only a full output may hold back more: without one, the input has been drained.
    if (in.empty() && produced < room.size())
      return false;
    if (consumed == 0 && produced == 0)
      return corrupt(codec::lz4, "no progress");
  }
}

} // namespace

result<done> compress_lz4(byte_view in, byte_arena& out, int level, lz4_header header) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.compressionLevel = level;
  const auto bound = LZ4F_compressFrameBound(in.size(), &preferences);
  auto* at = out.room(bound);
  const auto size = LZ4F_compressFrame(at, bound, in.data(), in.size(), &preferences);
  if (LZ4F_isError(size) != 0)
    return {
      error_code::unknown_server_error, std::string{"lz4: "} + LZ4F_getErrorName(size)};
  if (header == lz4_header::with_magic) {
    const byte_view frame{at, size};
    const auto position = checksum_position(frame);
    at[position] = header_checksum(frame, position, header);
  }
  out.commit(size);
  return done{};
}

result<shared_bytes> decompress_lz4(
  byte_view in, const decompress_bounds& bounds, lz4_header header) {
  thread_local lz4_context context;
  auto* const state = context.begin();
  if (state == nullptr)
    return {error_code::unknown_server_error, "lz4: cannot start"};
  bounded_output out{in.size() * 4, bounds};

  const auto position = checksum_position(in);
  if (header == lz4_header::with_magic && position != 0
    && in[position] == header_checksum(in, position, lz4_header::with_magic)) {
    // The library wants the right checksum: it gets a header of its own.
    std::array<std::byte, longest_header> corrected{};
    std::memcpy(corrected.data(), in.data(), position);
    corrected[position] = header_checksum(in, position, lz4_header::standard);
    byte_view first{corrected.data(), position + 1};
    in = in.subspan(first.size());
    if (auto fed = feed(state, first, out); !fed)
      return fed.error();
  }
  const auto ended = feed(state, in, out);
  if (!ended)
    return ended.error();
  if (!*ended)
    return corrupt(codec::lz4, "truncated");
  context.end();
  if (!in.empty())
    return corrupt(codec::lz4, "bytes behind the frame");
  return out.freeze();
}

} // namespace cafka::protocol::detail
