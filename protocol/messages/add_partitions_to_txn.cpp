#include "add_partitions_to_txn.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, add_partitions_to_txn_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, add_partitions_to_txn_transaction>
void describe(F& f, M& m) {
  f.field("TransactionalId", m.transactional_id, since(4));
  f.field("ProducerId", m.producer_id, since(4));
  f.field("ProducerEpoch", m.producer_epoch, since(4));
  f.field("VerifyOnly", m.verify_only, since(4));
  f.field("Topics", m.topics, since(4));
}

template <class F, class M>
  requires of<M, add_partitions_to_txn_request>
void describe(F& f, M& m) {
  f.field("Transactions", m.transactions, since(4));
  f.field("V3AndBelowTransactionalId", m.v3_and_below_transactional_id, between(0, 3));
  f.field("V3AndBelowProducerId", m.v3_and_below_producer_id, between(0, 3));
  f.field("V3AndBelowProducerEpoch", m.v3_and_below_producer_epoch, between(0, 3));
  f.field("V3AndBelowTopics", m.v3_and_below_topics, between(0, 3));
}

template <class F, class M>
  requires of<M, add_partitions_to_txn_partition_result>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("PartitionErrorCode", m.partition_error_code, since(0));
}

template <class F, class M>
  requires of<M, add_partitions_to_txn_topic_result>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("ResultsByPartition", m.results_by_partition, since(0));
}

template <class F, class M>
  requires of<M, add_partitions_to_txn_result>
void describe(F& f, M& m) {
  f.field("TransactionalId", m.transactional_id, since(4));
  f.field("TopicResults", m.topic_results, since(4));
}

template <class F, class M>
  requires of<M, add_partitions_to_txn_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("ErrorCode", m.error_code, since(4), ignorable);
  f.field("ResultsByTransaction", m.results_by_transaction, since(4));
  f.field("ResultsByTopicV3AndBelow", m.results_by_topic_v3_and_below, between(0, 3));
}

CAFKA_COMPILE_MESSAGE(add_partitions_to_txn_request);
CAFKA_COMPILE_MESSAGE(add_partitions_to_txn_response);

} // namespace cafka::protocol
