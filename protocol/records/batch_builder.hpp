#pragma once

#include "compression.hpp"
#include "record.hpp"

namespace cafka::protocol {

/// How a batch is built.
struct builder_options {
  /// The codec of the batch.
  codec compression = codec::none;
  /// Within `levels_of(compression)`; without one, the codec's preset.
  std::optional<int> level;
  /// Bytes to take at the first record; more are taken as they are needed.
  std::size_t initial_capacity = 16 * 1024;
  /// Bytes before compression that a batch ends at. Its first record is taken whatever
  /// its size, up to the 2 GiB that the format can express.
  std::size_t max_size = 1024 * 1024;
  /// The offset of the first record; 0 in whatever a producer sends.
  log_offset base_offset = 0;
  /// The broker's time for all records, in place of their own; producers have none.
  std::optional<timestamp> log_append_time;
};

/// What a v2 batch gets when it is sealed.
struct seal_options {
  /// -1 for a producer that is not idempotent, as for its epoch and sequence.
  std::int64_t producer_id = -1;
  /// The producer's epoch; -1 for none.
  std::int16_t producer_epoch = -1;
  /// The sequence number of the first record.
  std::int32_t base_sequence = -1;
  /// Whether the batch belongs to a transaction.
  bool transactional = false;
  /// Whether it is a control batch.
  bool control = false;
  /// The epoch of the partition's leader; producers do not say.
  leader_epoch epoch = -1;
};

/// Builds a v2 batch: each record is encoded once, straight into the buffer that is sent.
///
/// Source: Kafka's message format, KIP-98.
class batch_builder {
public:
  /// An empty batch.
  explicit batch_builder(builder_options options = {}) : options_(options) {}

  /// Appends a record; false, and nothing is changed, when it does not fit any more.
  [[nodiscard]] bool append(std::optional<byte_view> key, std::optional<byte_view> value,
    timestamp time, std::span<const header_view> headers = {});

  /// The same for a record without headers, where it is known that `record_bound` bytes
  /// of capacity are left and that the batch has a record already.
  void append_within(const std::optional<byte_view>& key,
    const std::optional<byte_view>& value, timestamp time);

  /// Bytes that a record without headers takes at most.
  [[nodiscard]] static std::size_t record_bound(
    const std::optional<byte_view>& key, const std::optional<byte_view>& value) {
    // Six varints, two of them of up to ten bytes, and the attributes.
    return 40 + (key ? key->size() : 0) + (value ? value->size() : 0);
  }

  /// The same; a record without a time of its own gets `now`.
  [[nodiscard]] bool append(const record& x, timestamp now);

  /// The same for a record out of another batch; its offset is left behind.
  [[nodiscard]] bool append(const record_view& x);

  /// How many records it holds.
  [[nodiscard]] std::int32_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Bytes so far, before compression, with the header; 0 before the first record.
  [[nodiscard]] std::size_t size() const { return arena_.size(); }

  /// Bytes that it can hold without taking more memory.
  [[nodiscard]] std::size_t capacity() const { return arena_.capacity(); }

  /// Builds in this buffer, of `capacity` bytes and no fewer than `size()`; what is there
  /// moves over.
  void move_to(std::shared_ptr<std::byte[]> buffer, std::size_t capacity) {
    arena_.move_to(std::move(buffer), capacity);
  }

  /// Completes the batch and hands it out; the builder is then empty and ready for the
  /// next, after an error too. Without compression no record is copied.
  ///
  /// Errors: `invalid_argument` for a batch without records or a level out of range.
  [[nodiscard]] result<shared_bytes> seal(const seal_options& options = {});

private:
  template <class Headers>
  bool put(std::optional<byte_view> key, std::optional<byte_view> value, timestamp time,
    const Headers& headers);

  builder_options options_;
  byte_arena arena_;
  std::int32_t count_ = 0;
  timestamp base_timestamp_ = no_timestamp;
  timestamp max_timestamp_ = no_timestamp;
};

inline void batch_builder::append_within(const std::optional<byte_view>& key,
  const std::optional<byte_view>& value, timestamp time) {
  using namespace detail;
  // As Kafka subtracts: what wraps around here, wraps back in the reader.
  const auto time_delta =
    static_cast<std::int64_t>(static_cast<std::uint64_t>(time.time_since_epoch().count())
      - static_cast<std::uint64_t>(base_timestamp_.time_since_epoch().count()));
  const auto length = [](const std::optional<byte_view>& x) {
    return x ? static_cast<std::int64_t>(x->size()) : -1;
  };
  const auto bytes = [](const std::optional<byte_view>& x) {
    return x ? x->size() : std::size_t{0};
  };
  // The attributes and the number of headers take a byte each.
  const auto body = 2 + varint_size(time_delta) + varint_size(count_)
    + varint_size(length(key)) + bytes(key) + varint_size(length(value)) + bytes(value);
  auto* const begin = arena_.data() + arena_.size();
  auto* at = store_varint(begin, static_cast<std::int64_t>(body));
  *at++ = std::byte{0};
  at = store_varint(at, time_delta);
  at = store_varint(at, count_);
  at = store_varint(at, length(key));
  if (key)
    at = store_bytes(at, *key);
  at = store_varint(at, length(value));
  if (value)
    at = store_bytes(at, *value);
  *at++ = std::byte{0};
  arena_.commit(static_cast<std::size_t>(at - begin));
  ++count_;
  max_timestamp_ = std::max(max_timestamp_, time);
}

/// A copy of a v2 batch with another producer id, epoch and first sequence number.
[[nodiscard]] shared_bytes restamped(
  const shared_bytes& batch, const seal_options& options);

/// Builds a set of v0 or v1 messages, for brokers before 0.11; they know no headers.
///
/// A compressed set is one message that holds the others. LZ4 has the header of old in v0
/// and the right one in v1. Source: Kafka's message format; KIP-31, KIP-32, KIP-57.
class message_set_builder {
public:
  /// `magic` is 0 or 1.
  explicit message_set_builder(std::int8_t magic, builder_options options = {})
    : magic_(magic), options_(options) {}

  /// Appends a record; false, and nothing is changed, when it does not fit any more. v0
  /// drops the time.
  [[nodiscard]] bool append(
    std::optional<byte_view> key, std::optional<byte_view> value, timestamp time);

  /// How many records it holds.
  [[nodiscard]] std::int32_t count() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Bytes so far, before compression.
  [[nodiscard]] std::size_t size() const { return arena_.size(); }

  /// Completes the set and hands it out; the builder is then empty and ready for the
  /// next, after an error too.
  ///
  /// Errors: `invalid_argument` for a set without records, a level out of range or a
  /// magic that is neither 0 nor 1; `unsupported_compression_type` for zstd, which
  /// KIP-110 keeps from the old formats.
  [[nodiscard]] result<shared_bytes> seal();

private:
  std::int8_t magic_;
  builder_options options_;
  byte_arena arena_;
  std::int32_t count_ = 0;
  timestamp max_timestamp_ = no_timestamp;
};

} // namespace cafka::protocol
