#include "api_key.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

constexpr api_info table[] = {
  {api_key::produce, "Produce", 9},
  {api_key::fetch, "Fetch", 12},
  {api_key::list_offsets, "ListOffsets", 6},
  {api_key::metadata, "Metadata", 9},
  {api_key::leader_and_isr, "LeaderAndIsr", 4},
  {api_key::stop_replica, "StopReplica", 2},
  {api_key::update_metadata, "UpdateMetadata", 6},
  {api_key::controlled_shutdown, "ControlledShutdown", 3},
  {api_key::offset_commit, "OffsetCommit", 8},
  {api_key::offset_fetch, "OffsetFetch", 6},
  {api_key::find_coordinator, "FindCoordinator", 3},
  {api_key::join_group, "JoinGroup", 6},
  {api_key::heartbeat, "Heartbeat", 4},
  {api_key::leave_group, "LeaveGroup", 4},
  {api_key::sync_group, "SyncGroup", 4},
  {api_key::describe_groups, "DescribeGroups", 5},
  {api_key::list_groups, "ListGroups", 3},
  {api_key::sasl_handshake, "SaslHandshake", never_flexible},
  {api_key::api_versions, "ApiVersions", 3},
  {api_key::create_topics, "CreateTopics", 5},
  {api_key::delete_topics, "DeleteTopics", 4},
  {api_key::delete_records, "DeleteRecords", 2},
  {api_key::init_producer_id, "InitProducerId", 2},
  {api_key::offset_for_leader_epoch, "OffsetForLeaderEpoch", 4},
  {api_key::add_partitions_to_txn, "AddPartitionsToTxn", 3},
  {api_key::add_offsets_to_txn, "AddOffsetsToTxn", 3},
  {api_key::end_txn, "EndTxn", 3},
  {api_key::write_txn_markers, "WriteTxnMarkers", 1},
  {api_key::txn_offset_commit, "TxnOffsetCommit", 3},
  {api_key::describe_acls, "DescribeAcls", 2},
  {api_key::create_acls, "CreateAcls", 2},
  {api_key::delete_acls, "DeleteAcls", 2},
  {api_key::describe_configs, "DescribeConfigs", 4},
  {api_key::alter_configs, "AlterConfigs", 2},
  {api_key::alter_replica_log_dirs, "AlterReplicaLogDirs", 2},
  {api_key::describe_log_dirs, "DescribeLogDirs", 2},
  {api_key::sasl_authenticate, "SaslAuthenticate", 2},
  {api_key::create_partitions, "CreatePartitions", 2},
  {api_key::create_delegation_token, "CreateDelegationToken", 2},
  {api_key::renew_delegation_token, "RenewDelegationToken", 2},
  {api_key::expire_delegation_token, "ExpireDelegationToken", 2},
  {api_key::describe_delegation_token, "DescribeDelegationToken", 2},
  {api_key::delete_groups, "DeleteGroups", 2},
  {api_key::elect_leaders, "ElectLeaders", 2},
  {api_key::incremental_alter_configs, "IncrementalAlterConfigs", 1},
  {api_key::alter_partition_reassignments, "AlterPartitionReassignments", 0},
  {api_key::list_partition_reassignments, "ListPartitionReassignments", 0},
  {api_key::offset_delete, "OffsetDelete", never_flexible},
  {api_key::describe_client_quotas, "DescribeClientQuotas", 1},
  {api_key::alter_client_quotas, "AlterClientQuotas", 1},
  {api_key::describe_user_scram_credentials, "DescribeUserScramCredentials", 0},
  {api_key::alter_user_scram_credentials, "AlterUserScramCredentials", 0},
  {api_key::vote, "Vote", 0},
  {api_key::begin_quorum_epoch, "BeginQuorumEpoch", 1},
  {api_key::end_quorum_epoch, "EndQuorumEpoch", 1},
  {api_key::describe_quorum, "DescribeQuorum", 0},
  {api_key::alter_partition, "AlterPartition", 0},
  {api_key::update_features, "UpdateFeatures", 0},
  {api_key::envelope, "Envelope", 0},
  {api_key::fetch_snapshot, "FetchSnapshot", 0},
  {api_key::describe_cluster, "DescribeCluster", 0},
  {api_key::describe_producers, "DescribeProducers", 0},
  {api_key::broker_registration, "BrokerRegistration", 0},
  {api_key::broker_heartbeat, "BrokerHeartbeat", 0},
  {api_key::unregister_broker, "UnregisterBroker", 0},
  {api_key::describe_transactions, "DescribeTransactions", 0},
  {api_key::list_transactions, "ListTransactions", 0},
  {api_key::allocate_producer_ids, "AllocateProducerIds", 0},
  {api_key::consumer_group_heartbeat, "ConsumerGroupHeartbeat", 0},
  {api_key::consumer_group_describe, "ConsumerGroupDescribe", 0},
  {api_key::controller_registration, "ControllerRegistration", 0},
  {api_key::get_telemetry_subscriptions, "GetTelemetrySubscriptions", 0},
  {api_key::push_telemetry, "PushTelemetry", 0},
  {api_key::assign_replicas_to_dirs, "AssignReplicasToDirs", 0},
  {api_key::list_config_resources, "ListConfigResources", 0},
  {api_key::describe_topic_partitions, "DescribeTopicPartitions", 0},
  {api_key::share_group_heartbeat, "ShareGroupHeartbeat", 0},
  {api_key::share_group_describe, "ShareGroupDescribe", 0},
  {api_key::share_fetch, "ShareFetch", 0},
  {api_key::share_acknowledge, "ShareAcknowledge", 0},
  {api_key::add_raft_voter, "AddRaftVoter", 0},
  {api_key::remove_raft_voter, "RemoveRaftVoter", 0},
  {api_key::update_raft_voter, "UpdateRaftVoter", 0},
  {api_key::initialize_share_group_state, "InitializeShareGroupState", 0},
  {api_key::read_share_group_state, "ReadShareGroupState", 0},
  {api_key::write_share_group_state, "WriteShareGroupState", 0},
  {api_key::delete_share_group_state, "DeleteShareGroupState", 0},
  {api_key::read_share_group_state_summary, "ReadShareGroupStateSummary", 0},
  {api_key::streams_group_heartbeat, "StreamsGroupHeartbeat", 0},
  {api_key::streams_group_describe, "StreamsGroupDescribe", 0},
  {api_key::describe_share_group_offsets, "DescribeShareGroupOffsets", 0},
  {api_key::alter_share_group_offsets, "AlterShareGroupOffsets", 0},
  {api_key::delete_share_group_offsets, "DeleteShareGroupOffsets", 0},
  {api_key::streams_group_topology_description_update,
    "StreamsGroupTopologyDescriptionUpdate", 0},
  {api_key::unregister_controller, "UnregisterController", 0},
};

static_assert(std::ranges::is_sorted(table, {}, &api_info::key));

} // namespace

std::span<const api_info> api_table() {
  return table;
}

const api_info* find_api(api_key key) {
  const auto* row = std::ranges::lower_bound(table, key, {}, &api_info::key);
  return row != std::end(table) && row->key == key ? row : nullptr;
}

std::string name(api_key key) {
  if (const auto* row = find_api(key))
    return std::string{row->name};
  return "Api(" + std::to_string(static_cast<std::int16_t>(key)) + ")";
}

} // namespace cafka::protocol
