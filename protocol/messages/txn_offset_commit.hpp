#pragma once

#include "../schema/codec.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct txn_offset_commit_response;

/// How far one partition has been read.
struct txn_offset_commit_request_partition {
  /// The partition's number.
  partition_id partition_index = 0;
  /// The next offset to read.
  log_offset committed_offset = 0;
  /// The leader's epoch of the last record that was read, since version 2; -1 where it
  /// is not known.
  leader_epoch committed_leader_epoch = -1;
  /// Any text, returned with the offset.
  std::optional<std::string> committed_metadata = std::string{};

  friend bool operator==(const txn_offset_commit_request_partition&,
    const txn_offset_commit_request_partition&) = default;
};

/// The offsets of one topic.
struct txn_offset_commit_request_topic {
  /// The topic's name.
  std::string name = {};
  /// The partitions that this is about.
  std::vector<txn_offset_commit_request_partition> partitions = {};

  friend bool operator==(const txn_offset_commit_request_topic&,
    const txn_offset_commit_request_topic&) = default;
};

/// Stores how far a group has read, from when the transaction is committed on. From
/// version 5 on the offsets become part of the transaction by this request alone
/// (KIP-890), which needs the feature transaction.version 2. Kafka:
/// TxnOffsetCommitRequest, key 28.
struct txn_offset_commit_request {
  static constexpr std::string_view name = "TxnOffsetCommitRequest";
  static constexpr api_key key = api_key::txn_offset_commit;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 3;
  using response = txn_offset_commit_response;

  /// The producer's transactional id.
  std::string transactional_id = {};
  /// The group's name.
  std::string group_id = {};
  /// The producer's id.
  std::int64_t producer_id = 0;
  /// The producer's epoch.
  std::int16_t producer_epoch = 0;
  /// The member's generation, or its epoch in the consumer protocol, since version 3;
  /// -1 from outside the group (KIP-447).
  std::int32_t generation_id = -1;
  /// The member that has read, since version 3; empty from outside the group.
  std::string member_id = {};
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id = {};
  /// The offsets to store.
  std::vector<txn_offset_commit_request_topic> topics = {};

  friend bool operator==(
    const txn_offset_commit_request&, const txn_offset_commit_request&) = default;
};

/// The outcome for one partition.
struct txn_offset_commit_response_partition {
  /// The partition's number.
  partition_id partition_index = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(const txn_offset_commit_response_partition&,
    const txn_offset_commit_response_partition&) = default;
};

/// The outcome for one topic.
struct txn_offset_commit_response_topic {
  /// The topic's name.
  std::string name = {};
  /// The result for each partition.
  std::vector<txn_offset_commit_response_partition> partitions = {};

  friend bool operator==(const txn_offset_commit_response_topic&,
    const txn_offset_commit_response_topic&) = default;
};

/// The outcome of the commit. Kafka: TxnOffsetCommitResponse.
struct txn_offset_commit_response {
  static constexpr std::string_view name = "TxnOffsetCommitResponse";
  static constexpr api_key key = api_key::txn_offset_commit;
  static constexpr version_range versions{0, 5};
  static constexpr std::int16_t flexible_since = 3;
  static constexpr std::int16_t client_throttles_since = 1;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each topic.
  std::vector<txn_offset_commit_response_topic> topics = {};

  friend bool operator==(
    const txn_offset_commit_response&, const txn_offset_commit_response&) = default;
};

template <>
struct api_of<api_key::txn_offset_commit> {
  using request = txn_offset_commit_request;
};

} // namespace cafka::protocol
