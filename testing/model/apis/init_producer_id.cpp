#include "api.hpp"

// InitProducerId, versions 0 to 5.
//
// Without a transactional id each request gets a new id, with epoch 0, also when it names
// the one it has (since 3, KIP-360). An empty transactional id is INVALID_REQUEST,
// another one needs its coordinator (NOT_COORDINATOR) and a timeout above zero and at
// most transaction.max.timeout.ms (INVALID_TRANSACTION_TIMEOUT); each request then raises
// the epoch, and behind the last one there is another id. An open transaction is aborted,
// and the answer is CONCURRENT_TRANSACTIONS; what is asked again has two epochs more. A
// client that names an epoch which is over is PRODUCER_FENCED, before 4
// INVALID_PRODUCER_EPOCH; the same request once more is answered as before.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int16_t fenced_since = 4;

init_producer_id_response failed(error_code why) {
  init_producer_id_response response;
  response.error_code = why;
  response.producer_epoch = -1;
  return response;
}

} // namespace

outcome<init_producer_id_response> handle(
  const request_context& c, const init_producer_id_request& asked) {
  init_producer_id_response response;
  if (!asked.transactional_id) {
    response.producer_id = c.cluster.next_producer_id++;
    return response;
  }
  const auto& id = *asked.transactional_id;
  if (const auto why = may_coordinate_transaction(c, id); why != error_code::none)
    return failed(why);
  const std::chrono::milliseconds timeout{asked.transaction_timeout_ms};
  if (timeout.count() <= 0 || timeout > c.cluster.options.transaction_max_timeout)
    return failed(error_code::invalid_transaction_timeout);
  auto& known = c.cluster.transactional_ids[id];
  const auto why = known.init(timeout, {asked.producer_id, asked.producer_epoch},
    c.cluster.next_producer_id, c.cluster.transaction_version() >= 2);
  if (known.decided())
    c.cluster.write_markers(c.now, known);
  if (why != error_code::none)
    return failed(fenced_in(why, c.version >= fenced_since));
  response.producer_id = known.who().id;
  response.producer_epoch = known.who().epoch;
  return response;
}

init_producer_id_response refuse(
  const init_producer_id_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
