#pragma once

#include "../../base/inspect.hpp"
#include "../memory/byte_arena.hpp"
#include "../result.hpp"

#include <atomic>
#include <optional>
#include <string_view>

namespace cafka::protocol {

/// How the records of a batch are compressed; the numbers are those on the wire.
enum class codec : std::uint8_t {
  none = 0,
  gzip = 1,
  snappy = 2,
  lz4 = 3,
  zstd = 4, ///< v2 batches only. Source: KIP-110.
};

/// Kafka's name, as in `compression.type`: `none`, `gzip`, `snappy`, `lz4` or `zstd`.
[[nodiscard]] std::string_view to_string(codec c);

/// The codec of that name, nothing for any other word.
[[nodiscard]] std::optional<codec> codec_from_name(std::string_view name);

/// Inspects the codec as its number on the wire; for any inspector in CAF's style.
CAFKA_INSPECT_ENUM(codec, none, zstd)

/// The compression levels of a codec: more is smaller and slower.
struct level_range {
  /// The lowest level.
  int lowest = 0;
  /// The highest level.
  int highest = 0;
  int preset = 0; ///< What is used when no level is asked for.
};

/// The levels of `c`: gzip 0 to 9 (6), lz4 0 to 12 (0; the high-compression mode from 3
/// on), zstd a large negative number to 22 (3); nothing for `none` and `snappy`.
[[nodiscard]] std::optional<level_range> levels_of(codec c);

/// Which checksum an LZ4 frame's header carries.
enum class lz4_header : std::uint8_t {
  standard,   ///< Over the descriptor, as the LZ4 frame format says.
  with_magic, ///< Over the magic number too: what Kafka's clients wrote and read before
              ///< 0.10, and so the one of v0 messages. Source: KIP-57.
};

/// Appends `in`, compressed, to `out`.
///
/// `level` counts within `levels_of(c)` and is ignored for a codec without levels. snappy
/// is framed as snappy-java does, in blocks of 32 KiB, as Kafka's own clients send it.
/// LZ4 frames are of independent blocks of 64 KiB, the only kind that Kafka's clients
/// read.
///
/// Errors: `invalid_argument` for a level out of range, `unsupported_compression_type`
/// for no codec of Kafka's.
result<done> compress(codec c, byte_view in, byte_arena& out,
  std::optional<int> level = std::nullopt, lz4_header header = lz4_header::standard);

/// How far decompressing goes.
struct decompress_bounds {
  /// Most bytes of output.
  std::size_t limit = 0;
  /// Once true the output is not wanted any more; looked at between pieces. Null: never.
  const std::atomic<bool>* stop = nullptr;

  /// At most `most` bytes; given up once `no_more` is true.
  decompress_bounds(std::size_t most, const std::atomic<bool>* no_more = nullptr)
    : limit(most), stop(no_more) {}
};

/// What `in` holds, decompressed; with `codec::none`, a copy.
///
/// Memory is taken as the output grows, never because `in` claims a size. snappy is read
/// raw and in snappy-java's framing. `header` says whether LZ4's old checksum is accepted
/// beside the right one.
///
/// Errors: `corrupt_message`; `batch_too_large` for output of more than the limit;
/// `queue_full` where the system has no memory; `closed` when it was stopped;
/// `unsupported_compression_type` for no codec of Kafka's.
[[nodiscard]] result<shared_bytes> decompress(codec c, byte_view in,
  decompress_bounds bounds, lz4_header header = lz4_header::standard);

} // namespace cafka::protocol
