#pragma once

#include "../actors/consumer/consumer.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace cafka::testing {

/// The rest of a record for `make_record`.
struct record_parts {
  /// The key; nothing: none.
  std::optional<std::string> key = {};
  /// The headers.
  std::vector<protocol::record::header> headers = {};
  /// The time; nothing: `make_batch` takes zero, 1970-01-01.
  std::optional<protocol::timestamp> time = {};
};

/// A record with a value; nothing: null, a tombstone in a compacted topic.
[[nodiscard]] protocol::record make_record(
  std::optional<std::string> value, record_parts rest = {});

/// Where the records of `make_batch` are.
struct batch_place {
  /// The topic of all.
  std::string topic = "topic";
  /// The partition of all.
  protocol::partition_id partition = 0;
  /// The first record's offset; the others follow.
  protocol::log_offset first = 0;
  /// What `consumed_batch::log_end` says; nothing: behind the last record.
  std::optional<protocol::log_offset> log_end = {};
};

/// A batch as a consumer hands it out, for handlers that take one. It needs no cluster.
/// Throws `std::invalid_argument` for no record, and for records that are no batch.
[[nodiscard]] consumed_batch make_batch(
  const std::vector<protocol::record>& records, const batch_place& place = {});

/// The same of values alone.
[[nodiscard]] consumed_batch make_batch(
  std::initializer_list<const char*> values, const batch_place& place = {});

} // namespace cafka::testing
