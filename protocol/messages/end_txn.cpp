#include "end_txn.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, end_txn_request>
void describe(F& f, M& m) {
  f.field("TransactionalId", m.transactional_id, since(0));
  f.field("ProducerId", m.producer_id, since(0));
  f.field("ProducerEpoch", m.producer_epoch, since(0));
  f.field("Committed", m.committed, since(0));
}

template <class F, class M>
  requires of<M, end_txn_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ProducerId", m.producer_id, since(5), def(-1), ignorable);
  f.field("ProducerEpoch", m.producer_epoch, since(5), def(-1), ignorable);
}

CAFKA_COMPILE_MESSAGE(end_txn_request);
CAFKA_COMPILE_MESSAGE(end_txn_response);

} // namespace cafka::protocol
