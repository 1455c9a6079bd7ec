#include "list_transactions.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, list_transactions_request>
void describe(F& f, M& m) {
  f.field("StateFilters", m.state_filters, since(0));
  f.field("ProducerIdFilters", m.producer_id_filters, since(0));
  f.field("DurationFilter", m.duration_filter, since(1), def(-1));
  f.field("TransactionalIdPattern", m.transactional_id_pattern, since(2), null_since(2),
    def(nullptr));
}

template <class F, class M>
  requires of<M, listed_transaction>
void describe(F& f, M& m) {
  f.field("TransactionalId", m.transactional_id, since(0));
  f.field("ProducerId", m.producer_id, since(0));
  f.field("TransactionState", m.transaction_state, since(0));
}

template <class F, class M>
  requires of<M, list_transactions_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field("UnknownStateFilters", m.unknown_state_filters, since(0));
  f.field("TransactionStates", m.transaction_states, since(0));
}

CAFKA_COMPILE_MESSAGE(list_transactions_request);
CAFKA_COMPILE_MESSAGE(list_transactions_response);

} // namespace cafka::protocol
