#pragma once

#include "../messages/consumer_protocol.hpp"
#include "../result.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka::protocol {

/// A topic that somebody in the group subscribes to, as the leader knows it.
struct group_topic {
  /// The topic's name. Of several topics with one name the first counts.
  std::string name = {};
  /// How many partitions it has; nothing below 1 has any.
  std::int32_t partitions = 0;
  /// The racks of the replicas of partition p are `racks[p]`; those that are missing or
  /// empty are not known. Kafka: KIP-881.
  std::vector<std::vector<std::string>> racks = {};
};

/// A member of the group, as the leader knows it from the answer to its JoinGroup.
struct group_participant {
  /// The id that the coordinator gave. Of several members with one id the first counts,
  /// the others get nothing.
  std::string member_id = {};
  /// The id of a static member. Kafka: KIP-345.
  std::optional<std::string> instance_id = {};
  /// What the member asks for and what it holds.
  consumer_subscription subscription = {};
};

/// All that an assignor decides by. A topic of a subscription that is not among `topics`
/// is left out.
struct group_view {
  /// The topics, in any order.
  std::vector<group_topic> topics = {};
  /// The members, in any order.
  std::vector<group_participant> members = {};
};

/// For each member of the view, in the view's order, what it is to have: topics sorted by
/// name, partitions ascending.
using group_plan = std::vector<std::vector<consumer_topic_partitions>>;

/// What a member tells the group as it joins.
struct member_claim {
  /// The topics that it wants to read.
  std::vector<std::string> topics = {};
  /// What it holds now, or held until it gave everything up in order to join.
  std::vector<consumer_topic_partitions> owned = {};
  /// The generation of its last completed SyncGroup; -1 where there was none.
  std::int32_t generation = -1;
  /// Where it runs, for assignors that know racks (KIP-881).
  std::optional<std::string> rack = {};
};

/// When members give up what they are to lose. Kafka: KIP-429.
enum class rebalance_protocol : std::uint8_t {
  eager,       ///< All partitions, before each join.
  cooperative, ///< What the new assignment lacks, after it; then they join once more.
};

/// How the partitions of a group are given to its members. A program makes its own from a
/// name and a function.
struct assignor {
  /// The name on the wire; the members of a group have at least one in common.
  std::string name = {};
  /// When members give up what they are to lose.
  rebalance_protocol protocol = rebalance_protocol::eager;
  /// The bytes of the user data for the leader's assignor. Nothing: no bytes.
  std::function<std::string(const member_claim&)> user_data = {};
  /// The plan, made by the group's leader. Errors: whatever the assignor says; those here
  /// have `invalid_argument` for more than 2^31 - 1 partitions.
  std::function<result<group_plan>(const group_view&)> assign = {};
};

/// A range of each topic's partitions for each member. Topics with the same count of
/// partitions and the same subscribers stay co-partitioned. Racks count as far as the
/// ranges' sizes allow. Kafka: RangeAssignor.
[[nodiscard]] assignor range_assignor();

/// All partitions, one after the other, to the members in turn. Kafka:
/// RoundRobinAssignor.
[[nodiscard]] assignor roundrobin_assignor();

/// As even as the subscriptions allow, then in the members' racks, then with as few moves
/// as possible; eager. Where partitions differ in racks in more ways than could be
/// counted in time, the first replica's rack counts alone, or none does. Kafka:
/// StickyAssignor, KIP-54.
[[nodiscard]] assignor sticky_assignor();

/// As `sticky_assignor`; what one member is to lose is given to nobody before the next
/// round. Kafka: CooperativeStickyAssignor, KIP-429.
[[nodiscard]] assignor cooperative_sticky_assignor();

/// An assignor by its name on the wire: `range`, `roundrobin`, `sticky`,
/// `cooperative-sticky`. Nothing for any other.
[[nodiscard]] std::optional<assignor> assignor_named(std::string_view name);

/// The metadata of a JoinGroup for one assignor: version 3 of the subscription always,
/// topics sorted, user data never null, so that the same claim gives the same bytes.
/// Partitions that are owned stand in it for cooperative assignors alone.
///
/// Error `invalid_argument` for a topic's name beyond 32 KiB.
[[nodiscard]] result<std::string> join_metadata(
  const assignor& chosen, const member_claim& claim);

} // namespace cafka::protocol
