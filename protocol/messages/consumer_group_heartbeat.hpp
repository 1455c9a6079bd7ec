#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct consumer_group_heartbeat_response;

/// Partitions of a topic that a member owns or is to own.
struct consumer_group_heartbeat_topic_partitions {
  /// The topic's id.
  uuid topic_id = {};
  /// The partitions' numbers.
  std::vector<partition_id> partitions = {};

  friend bool operator==(const consumer_group_heartbeat_topic_partitions&,
    const consumer_group_heartbeat_topic_partitions&) = default;
};

/// Joins a group of the consumer protocol, stays in it, or leaves it. Kafka:
/// ConsumerGroupHeartbeatRequest, key 68 (KIP-848).
struct consumer_group_heartbeat_request {
  static constexpr std::string_view name = "ConsumerGroupHeartbeatRequest";
  static constexpr api_key key = api_key::consumer_group_heartbeat;
  static constexpr version_range versions{0, 1};
  static constexpr std::int16_t flexible_since = 0;
  using response = consumer_group_heartbeat_response;

  /// The group's name.
  std::string group_id = {};
  /// The id that the member has made for itself; in version 0 it may be empty for a new
  /// member, and the coordinator makes one (KIP-1082).
  std::string member_id = {};
  /// The member's epoch; 0 to join, -1 to leave, -2 for a static member that will be
  /// back.
  std::int32_t member_epoch = 0;
  /// Null where it has not changed, or unless the member is a static one.
  std::optional<std::string> instance_id = {};
  /// Null where it has not changed, or for none.
  std::optional<std::string> rack_id = {};
  /// How long the coordinator waits for the member to give up partitions, in
  /// milliseconds; -1 where it has not changed.
  std::int32_t rebalance_timeout_ms = -1;
  /// The topics to read; null where they have not changed.
  std::optional<std::vector<std::string>> subscribed_topic_names = {};
  /// Topics by a regular expression of RE2 that matches their whole names, since version
  /// 1; null where it has not changed, empty for none.
  std::optional<std::string> subscribed_topic_regex = {};
  /// The coordinator's assignor to use; null where it has not changed, or for any.
  std::optional<std::string> server_assignor = {};
  /// The partitions that the member owns; null where they have not changed.
  std::optional<std::vector<consumer_group_heartbeat_topic_partitions>> topic_partitions =
    {};

  friend bool operator==(const consumer_group_heartbeat_request&,
    const consumer_group_heartbeat_request&) = default;
};

/// The partitions that a member may read.
struct consumer_group_heartbeat_assignment {
  /// The partitions of each topic.
  std::vector<consumer_group_heartbeat_topic_partitions> topic_partitions = {};

  friend bool operator==(const consumer_group_heartbeat_assignment&,
    const consumer_group_heartbeat_assignment&) = default;
};

/// The member's place in the group. Kafka: ConsumerGroupHeartbeatResponse.
struct consumer_group_heartbeat_response {
  static constexpr std::string_view name = "ConsumerGroupHeartbeatResponse";
  static constexpr api_key key = api_key::consumer_group_heartbeat;
  static constexpr version_range versions{0, 1};
  static constexpr std::int16_t flexible_since = 0;
  static constexpr std::int16_t client_throttles_since = 0;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error; null where it has none.
  std::optional<std::string> error_message = {};
  /// The member's id; null with an error.
  std::optional<std::string> member_id = {};
  /// The member's epoch, for the next heartbeat and for commits; as asked for -1 and -2.
  std::int32_t member_epoch = 0;
  /// When the next heartbeat is to come, in milliseconds.
  std::int32_t heartbeat_interval_ms = 0;
  /// The partitions that the member may read; null where they have not changed.
  std::optional<consumer_group_heartbeat_assignment> assignment = {};

  friend bool operator==(const consumer_group_heartbeat_response&,
    const consumer_group_heartbeat_response&) = default;
};

template <>
struct api_of<api_key::consumer_group_heartbeat> {
  using request = consumer_group_heartbeat_request;
};

} // namespace cafka::protocol
