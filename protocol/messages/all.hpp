#pragma once

// Every API that cafka speaks: one line each.
#include "add_raft_voter.hpp"
#include "alter_client_quotas.hpp"
#include "alter_configs.hpp"
#include "alter_partition_reassignments.hpp"
#include "alter_replica_log_dirs.hpp"
#include "alter_share_group_offsets.hpp"
#include "alter_user_scram_credentials.hpp"
#include "api_versions.hpp"
#include "consumer_group_describe.hpp"
#include "consumer_group_heartbeat.hpp"
#include "create_acls.hpp"
#include "create_delegation_token.hpp"
#include "create_partitions.hpp"
#include "create_topics.hpp"
#include "delete_acls.hpp"
#include "delete_groups.hpp"
#include "delete_records.hpp"
#include "delete_share_group_offsets.hpp"
#include "delete_topics.hpp"
#include "describe_acls.hpp"
#include "describe_client_quotas.hpp"
#include "describe_cluster.hpp"
#include "describe_configs.hpp"
#include "describe_delegation_token.hpp"
#include "describe_groups.hpp"
#include "describe_log_dirs.hpp"
#include "describe_quorum.hpp"
#include "describe_share_group_offsets.hpp"
#include "describe_topic_partitions.hpp"
#include "describe_user_scram_credentials.hpp"
#include "elect_leaders.hpp"
#include "expire_delegation_token.hpp"
#include "fetch.hpp"
#include "find_coordinator.hpp"
#include "get_telemetry_subscriptions.hpp"
#include "heartbeat.hpp"
#include "incremental_alter_configs.hpp"
#include "init_producer_id.hpp"
#include "join_group.hpp"
#include "leave_group.hpp"
#include "list_config_resources.hpp"
#include "list_groups.hpp"
#include "list_offsets.hpp"
#include "list_partition_reassignments.hpp"
#include "metadata.hpp"
#include "offset_commit.hpp"
#include "offset_delete.hpp"
#include "offset_fetch.hpp"
#include "offset_for_leader_epoch.hpp"
#include "produce.hpp"
#include "push_telemetry.hpp"
#include "remove_raft_voter.hpp"
#include "renew_delegation_token.hpp"
#include "sasl_authenticate.hpp"
#include "sasl_handshake.hpp"
#include "share_acknowledge.hpp"
#include "share_fetch.hpp"
#include "share_group_describe.hpp"
#include "share_group_heartbeat.hpp"
#include "streams_group_describe.hpp"
#include "streams_group_heartbeat.hpp"
#include "streams_group_topology_description_update.hpp"
#include "sync_group.hpp"
#include "unregister_broker.hpp"
#include "unregister_controller.hpp"
#include "update_features.hpp"

#include <utility>

namespace cafka::protocol {

namespace detail {

template <class Visitor, std::int16_t... Keys>
void for_each_key(Visitor& visit, std::integer_sequence<std::int16_t, Keys...>) {
  const auto visit_key = [&visit]<std::int16_t Key>() {
    using api = api_of<static_cast<api_key>(Key)>;
    if constexpr (requires { typename api::request; })
      visit.template operator()<typename api::request, typename api::request::response>();
  };
  (visit_key.template operator()<Keys>(), ...);
}

} // namespace detail

/// Calls `visit.operator()<Request, Response>()` for every API, by key.
template <class Visitor>
void for_each_api(Visitor&& visit) {
  constexpr std::int16_t keys = 128; // Kafka 4.4 ends at 94.
  detail::for_each_key(visit, std::make_integer_sequence<std::int16_t, keys>{});
}

/// Calls `visit.operator()<Message>()` for every request and every response.
template <class Visitor>
void for_each_message(Visitor&& visit) {
  for_each_api([&visit]<class Request, class Response>() {
    visit.template operator()<Request>();
    visit.template operator()<Response>();
  });
}

} // namespace cafka::protocol
