#pragma once

#include "operation.hpp"

namespace cafka {

/// One partition's offset for a group to keep.
struct offset_to_commit {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// The offset of the next record to read, as in every Kafka client; KafkaEx kept that
  /// of the last record read.
  log_offset offset = -1;
  /// The epoch of the record before it; -1 where it is not known.
  leader_epoch epoch = -1;
  /// Any text; it is returned with the offset when that is fetched.
  std::string metadata = {};
};

/// Lets a group keep offsets: all of them, or the error names each that it did not take.
///
/// Kafka: OffsetCommitRequest, key 8.
struct offset_commit {
  /// Empty: the worker's consumer group.
  std::string group = {};
  /// The offsets to keep.
  std::vector<offset_to_commit> offsets = {};
  /// The member that commits, by `joined_group`; -1 and empty from outside the group.
  std::int32_t generation = -1;
  /// The member that commits; empty from outside the group.
  std::string member_id = {};
  /// The member's own id, where it is a static one (KIP-345).
  std::optional<std::string> group_instance_id = {};
  /// How long offsets are kept; negative: as the broker is set up to. Kafka 0.9 to 2.0.
  milliseconds retention{-1};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

CAFKA_INSPECT(offset_to_commit, topic, partition, offset, epoch, metadata)
CAFKA_INSPECT(offset_commit, group, offsets, generation, member_id, group_instance_id,
  retention, deadline, api_version)

template <>
struct operation<offset_commit> {
  using reply = done;
  static constexpr bool changes_something = false;
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  offset_commit asked, const call_context& around, reply_function<done> reply);

} // namespace cafka
