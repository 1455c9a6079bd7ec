#pragma once

#include "../../protocol/records/record_batch.hpp"
#include "../../protocol/schema/kafka_version.hpp"

#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace cafka::testing {

/// What one replica of a partition knows of the producers that have written there.
///
/// Source: KIP-98 and KIP-360; the rules of each release are said at `check`.
class producer_table {
public:
  struct verdict {
    protocol::error_code code = protocol::error_code::none;
    /// Of a batch that is there already: the offset of its first record, and when it was
    /// written, where the log stamps that time.
    std::optional<protocol::log_offset> written_at = {};
    protocol::timestamp time = protocol::no_timestamp;
  };

  /// Whether a batch may be appended.
  ///
  /// INVALID_PRODUCER_EPOCH for an epoch below the one known. A new epoch begins with
  /// sequence 0, else OUT_OF_ORDER_SEQUENCE_NUMBER. One of the last five batches once
  /// more is no error, and is not written again. Otherwise the sequence is the next one,
  /// else OUT_OF_ORDER_SEQUENCE_NUMBER; before 2.0 DUPLICATE_SEQUENCE_NUMBER for one that
  /// lies before what is known. A producer that is not known may begin with any sequence;
  /// before 2.5 with 0 alone, else UNKNOWN_PRODUCER_ID, which is also said where only the
  /// epoch is known any more. With `from_zero`, as in a transaction of the second
  /// generation (KIP-890), it is OUT_OF_ORDER_SEQUENCE_NUMBER.
  [[nodiscard]] verdict check(const protocol::batch_info& batch,
    protocol::kafka_version release, bool from_zero = false) const;

  /// The batch was appended.
  void note(const protocol::batch_info& batch, protocol::log_offset offset,
    protocol::timestamp time);

  /// A producer, as an administrator sees it.
  struct described {
    std::int64_t id = -1;
    std::int16_t epoch = -1;
    std::int32_t last_sequence = -1;
    protocol::timestamp last_time = protocol::no_timestamp;
    /// Of the coordinator that wrote the last marker; -1 for none.
    std::int32_t coordinator_epoch = -1;
  };
  /// All that are known.
  [[nodiscard]] std::vector<described> all() const;
  /// The epoch of a producer; -1 for one that is not known.
  [[nodiscard]] std::int16_t epoch_of(std::int64_t id) const;

  /// Of each producer the last batch stays, as in the snapshot that a broker loads when
  /// it starts.
  void keep_last();
  /// No producer is known any more, as after `producer.id.expiration.ms`.
  void forget() { known_.clear(); }
  /// Of each producer its epoch stays, as before 2.4 when its records had been removed.
  void forget_batches();
  /// What was written at `end` or behind it is not known any more. Of a producer the last
  /// of the batches that are `left` is known in any case, as brokers read their log
  /// again.
  void truncate(
    protocol::log_offset end, const std::vector<protocol::shared_bytes>& left);

private:
  struct written {
    std::int32_t first = 0;
    std::int32_t last = 0;
    protocol::log_offset offset;
    protocol::timestamp time;
  };
  struct entry {
    std::int16_t epoch = -1;
    std::deque<written> recent; ///< Five at most.
    protocol::timestamp last_time = protocol::no_timestamp;
    bool marked = false;
  };

  std::map<std::int64_t, entry> known_;
};

} // namespace cafka::testing
