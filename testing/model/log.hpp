#pragma once

#include "../../protocol/records/batch_builder.hpp"
#include "../../protocol/records/record_batch.hpp"
#include "logged_record.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cafka::testing {

/// The log of a partition: batches of format 2 in the memory, as a broker stores them.
///
/// Offsets never have holes but where `skip` or `trim` made them.
class fake_log {
public:
  /// Which epoch a place in the log was written in, and where that epoch ends.
  struct epoch_end {
    protocol::leader_epoch epoch = -1;
    protocol::log_offset end = -1;
  };

  /// What was found by time: a record, and the epoch of its batch.
  struct found_time {
    protocol::log_offset offset = -1;
    protocol::timestamp time = protocol::no_timestamp;
    protocol::leader_epoch epoch = -1;
  };

  /// An aborted transaction, by the offset of its first record.
  struct aborted {
    std::int64_t producer_id = -1;
    protocol::log_offset first = -1;
    protocol::log_offset last = -1;
  };

  /// What a read found: bytes of batches, of which the last may be cut short.
  struct read_bytes {
    std::vector<std::byte> bytes;
    /// Whether not even the first batch fits into what was allowed.
    bool first_incomplete = false;
  };

  [[nodiscard]] protocol::log_offset start() const { return start_; }
  [[nodiscard]] protocol::log_offset end() const { return end_; }
  /// Where a producer's open transaction begins; -1 for none.
  [[nodiscard]] protocol::log_offset open_since(std::int64_t producer_id) const;
  /// Below it every transaction is decided.
  [[nodiscard]] protocol::log_offset last_stable() const;

  /// Appends one batch of format 2, whose header gets the next offset and this epoch;
  /// with `append_time` also that time. Returns the offset of its first record.
  protocol::log_offset append(const protocol::shared_bytes& batch,
    const protocol::batch_info& info, protocol::leader_epoch epoch,
    std::optional<protocol::timestamp> append_time);

  /// Reads from the batch that holds `from` on, at most `limit` bytes, and nothing from
  /// `until` on. With `whole_first` the first batch comes whatever its size.
  [[nodiscard]] read_bytes read(protocol::log_offset from, protocol::log_offset until,
    std::size_t limit, bool whole_first) const;

  /// Bytes of the batches that lie between two offsets, at most `limit`.
  [[nodiscard]] std::size_t bytes_between(
    protocol::log_offset from, protocol::log_offset until, std::size_t limit) const;

  /// The transactions that a reader of `from` to `until` has to leave out.
  [[nodiscard]] std::vector<aborted> aborted_between(
    protocol::log_offset from, protocol::log_offset until) const;

  /// The first record whose time is not before `time`.
  [[nodiscard]] std::optional<found_time> find(protocol::timestamp time) const;
  /// The record with the highest time.
  [[nodiscard]] std::optional<found_time> find_latest_time() const;

  /// The last epoch that is not above `epoch`, and where it ends.
  [[nodiscard]] epoch_end end_of(
    protocol::leader_epoch epoch, protocol::leader_epoch current) const;
  /// The epoch in which the record at `offset` was written; -1 where there is none.
  [[nodiscard]] protocol::leader_epoch epoch_at(protocol::log_offset offset) const;

  /// Drops what lies at `end` or behind it, as an unclean election does.
  void truncate(protocol::log_offset end);
  /// Drops what lies before `start`, as retention does.
  void trim(protocol::log_offset start);
  /// Begins at `offset`, with nothing in it; for a log that is empty.
  void skip(protocol::log_offset offset);

  /// All records that programs see, decompressed; control records are left out.
  [[nodiscard]] std::vector<logged_record> records() const;
  /// The batches as they are stored.
  [[nodiscard]] std::vector<protocol::shared_bytes> batches() const;

private:
  struct stored {
    protocol::log_offset first;
    protocol::log_offset last;
    protocol::leader_epoch epoch;
    protocol::timestamp max_time;
    protocol::shared_bytes bytes;
  };

  [[nodiscard]] std::vector<stored>::const_iterator holding(
    protocol::log_offset offset) const;
  void note_transaction(const protocol::batch_info& info, const stored& batch);
  void follow_transactions();

  std::vector<stored> batches_;
  protocol::log_offset start_ = 0;
  protocol::log_offset end_ = 0;
  /// Transactions that are not decided: producer, and first offset.
  std::map<std::int64_t, protocol::log_offset> open_;
  std::vector<aborted> aborted_;
};

/// A control batch that ends a transaction, as the coordinator writes it (KIP-98).
[[nodiscard]] protocol::shared_bytes transaction_marker(std::int64_t producer_id,
  std::int16_t producer_epoch, bool commit, protocol::timestamp time);

/// A batch of format 2 with these records, as a producer without idempotence sends it;
/// a record without a time gets `now`.
[[nodiscard]] protocol::shared_bytes batch_of(
  const std::vector<protocol::record>& records, protocol::timestamp now,
  protocol::codec compression = protocol::codec::none);

/// The batches of `bytes`, which are of format 2, as messages of format 0 or 1. What does
/// not fit there (headers, zstd) is left out or decompressed. An incomplete batch at the
/// end is left out.
[[nodiscard]] protocol::shared_bytes as_message_set(
  const protocol::shared_bytes& bytes, std::int8_t magic);

} // namespace cafka::testing
