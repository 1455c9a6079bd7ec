#include "error_code.hpp"

#include <algorithm>
#include <ostream>

namespace cafka::protocol {

namespace {

constexpr error_info table[] = {
  {error_code::transaction_timed_out, "TRANSACTION_TIMED_OUT", false,
    remedy::new_producer_id,
    "The transaction was open for longer than transaction_timeout allows: the "
    "coordinator "
    "has aborted it. Do less in one transaction, or raise the time."},
  {error_code::sasl_not_enabled, "SASL_NOT_ENABLED", false, remedy::fix_request,
    "The client has a login, and the broker's listener wants none: connect to another "
    "port, or without the login."},
  {error_code::broker_not_authenticated, "BROKER_NOT_AUTHENTICATED", false,
    remedy::give_up,
    "The broker did not prove in the login that it knows the password: it may not be the "
    "broker that it says it is."},
  {error_code::bearer_token_refused, "BEARER_TOKEN_REFUSED", false, remedy::fix_request,
    "The broker refuses the token: it has expired, or is for another audience or of "
    "another issuer."},
  {error_code::credentials_unavailable, "CREDENTIALS_UNAVAILABLE", true, remedy::retry,
    "There were no credentials for the login: the file, the variable, the function, the "
    "provider of tokens or the KDC gave none."},
  {error_code::batch_too_large, "BATCH_TOO_LARGE", false, remedy::fix_request,
    "A batch decompresses to more than its reader allows, by max_decompressed_bytes or "
    "max_decompression_ratio: raise that, or read on behind the batch."},
  {error_code::frame_too_large, "FRAME_TOO_LARGE", false, remedy::fix_request,
    "The broker's answer is larger than receive_message_max_bytes allows, or than memory "
    "does."},
  {error_code::tls_failed, "TLS_FAILED", true, remedy::retry,
    "A broker was reached, but TLS with it did not come about: one side does not accept "
    "the other."},
  {error_code::connection_failed, "CONNECTION_FAILED", true, remedy::retry,
    "No connection could be made: refused, unreachable, or the name does not resolve."},
  {error_code::already_started, "ALREADY_STARTED", false, remedy::fix_request,
    "Something runs under this name already."},
  {error_code::not_found, "NOT_FOUND", false, remedy::fix_request,
    "There is nothing of this name."},
  {error_code::worker_down, "WORKER_DOWN", true, remedy::retry,
    "The worker has crashed or is gone; under its supervisor it comes back."},
  {error_code::queue_full, "QUEUE_FULL", true, remedy::retry,
    "As many requests or bytes are waiting as may."},
  {error_code::invalid_argument, "INVALID_ARGUMENT", false, remedy::fix_request,
    "An argument makes no sense or cannot be expressed in the version in use."},
  {error_code::malformed_response, "MALFORMED_RESPONSE", false, remedy::give_up,
    "The broker's answer does not follow Kafka's protocol."},
  {error_code::unsupported_api_version, "UNSUPPORTED_API_VERSION", false,
    remedy::fix_request,
    "The broker and cafka share no version of the API, or not the one that was asked "
    "for."},
  {error_code::closed, "CLOSED", false, remedy::give_up,
    "The worker or the application has been stopped."},
  {error_code::disconnected, "DISCONNECTED", true, remedy::refresh_metadata,
    "There is no connection to the broker that has to answer."},
  {error_code::outcome_unknown, "OUTCOME_UNKNOWN", false, remedy::give_up,
    "The request was sent and no answer came: it may or may not have been carried out."},
  {error_code::timed_out, "TIMED_OUT", true, remedy::retry,
    "The deadline passed before the request was sent: nothing has happened."},
  {error_code::unknown_server_error, "UNKNOWN_SERVER_ERROR", false, remedy::give_up,
    "The broker failed in a way it has no code for; its log says more."},
  {error_code::none, "NONE", false, remedy::none, "Success."},
  {error_code::offset_out_of_range, "OFFSET_OUT_OF_RANGE", false, remedy::reset_offset,
    "The offset lies before the log's start or beyond its end."},
  {error_code::corrupt_message, "CORRUPT_MESSAGE", true, remedy::retry,
    "A record batch arrived damaged: its checksum, size or layout is wrong, or a "
    "compacted topic was sent a record without key."},
  {error_code::unknown_topic_or_partition, "UNKNOWN_TOPIC_OR_PARTITION", true,
    remedy::refresh_metadata, "The broker knows no such topic or partition."},
  {error_code::invalid_fetch_size, "INVALID_FETCH_SIZE", false, remedy::fix_request,
    "The number of bytes asked for is not acceptable."},
  {error_code::leader_not_available, "LEADER_NOT_AVAILABLE", true,
    remedy::refresh_metadata,
    "The partition has no leader at the moment; an election is under way."},
  {error_code::not_leader_or_follower, "NOT_LEADER_OR_FOLLOWER", true,
    remedy::refresh_metadata,
    "The broker neither leads the partition nor, where a replica would do, holds a "
    "replica of it."},
  {error_code::request_timed_out, "REQUEST_TIMED_OUT", true, remedy::retry,
    "The broker could not finish within the time the request allowed."},
  {error_code::broker_not_available, "BROKER_NOT_AVAILABLE", false, remedy::give_up,
    "The broker that was asked for is not there."},
  {error_code::replica_not_available, "REPLICA_NOT_AVAILABLE", true,
    remedy::refresh_metadata, "The replica cannot be reached or is not on this broker."},
  {error_code::message_too_large, "MESSAGE_TOO_LARGE", false, remedy::fix_request,
    "A record batch is larger than the broker or the topic accepts."},
  {error_code::stale_controller_epoch, "STALE_CONTROLLER_EPOCH", false, remedy::give_up,
    "The request came from a controller that has been replaced."},
  {error_code::offset_metadata_too_large, "OFFSET_METADATA_TOO_LARGE", false,
    remedy::fix_request,
    "The text committed beside the offset is longer than the broker accepts."},
  {error_code::network_exception, "NETWORK_EXCEPTION", true, remedy::refresh_metadata,
    "A connection within the cluster ended before the answer came."},
  {error_code::coordinator_load_in_progress, "COORDINATOR_LOAD_IN_PROGRESS", true,
    remedy::retry,
    "The coordinator is still reading its state and serves no client yet."},
  {error_code::coordinator_not_available, "COORDINATOR_NOT_AVAILABLE", true,
    remedy::find_coordinator, "No broker acts as coordinator at the moment."},
  {error_code::not_coordinator, "NOT_COORDINATOR", true, remedy::find_coordinator,
    "Another broker is the coordinator of this group or transaction."},
  {error_code::invalid_topic_exception, "INVALID_TOPIC_EXCEPTION", false,
    remedy::fix_request,
    "The topic's name is illegal, or the topic is internal and closed to clients."},
  {error_code::record_list_too_large, "RECORD_LIST_TOO_LARGE", false, remedy::fix_request,
    "A record batch is larger than a log segment."},
  {error_code::not_enough_replicas, "NOT_ENOUGH_REPLICAS", true, remedy::retry,
    "Fewer replicas are in sync than the topic demands; nothing was written."},
  {error_code::not_enough_replicas_after_append, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true,
    remedy::retry,
    "The records were written, but fewer replicas than demanded were in sync "
    "afterwards."},
  {error_code::invalid_required_acks, "INVALID_REQUIRED_ACKS", false, remedy::fix_request,
    "acks is none of -1, 0 and 1."},
  {error_code::illegal_generation, "ILLEGAL_GENERATION", false, remedy::rejoin_group,
    "The group has moved on to another generation."},
  {error_code::inconsistent_group_protocol, "INCONSISTENT_GROUP_PROTOCOL", false,
    remedy::fix_request,
    "The member shares no protocol with the other members, or names none."},
  {error_code::invalid_group_id, "INVALID_GROUP_ID", false, remedy::fix_request,
    "The group's name is empty or not acceptable."},
  {error_code::unknown_member_id, "UNKNOWN_MEMBER_ID", false, remedy::rejoin_group,
    "The coordinator does not, or no longer, know this member."},
  {error_code::invalid_session_timeout, "INVALID_SESSION_TIMEOUT", false,
    remedy::fix_request,
    "The session timeout is outside the range that the broker allows."},
  {error_code::rebalance_in_progress, "REBALANCE_IN_PROGRESS", false,
    remedy::rejoin_group,
    "The group is being rebalanced; every member has to join again."},
  {error_code::invalid_commit_offset_size, "INVALID_COMMIT_OFFSET_SIZE", false,
    remedy::fix_request, "The offsets to commit take more room than one record may."},
  {error_code::topic_authorization_failed, "TOPIC_AUTHORIZATION_FAILED", false,
    remedy::give_up, "The user may not do this to this topic."},
  {error_code::group_authorization_failed, "GROUP_AUTHORIZATION_FAILED", false,
    remedy::give_up, "The user may not do this to this group."},
  {error_code::cluster_authorization_failed, "CLUSTER_AUTHORIZATION_FAILED", false,
    remedy::give_up, "The user may not do this to the cluster."},
  {error_code::invalid_timestamp, "INVALID_TIMESTAMP", false, remedy::fix_request,
    "A record's timestamp is farther from now than the topic accepts."},
  {error_code::unsupported_sasl_mechanism, "UNSUPPORTED_SASL_MECHANISM", false,
    remedy::fix_request, "The broker does not offer this SASL mechanism."},
  {error_code::illegal_sasl_state, "ILLEGAL_SASL_STATE", false, remedy::give_up,
    "The request does not fit where the SASL exchange stands."},
  {error_code::unsupported_version, "UNSUPPORTED_VERSION", false, remedy::renegotiate,
    "The broker does not speak this version of the API."},
  {error_code::topic_already_exists, "TOPIC_ALREADY_EXISTS", false, remedy::fix_request,
    "There is a topic of this name already."},
  {error_code::invalid_partitions, "INVALID_PARTITIONS", false, remedy::fix_request,
    "The number of partitions is below 1, or not above the present one."},
  {error_code::invalid_replication_factor, "INVALID_REPLICATION_FACTOR", false,
    remedy::fix_request,
    "The replication factor is below 1 or above the number of brokers."},
  {error_code::invalid_replica_assignment, "INVALID_REPLICA_ASSIGNMENT", false,
    remedy::fix_request, "The assignment of replicas to brokers is inconsistent."},
  {error_code::invalid_config, "INVALID_CONFIG", false, remedy::fix_request,
    "A configuration setting is unknown or has an illegal value."},
  {error_code::not_controller, "NOT_CONTROLLER", true, remedy::refresh_metadata,
    "Another broker is the controller."},
  {error_code::invalid_request, "INVALID_REQUEST", false, remedy::fix_request,
    "The broker finds the request malformed or contradictory."},
  {error_code::unsupported_for_message_format, "UNSUPPORTED_FOR_MESSAGE_FORMAT", false,
    remedy::fix_request, "The topic's record format is too old for what was asked."},
  {error_code::policy_violation, "POLICY_VIOLATION", false, remedy::fix_request,
    "A policy of the cluster forbids these values."},
  {error_code::out_of_order_sequence_number, "OUT_OF_ORDER_SEQUENCE_NUMBER", false,
    remedy::give_up,
    "A producer's batch does not follow the last one that the broker has."},
  {error_code::duplicate_sequence_number, "DUPLICATE_SEQUENCE_NUMBER", false,
    remedy::give_up, "The broker has this producer's batch already."},
  {error_code::invalid_producer_epoch, "INVALID_PRODUCER_EPOCH", false,
    remedy::new_producer_id,
    "A newer incarnation of the producer has taken over, or its transaction timed out."},
  {error_code::invalid_txn_state, "INVALID_TXN_STATE", false, remedy::give_up,
    "The transaction is not in a state that allows this."},
  {error_code::invalid_producer_id_mapping, "INVALID_PRODUCER_ID_MAPPING", false,
    remedy::new_producer_id, "The producer id does not belong to this transactional id."},
  {error_code::invalid_transaction_timeout, "INVALID_TRANSACTION_TIMEOUT", false,
    remedy::fix_request, "The transaction timeout is longer than the broker allows."},
  {error_code::concurrent_transactions, "CONCURRENT_TRANSACTIONS", true, remedy::retry,
    "The previous transaction of this producer is still being completed."},
  {error_code::transaction_coordinator_fenced, "TRANSACTION_COORDINATOR_FENCED", false,
    remedy::give_up,
    "The transaction's markers came from a coordinator that has been replaced."},
  {error_code::transactional_id_authorization_failed,
    "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false, remedy::give_up,
    "The user may not use this transactional id."},
  {error_code::security_disabled, "SECURITY_DISABLED", false, remedy::give_up,
    "The cluster has no authorizer, so it has no access rules to manage."},
  {error_code::operation_not_attempted, "OPERATION_NOT_ATTEMPTED", false, remedy::retry,
    "The broker did not get as far as this part of the request."},
  {error_code::kafka_storage_error, "KAFKA_STORAGE_ERROR", true, remedy::refresh_metadata,
    "The disk under the log failed; another replica is about to lead."},
  {error_code::log_dir_not_found, "LOG_DIR_NOT_FOUND", false, remedy::fix_request,
    "The broker has no such log directory."},
  {error_code::sasl_authentication_failed, "SASL_AUTHENTICATION_FAILED", false,
    remedy::give_up, "The broker refused the credentials."},
  {error_code::unknown_producer_id, "UNKNOWN_PRODUCER_ID", false, remedy::new_producer_id,
    "The broker remembers nothing of this producer, for instance because its records "
    "have expired."},
  {error_code::reassignment_in_progress, "REASSIGNMENT_IN_PROGRESS", false, remedy::retry,
    "Replicas of the partition are being moved."},
  {error_code::delegation_token_auth_disabled, "DELEGATION_TOKEN_AUTH_DISABLED", false,
    remedy::give_up, "The cluster does not use delegation tokens."},
  {error_code::delegation_token_not_found, "DELEGATION_TOKEN_NOT_FOUND", false,
    remedy::fix_request, "The broker knows no such delegation token."},
  {error_code::delegation_token_owner_mismatch, "DELEGATION_TOKEN_OWNER_MISMATCH", false,
    remedy::give_up, "Only the token's owner or renewer may do this."},
  {error_code::delegation_token_request_not_allowed,
    "DELEGATION_TOKEN_REQUEST_NOT_ALLOWED", false, remedy::give_up,
    "Delegation tokens cannot be asked for over this kind of connection."},
  {error_code::delegation_token_authorization_failed,
    "DELEGATION_TOKEN_AUTHORIZATION_FAILED", false, remedy::give_up,
    "The user may not do this to this delegation token."},
  {error_code::delegation_token_expired, "DELEGATION_TOKEN_EXPIRED", false,
    remedy::give_up, "The delegation token has expired."},
  {error_code::invalid_principal_type, "INVALID_PRINCIPAL_TYPE", false,
    remedy::fix_request, "The principal is of a kind that the broker does not support."},
  {error_code::non_empty_group, "NON_EMPTY_GROUP", false, remedy::give_up,
    "The group still has members."},
  {error_code::group_id_not_found, "GROUP_ID_NOT_FOUND", false, remedy::fix_request,
    "There is no such group."},
  {error_code::fetch_session_id_not_found, "FETCH_SESSION_ID_NOT_FOUND", true,
    remedy::reset_session, "The broker has dropped this fetch session."},
  {error_code::invalid_fetch_session_epoch, "INVALID_FETCH_SESSION_EPOCH", true,
    remedy::reset_session,
    "The fetch session's epoch is not the one the broker expects."},
  {error_code::listener_not_found, "LISTENER_NOT_FOUND", true, remedy::refresh_metadata,
    "The leader has no listener of the kind this client connects to."},
  {error_code::topic_deletion_disabled, "TOPIC_DELETION_DISABLED", false, remedy::give_up,
    "The cluster is configured to keep every topic."},
  {error_code::fenced_leader_epoch, "FENCED_LEADER_EPOCH", true, remedy::refresh_metadata,
    "The leader's epoch in the request is older than the broker's."},
  {error_code::unknown_leader_epoch, "UNKNOWN_LEADER_EPOCH", true, remedy::retry,
    "The leader's epoch in the request is newer than the broker's, which has yet to hear "
    "of it."},
  {error_code::unsupported_compression_type, "UNSUPPORTED_COMPRESSION_TYPE", false,
    remedy::renegotiate, "The version of the request cannot carry this compression."},
  {error_code::stale_broker_epoch, "STALE_BROKER_EPOCH", false, remedy::give_up,
    "A broker sent a request under an epoch from before its restart."},
  {error_code::offset_not_available, "OFFSET_NOT_AVAILABLE", true, remedy::retry,
    "A new leader does not know the end of its log for certain yet."},
  {error_code::member_id_required, "MEMBER_ID_REQUIRED", false, remedy::rejoin_group,
    "The coordinator has assigned a member id, to be used in joining again."},
  {error_code::preferred_leader_not_available, "PREFERRED_LEADER_NOT_AVAILABLE", true,
    remedy::refresh_metadata, "The preferred leader is not in a condition to lead."},
  {error_code::group_max_size_reached, "GROUP_MAX_SIZE_REACHED", false, remedy::give_up,
    "The group has as many members as it may have."},
  {error_code::fenced_instance_id, "FENCED_INSTANCE_ID", false, remedy::give_up,
    "Another member has taken over this group instance id."},
  {error_code::eligible_leaders_not_available, "ELIGIBLE_LEADERS_NOT_AVAILABLE", true,
    remedy::refresh_metadata, "No replica is in a condition to lead."},
  {error_code::election_not_needed, "ELECTION_NOT_NEEDED", true, remedy::refresh_metadata,
    "The partition's leader is the right one already."},
  {error_code::no_reassignment_in_progress, "NO_REASSIGNMENT_IN_PROGRESS", false,
    remedy::give_up, "There is no reassignment to change or cancel."},
  {error_code::group_subscribed_to_topic, "GROUP_SUBSCRIBED_TO_TOPIC", false,
    remedy::give_up, "The group is reading the topic whose offsets were to be deleted."},
  {error_code::invalid_record, "INVALID_RECORD", false, remedy::fix_request,
    "The broker refused a record by its own rules."},
  {error_code::unstable_offset_commit, "UNSTABLE_OFFSET_COMMIT", true, remedy::retry,
    "A transaction holds offsets of the group that are not decided yet."},
  {error_code::throttling_quota_exceeded, "THROTTLING_QUOTA_EXCEEDED", true,
    remedy::retry, "The quota for such changes is used up for the moment."},
  {error_code::producer_fenced, "PRODUCER_FENCED", false, remedy::give_up,
    "Another producer with the same transactional id has taken over."},
  {error_code::resource_not_found, "RESOURCE_NOT_FOUND", false, remedy::fix_request,
    "The request names something that does not exist."},
  {error_code::duplicate_resource, "DUPLICATE_RESOURCE", false, remedy::fix_request,
    "The request names the same thing twice."},
  {error_code::unacceptable_credential, "UNACCEPTABLE_CREDENTIAL", false,
    remedy::fix_request, "The credential does not meet the broker's rules."},
  {error_code::inconsistent_voter_set, "INCONSISTENT_VOTER_SET", false, remedy::give_up,
    "Sender or receiver is not one of the voters that the quorum expects."},
  {error_code::invalid_update_version, "INVALID_UPDATE_VERSION", false,
    remedy::fix_request, "The version to update to is not acceptable."},
  {error_code::feature_update_failed, "FEATURE_UPDATE_FAILED", false, remedy::give_up,
    "The broker failed while it updated the finalized features."},
  {error_code::principal_deserialization_failure, "PRINCIPAL_DESERIALIZATION_FAILURE",
    false, remedy::give_up,
    "A broker could not make out on whose behalf a request was forwarded."},
  {error_code::snapshot_not_found, "SNAPSHOT_NOT_FOUND", false, remedy::give_up,
    "There is no such snapshot of the cluster's metadata."},
  {error_code::position_out_of_range, "POSITION_OUT_OF_RANGE", false, remedy::fix_request,
    "The position lies outside the snapshot."},
  {error_code::unknown_topic_id, "UNKNOWN_TOPIC_ID", true, remedy::refresh_metadata,
    "The broker knows no topic of this id."},
  {error_code::duplicate_broker_registration, "DUPLICATE_BROKER_REGISTRATION", false,
    remedy::give_up, "Another broker runs under this id."},
  {error_code::broker_id_not_registered, "BROKER_ID_NOT_REGISTERED", false,
    remedy::give_up, "No broker is registered under this id."},
  {error_code::inconsistent_topic_id, "INCONSISTENT_TOPIC_ID", true,
    remedy::refresh_metadata,
    "The log belongs to a topic of another id: the topic was deleted and recreated."},
  {error_code::inconsistent_cluster_id, "INCONSISTENT_CLUSTER_ID", false, remedy::give_up,
    "The broker belongs to another cluster."},
  {error_code::transactional_id_not_found, "TRANSACTIONAL_ID_NOT_FOUND", false,
    remedy::fix_request, "The coordinator knows no such transactional id."},
  {error_code::fetch_session_topic_id_error, "FETCH_SESSION_TOPIC_ID_ERROR", true,
    remedy::reset_session, "The fetch session mixes topics by name and topics by id."},
  {error_code::ineligible_replica, "INELIGIBLE_REPLICA", false, remedy::give_up,
    "A replica that was to be in sync is not fit for it."},
  {error_code::new_leader_elected, "NEW_LEADER_ELECTED", false, remedy::give_up,
    "The change to the partition was made and moved its leader."},
  {error_code::offset_moved_to_tiered_storage, "OFFSET_MOVED_TO_TIERED_STORAGE", false,
    remedy::reset_offset,
    "The offset is no longer on the broker's own disk but in tiered storage."},
  {error_code::fenced_member_epoch, "FENCED_MEMBER_EPOCH", false, remedy::rejoin_group,
    "The coordinator has shut this member out; it must give up its partitions and join "
    "again."},
  {error_code::unreleased_instance_id, "UNRELEASED_INSTANCE_ID", false, remedy::retry,
    "Another member still holds this group instance id and has to leave first."},
  {error_code::unsupported_assignor, "UNSUPPORTED_ASSIGNOR", false, remedy::fix_request,
    "The group does not support this assignor or this version of it."},
  {error_code::stale_member_epoch, "STALE_MEMBER_EPOCH", false, remedy::retry,
    "The member's epoch is behind; the next heartbeat brings the current one."},
  {error_code::mismatched_endpoint_type, "MISMATCHED_ENDPOINT_TYPE", false,
    remedy::fix_request,
    "The request belongs to a controller and went to a broker, or the other way round."},
  {error_code::unsupported_endpoint_type, "UNSUPPORTED_ENDPOINT_TYPE", false,
    remedy::fix_request, "This kind of endpoint is not supported."},
  {error_code::unknown_controller_id, "UNKNOWN_CONTROLLER_ID", false, remedy::fix_request,
    "There is no controller of this id."},
  {error_code::unknown_subscription_id, "UNKNOWN_SUBSCRIPTION_ID", false, remedy::retry,
    "The telemetry subscription is outdated and has to be asked for again."},
  {error_code::telemetry_too_large, "TELEMETRY_TOO_LARGE", false, remedy::fix_request,
    "The telemetry is larger than the broker accepts."},
  {error_code::invalid_registration, "INVALID_REGISTRATION", false, remedy::give_up,
    "The controller refused the broker's registration."},
  {error_code::transaction_abortable, "TRANSACTION_ABORTABLE", false,
    remedy::abort_transaction,
    "The transaction cannot succeed; once it is aborted, its id can go on."},
  {error_code::invalid_record_state, "INVALID_RECORD_STATE", false, remedy::give_up,
    "The record's delivery can no longer be acknowledged."},
  {error_code::share_session_not_found, "SHARE_SESSION_NOT_FOUND", true,
    remedy::reset_session, "The broker has dropped this share session."},
  {error_code::invalid_share_session_epoch, "INVALID_SHARE_SESSION_EPOCH", true,
    remedy::reset_session,
    "The share session's epoch is not the one the broker expects."},
  {error_code::fenced_state_epoch, "FENCED_STATE_EPOCH", false, remedy::give_up,
    "The share group's state has moved on to another epoch."},
  {error_code::invalid_voter_key, "INVALID_VOTER_KEY", false, remedy::give_up,
    "The voter's key does not match the replica that was reached."},
  {error_code::duplicate_voter, "DUPLICATE_VOTER", false, remedy::fix_request,
    "The voter is one of the voters already."},
  {error_code::voter_not_found, "VOTER_NOT_FOUND", false, remedy::fix_request,
    "The voter is none of the voters."},
  {error_code::invalid_regular_expression, "INVALID_REGULAR_EXPRESSION", false,
    remedy::fix_request, "The regular expression cannot be understood."},
  {error_code::rebootstrap_required, "REBOOTSTRAP_REQUIRED", false, remedy::rebootstrap,
    "The client's metadata of the cluster are too old to be updated; it has to start "
    "from its "
    "bootstrap list."},
  {error_code::streams_invalid_topology, "STREAMS_INVALID_TOPOLOGY", false,
    remedy::fix_request, "The streams topology is not valid."},
  {error_code::streams_invalid_topology_epoch, "STREAMS_INVALID_TOPOLOGY_EPOCH", false,
    remedy::fix_request, "The epoch of the streams topology is not valid."},
  {error_code::streams_topology_fenced, "STREAMS_TOPOLOGY_FENCED", false,
    remedy::rejoin_group, "A newer streams topology is in force."},
  {error_code::share_session_limit_reached, "SHARE_SESSION_LIMIT_REACHED", true,
    remedy::retry, "The broker holds as many share sessions as it may."},
};

static_assert(std::ranges::is_sorted(table, {}, &error_info::code));

const error_info* find(error_code e) {
  const auto* row = std::ranges::lower_bound(table, e, {}, &error_info::code);
  return row != std::end(table) && row->code == e ? row : nullptr;
}

} // namespace

std::span<const error_info> error_table() {
  return table;
}

std::string name(error_code e) {
  if (const auto* row = find(e))
    return std::string{row->name};
  return "UNKNOWN(" + std::to_string(static_cast<std::int16_t>(e)) + ")";
}

std::string_view text(error_code e) {
  const auto* row = find(e);
  return row != nullptr ? row->text
                        : "The broker sent an error that cafka does not know.";
}

bool is_retriable(error_code e) {
  const auto* row = find(e);
  return row != nullptr && row->retriable;
}

remedy remedy_for(error_code e) {
  const auto* row = find(e);
  return row != nullptr ? row->what_to_do : remedy::give_up;
}

std::string to_string(error_code e) {
  return name(e);
}

std::ostream& operator<<(std::ostream& out, error_code e) {
  return out << name(e);
}

std::string_view to_string(remedy r) {
  switch (r) {
  case remedy::none: return "none";
  case remedy::retry: return "retry";
  case remedy::refresh_metadata: return "refresh_metadata";
  case remedy::find_coordinator: return "find_coordinator";
  case remedy::rejoin_group: return "rejoin_group";
  case remedy::reset_offset: return "reset_offset";
  case remedy::reset_session: return "reset_session";
  case remedy::new_producer_id: return "new_producer_id";
  case remedy::abort_transaction: return "abort_transaction";
  case remedy::renegotiate: return "renegotiate";
  case remedy::rebootstrap: return "rebootstrap";
  case remedy::fix_request: return "fix_request";
  case remedy::give_up: return "give_up";
  }
  return "unknown";
}

} // namespace cafka::protocol
