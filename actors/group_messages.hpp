#pragma once

#include "../base/inspect.hpp"

// The messages about consumer groups; `interfaces.hpp` says what they have in common.

#include "../protocol/machines/cluster.hpp"
#include "../protocol/messages/consumer_protocol.hpp"
#include "types.hpp"

namespace cafka {

// -- offsets ----------------------------------------------------------------------------

/// One partition's offset for a group to keep.
struct offset_to_commit {
  std::string topic = {};
  partition_id partition = {};
  /// The offset of the next record to read, as in every Kafka client; KafkaEx kept that
  /// of the last record read.
  log_offset offset = -1;
  /// The epoch of the record before it; -1 where it is not known.
  leader_epoch epoch = -1;
  /// Anything, for whoever fetches the offset.
  std::string metadata = {};
};

/// Lets a group keep offsets: all of them, or the error names each that it did not take.
///
/// Kafka: OffsetCommitRequest, key 8.
struct offset_commit {
  /// Empty: the worker's consumer group.
  std::string group = {};
  std::vector<offset_to_commit> offsets = {};
  /// The member that commits, by `joined_group`; -1 and empty from outside the group.
  std::int32_t generation = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  /// How long offsets are kept; negative: as the broker is set up to. Kafka 0.9 to 2.0.
  milliseconds retention{-1};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// Some partitions of a topic.
struct topic_partitions {
  std::string topic = {};
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
  std::string topic = {};
  partition_id partition = {};
  /// The next record to read; nothing where nothing was committed.
  std::optional<log_offset> offset = {};
  leader_epoch epoch = -1;
  std::string metadata = {};
};

struct fetched_offsets {
  std::string group = {};
  std::vector<fetched_offset> offsets = {};
};

// -- coordinators -----------------------------------------------------------------------

using protocol::assignment_from;
using protocol::consumer_assignment;
using protocol::consumer_subscription;
using protocol::coordinator_type;
using protocol::subscription_from;
using protocol::to_assignment;
using protocol::to_metadata;

/// Asks which broker coordinates a group or a transactional id.
///
/// KafkaEx: `consumer_group_metadata/2`. Kafka: FindCoordinatorRequest, key 10.
struct find_coordinator {
  /// A group's name or a transactional id; empty: the worker's consumer group.
  std::string key = {};
  coordinator_type type = coordinator_type::group;
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// Where to ask about a group or a transactional id.
struct found_coordinator {
  std::string key = {};
  broker_id id = -1;
  endpoint address = {};
};

// -- membership -------------------------------------------------------------------------

/// A way to assign partitions that a member supports, and what it tells the leader.
struct group_protocol {
  std::string name = {};
  /// Any bytes; of consumers, a `consumer_subscription`.
  std::string metadata = {};
};

/// Joins a group and waits for its other members. Kafka: JoinGroupRequest, key 11.
///
/// May rest at the broker for the rebalance timeout. A member id that the broker wants
/// taken first (KIP-394) is taken and the group joined with it.
struct join_group {
  /// Empty: the worker's consumer group.
  std::string group = {};
  /// The broker drops a member it has not heard of for so long.
  milliseconds session_timeout{30'000};
  /// How long the broker waits for members to join again; Kafka 0.9 takes the session
  /// timeout.
  milliseconds rebalance_timeout{60'000};
  /// Empty: a new member.
  std::string member_id = {};
  /// Makes a static member (KIP-345); Kafka 2.3 and later.
  std::optional<std::string> group_instance_id = {};
  std::string protocol_type = "consumer";
  /// Best first.
  std::vector<group_protocol> protocols = {};
  /// Why, for the broker's log (KIP-800).
  std::optional<std::string> reason = {};
  /// Zero means the rebalance timeout and the worker's `request_timeout` together.
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// A member, as the leader gets to see it.
struct group_member {
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  std::string metadata = {};
};

/// A member's place in a new generation.
struct joined_group {
  std::string group = {};
  std::int32_t generation = -1;
  std::string protocol_type = {};
  std::string protocol_name = {};
  /// The member that assigns.
  std::string leader = {};
  /// This member.
  std::string member_id = {};
  /// Whether the leader need not assign anew (KIP-814).
  bool skip_assignment = false;
  /// All members; empty but for the leader.
  std::vector<group_member> members = {};

  [[nodiscard]] bool is_leader() const { return leader == member_id; }
};

/// What a member is to do.
struct member_assignment {
  std::string member_id = {};
  /// Any bytes; of consumers, a `consumer_assignment`.
  std::string assignment = {};
};

/// Hands out the leader's assignments, and waits for one's own.
///
/// Rests at the broker until the leader has sent its own. Kafka: SyncGroupRequest, key
/// 14.
struct sync_group {
  /// Empty: the worker's consumer group.
  std::string group = {};
  std::int32_t generation = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  /// As `joined_group` says, for Kafka 2.5 and later to check; empty: unchecked.
  std::string protocol_type = {};
  std::string protocol_name = {};
  /// From the leader alone.
  std::vector<member_assignment> assignments = {};
  /// Zero means the rebalance timeout that the group was last joined with through this
  /// worker, and `request_timeout` more.
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

struct synced_group {
  std::string protocol_type = {};
  std::string protocol_name = {};
  /// What this member is to do.
  std::string assignment = {};
};

/// Keeps a member in its group. Kafka: HeartbeatRequest, key 12.
///
/// `rebalance_in_progress` asks the member to join again.
struct heartbeat {
  /// Empty: the worker's consumer group.
  std::string group = {};
  std::int32_t generation = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  /// Zero means `request_timeout`, or the session timeout that the group was last joined
  /// with through this worker if that is less.
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// A member that leaves: by its id, or a static one by its instance id.
struct leaving_member {
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  /// Why, for the broker's log (KIP-800).
  std::optional<std::string> reason = {};
};

/// Takes members out of a group; more than one at a time since Kafka 2.4.
///
/// Kafka: LeaveGroupRequest, key 13.
struct leave_group {
  /// Empty: the worker's consumer group.
  std::string group = {};
  std::vector<leaving_member> members = {};
  milliseconds deadline{0};
  std::optional<std::int16_t> api_version = {};
};

/// What became of one member.
struct left_member {
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  /// `none`, or why it has not left: `unknown_member_id`, ...
  error_code status = error_code::none;
};

/// The members that were to leave, one of which left at least.
struct left_group {
  std::vector<left_member> members = {};
};

// -- inspection -------------------------------------------------------------------------

CAFKA_INSPECT(offset_to_commit, topic, partition, offset, epoch, metadata)
CAFKA_INSPECT(offset_commit, group, offsets, generation, member_id, group_instance_id,
  retention, deadline, api_version)
CAFKA_INSPECT(topic_partitions, topic, partitions)
CAFKA_INSPECT(offset_fetch, group, topics, require_stable, deadline, api_version)
CAFKA_INSPECT(fetched_offset, topic, partition, offset, epoch, metadata)
CAFKA_INSPECT(fetched_offsets, group, offsets)
CAFKA_INSPECT(find_coordinator, key, type, deadline, api_version)
CAFKA_INSPECT(found_coordinator, key, id, address)
CAFKA_INSPECT(group_protocol, name, metadata)
CAFKA_INSPECT(join_group, group, session_timeout, rebalance_timeout, member_id,
  group_instance_id, protocol_type, protocols, reason, deadline, api_version)
CAFKA_INSPECT(group_member, member_id, group_instance_id, metadata)
CAFKA_INSPECT(joined_group, group, generation, protocol_type, protocol_name, leader,
  member_id, skip_assignment, members)
CAFKA_INSPECT(member_assignment, member_id, assignment)
CAFKA_INSPECT(sync_group, group, generation, member_id, group_instance_id, protocol_type,
  protocol_name, assignments, deadline, api_version)
CAFKA_INSPECT(synced_group, protocol_type, protocol_name, assignment)
CAFKA_INSPECT(
  heartbeat, group, generation, member_id, group_instance_id, deadline, api_version)
CAFKA_INSPECT(leaving_member, member_id, group_instance_id, reason)
CAFKA_INSPECT(leave_group, group, members, deadline, api_version)
CAFKA_INSPECT(left_member, member_id, group_instance_id, status)
CAFKA_INSPECT(left_group, members)

} // namespace cafka
