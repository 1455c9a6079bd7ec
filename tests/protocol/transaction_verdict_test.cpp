#include <cafka/protocol/machines/transaction_verdict.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <string>

using namespace cafka::protocol;

namespace {

using enum transaction_action;
using request = transaction_request;

/// What follows from a code, by request: InitProducerId, AddPartitionsToTxn,
/// AddOffsetsToTxn, TxnOffsetCommit, EndTxn that commits, EndTxn that aborts, Produce.
struct row {
  error_code code;
  std::array<transaction_action, 7> follows;
};

constexpr auto find = find_coordinator;
/// Kafka's coordinators never answer so: the producer fails, as Kafka's Java client does.
constexpr auto never = fail;

const row table[] = {
  {error_code::none, {go_on, go_on, go_on, go_on, go_on, go_on, go_on}},
  {error_code::coordinator_not_available, {find, find, find, find, find, find, retry}},
  {error_code::not_coordinator, {find, find, find, find, find, find, retry}},
  {error_code::request_timed_out, {retry, retry, retry, find, retry, retry, retry}},
  {error_code::coordinator_load_in_progress,
    {retry, retry, retry, retry, retry, retry, retry}},
  {error_code::concurrent_transactions,
    {retry, retry, retry, retry, retry, retry, retry}},
  {error_code::unknown_topic_or_partition,
    {retry, retry, retry, retry, retry, retry, retry}},
  {error_code::not_enough_replicas, {retry, retry, retry, retry, retry, retry, retry}},
  {error_code::transaction_abortable, {abort, abort, abort, abort, abort, fail, abort}},
  {error_code::invalid_producer_epoch, {fail, fail, fail, fail, fail, fail, abort}},
  {error_code::producer_fenced, {fail, fail, fail, fail, fail, fail, fail}},
  {error_code::invalid_txn_state, {never, fail, fail, never, fail, fail, abort}},
  {error_code::invalid_producer_id_mapping, {never, fail, fail, never, fail, fail, fail}},
  {error_code::unknown_producer_id, {never, abort, abort, never, abort, fail, abort}},
  {error_code::out_of_order_sequence_number,
    {never, never, never, never, never, never, abort}},
  {error_code::transactional_id_authorization_failed,
    {abort, fail, fail, fail, fail, fail, fail}},
  {error_code::topic_authorization_failed,
    {never, abort, abort, abort, never, never, abort}},
  {error_code::group_authorization_failed,
    {never, abort, abort, abort, never, never, abort}},
  {error_code::illegal_generation, {never, never, never, abort, never, never, abort}},
  {error_code::unknown_member_id, {never, never, never, abort, never, never, abort}},
  {error_code::fenced_instance_id, {never, never, never, abort, never, never, abort}},
  {error_code::stale_member_epoch, {never, never, never, abort, never, never, abort}},
  {error_code::unsupported_for_message_format,
    {never, never, never, fail, never, never, abort}},
  {error_code::operation_not_attempted,
    {never, abort, never, never, never, never, abort}},
  {error_code::unknown_server_error, {retry, retry, retry, retry, retry, retry, abort}},
  {error_code_from_wire(12'345), {retry, retry, retry, retry, retry, retry, abort}},
  {error_code::outcome_unknown, {retry, retry, retry, retry, retry, retry, retry}},
  {error_code::disconnected, {retry, retry, retry, retry, retry, retry, retry}},
  {error_code::timed_out, {retry, retry, retry, retry, retry, retry, retry}},
  {error_code::sasl_authentication_failed,
    {abort, abort, abort, abort, retry, retry, abort}},
  {error_code::invalid_transaction_timeout,
    {fail, never, never, never, never, never, abort}},
  {error_code::unsupported_api_version, {fail, fail, fail, fail, fail, fail, abort}},
};

constexpr request requests[] = {request::init_producer_id, request::add_partitions,
  request::add_offsets, request::commit_offsets, request::end, request::end,
  request::produce};

} // namespace

TEST_CASE("each error of each request has its consequence", "[transactions]") {
  for (const auto& r : table) {
    for (std::size_t i = 0; i != r.follows.size(); ++i) {
      transaction_circumstances how;
      how.commits = i != 5;
      INFO(name(r.code) << " of " << to_string(requests[i])
                        << (how.commits ? "" : " that aborts"));
      CHECK(transaction_verdict_for(requests[i], r.code, how).what == r.follows[i]);
    }
  }
}

TEST_CASE(
  "a producer whose epoch nobody raises cannot go on after 59", "[transactions]") {
  transaction_circumstances how;
  how.bumps_epoch = false;
  for (const auto asked : {request::add_partitions, request::add_offsets, request::end})
    CHECK(
      transaction_verdict_for(asked, error_code::unknown_producer_id, how).what == fail);
}

TEST_CASE(
  "a batch behind one without an outcome may be refused for it", "[transactions]") {
  transaction_circumstances how;
  how.is_next = false;
  const auto code = error_code::out_of_order_sequence_number;
  CHECK(transaction_verdict_for(request::produce, code, how).what == retry);
}

TEST_CASE("a commit may have happened unless the answer rules it out", "[transactions]") {
  const auto maybe = [](error_code e) {
    return transaction_verdict_for(request::end, e).maybe_done;
  };
  // The coordinator wrote it and could not replicate it, or says nothing.
  for (const auto e : {error_code::coordinator_not_available, error_code::not_coordinator,
         error_code::request_timed_out, error_code::unknown_server_error,
         error_code::outcome_unknown, error_code::disconnected,
         error_code::malformed_response, error_code_from_wire(12'345)}) {
    INFO(name(e));
    CHECK(maybe(e));
  }
  for (const auto e : {error_code::coordinator_load_in_progress,
         error_code::concurrent_transactions, error_code::producer_fenced,
         error_code::invalid_txn_state, error_code::transaction_abortable,
         error_code::timed_out, error_code::connection_failed}) {
    INFO(name(e));
    CHECK_FALSE(maybe(e));
  }
}
