#include "codecs.hpp"

#include <zstd.h>
#include <zstd_errors.h>

#include <utility>

namespace cafka::protocol::detail {

namespace {

/// Contexts are costly to make, so each thread keeps one, unless a high level made it
/// huge.
constexpr std::size_t largest_kept = 16 * 1024 * 1024;

template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* x) const {
    Free(x);
  }
};

using compression_context = std::unique_ptr<ZSTD_CCtx, freed_by<&ZSTD_freeCCtx>>;
using decompression_context = std::unique_ptr<ZSTD_DCtx, freed_by<&ZSTD_freeDCtx>>;

} // namespace

result<done> compress_zstd(byte_view in, byte_arena& out, int level) {
  thread_local compression_context context;
  if (context == nullptr)
    context.reset(ZSTD_createCCtx());
  const auto bound = ZSTD_compressBound(in.size());
  auto* at = out.room(bound);
  const auto size =
    ZSTD_compressCCtx(context.get(), at, bound, in.data(), in.size(), level);
  if (ZSTD_sizeof_CCtx(context.get()) > largest_kept)
    context.reset();
  if (ZSTD_isError(size) != 0)
    return {
      error_code::unknown_server_error, std::string{"zstd: "} + ZSTD_getErrorName(size)};
  out.commit(size);
  return done{};
}

namespace {

/// Output up to here is written at one go, which is fastest and needs no window.
constexpr std::size_t largest_at_one_go = 16 * 1024 * 1024;
/// A frame whose window is larger than this is not decompressed in pieces.
constexpr int largest_window_log = 23;

/// Decompresses in pieces; nothing when the frame needs too large a window for that.
std::optional<result<shared_bytes>> in_pieces(
  ZSTD_DCtx* context, byte_view in, const decompress_bounds& bounds) {
  ZSTD_DCtx_reset(context, ZSTD_reset_session_only);
  ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, largest_window_log);
  bounded_output out{in.size() * 8, bounds};
  ZSTD_inBuffer from{in.data(), in.size(), 0};
  while (true) {
    if (out.stopped())
      return out.was_stopped();
    const auto room = out.room();
    if (room.empty())
      return out.too_large();
    ZSTD_outBuffer to{room.data(), room.size(), 0};
    const auto wanted = ZSTD_decompressStream(context, &to, &from);
    if (ZSTD_isError(wanted) != 0) {
      if (ZSTD_getErrorCode(wanted) == ZSTD_error_frameParameter_windowTooLarge)
        return std::nullopt;
      return corrupt(codec::zstd, ZSTD_getErrorName(wanted));
    }
    if (!out.commit(to.pos))
      return out.too_large();
    if (from.pos < from.size)
      continue;
    if (wanted == 0)
      return out.freeze();
    // Only a full piece may hold back more.
    if (to.pos < to.size)
      return corrupt(codec::zstd, "truncated");
  }
}

} // namespace

result<shared_bytes> decompress_zstd(byte_view in, const decompress_bounds& bounds) {
  thread_local decompression_context context{ZSTD_createDCtx()};
  const auto limit = bounds.limit;
  // Decompressing at one go needs no window beside the output, however large a window the
  // frame declares; when the guess at the output's size was too small, a second go costs
  // less than that window would. What is large comes in pieces if its window is not.
  auto capacity = std::max<std::size_t>(in.size() * 8, 16 * 1024);
  const auto claimed = ZSTD_getFrameContentSize(in.data(), in.size());
  if (claimed != ZSTD_CONTENTSIZE_UNKNOWN && claimed != ZSTD_CONTENTSIZE_ERROR) {
    if (claimed > limit)
      return bounded_output{0, bounds}.too_large();
    capacity = claimed > largest_at_one_go
      ? static_cast<std::size_t>(claimed)
      : std::min<std::size_t>(claimed, in.size() * 1024);
  }
  auto pieces_tried = false;
  while (true) {
    if (capacity > largest_at_one_go && !std::exchange(pieces_tried, true)) {
      if (context == nullptr)
        context.reset(ZSTD_createDCtx());
      auto outcome = in_pieces(context.get(), in, bounds);
      // Its window stays with the context.
      context.reset(ZSTD_createDCtx());
      if (outcome)
        return *std::move(outcome);
      capacity = 2 * largest_at_one_go;
    }
    capacity = std::min(capacity, limit);
    bounded_output out{capacity, bounds};
    const auto room = out.all_room();
    if (room.empty())
      return out.too_large();
    const auto size =
      ZSTD_decompressDCtx(context.get(), room.data(), room.size(), in.data(), in.size());
    if (ZSTD_isError(size) == 0) {
      if (!out.commit(size))
        return out.too_large();
      return out.freeze();
    }
    if (ZSTD_getErrorCode(size) != ZSTD_error_dstSize_tooSmall)
      return corrupt(codec::zstd, ZSTD_getErrorName(size));
    if (room.size() > limit || capacity == limit)
      return out.too_large();
    if (out.stopped())
      return out.was_stopped();
    capacity = std::max<std::size_t>(capacity, 1024) * 4;
  }
}

} // namespace cafka::protocol::detail
