#include "produce_verdict.hpp"

namespace cafka::protocol {

namespace {

/// Brokers send none below -1.
bool is_own(error_code e) {
  return static_cast<std::int16_t>(e) < -1;
}

} // namespace

error_code error_of_produce_answer(error_code e) {
  return is_own(e) ? error_code::unknown_server_error : e;
}

produce_verdict produce_verdict_for(error_code e) {
  using enum produce_action;
  switch (e) {
  case error_code::none: return {deliver, true};
  case error_code::duplicate_sequence_number: return {deliver_late, true};

  case error_code::not_leader_or_follower:
  case error_code::leader_not_available:
  case error_code::unknown_topic_or_partition:
  case error_code::unknown_topic_id:
  case error_code::inconsistent_topic_id:
  case error_code::fenced_leader_epoch:
  case error_code::unknown_leader_epoch:
  case error_code::replica_not_available:
  case error_code::broker_not_available: return {move, false};

  // Its disk failed, at some point.
  case error_code::kafka_storage_error:
  // The connection ended, or what came on it made no sense.
  case error_code::network_exception:
  case error_code::disconnected:
  case error_code::outcome_unknown:
  case error_code::malformed_response:
  case error_code::timed_out: return {move, true};

  case error_code::request_timed_out:
  case error_code::not_enough_replicas_after_append: return {retry, true};

  case error_code::not_enough_replicas:
  case error_code::corrupt_message:
  case error_code::throttling_quota_exceeded:
  case error_code::concurrent_transactions:
  // Ours: the connection's queue had no room.
  case error_code::queue_full: return {retry, false};

  case error_code::out_of_order_sequence_number:
  case error_code::unknown_producer_id: return {resequence, false};
  case error_code::invalid_producer_epoch:
  case error_code::invalid_producer_id_mapping: return {new_identity, false};
  case error_code::producer_fenced: return {fence, false};

  // There was no login to send anything by.
  case error_code::credentials_unavailable: return {retry, false};
  case error_code::unsupported_sasl_mechanism:
  case error_code::sasl_authentication_failed:
  case error_code::bearer_token_refused:
  case error_code::broker_not_authenticated:
  case error_code::sasl_not_enabled: return {fail, false};

  // The broker looks at these before it writes.
  case error_code::message_too_large:
  case error_code::record_list_too_large:
  case error_code::invalid_record:
  case error_code::invalid_timestamp:
  case error_code::invalid_topic_exception:
  case error_code::invalid_required_acks:
  case error_code::invalid_request:
  case error_code::invalid_txn_state:
  case error_code::topic_authorization_failed:
  case error_code::cluster_authorization_failed:
  case error_code::transactional_id_authorization_failed:
  case error_code::unsupported_version:
  case error_code::unsupported_for_message_format:
  case error_code::unsupported_compression_type:
  case error_code::policy_violation:
  case error_code::security_disabled: return {fail, false};

  default:
    if (is_retriable(e))
      return {retry, true};
    // Ours were decided here, before anything was sent. Of a broker's code that has no
    // meaning for a produce, unknown ones among them, nothing follows about the log.
    return {fail, !is_own(e)};
  }
}

} // namespace cafka::protocol
