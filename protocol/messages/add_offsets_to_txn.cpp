#include "add_offsets_to_txn.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, add_offsets_to_txn_request>
void describe(F& f, M& m) {
  f.field("TransactionalId", m.transactional_id, since(0));
  f.field("ProducerId", m.producer_id, since(0));
  f.field("ProducerEpoch", m.producer_epoch, since(0));
  f.field("GroupId", m.group_id, since(0));
}

template <class F, class M>
  requires of<M, add_offsets_to_txn_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("ErrorCode", m.error_code, since(0));
}

CAFKA_COMPILE_MESSAGE(add_offsets_to_txn_request);
CAFKA_COMPILE_MESSAGE(add_offsets_to_txn_response);

} // namespace cafka::protocol
