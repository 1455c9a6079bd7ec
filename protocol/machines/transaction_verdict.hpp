#pragma once

#include "../error_code.hpp"

namespace cafka::protocol {

/// What is asked in a transaction, and of whom.
enum class transaction_request : std::uint8_t {
  init_producer_id, ///< InitProducerId, of the transaction's coordinator.
  add_partitions,   ///< AddPartitionsToTxn, of the same.
  add_offsets,      ///< AddOffsetsToTxn, of the same.
  commit_offsets,   ///< TxnOffsetCommit, of the group's coordinator.
  end,              ///< EndTxn, of the transaction's coordinator.
  produce,          ///< Produce, of a partition's leader.
};

/// What a transactional producer does after a word about a request.
enum class transaction_action : std::uint8_t {
  go_on,            ///< It is done.
  retry,            ///< The same again, after a pause.
  find_coordinator, ///< Ask who coordinates, then the same again, after a pause.
  abort,            ///< The transaction can only be aborted; the next one may succeed.
  fail,             ///< The producer can do nothing more.
};

/// What an error means depends on this as well.
struct transaction_circumstances {
  /// Of EndTxn: whether it commits.
  bool commits = true;
  /// Whether the coordinator raises a producer's epoch on request: InitProducerId since
  /// version 3 (KIP-360, Kafka 2.5).
  bool bumps_epoch = true;
  /// Of a produce: whether every batch of the partition before this one is written.
  bool is_next = true;
};

struct transaction_verdict {
  transaction_action what = transaction_action::fail;
  /// Whether the request may have been carried out nevertheless.
  bool maybe_done = false;
};

/// The one table from an error to what becomes of the transaction. What a produce does
/// with its batch is in `produce_verdict_for`; this says whether the transaction goes on.
///
/// Source: `TransactionManager` and `Sender` of Kafka's Java client 4.3, KIP-360,
/// KIP-890, KIP-1050; for what may have been done `TransactionCoordinator` of the broker.
[[nodiscard]] transaction_verdict transaction_verdict_for(
  transaction_request asked, error_code e, const transaction_circumstances& how = {});

/// The API's name, as `EndTxn`.
[[nodiscard]] std::string_view to_string(transaction_request r);

} // namespace cafka::protocol
