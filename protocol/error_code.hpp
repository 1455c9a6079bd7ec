#pragma once

#include <cstdint>
#include <iosfwd>
#include <span>
#include <string>
#include <string_view>

namespace cafka::protocol {

/// What went wrong: Kafka's own codes as they travel on the wire, from -1 up, and
/// cafka's, from -101 down, which never do.
///
/// A code that a newer broker sends and this table does not know is kept as it came.
/// Source: `org.apache.kafka.common.protocol.Errors` of Kafka 4.3.
enum class error_code : std::int16_t {
  unknown_server_error = -1,
  none = 0,
  offset_out_of_range = 1,
  corrupt_message = 2,
  unknown_topic_or_partition = 3,
  invalid_fetch_size = 4,
  leader_not_available = 5,
  not_leader_or_follower = 6,
  request_timed_out = 7,
  broker_not_available = 8,
  replica_not_available = 9,
  message_too_large = 10,
  stale_controller_epoch = 11,
  offset_metadata_too_large = 12,
  network_exception = 13,
  coordinator_load_in_progress = 14,
  coordinator_not_available = 15,
  not_coordinator = 16,
  invalid_topic_exception = 17,
  record_list_too_large = 18,
  not_enough_replicas = 19,
  not_enough_replicas_after_append = 20,
  invalid_required_acks = 21,
  illegal_generation = 22,
  inconsistent_group_protocol = 23,
  invalid_group_id = 24,
  unknown_member_id = 25,
  invalid_session_timeout = 26,
  rebalance_in_progress = 27,
  invalid_commit_offset_size = 28,
  topic_authorization_failed = 29,
  group_authorization_failed = 30,
  cluster_authorization_failed = 31,
  invalid_timestamp = 32,
  unsupported_sasl_mechanism = 33,
  illegal_sasl_state = 34,
  unsupported_version = 35,
  topic_already_exists = 36,
  invalid_partitions = 37,
  invalid_replication_factor = 38,
  invalid_replica_assignment = 39,
  invalid_config = 40,
  not_controller = 41,
  invalid_request = 42,
  unsupported_for_message_format = 43,
  policy_violation = 44,
  out_of_order_sequence_number = 45,
  duplicate_sequence_number = 46,
  invalid_producer_epoch = 47,
  invalid_txn_state = 48,
  invalid_producer_id_mapping = 49,
  invalid_transaction_timeout = 50,
  concurrent_transactions = 51,
  transaction_coordinator_fenced = 52,
  transactional_id_authorization_failed = 53,
  security_disabled = 54,
  operation_not_attempted = 55,
  kafka_storage_error = 56,
  log_dir_not_found = 57,
  sasl_authentication_failed = 58,
  unknown_producer_id = 59,
  reassignment_in_progress = 60,
  delegation_token_auth_disabled = 61,
  delegation_token_not_found = 62,
  delegation_token_owner_mismatch = 63,
  delegation_token_request_not_allowed = 64,
  delegation_token_authorization_failed = 65,
  delegation_token_expired = 66,
  invalid_principal_type = 67,
  non_empty_group = 68,
  group_id_not_found = 69,
  fetch_session_id_not_found = 70,
  invalid_fetch_session_epoch = 71,
  listener_not_found = 72,
  topic_deletion_disabled = 73,
  fenced_leader_epoch = 74,
  unknown_leader_epoch = 75,
  unsupported_compression_type = 76,
  stale_broker_epoch = 77,
  offset_not_available = 78,
  member_id_required = 79,
  preferred_leader_not_available = 80,
  group_max_size_reached = 81,
  fenced_instance_id = 82,
  eligible_leaders_not_available = 83,
  election_not_needed = 84,
  no_reassignment_in_progress = 85,
  group_subscribed_to_topic = 86,
  invalid_record = 87,
  unstable_offset_commit = 88,
  throttling_quota_exceeded = 89,
  producer_fenced = 90,
  resource_not_found = 91,
  duplicate_resource = 92,
  unacceptable_credential = 93,
  inconsistent_voter_set = 94,
  invalid_update_version = 95,
  feature_update_failed = 96,
  principal_deserialization_failure = 97,
  snapshot_not_found = 98,
  position_out_of_range = 99,
  unknown_topic_id = 100,
  duplicate_broker_registration = 101,
  broker_id_not_registered = 102,
  inconsistent_topic_id = 103,
  inconsistent_cluster_id = 104,
  transactional_id_not_found = 105,
  fetch_session_topic_id_error = 106,
  ineligible_replica = 107,
  new_leader_elected = 108,
  offset_moved_to_tiered_storage = 109,
  fenced_member_epoch = 110,
  unreleased_instance_id = 111,
  unsupported_assignor = 112,
  stale_member_epoch = 113,
  mismatched_endpoint_type = 114,
  unsupported_endpoint_type = 115,
  unknown_controller_id = 116,
  unknown_subscription_id = 117,
  telemetry_too_large = 118,
  invalid_registration = 119,
  transaction_abortable = 120,
  invalid_record_state = 121,
  share_session_not_found = 122,
  invalid_share_session_epoch = 123,
  fenced_state_epoch = 124,
  invalid_voter_key = 125,
  duplicate_voter = 126,
  voter_not_found = 127,
  invalid_regular_expression = 128,
  rebootstrap_required = 129,
  streams_invalid_topology = 130,
  streams_invalid_topology_epoch = 131,
  streams_topology_fenced = 132,
  share_session_limit_reached = 133,

  // cafka's own.
  timed_out = -101,
  outcome_unknown = -102,
  disconnected = -103,
  closed = -104,
  unsupported_api_version = -105,
  malformed_response = -106,
  invalid_argument = -107,
  queue_full = -108,
  worker_down = -109,
  not_found = -110,
  already_started = -111,
  connection_failed = -112,
  tls_failed = -113,
  frame_too_large = -114,
  batch_too_large = -115,
  credentials_unavailable = -116,
  bearer_token_refused = -117,
  broker_not_authenticated = -118,
  sasl_not_enabled = -119,
  transaction_timed_out = -120,
};

/// What to do about an error.
enum class remedy : std::uint8_t {
  none,              ///< Nothing: it is a success.
  retry,             ///< Send the same again, after a pause.
  refresh_metadata,  ///< Ask who leads or controls, then send it there.
  find_coordinator,  ///< Ask which broker coordinates, then send it there.
  rejoin_group,      ///< Join the consumer group again.
  reset_offset,      ///< Choose another offset, by the reader's policy.
  reset_session,     ///< Open a new fetch or share session.
  new_producer_id,   ///< Ask for a producer id or epoch and start over.
  abort_transaction, ///< Abort the transaction; the next one may succeed.
  renegotiate,       ///< Ask for the broker's API versions and use another one.
  rebootstrap,       ///< Forget the cluster and start from the bootstrap list.
  fix_request,       ///< The caller has to ask for something else.
  give_up,           ///< Nothing that a client could do mends it.
};

/// One row of the table of errors.
struct error_info {
  /// The code.
  error_code code;
  /// Its name, as Kafka spells it.
  std::string_view name;
  /// Whether the same request may succeed later: in Kafka's Java client a
  /// `RetriableException`.
  bool retriable;
  /// What a client does about it.
  remedy what_to_do;
  /// The meaning in a sentence.
  std::string_view text;
};

/// Every known error, in the order of the codes.
[[nodiscard]] std::span<const error_info> error_table();

/// Kafka's name, as `OFFSET_OUT_OF_RANGE`; for a code not in the table, `UNKNOWN(1234)`.
[[nodiscard]] std::string name(error_code e);

/// One sentence about the error.
[[nodiscard]] std::string_view text(error_code e);

/// Whether the same request may succeed later; false for a code not in the table.
[[nodiscard]] bool is_retriable(error_code e);

/// What to do about the error; `give_up` for a code not in the table.
[[nodiscard]] remedy remedy_for(error_code e);

/// The same as `name`.
[[nodiscard]] std::string to_string(error_code e);
std::ostream& operator<<(std::ostream& out, error_code e);

/// The remedy's name, as `refresh_metadata`.
[[nodiscard]] std::string_view to_string(remedy r);

/// A code as it came from the wire; numbers that the table does not know are kept.
[[nodiscard]] constexpr error_code error_code_from_wire(std::int16_t number) {
  return static_cast<error_code>(number);
}

/// Inspects the code as its number; for any inspector in CAF's style.
template <class Inspector>
bool inspect(Inspector& f, error_code& x) {
  const auto get = [&x] { return static_cast<std::int16_t>(x); };
  const auto set = [&x](std::int16_t number) {
    x = error_code_from_wire(number);
    return true;
  };
  return f.apply(get, set);
}

} // namespace cafka::protocol
