#pragma once

#include "../defaults.hpp"
#include "compression.hpp"
#include "record.hpp"

#include <atomic>
#include <limits>

namespace cafka::protocol {

/// What stands in front of the records of a batch.
///
/// Source: Kafka's message format; KIP-98 for v2, KIP-31 and KIP-32 for v1.
struct batch_info {
  /// The offset of the first record the batch was written with, which compaction may have
  /// removed since. Of a compressed v0 or v1 message known only once it is decompressed,
  /// until then the last one.
  log_offset base_offset = -1;
  /// The offset of the last one; the next batch begins behind it.
  log_offset last_offset = -1;
  /// The epoch of the leader that wrote it; -1 before v2.
  leader_epoch epoch = -1;
  /// The version of the format: 0, 1 or 2.
  std::int8_t magic = 2;
  /// The codec of the records as they are stored.
  codec compression = codec::none;
  /// Whose clock the records' times are from.
  timestamp_type time_type = timestamp_type::none;
  /// Whether it belongs to a transaction.
  bool transactional = false;
  /// The records are for the client and not for its user: see `control_marker_of`.
  bool control = false;
  /// -1 when the producer was not idempotent, as are its epoch and sequence.
  std::int64_t producer_id = -1;
  /// The producer's epoch.
  std::int16_t producer_epoch = -1;
  /// The sequence number of the first record.
  std::int32_t base_sequence = -1;
  /// The time that the records' times are relative to.
  timestamp base_timestamp = no_timestamp;
  /// The largest time of a record.
  timestamp max_timestamp = no_timestamp;
  /// When compaction may drop the tombstones and markers in it. Source: KIP-534.
  std::optional<timestamp> delete_horizon;
  /// Records in the batch; of a compressed v0 or v1 message 0 until it is decompressed.
  std::int32_t record_count = 0;
  /// Bytes on the wire, compressed and with the header.
  std::size_t wire_size = 0;
};

class record_batch;

/// Walks the records of a batch, allocating nothing.
class record_iterator {
public:
  using value_type = record_view;
  using difference_type = std::ptrdiff_t;
  using iterator_category = std::input_iterator_tag;
  using iterator_concept = std::forward_iterator_tag;

  record_iterator() : in_(byte_view{}) {}
  /// At the first record of the batch.
  explicit record_iterator(const record_batch& batch);

  const record_view& operator*() const { return current_; }
  const record_view* operator->() const { return &current_; }
  /// Goes to the next record.
  record_iterator& operator++() {
    --left_;
    read();
    return *this;
  }
  /// Goes to the next record.
  record_iterator operator++(int) {
    auto before = *this;
    ++*this;
    return before;
  }
  /// Compares iterators on the same batch.
  friend bool operator==(const record_iterator& a, const record_iterator& b) {
    return a.left_ == b.left_;
  }

private:
  void read();
  void fail(std::string_view why);

  const record_batch* batch_ = nullptr;
  reader in_;
  std::int32_t left_ = 0;
  log_offset before_ = -1; ///< Of the record before the current one.
  record_view current_;
};

/// One batch: its header and its records, decompressed.
///
/// Copying one costs a reference count. Walking notes what is malformed in the object
/// itself, so two threads walk two copies.
class record_batch {
public:
  /// Walks the records.
  using iterator = record_iterator;

  /// The batch's header.
  [[nodiscard]] const batch_info& info() const { return info_; }

  /// The records' bytes, decompressed: a slice of what was read, or a buffer of their
  /// own. Views of records are valid as long as a reference to them is held.
  [[nodiscard]] const shared_bytes& payload() const { return payload_; }

  /// Walks the records in the order of the log. A malformed one ends the walk early; then
  /// `error` tells.
  [[nodiscard]] iterator begin() const { return iterator{*this}; }
  [[nodiscard]] iterator end() const { return {}; }

  /// `invalid_record` after a walk that met a malformed record, otherwise code `none`.
  [[nodiscard]] protocol::error error() const;

private:
  friend class batch_reader;
  friend class record_iterator;
  friend class record_run;

  batch_info info_;
  shared_bytes payload_;
  /// What makes offsets inside a v1 wrapper absolute.
  std::int64_t offset_shift_ = 0;
  mutable std::string_view record_error_ = {};
  mutable std::size_t record_error_at_ = 0;
};

/// How records are read.
struct read_options {
  /// Whether checksums are compared. They guard against damage on a disk and in memory,
  /// not against malice.
  bool check_crcs = true;
  /// Bytes that one batch may decompress to. Kafka limits the
  /// compressed size alone (`message.max.bytes`, 1 MiB unless changed).
  std::size_t max_decompressed_bytes = defaults::max_decompressed_bytes;
  /// How many times its compressed size a batch may decompress to, once that is more than
  /// `ratio_floor`; zero: no limit.
  std::size_t max_decompression_ratio = defaults::max_decompression_ratio;
  /// Bytes that all batches of one answer may decompress to, the first one in any case.
  std::size_t max_decompressed_in_all = std::numeric_limits<std::size_t>::max();
  /// Once true nothing more is decompressed: error `closed`. Null: never.
  const std::atomic<bool>* stop = nullptr;

  /// Records that are all alike compress thousands of times: 16 MiB are no danger.
  static constexpr std::size_t ratio_floor = 16 * 1024 * 1024;
};

/// Walks the `records` of a Fetch response: v2 batches and v0 and v1 messages in any mix.
///
/// A v0 or v1 message is a batch of one record or, when it is compressed, of those in it.
/// An incomplete batch at the end, which brokers leave when their answer is full, is
/// ignored. The first error sticks.
class batch_reader {
public:
  /// Reads the batches in `records`.
  explicit batch_reader(shared_bytes records, read_options options = {})
    : records_(std::move(records)), options_(options) {}

  /// Reads the next batch into `batch`; false at the end and after an error, of which
  /// `batch` then holds as much as was understood.
  [[nodiscard]] bool next(record_batch& batch) {
    return advance(batch) && open(batch) == opening::opened;
  }

  /// The same for the next batch that `wanted`, called with its `batch_info`, asks for;
  /// the others are checked, but not decompressed.
  template <std::predicate<const batch_info&> Wanted>
  [[nodiscard]] bool next(record_batch& batch, Wanted&& wanted) {
    while (advance(batch)) {
      if (wanted(batch.info()))
        return open(batch) == opening::opened;
    }
    return false;
  }

  // The same in two steps, for callers that must have memory before they open a batch.

  /// Finds the next batch, but does not open it; false as above.
  [[nodiscard]] bool find(record_batch& batch) { return advance(batch); }

  /// How `open` has ended.
  enum class opening : std::uint8_t {
    opened,
    no_room, ///< It decompresses to more than `room`, and can be opened again.
    failed,
  };
  /// Opens the batch that was found last, if it decompresses to `room` bytes at most.
  [[nodiscard]] opening open(
    record_batch& batch, std::size_t room = std::numeric_limits<std::size_t>::max());

  /// Why `next` returned false; code `none` at the end.
  ///
  /// `corrupt_message` for a batch that is damaged, `batch_too_large` for one that
  /// decompresses to too much, `unsupported_compression_type`, and
  /// `unsupported_for_message_format` for a version above 2.
  [[nodiscard]] const protocol::error& error() const { return error_; }

  /// Whether an incomplete batch was ignored at the end.
  [[nodiscard]] bool partial() const { return partial_; }

  /// How many bytes that batch has in all, for a client whose limit was too small for it;
  /// 0 when there is none or too little of it to be measured.
  [[nodiscard]] std::size_t partial_size() const { return partial_size_; }

private:
  bool advance(record_batch& batch);
  opening decompressed(record_batch& batch, std::size_t room);
  bool read_v2(record_batch& batch, byte_view bytes);
  bool read_message(record_batch& batch, byte_view bytes);
  bool open_wrapper(record_batch& batch);
  bool fail(const record_batch& batch, error_code code, std::string_view what);

  shared_bytes records_;
  read_options options_;
  std::size_t at_ = 0;
  /// What `open` still has to decompress, as it came.
  shared_bytes stored_;
  protocol::error error_;
  bool partial_ = false;
  std::size_t partial_size_ = 0;
};

} // namespace cafka::protocol
