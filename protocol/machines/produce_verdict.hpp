#pragma once

#include "../error_code.hpp"

namespace cafka::protocol {

/// What a producer does with a batch after a broker's word about it.
enum class produce_action : std::uint8_t {
  deliver,      ///< It is in the log.
  deliver_late, ///< It is, from an earlier attempt; where, the broker forgot.
  retry,        ///< Send the same bytes to the same broker, after a pause.
  move,         ///< Ask who leads, and send the same bytes there.
  resequence,   ///< Start the partition's sequence anew in the next epoch (KIP-360).
  new_identity, ///< The same with a new producer id.
  fence,        ///< Another producer has taken this one's place: nothing goes any more.
  fail,         ///< This batch cannot be written.
};

struct produce_verdict {
  produce_action what = produce_action::fail;
  /// Whether the batch may be in the log nevertheless.
  bool maybe_written = false;
};

/// The one table from an error to what is done.
///
/// Source: `Sender.completeBatch` and `TransactionManager.canRetry` of Kafka's Java
/// client, and for what may have been written the broker's `ReplicaManager`.
[[nodiscard]] produce_verdict produce_verdict_for(error_code e);

/// A code out of a broker's answer; one that no broker may send, for it is cafka's own,
/// is `unknown_server_error`.
[[nodiscard]] error_code error_of_produce_answer(error_code e);

} // namespace cafka::protocol
