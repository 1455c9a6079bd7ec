#include "api.hpp"

// InitProducerId, versions 0 to 5.
//
// Without a transactional id each request gets a new id, with epoch 0, also when it names
// the one it has (since 3, KIP-360). An empty transactional id is INVALID_REQUEST,
// another one needs its coordinator (NOT_COORDINATOR) and a timeout above zero and at
// most 15 minutes (INVALID_TRANSACTION_TIMEOUT); each request then raises the epoch. A
// client that names an epoch which is over is PRODUCER_FENCED, before 4
// INVALID_PRODUCER_EPOCH.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr std::int8_t transaction = 1;
constexpr std::int16_t fenced_since = 4;
/// Kafka: transaction.max.timeout.ms.
constexpr std::int32_t longest = 15 * 60 * 1'000;

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
  if (id.empty())
    return failed(error_code::invalid_request);
  if (c.cluster.apart())
    return failed(error_code::coordinator_not_available);
  if (c.cluster.coordinator(transaction, id) != c.broker.id)
    return failed(error_code::not_coordinator);
  if (asked.transaction_timeout_ms <= 0 || asked.transaction_timeout_ms > longest)
    return failed(error_code::invalid_transaction_timeout);
  auto& known = c.cluster.transactional_ids[id];
  if (known.producer_id < 0)
    known.producer_id = c.cluster.next_producer_id++;
  else if (asked.producer_id >= 0
    && (asked.producer_id != known.producer_id || asked.producer_epoch < known.epoch))
    return failed(c.version >= fenced_since ? error_code::producer_fenced
                                            : error_code::invalid_producer_epoch);
  response.producer_id = known.producer_id;
  response.producer_epoch = ++known.epoch;
  return response;
}

init_producer_id_response refuse(
  const init_producer_id_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
