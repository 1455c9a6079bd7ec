#include "write_txn_markers.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, write_txn_markers_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("PartitionIndexes", m.partition_indexes, since(0));
}

template <class F, class M>
  requires of<M, writable_txn_marker>
void describe(F& f, M& m) {
  f.field("ProducerId", m.producer_id, since(0));
  f.field("ProducerEpoch", m.producer_epoch, since(0));
  f.field("TransactionResult", m.transaction_result, since(0));
  f.field("Topics", m.topics, since(0));
  f.field("CoordinatorEpoch", m.coordinator_epoch, since(0));
  f.field("TransactionVersion", m.transaction_version, since(2), ignorable);
}

template <class F, class M>
  requires of<M, write_txn_markers_request>
void describe(F& f, M& m) {
  f.field("Markers", m.markers, since(0));
}

template <class F, class M>
  requires of<M, write_txn_markers_partition_result>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("ErrorCode", m.error_code, since(0));
}

template <class F, class M>
  requires of<M, write_txn_markers_topic_result>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, writable_txn_marker_result>
void describe(F& f, M& m) {
  f.field("ProducerId", m.producer_id, since(0));
  f.field("Topics", m.topics, since(0));
}

template <class F, class M>
  requires of<M, write_txn_markers_response>
void describe(F& f, M& m) {
  f.field("Markers", m.markers, since(0));
}

CAFKA_COMPILE_MESSAGE(write_txn_markers_request);
CAFKA_COMPILE_MESSAGE(write_txn_markers_response);

} // namespace cafka::protocol
