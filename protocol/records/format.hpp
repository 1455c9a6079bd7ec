#pragma once

#include "record_batch.hpp"

/// The numbers of Kafka's record formats, shared by their readers and writers.
namespace cafka::protocol::detail {

/// An offset and a length stand before every message and batch.
inline constexpr std::size_t entry_header_size = 12;

/// Places in a v2 batch, counted from its first byte.
namespace v2 {
inline constexpr std::size_t epoch_at = 12;
inline constexpr std::size_t magic_at = 16;
inline constexpr std::size_t crc_at = 17;
inline constexpr std::size_t attributes_at = 21;
inline constexpr std::size_t producer_at = 43;
inline constexpr std::size_t count_at = 57;
inline constexpr std::size_t header_size = 61;
/// A record without key, value and headers is one byte for each of its seven fields.
inline constexpr std::size_t smallest_record = 7;
} // namespace v2

inline constexpr std::int16_t codec_mask = 0x07;
inline constexpr std::int16_t log_append_time_bit = 0x08;
inline constexpr std::int16_t transactional_bit = 0x10;
inline constexpr std::int16_t control_bit = 0x20;
inline constexpr std::int16_t delete_horizon_bit = 0x40;

/// Bytes of a v0 or v1 message without key and value, from its checksum on.
constexpr std::size_t smallest_message(std::int8_t magic) {
  return magic == 0 ? 14 : 22;
}

/// Why the records of a batch are read no further: each has a larger offset than the one
/// before it, none lies before the batch's first offset or behind its last.
inline constexpr std::string_view out_of_order = "offsets out of order";

/// What the numbers in a v2 record count from.
struct record_base {
  std::int64_t offset = 0;
  /// With the time of the log, the time itself.
  std::int64_t time = 0;
  timestamp_type time_type = timestamp_type::create_time;
};

/// Reads a v2 record; `in` fails if it cannot be.
void read_record(reader& in, const record_base& base, record_view& out);

/// A v0 or v1 message.
struct message_view {
  std::int64_t offset = -1;
  std::uint32_t crc = 0;
  std::int8_t magic = 0;
  std::int8_t attributes = 0;
  std::int64_t time = -1;
  std::optional<byte_view> key;
  std::optional<byte_view> value;
  /// What the checksum covers.
  byte_view checked;

  [[nodiscard]] codec compression() const {
    return static_cast<codec>(attributes & codec_mask);
  }
  [[nodiscard]] timestamp_type time_type() const {
    if (magic == 0)
      return timestamp_type::none;
    return (attributes & log_append_time_bit) != 0 ? timestamp_type::log_append_time
                                                   : timestamp_type::create_time;
  }
};

/// Reads a message with the offset and the length before it; `in` fails if it cannot be.
message_view read_message(reader& in);

} // namespace cafka::protocol::detail
