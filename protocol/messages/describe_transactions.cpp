#include "describe_transactions.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, describe_transactions_request>
void describe(F& f, M& m) {
  f.field("TransactionalIds", m.transactional_ids, since(0));
}

template <class F, class M>
  requires of<M, described_transaction_topic>
void describe(F& f, M& m) {
  f.field("Topic", m.topic, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, described_transaction>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("TransactionalId", m.transactional_id, since(0));
  f.field("TransactionState", m.transaction_state, since(0));
  f.field("TransactionTimeoutMs", m.transaction_timeout_ms, since(0));
  f.field("TransactionStartTimeMs", m.transaction_start_time_ms, since(0));
  f.field("ProducerId", m.producer_id, since(0));
  f.field("ProducerEpoch", m.producer_epoch, since(0));
  f.field("Topics", m.topics, since(0));
}

template <class F, class M>
  requires of<M, describe_transactions_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("TransactionStates", m.transaction_states, since(0));
}

CAFKA_COMPILE_MESSAGE(describe_transactions_request);
CAFKA_COMPILE_MESSAGE(describe_transactions_response);

} // namespace cafka::protocol
