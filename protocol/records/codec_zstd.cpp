#include <cafka/protocol/records/codecs.hpp>

#include <zstd.h>
#include <zstd_errors.h>

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

result<shared_bytes> decompress_zstd(byte_view in, std::size_t limit) {
  thread_local decompression_context context{ZSTD_createDCtx()};
  // Decompressing at one go needs no window beside the output, however large a window the
  // frame declares; when the guess at the output's size was too small, a second go costs
  // less than that window would.
  auto capacity = std::max<std::size_t>(in.size() * 8, 16 * 1024);
  const auto claimed = ZSTD_getFrameContentSize(in.data(), in.size());
  if (claimed != ZSTD_CONTENTSIZE_UNKNOWN && claimed != ZSTD_CONTENTSIZE_ERROR) {
    if (claimed > limit)
      return bounded_output{0, limit}.too_large();
    capacity = std::min<std::size_t>(claimed, in.size() * 1024);
  }
  while (true) {
    capacity = std::min(capacity, limit);
    bounded_output out{capacity, limit};
    const auto room = out.room();
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
    capacity = std::max<std::size_t>(capacity, 1024) * 4;
  }
}

} // namespace cafka::protocol::detail
