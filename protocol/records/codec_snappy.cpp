#include "../wire/reader.hpp"
#include "codecs.hpp"

#include <snappy.h>

#include <array>

namespace cafka::protocol::detail {

namespace {

/// What snappy-java puts first: its name, its version 1, and the version 1 it is readable
/// from. Then come blocks of snappy, each behind its length.
constexpr std::array<unsigned char, 16> java_header{
  0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
constexpr std::size_t java_name_size = 8;
constexpr std::size_t java_block_size = 32 * 1024;

/// Three bytes of snappy make 64 at most. Source: snappy's format description.
constexpr std::size_t most_per_byte = 22;

const char* chars(byte_view bytes) {
  return reinterpret_cast<const char*>(bytes.data());
}

bool starts_with_java_name(byte_view in) {
  return in.size() >= java_header.size()
    && std::memcmp(in.data(), java_header.data(), java_name_size) == 0;
}

/// Appends what one block of raw snappy holds.
std::optional<error> append_block(byte_view in, bounded_output& out) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(chars(in), in.size(), &size)
    || size > in.size() * most_per_byte)
    return corrupt(codec::snappy, "bad length");
  auto* at = out.room(size);
  if (at == nullptr)
    return out.too_large();
  if (!snappy::RawUncompress(chars(in), in.size(), reinterpret_cast<char*>(at)))
    return corrupt(codec::snappy, "bad block");
  if (!out.commit(size))
    return out.too_large();
  return std::nullopt;
}

} // namespace

result<done> compress_snappy(byte_view in, byte_arena& out) {
  store_bytes(out.room(java_header.size()), std::as_bytes(std::span{java_header}));
  out.commit(java_header.size());
  while (!in.empty()) {
    const auto block = in.first(std::min(in.size(), java_block_size));
    auto* at = out.room(4 + snappy::MaxCompressedLength(block.size()));
    std::size_t size = 0;
    snappy::RawCompress(
      chars(block), block.size(), reinterpret_cast<char*>(at + 4), &size);
    store_big(at, static_cast<std::int32_t>(size));
    out.commit(4 + size);
    in = in.subspan(block.size());
  }
  return done{};
}

result<shared_bytes> decompress_snappy(byte_view in, const decompress_bounds& bounds) {
  bounded_output out{in.size() * 4, bounds};
  if (!starts_with_java_name(in)) {
    if (auto failed = append_block(in, out))
      return *std::move(failed);
    return out.freeze();
  }
  while (!in.empty()) {
    if (out.stopped())
      return out.was_stopped();
    // Streams may be joined: then a header stands where a block would.
    if (starts_with_java_name(in)) {
      if (load_big<std::int32_t>(in.data() + 12) > 1)
        return corrupt(codec::snappy, "framing of an unknown version");
      in = in.subspan(java_header.size());
      continue;
    }
    reader block_reader{in};
    const auto size = block_reader.i32();
    const auto block =
      size < 0 ? byte_view{} : block_reader.raw(static_cast<std::size_t>(size));
    if (size < 0 || !block_reader.ok())
      return corrupt(codec::snappy, "bad block length");
    if (auto failed = append_block(block, out))
      return *std::move(failed);
    in = in.subspan(block_reader.position());
  }
  return out.freeze();
}

} // namespace cafka::protocol::detail
