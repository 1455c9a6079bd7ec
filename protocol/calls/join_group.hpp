#pragma once

#include "../messages/consumer_protocol.hpp"
#include "operation.hpp"

namespace cafka {

using protocol::assignment_from;
using protocol::consumer_assignment;
using protocol::consumer_subscription;
using protocol::subscription_from;
using protocol::to_assignment;
using protocol::to_metadata;

/// An assignor that a member supports, and what the leader is sent with it.
struct group_protocol {
  /// The assignor's name.
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
  /// The group's protocol type; "consumer" for consumers.
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
  /// The member's id, as the coordinator gave it.
  std::string member_id = {};
  /// The member's own id, where it is a static one (KIP-345).
  std::optional<std::string> group_instance_id = {};
  /// What the member told of itself; of consumers, a `consumer_subscription`.
  std::string metadata = {};
};

/// A member's place in a new generation.
struct joined_group {
  /// The group's name.
  std::string group = {};
  /// The group's generation; -1 for none.
  std::int32_t generation = -1;
  /// The group's protocol type; "consumer" for consumers.
  std::string protocol_type = {};
  /// The assignor that the group has chosen.
  std::string protocol_name = {};
  /// The member that assigns.
  std::string leader = {};
  /// This member.
  std::string member_id = {};
  /// Whether the leader need not assign again (KIP-814).
  bool skip_assignment = false;
  /// All members; empty but for the leader.
  std::vector<group_member> members = {};

  /// Whether this member assigns the partitions.
  [[nodiscard]] bool is_leader() const { return leader == member_id; }
};

CAFKA_INSPECT(group_protocol, name, metadata)
CAFKA_INSPECT(join_group, group, session_timeout, rebalance_timeout, member_id,
  group_instance_id, protocol_type, protocols, reason, deadline, api_version)
CAFKA_INSPECT(group_member, member_id, group_instance_id, metadata)
CAFKA_INSPECT(joined_group, group, generation, protocol_type, protocol_name, leader,
  member_id, skip_assignment, members)

template <>
struct operation<join_group> {
  using reply = joined_group;
  static constexpr bool changes_something = true;

  /// The longest that it may take without a deadline; its client knows how long it takes.
  static milliseconds longest(const join_group& asked, milliseconds request_timeout) {
    return request_timeout + asked.rebalance_timeout;
  }
};

[[nodiscard]] std::unique_ptr<protocol::call> make_call(
  join_group asked, const call_context& around, reply_function<joined_group> reply);

} // namespace cafka
