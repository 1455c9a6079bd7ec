#include "offset_delete.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, offset_delete_request_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
}

template <class F, class M>
  requires of<M, offset_delete_request_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, offset_delete_request>
void describe(F& f, M& m) {
  f.field("GroupId", m.group_id, since(0));
  f.field("Topics", m.topics, since(0));
}

template <class F, class M>
  requires of<M, offset_delete_response_partition>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("ErrorCode", m.error_code, since(0));
}

template <class F, class M>
  requires of<M, offset_delete_response_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Partitions", m.partitions, since(0));
}

template <class F, class M>
  requires of<M, offset_delete_response>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0), ignorable);
  f.field("Topics", m.topics, since(0));
}

CAFKA_COMPILE_MESSAGE(offset_delete_request);
CAFKA_COMPILE_MESSAGE(offset_delete_response);

} // namespace cafka::protocol
