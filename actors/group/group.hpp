#pragma once

#include "../../base/inspect.hpp"
#include "../../protocol/assignors/assignor.hpp"
#include "../../protocol/defaults.hpp"
#include "../../protocol/group_subscription.hpp"
#include "../../protocol/name_list.hpp"
#include "../../protocol/offset_of_partition.hpp"
#include "../../protocol/topic_partition.hpp"
#include "../../supervision/caf_compat.hpp"
#include "../operations.hpp"
#include "../worker/worker.hpp"
#include "group_type_ids.hpp"

#include <caf/typed_actor.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

using protocol::assignor;
using protocol::group_subscription;
using protocol::member_protocol;
using protocol::offset_of_partition;
using protocol::topic_partition;

/// Topics by an expression that matches their whole name; ECMAScript's syntax. Members of
/// the consumer protocol leave it to the coordinator, which reads it as RE2 does.
struct pattern {
  /// As `orders-.*`.
  std::string expression;
};

/// How a consumer is a member of its group; see docs/groups.md.
struct group_options {
  /// How the member and its coordinator agree on who reads what. With `consumer`
  /// (KIP-848, Kafka 4.0 and later) the coordinator assigns, and nobody waits for the
  /// others; `automatic` is `consumer` where the brokers have it, and `classic`
  /// elsewhere.
  protocol::member_protocol group_protocol = protocol::member_protocol::classic;
  /// Makes a static member: it keeps its partitions while it restarts within
  /// `session_timeout` (KIP-345). Unique within the group; Kafka 2.3 and later. Empty: a
  /// dynamic member.
  std::string group_instance_id = {};
  /// The coordinator gives a member's partitions to others when it has not heard of it
  /// for so long. Zero: 45 s, or 30 s where a broker takes no more. With the consumer
  /// protocol the broker has its own (group.consumer.session.timeout.ms, 45 s), and after
  /// so long without an answer the member takes its partitions for lost.
  milliseconds session_timeout{0};
  /// How often the coordinator hears of it; a third of the session timeout at most. With
  /// the consumer protocol the coordinator names it.
  milliseconds heartbeat_interval = protocol::defaults::heartbeat_interval;
  /// How long the program may keep what it was handed before it polls again; beyond that
  /// the member leaves the group, until the next poll. It is the rebalance timeout, too:
  /// how long a rebalance waits for a member.
  milliseconds max_poll_interval = protocol::defaults::rebalance_timeout;
  /// How the leader shares out partitions, best first: `cooperative-sticky`, `sticky`,
  /// `range`, `roundrobin`. With one in the list that is not cooperative, each rebalance
  /// stops all members. Of the classic protocol.
  protocol::name_list assignors = {"cooperative-sticky"};
  /// How the coordinator shares out partitions, by one of its own assignors: Kafka has
  /// `uniform` and `range`. Empty: it chooses. Of the consumer protocol; Kafka:
  /// group.remote.assignor.
  std::string remote_assignor = {};
  /// Whether what is acknowledged is committed without being asked to.
  bool auto_commit = true;
  /// What is acknowledged is committed so long later at the latest.
  milliseconds auto_commit_interval = protocol::defaults::auto_commit_interval;
  /// As soon as so many records of a partition are acknowledged, they are committed.
  std::size_t commit_threshold = protocol::defaults::commit_threshold;
  /// Whether a static member leaves the group when it is closed; others always do
  /// (KIP-1092).
  bool static_leaves = false;
  /// Assignors of the program's own, before those that `assignors` names. Of the classic
  /// protocol.
  std::vector<assignor> own_assignors = {};
};

/// What happened to a membership.
enum class group_event_kind : std::uint8_t {
  assigned, ///< The partitions are this member's, and are read.
  revoking, ///< They are to be given up: the next poll, or `release`, says that the
            ///< program is through with them. At `until` they are given up in any case.
  kept,    ///< They were to be given up, and are not. Only groups with handlers are told.
  revoked, ///< They have been given up.
  lost,    ///< They may be another member's already: `why`. Nothing of them is committed.
};

/// The kind's name, as `revoking`.
[[nodiscard]] std::string_view to_string(group_event_kind k);

/// Something that happened to a membership.
struct group_event {
  /// What happened.
  group_event_kind kind = group_event_kind::assigned;
  /// To which partitions; may be none.
  std::vector<topic_partition> partitions = {};
  /// Of `lost`: why.
  error why = {};
  /// Of `revoking`: when it ends, by the steady clock.
  std::chrono::steady_clock::time_point until = {};
};

/// How a member of a group is.
struct member_status {
  /// The group's name.
  std::string group = {};
  /// The protocol that it speaks: `classic` or `consumer`.
  std::string protocol = {};
  /// As the coordinator gave it, or, of the consumer protocol, as the member made it;
  /// empty: none yet.
  std::string member_id = {};
  /// The group's generation, of the consumer protocol the member's epoch; -1: it is no
  /// member now.
  std::int32_t generation = -1;
  /// The assignor that the group has chosen; of the consumer protocol `remote_assignor`.
  std::string assignor = {};
  /// Whether it assigns; of the consumer protocol the coordinator does.
  bool leader = false;
  /// `idle`, `waiting`, `revoking`, `joining`, `assigning`, `syncing`, `stable`,
  /// `leaving` or `ended`.
  std::string state = {};
  /// Whom or what it waits for; empty: for nothing.
  std::string waits_for = {};
  /// Since it is in that state.
  milliseconds since{0};
  /// When the wait ends at the latest, from now; nothing: it has no end.
  std::optional<milliseconds> until = {};
  /// What has gone wrong last, and is not over.
  error last_error = {};
  /// What it reads, sorted.
  std::vector<topic_partition> partitions = {};
  /// What the group has committed of them, as far as is known: the next record to read.
  std::vector<offset_of_partition> committed = {};
  /// Topics of the subscription that are not there, each with why.
  std::vector<error> missing_topics = {};
  /// Partitions that wait for where to begin, and why; empty: none.
  std::string waits_for_offsets = {};
  /// Rebalances that it has taken part in.
  std::uint64_t rebalances = 0;
};

/// To a member: commits what is acknowledged, or, where there are any, these offsets.
struct commit_offsets {
  /// Empty: all that is acknowledged.
  std::vector<offset_of_partition> offsets = {};
  milliseconds deadline{0};
};

/// To a member: leaves the group for good, once what was handed out is acknowledged, or
/// shortly before the deadline.
struct leave_group_now {
  milliseconds deadline{0};
};

/// To a member: the group is to share out its partitions anew (KIP-568).
struct rejoin_group {
  /// Why, for the broker's log.
  std::string reason = {};
};

/// Asks a member how it is.
struct get_member_status {};

/// The actor behind a membership.
using member_actor = caf::typed_actor<caf::result<result<done>>(commit_offsets),
  caf::result<result<done>>(leave_group_now), caf::result<void>(rejoin_group),
  caf::result<result<member_status>>(get_member_status)>;

// -- inspection -------------------------------------------------------------------------

CAFKA_INSPECT(member_status, group, protocol, member_id, generation, assignor, leader,
  state, waits_for, since, until, last_error, partitions, committed, missing_topics,
  waits_for_offsets, rebalances)
CAFKA_INSPECT(commit_offsets, offsets, deadline)
CAFKA_INSPECT(leave_group_now, deadline)
CAFKA_INSPECT(rejoin_group, reason)
CAFKA_INSPECT_EMPTY(get_member_status)

} // namespace cafka
