#include "produce.hpp"

#include "../schema/describe.hpp"
#include "node_endpoint_description.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, partition_produce_data>
void describe(F& f, M& m) {
  f.field("Index", m.index, since(0));
  f.field("Records", m.records, since(0), null_since(0), record_batches, def(nullptr));
}

template <class F, class M>
  requires of<M, topic_produce_data>
void describe(F& f, M& m) {
  f.field("Name", m.name, between(0, 12), ignorable);
  f.field("TopicId", m.topic_id, since(13), ignorable);
  f.field("PartitionData", m.partition_data, since(0));
}

template <class F, class M>
  requires of<M, produce_request>
void describe(F& f, M& m) {
  f.field("TransactionalId", m.transactional_id, since(3), null_since(3), def(nullptr));
  f.field("Acks", m.acks, since(0));
  f.field("TimeoutMs", m.timeout_ms, since(0));
  f.field("TopicData", m.topic_data, since(0));
}

template <class F, class M>
  requires of<M, batch_index_and_error_message>
void describe(F& f, M& m) {
  f.field("BatchIndex", m.batch_index, since(8));
  f.field("BatchIndexErrorMessage", m.batch_index_error_message, since(8), null_since(8),
    def(nullptr));
}

template <class F, class M>
  requires of<M, partition_produce_response>
void describe(F& f, M& m) {
  f.field("Index", m.index, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field("BaseOffset", m.base_offset, since(0));
  f.field("LogAppendTimeMs", m.log_append_time_ms, since(2), def(-1), ignorable);
  f.field("LogStartOffset", m.log_start_offset, since(5), def(-1), ignorable);
  f.field("RecordErrors", m.record_errors, since(8), ignorable);
  f.field(
    "ErrorMessage", m.error_message, since(8), null_since(8), def(nullptr), ignorable);
  f.field("CurrentLeader", m.current_leader, since(10), tagged(0));
}

template <class F, class M>
  requires of<M, topic_produce_response>
void describe(F& f, M& m) {
  f.field("Name", m.name, between(0, 12), ignorable);
  f.field("TopicId", m.topic_id, since(13), ignorable);
  f.field("PartitionResponses", m.partition_responses, since(0));
}

template <class F, class M>
  requires of<M, produce_response>
void describe(F& f, M& m) {
  f.field("Responses", m.responses, since(0));
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("NodeEndpoints", m.node_endpoints, since(10), tagged(0));
}

CAFKA_COMPILE_MESSAGE(produce_request);
CAFKA_COMPILE_MESSAGE(produce_response);

} // namespace cafka::protocol
