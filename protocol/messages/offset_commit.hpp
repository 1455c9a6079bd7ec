#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct offset_commit_response;

/// How far one partition has been read.
struct offset_commit_request_partition {
  /// The partition's number.
  partition_id partition_index = 0;
  /// The next offset to read; -1 where nothing was committed.
  log_offset committed_offset = 0;
  /// The leader's epoch of the last record that was read; -1 where it is not known.
  leader_epoch committed_leader_epoch = -1;
  /// The time of the commit, version 1; -1: the time at which the broker receives it.
  std::int64_t commit_timestamp = -1;
  /// Any text, returned with the offset.
  std::optional<std::string> committed_metadata = std::string{};

  friend bool operator==(const offset_commit_request_partition&,
    const offset_commit_request_partition&) = default;
};

/// A topic: by name, since version 10 by id.
struct offset_commit_request_topic {
  /// The topic's name.
  std::string name;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The partitions that this is about.
  std::vector<offset_commit_request_partition> partitions;

  friend bool operator==(
    const offset_commit_request_topic&, const offset_commit_request_topic&) = default;
};

/// Stores how far a group has read. Kafka: OffsetCommitRequest, key 8.
struct offset_commit_request {
  static constexpr std::string_view name = "OffsetCommitRequest";
  static constexpr api_key key = api_key::offset_commit;
  static constexpr version_range versions{0, 10};
  static constexpr std::int16_t flexible_since = 8;
  using response = offset_commit_response;

  /// The group's name.
  std::string group_id;
  /// -1 for a group that Kafka does not manage.
  std::int32_t generation_id_or_member_epoch = -1;
  /// The member that commits; empty from outside the group.
  std::string member_id;
  /// Null unless the member is a static one (KIP-345).
  std::optional<std::string> group_instance_id;
  /// How long the offsets are kept, versions 2 to 4; -1: as the broker is configured.
  std::int64_t retention_time_ms = -1;
  /// The offsets to store.
  std::vector<offset_commit_request_topic> topics;

  friend bool operator==(
    const offset_commit_request&, const offset_commit_request&) = default;
};

/// The outcome for one partition.
struct offset_commit_response_partition {
  /// The partition's number.
  partition_id partition_index = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;

  friend bool operator==(const offset_commit_response_partition&,
    const offset_commit_response_partition&) = default;
};

/// The outcome for one topic.
struct offset_commit_response_topic {
  /// The topic's name.
  std::string name;
  /// The topic's id; all zero where it is not known.
  uuid topic_id;
  /// The result for each partition.
  std::vector<offset_commit_response_partition> partitions;

  friend bool operator==(
    const offset_commit_response_topic&, const offset_commit_response_topic&) = default;
};

/// The outcome of the commit. Kafka: OffsetCommitResponse.
struct offset_commit_response {
  static constexpr std::string_view name = "OffsetCommitResponse";
  static constexpr api_key key = api_key::offset_commit;
  static constexpr version_range versions{0, 10};
  static constexpr std::int16_t flexible_since = 8;
  static constexpr std::int16_t client_throttles_since = 4;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// The result for each topic.
  std::vector<offset_commit_response_topic> topics;

  friend bool operator==(
    const offset_commit_response&, const offset_commit_response&) = default;
};

template <>
struct api_of<api_key::offset_commit> {
  using request = offset_commit_request;
};

} // namespace cafka::protocol
