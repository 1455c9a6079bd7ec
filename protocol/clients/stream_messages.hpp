#pragma once

// What a stream and its consumer tell each other: a partition's records in order, by
// credit. The consumer grants credit and gets so many batches; the next one is fetched
// meanwhile, and no more than that.

#include "../../base/inspect.hpp"
#include "../records/fetched_records.hpp"
#include "../result.hpp"
#include "../types.hpp"
#include "../words.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace cafka {

/// To a stream: its consumer can take more, and is done with something.
struct stream_credit {
  /// How many batches more; nothing is read before the first.
  std::uint32_t batches = 1;
  /// The consumer is done with every record before this offset, for good: it may be
  /// committed. `stream_batch::next` for a whole batch; nothing: it is not done with
  /// anything new.
  std::optional<log_offset> done_before = {};
};

/// To its consumer: the next records of the partition, at least one.
struct stream_batch {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// Where the stream started.
  log_offset start = -1;
  /// The offset behind the last record there was to read when these were fetched.
  log_offset log_end = -1;
  /// Views on the frame they came in; a copy costs a few reference counts.
  protocol::fetched_records records = {};
  /// The group that what its consumer is done with is committed for; empty: none.
  std::string group = {};

  /// The offset behind these records.
  [[nodiscard]] log_offset next() const { return records.next_offset(); }
};

/// To its consumer, once, behind the last batch: there will be no other. Also the answer
/// to `stream_stop`.
struct stream_end {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// Where the stream started; nothing when it did not get so far.
  std::optional<log_offset> start = {};
  /// `none` at the log's end; `closed` when it was stopped, by its consumer or with the
  /// application; otherwise what it could not read on for.
  error outcome = {};
  /// What it has committed last.
  std::optional<log_offset> committed = {};
  /// Why the last commit failed; `none` where it did not.
  error commit_error = {};
};

/// Ends a stream: batches that are not sent yet are dropped, what the consumer is done
/// with is committed, and then it is answered.
struct stream_stop {
  /// As in `stream_credit`.
  std::optional<log_offset> done_before = {};
};

// -- inspection -------------------------------------------------------------------------

CAFKA_INSPECT(stream_credit, batches, done_before)
CAFKA_INSPECT(stream_batch, topic, partition, start, log_end, records, group)
CAFKA_INSPECT(stream_end, topic, partition, start, outcome, committed, commit_error)
CAFKA_INSPECT(stream_stop, done_before)

} // namespace cafka
