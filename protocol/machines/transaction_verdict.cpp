#include "transaction_verdict.hpp"

#include "produce_verdict.hpp"

#include <algorithm>

namespace cafka::protocol {

namespace {

using request_kind = transaction_request;

/// cafka's own codes lie below those of brokers, and two of Kafka's say the same.
bool is_login_refused(error_code e) {
  return e == error_code::sasl_authentication_failed
    || e == error_code::unsupported_sasl_mechanism
    || e == error_code::bearer_token_refused || e == error_code::broker_not_authenticated
    || e == error_code::sasl_not_enabled;
}

/// Nothing was sent, whatever the reason.
bool is_unsent(error_code e) {
  switch (e) {
  case error_code::timed_out: // Unlike `outcome_unknown`.
  case error_code::connection_failed:
  case error_code::tls_failed:
  case error_code::queue_full:
  case error_code::credentials_unavailable:
  case error_code::not_found: return true;
  default: return is_login_refused(e);
  }
}

/// It may have been carried out: no answer, or one that does not say.
bool is_doubtful(error_code e) {
  switch (e) {
  case error_code::unknown_server_error:
  case error_code::outcome_unknown:
  case error_code::disconnected:
  case error_code::malformed_response:
  case error_code::frame_too_large:
  case error_code::network_exception:
  case error_code::request_timed_out: return true;
  default: return false;
  }
}

/// Of a member that is not in the group any more, or not as it was.
bool is_stale_member(error_code e) {
  switch (e) {
  case error_code::illegal_generation:
  case error_code::unknown_member_id:
  case error_code::rebalance_in_progress:
  case error_code::group_id_not_found:
  case error_code::fenced_instance_id:
  case error_code::fenced_member_epoch:
  case error_code::stale_member_epoch: return true;
  default: return false;
  }
}

bool is_known(error_code e) {
  return std::ranges::binary_search(error_table(), e, {}, &error_info::code);
}

transaction_verdict of_produce(error_code e, bool is_next) {
  using enum transaction_action;
  switch (e) {
  case error_code::producer_fenced:
  case error_code::invalid_producer_id_mapping:
  case error_code::transactional_id_authorization_failed: return {fail, false};
  case error_code::invalid_producer_epoch:
  case error_code::unknown_producer_id:
  case error_code::transaction_abortable: return {abort, false};
  // One before it may still be written.
  case error_code::out_of_order_sequence_number: return {is_next ? abort : retry, false};
  default: break;
  }
  const auto verdict = produce_verdict_for(e);
  switch (verdict.what) {
  case produce_action::deliver:
  case produce_action::deliver_late: return {go_on, true};
  case produce_action::retry:
  case produce_action::move: return {retry, verdict.maybe_written};
  default: return {abort, verdict.maybe_written};
  }
}

} // namespace

transaction_verdict transaction_verdict_for(
  transaction_request asked, error_code e, const transaction_circumstances& how) {
  using enum transaction_action;
  if (e == error_code::none)
    return {go_on, true};
  if (asked == request_kind::produce)
    return of_produce(e, how.is_next);
  const auto ends = asked == request_kind::end;
  switch (e) {
  // The coordinator says so as well when it could not replicate what it had written.
  case error_code::coordinator_not_available:
  case error_code::not_coordinator: return {find_coordinator, true};
  case error_code::coordinator_load_in_progress:
  case error_code::concurrent_transactions: return {retry, false};
  case error_code::request_timed_out:
    return {asked == request_kind::commit_offsets ? find_coordinator : retry, true};

  case error_code::transaction_abortable:
    // An abort that is to be aborted would never end (KIP-1050).
    return {ends && !how.commits ? fail : abort, false};
  case error_code::invalid_producer_epoch:
  case error_code::producer_fenced:
  case error_code::invalid_txn_state:
  case error_code::invalid_producer_id_mapping: return {fail, false};
  case error_code::unknown_producer_id: {
    const auto mends = asked == request_kind::add_partitions
      || asked == request_kind::add_offsets || (ends && how.commits);
    return {mends && how.bumps_epoch ? abort : fail, false};
  }

  case error_code::transactional_id_authorization_failed:
  case error_code::cluster_authorization_failed:
    return {asked == request_kind::init_producer_id ? abort : fail, false};
  case error_code::topic_authorization_failed:
  case error_code::group_authorization_failed:
    return {ends || asked == request_kind::init_producer_id ? fail : abort, false};
  // Another partition of the same request was refused.
  case error_code::operation_not_attempted:
    return {asked == request_kind::add_partitions ? abort : fail, false};
  default: break;
  }
  if (asked == request_kind::commit_offsets && is_stale_member(e))
    return {abort, false};
  // Whether a transaction has ended is asked for on: by then there may be a login.
  if (is_login_refused(e))
    return {ends ? retry : abort, false};
  if (is_unsent(e))
    return {retry, false};
  // Nor does anything follow from a code that this table does not know.
  if (is_doubtful(e) || !is_known(e))
    return {retry, true};
  return is_retriable(e) ? transaction_verdict{retry, true}
                         : transaction_verdict{fail, false};
}

std::string_view to_string(transaction_request r) {
  switch (r) {
  case request_kind::init_producer_id: return "InitProducerId";
  case request_kind::add_partitions: return "AddPartitionsToTxn";
  case request_kind::add_offsets: return "AddOffsetsToTxn";
  case request_kind::commit_offsets: return "TxnOffsetCommit";
  case request_kind::end: return "EndTxn";
  case request_kind::produce: return "Produce";
  }
  return "unknown";
}

} // namespace cafka::protocol
