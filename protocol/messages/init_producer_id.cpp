#include "init_producer_id.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, init_producer_id_request>
void describe(F& f, M& m) {
  f.field("TransactionalId", m.transactional_id, since(0), null_since(0));
  f.field("TransactionTimeoutMs", m.transaction_timeout_ms, since(0));
  f.field("ProducerId", m.producer_id, since(3), def(-1));
  f.field("ProducerEpoch", m.producer_epoch, since(3), def(-1));
}

template <class F, class M>
  requires of<M, init_producer_id_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0), ignorable);
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ProducerId", m.producer_id, since(0), def(-1));
  f.field("ProducerEpoch", m.producer_epoch, since(0));
}

CAFKA_COMPILE_MESSAGE(init_producer_id_request);
CAFKA_COMPILE_MESSAGE(init_producer_id_response);

} // namespace cafka::protocol
