#include "batch_builder.hpp"

#include "checksum.hpp"
#include "format.hpp"

namespace cafka::protocol {

namespace {

using namespace detail;

/// Every length in the formats is a signed integer of four bytes.
constexpr std::size_t largest = std::numeric_limits<std::int32_t>::max();

/// The headers of a `record` and those in the words of the public API look alike.
header_view view_of(const header_view& header) {
  return header;
}

header_view view_of(const record::header& header) {
  return {
    header.first, header.second ? std::optional{as_bytes(*header.second)} : std::nullopt};
}

std::optional<byte_view> view_of(const std::optional<std::string>& text) {
  return text ? std::optional{as_bytes(*text)} : std::nullopt;
}

std::size_t payload_size(const std::optional<byte_view>& bytes) {
  return bytes ? bytes->size() : 0;
}

std::int64_t stored_length(const std::optional<byte_view>& bytes) {
  return bytes ? static_cast<std::int64_t>(bytes->size()) : -1;
}

std::size_t field_size(const std::optional<byte_view>& bytes) {
  return varint_size(stored_length(bytes)) + payload_size(bytes);
}

std::byte* store_field(std::byte* at, const std::optional<byte_view>& bytes) {
  at = store_varint(at, stored_length(bytes));
  return bytes ? store_bytes(at, *bytes) : at;
}

/// The headers as they stand in a record, with their count.
template <class Headers>
std::size_t headers_size(const Headers& headers) {
  auto size = varint_size(static_cast<std::int64_t>(headers.size()));
  for (const auto& x : headers) {
    const auto header = view_of(x);
    size += field_size(as_bytes(header.key)) + field_size(header.value);
  }
  return size;
}

template <class Headers>
std::byte* store_headers(std::byte* at, const Headers& headers) {
  at = store_varint(at, static_cast<std::int64_t>(headers.size()));
  for (const auto& x : headers) {
    const auto header = view_of(x);
    at = store_field(at, as_bytes(header.key));
    at = store_field(at, header.value);
  }
  return at;
}

/// Headers out of another batch stand there as they are to stand here.
std::size_t headers_size(const header_range& headers) {
  return varint_size(static_cast<std::int64_t>(headers.size())) + headers.bytes().size();
}

std::byte* store_headers(std::byte* at, const header_range& headers) {
  at = store_varint(at, static_cast<std::int64_t>(headers.size()));
  return store_bytes(at, headers.bytes());
}

/// As Kafka subtracts: what wraps around here, wraps back in the reader.
std::int64_t wrapping_difference(timestamp a, timestamp b) {
  return static_cast<std::int64_t>(
    static_cast<std::uint64_t>(a.time_since_epoch().count())
    - static_cast<std::uint64_t>(b.time_since_epoch().count()));
}

std::size_t room_left(std::size_t max_size, bool first, std::size_t used) {
  const auto limit = first ? largest : std::min(max_size, largest);
  return limit - std::min(limit, used);
}

/// Who sent it, and the checksum over that and all that follows.
void stamp(std::span<std::byte> batch, const seal_options& options) {
  auto* at = batch.data() + v2::producer_at;
  at = store_big(at, options.producer_id);
  at = store_big(at, options.producer_epoch);
  store_big(at, options.base_sequence);
  store_big(batch.data() + v2::crc_at, crc32c(batch.subspan(v2::attributes_at)));
}

} // namespace

template <class Headers>
bool batch_builder::put(std::optional<byte_view> key, std::optional<byte_view> value,
  timestamp time, const Headers& headers) {
  const auto first = empty();
  const auto time_delta = first ? 0 : wrapping_difference(time, base_timestamp_);
  const auto body = 1 + varint_size(time_delta) + varint_size(count_) + field_size(key)
    + field_size(value) + headers_size(headers);
  const auto size = varint_size(static_cast<std::int64_t>(body)) + body;
  const auto used = first ? v2::header_size : arena_.size();
  if (size > room_left(options_.max_size, first, used))
    return false;
  if (first) {
    arena_.grow_to(std::max(options_.initial_capacity, v2::header_size + size));
    arena_.commit(v2::header_size);
    base_timestamp_ = max_timestamp_ = time;
  }
  auto* at = arena_.room(size);
  at = store_varint(at, static_cast<std::int64_t>(body));
  *at++ = std::byte{0}; // attributes, of which none is defined
  at = store_varint(at, time_delta);
  at = store_varint(at, count_);
  at = store_field(at, key);
  at = store_field(at, value);
  store_headers(at, headers);
  arena_.commit(size);
  ++count_;
  max_timestamp_ = std::max(max_timestamp_, time);
  return true;
}

bool batch_builder::append(std::optional<byte_view> key, std::optional<byte_view> value,
  timestamp time, std::span<const header_view> headers) {
  return put(key, value, time, headers);
}

bool batch_builder::append(const record& x, timestamp now) {
  return put(view_of(x.key), view_of(x.value), x.time.value_or(now), x.headers);
}

bool batch_builder::append(const record_view& x) {
  return put(x.key, x.value, x.time, x.headers);
}

result<shared_bytes> batch_builder::seal(const seal_options& options) {
  if (empty())
    return {error_code::invalid_argument, "a batch without records"};
  auto batch = std::move(arena_);
  arena_ = {};
  const auto count = std::exchange(count_, 0);
  if (options_.compression != codec::none) {
    byte_arena compressed{v2::header_size + batch.size() / 2};
    compressed.commit(v2::header_size);
    const auto compressing = compress(options_.compression,
      batch.view().subspan(v2::header_size), compressed, options_.level);
    if (!compressing)
      return compressing.error();
    batch = std::move(compressed);
  }
  auto attributes = static_cast<std::int16_t>(options_.compression);
  if (options_.log_append_time)
    attributes |= log_append_time_bit;
  if (options.transactional)
    attributes |= transactional_bit;
  if (options.control)
    attributes |= control_bit;
  const auto max_timestamp = options_.log_append_time.value_or(max_timestamp_);

  auto* at = batch.data();
  at = store_big(at, options_.base_offset.value());
  at = store_big(at, static_cast<std::int32_t>(batch.size() - entry_header_size));
  at = store_big(at, options.epoch.value());
  at = store_big(at, std::int8_t{2});
  at += sizeof(std::uint32_t); // the checksum, once the rest is there
  at = store_big(at, attributes);
  at = store_big(at, count - 1);
  at = store_big(at, std::int64_t{base_timestamp_.time_since_epoch().count()});
  at = store_big(at, std::int64_t{max_timestamp.time_since_epoch().count()});
  at += v2::count_at - v2::producer_at;
  store_big(at, count);
  stamp({batch.data(), batch.size()}, options);
  return batch.freeze();
}

shared_bytes restamped(const shared_bytes& batch, const seal_options& options) {
  byte_arena copy{batch.size()};
  store_bytes(copy.room(batch.size()), batch.view());
  copy.commit(batch.size());
  stamp({copy.data(), copy.size()}, options);
  return copy.freeze();
}

namespace {

/// A message on its way out, its offset and length included.
struct message_fields {
  std::int64_t offset = 0;
  std::int8_t magic = 0;
  std::int8_t attributes = 0;
  timestamp time = no_timestamp;
  std::optional<byte_view> key;
  std::optional<byte_view> value;

  [[nodiscard]] std::size_t size() const {
    return entry_header_size + smallest_message(magic) + payload_size(key)
      + payload_size(value);
  }
};

/// Behind its length of four bytes, where -1 stands for null.
std::byte* store_message_field(std::byte* at, const std::optional<byte_view>& bytes) {
  at = store_big(at, static_cast<std::int32_t>(stored_length(bytes)));
  return bytes ? store_bytes(at, *bytes) : at;
}

void append_message(byte_arena& arena, const message_fields& message) {
  const auto size = message.size();
  auto* at = arena.room(size);
  at = store_big(at, message.offset);
  at = store_big(at, static_cast<std::int32_t>(size - entry_header_size));
  auto* const crc = at;
  at += sizeof(std::uint32_t);
  auto* const checked = at;
  at = store_big(at, message.magic);
  at = store_big(at, message.attributes);
  if (message.magic == 1)
    at = store_big(at, std::int64_t{message.time.time_since_epoch().count()});
  at = store_message_field(at, message.key);
  at = store_message_field(at, message.value);
  store_big(crc, crc32({checked, at}));
  arena.commit(size);
}

} // namespace

bool message_set_builder::append(
  std::optional<byte_view> key, std::optional<byte_view> value, timestamp time) {
  const auto compressed = options_.compression != codec::none;
  message_fields message;
  message.magic = magic_;
  message.key = key;
  message.value = value;
  message.time = time;
  message.offset = count_;
  // Inside a v1 wrapper offsets count from its first message, and it alone says whose the
  // time is.
  if (magic_ == 0 || !compressed)
    message.offset += options_.base_offset.value();
  if (magic_ == 1 && !compressed && options_.log_append_time) {
    message.attributes = static_cast<std::int8_t>(log_append_time_bit);
    message.time = *options_.log_append_time;
  }
  const auto size = message.size();
  if (size > room_left(options_.max_size, empty(), arena_.size()))
    return false;
  if (empty()) {
    arena_.grow_to(std::max(options_.initial_capacity, size));
    max_timestamp_ = time;
  }
  append_message(arena_, message);
  ++count_;
  max_timestamp_ = std::max(max_timestamp_, time);
  return true;
}

result<shared_bytes> message_set_builder::seal() {
  if (magic_ != 0 && magic_ != 1)
    return {error_code::invalid_argument, "message sets are of magic 0 or 1"};
  if (empty())
    return {error_code::invalid_argument, "a message set without records"};
  auto set = std::move(arena_);
  arena_ = {};
  const auto count = std::exchange(count_, 0);
  if (options_.compression == codec::none)
    return set.freeze();
  if (options_.compression == codec::zstd)
    return {error_code::unsupported_compression_type, "zstd needs v2 batches"};
  byte_arena compressed{set.size() / 2};
  const auto header = magic_ == 0 ? lz4_header::with_magic : lz4_header::standard;
  const auto compressing =
    compress(options_.compression, set.view(), compressed, options_.level, header);
  if (!compressing)
    return compressing.error();
  message_fields wrapper;
  wrapper.magic = magic_;
  wrapper.attributes = static_cast<std::int8_t>(options_.compression);
  if (magic_ == 1 && options_.log_append_time)
    wrapper.attributes |= static_cast<std::int8_t>(log_append_time_bit);
  wrapper.time = options_.log_append_time.value_or(max_timestamp_);
  wrapper.offset = options_.base_offset.value() + count - 1;
  wrapper.value = compressed.view();
  byte_arena out{wrapper.size()};
  append_message(out, wrapper);
  return out.freeze();
}

} // namespace cafka::protocol
