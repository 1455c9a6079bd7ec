#include "describe_producers.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, describe_producers_request_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("PartitionIndexes", m.partition_indexes, since(0));
}

template <class F, class M>
  requires of<M, describe_producers_request>
void describe(F& f, M& m) {
  f.field("Topics", m.topics, since(0));
}

template <class F, class M>
  requires of<M, described_producer>
void describe(F& f, M& m) {
  f.field("ProducerId", m.producer_id, since(0));
  f.field("ProducerEpoch", m.producer_epoch, since(0));
  f.field("LastSequence", m.last_sequence, since(0), def(-1));
  f.field("LastTimestamp", m.last_timestamp, since(0), def(-1));
  f.field("CoordinatorEpoch", m.coordinator_epoch, since(0));
  f.field("CurrentTxnStartOffset", m.current_txn_start_offset, since(0), def(-1));
}

template <class F, class M>
  requires of<M, described_producers_of_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ErrorMessage", m.error_message, since(0), null_since(0), def(nullptr));
  f.field("ActiveProducers", m.active_producers, since(0));
}

template <class F, class M>
  requires of<M, described_producers_of_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, describe_producers_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("Topics", m.topics, since(0));
}

CAFKA_COMPILE_MESSAGE(describe_producers_request);
CAFKA_COMPILE_MESSAGE(describe_producers_response);

} // namespace cafka::protocol
