#pragma once

#include "operation.hpp"

namespace cafka {

/// Some partitions of a topic.
struct topic_partitions {
  /// The topic's name.
  std::string topic = {};
  /// The partitions' numbers.
  std::vector<partition_id> partitions = {};
};

/// Asks which offsets a group keeps. Kafka: OffsetFetchRequest, key 9.
struct offset_fetch {
  /// Empty: the worker's consumer group.
  std::string group = {};
  /// Nothing means all that the group has committed; Kafka 0.10.2 and later.
  std::optional<std::vector<topic_partitions>> topics = {};
  /// Waits for transactions that are still to commit offsets (KIP-447); Kafka 2.5 and
  /// later.
  bool require_stable = false;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// What a group keeps for one partition.
struct fetched_offset {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// The next record to read; nothing where nothing was committed.
  std::optional<log_offset> offset = {};
  /// The leader's epoch; -1 where it is not known.
  leader_epoch epoch = -1;
  /// What was committed with the offset.
  std::string metadata = {};
};

/// The offsets that a group keeps.
struct fetched_offsets {
  /// The group that keeps them.
  std::string group = {};
  /// One for each partition.
  std::vector<fetched_offset> offsets = {};
};

CAFKA_INSPECT(topic_partitions, topic, partitions)
CAFKA_INSPECT(offset_fetch, group, topics, require_stable, deadline, api_version)
CAFKA_INSPECT(fetched_offset, topic, partition, offset, epoch, metadata)
CAFKA_INSPECT(fetched_offsets, group, offsets)

template <>
struct operation<offset_fetch> {
  using reply = fetched_offsets;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  offset_fetch asked, const call_context& around, reply_function<fetched_offsets> reply);

} // namespace cafka
