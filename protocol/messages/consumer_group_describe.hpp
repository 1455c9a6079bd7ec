#pragma once

#include "../schema/codec.hpp"
#include "../schema/uuid.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

struct consumer_group_describe_response;

/// Asks a coordinator about groups of the consumer protocol. Kafka:
/// ConsumerGroupDescribeRequest, key 69 (KIP-848).
struct consumer_group_describe_request {
  static constexpr std::string_view name = "ConsumerGroupDescribeRequest";
  static constexpr api_key key = api_key::consumer_group_describe;
  static constexpr version_range versions{0, 1};
  static constexpr std::int16_t flexible_since = 0;
  using response = consumer_group_describe_response;

  /// The groups' names.
  std::vector<std::string> group_ids = {};
  /// Whether to say which operations on the groups are allowed.
  bool include_authorized_operations = false;

  friend bool operator==(const consumer_group_describe_request&,
    const consumer_group_describe_request&) = default;
};

/// Partitions of a topic that a member has or is to have.
struct consumer_group_describe_topic_partitions {
  /// The topic's id.
  uuid topic_id = {};
  /// The topic's name.
  std::string topic_name = {};
  /// The partitions' numbers.
  std::vector<partition_id> partitions = {};

  friend bool operator==(const consumer_group_describe_topic_partitions&,
    const consumer_group_describe_topic_partitions&) = default;
};

/// A member's partitions.
struct consumer_group_describe_assignment {
  /// The partitions of each topic.
  std::vector<consumer_group_describe_topic_partitions> topic_partitions = {};

  friend bool operator==(const consumer_group_describe_assignment&,
    const consumer_group_describe_assignment&) = default;
};

/// A member of a group.
struct consumer_group_describe_member {
  /// The member's id.
  std::string member_id = {};
  /// Null unless the member is a static one.
  std::optional<std::string> instance_id = {};
  /// The member's rack; null where it has none.
  std::optional<std::string> rack_id = {};
  /// The member's epoch.
  std::int32_t member_epoch = 0;
  /// The member's client id.
  std::string client_id = {};
  /// The address that the member has joined from.
  std::string client_host = {};
  /// The topics that it subscribes to by name.
  std::vector<std::string> subscribed_topic_names = {};
  /// The regular expression by which it subscribes; null where it has none.
  std::optional<std::string> subscribed_topic_regex = {};
  /// What it may read now.
  consumer_group_describe_assignment assignment = {};
  /// What it is to have.
  consumer_group_describe_assignment target_assignment = {};
  /// 0 for a member of the classic protocol, 1 of the consumer protocol, since version 1;
  /// -1 where it is not known (KIP-1099).
  std::int8_t member_type = -1;

  friend bool operator==(const consumer_group_describe_member&,
    const consumer_group_describe_member&) = default;
};

/// A group.
struct consumer_group_describe_group {
  /// `none`, or why it failed.
  protocol::error_code error_code = protocol::error_code::none;
  /// The broker's words for the error; null where it has none.
  std::optional<std::string> error_message = {};
  /// The group's name.
  std::string group_id = {};
  /// Empty, Assigning, Reconciling, Stable or Dead.
  std::string group_state = {};
  /// The group's epoch: it grows with each change of members, subscriptions and topics.
  std::int32_t group_epoch = 0;
  /// The group's epoch for which the assignment was computed.
  std::int32_t assignment_epoch = 0;
  /// The assignor that the group uses.
  std::string assignor_name = {};
  /// The members.
  std::vector<consumer_group_describe_member> members = {};
  /// A bit for each operation of Kafka's `AclOperation`; INT32_MIN: not asked for.
  std::int32_t authorized_operations = INT32_MIN;

  friend bool operator==(
    const consumer_group_describe_group&, const consumer_group_describe_group&) = default;
};

/// The groups. Kafka: ConsumerGroupDescribeResponse.
struct consumer_group_describe_response {
  static constexpr std::string_view name = "ConsumerGroupDescribeResponse";
  static constexpr api_key key = api_key::consumer_group_describe;
  static constexpr version_range versions{0, 1};
  static constexpr std::int16_t flexible_since = 0;
  static constexpr std::int16_t client_throttles_since = 0;

  /// How long the broker wants the client to pause, for its quota.
  std::int32_t throttle_time_ms = 0;
  /// Each group that was asked about.
  std::vector<consumer_group_describe_group> groups = {};

  friend bool operator==(const consumer_group_describe_response&,
    const consumer_group_describe_response&) = default;
};

template <>
struct api_of<api_key::consumer_group_describe> {
  using request = consumer_group_describe_request;
};

} // namespace cafka::protocol
