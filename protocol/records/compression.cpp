#include "codecs.hpp"

#include <zstd.h>

#include <array>

namespace cafka::protocol {

namespace {

constexpr std::array<std::string_view, 5> codec_names{
  "none", "gzip", "snappy", "lz4", "zstd"};

error unknown(codec c) {
  return {error_code::unsupported_compression_type,
    "no codec has the number " + std::to_string(static_cast<int>(c))};
}

} // namespace

std::string_view to_string(codec c) {
  const auto number = static_cast<std::size_t>(c);
  return number < codec_names.size() ? codec_names[number] : "unknown";
}

std::optional<codec> codec_from_name(std::string_view name) {
  for (std::size_t i = 0; i < codec_names.size(); ++i) {
    if (codec_names[i] == name)
      return static_cast<codec>(i);
  }
  return std::nullopt;
}

std::optional<level_range> levels_of(codec c) {
  switch (c) {
  case codec::gzip: return level_range{0, 9, 6};
  case codec::lz4: return level_range{0, 12, 0};
  case codec::zstd: return level_range{ZSTD_minCLevel(), 22, 3};
  case codec::none:
  case codec::snappy: break;
  }
  return std::nullopt;
}

result<done> compress(
  codec c, byte_view in, byte_arena& out, std::optional<int> level, lz4_header header) {
  auto chosen = 0;
  if (const auto levels = levels_of(c)) {
    chosen = level.value_or(levels->preset);
    if (chosen < levels->lowest || chosen > levels->highest)
      return {error_code::invalid_argument,
        std::string{to_string(c)} + " has no level " + std::to_string(chosen)};
  }
  switch (c) {
  case codec::none:
    detail::store_bytes(out.room(in.size()), in);
    out.commit(in.size());
    return done{};
  case codec::gzip: return detail::compress_gzip(in, out, chosen);
  case codec::snappy: return detail::compress_snappy(in, out);
  case codec::lz4: return detail::compress_lz4(in, out, chosen, header);
  case codec::zstd: return detail::compress_zstd(in, out, chosen);
  }
  return unknown(c);
}

result<shared_bytes> decompress(
  codec c, byte_view in, decompress_bounds bounds, lz4_header header) {
  // One byte past the limit has to be countable.
  bounds.limit = std::min(bounds.limit, std::numeric_limits<std::size_t>::max() / 2);
  switch (c) {
  case codec::none:
    if (in.size() > bounds.limit)
      return detail::bounded_output{0, bounds}.too_large();
    return shared_bytes::copy_of(in);
  case codec::gzip: return detail::decompress_gzip(in, bounds);
  case codec::snappy: return detail::decompress_snappy(in, bounds);
  case codec::lz4: return detail::decompress_lz4(in, bounds, header);
  case codec::zstd: return detail::decompress_zstd(in, bounds);
  }
  return unknown(c);
}

} // namespace cafka::protocol
