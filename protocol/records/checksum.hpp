#pragma once

#include "../types.hpp"

namespace cafka::protocol {

/// CRC-32C (Castagnoli) of `bytes`, as a v2 record batch carries it. Source: RFC 3720,
/// appendix B.4.
[[nodiscard]] std::uint32_t crc32c(byte_view bytes);

/// CRC-32 (IEEE, as in gzip) of `bytes`, as v0 and v1 messages carry it. Source: RFC
/// 1952.
[[nodiscard]] std::uint32_t crc32(byte_view bytes);

/// xxHash-32 of `bytes` with seed 0, as in the header of an LZ4 frame. Meant for a few
/// bytes, not for speed. Source: the xxHash specification, version 0.1.1.
[[nodiscard]] std::uint32_t xxh32(byte_view bytes);

} // namespace cafka::protocol
