#include "metadata.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, metadata_request_topic>
void describe(F& f, M& m) {
  f.field("TopicId", m.topic_id, since(10), ignorable);
  f.field("Name", m.name, since(0), null_since(10));
}

template <class F, class M>
  requires of<M, metadata_request>
void describe(F& f, M& m) {
  f.field("Topics", m.topics, since(0), null_since(1));
  f.field("AllowAutoTopicCreation", m.allow_auto_topic_creation, since(4), def(1));
  f.field("IncludeClusterAuthorizedOperations", m.include_cluster_authorized_operations,
    between(8, 10));
  f.field(
    "IncludeTopicAuthorizedOperations", m.include_topic_authorized_operations, since(8));
}

template <class F, class M>
  requires of<M, metadata_response_broker>
void describe(F& f, M& m) {
  f.field("NodeId", m.node_id, since(0));
  f.field("Host", m.host, since(0));
  f.field("Port", m.port, since(0));
  f.field("Rack", m.rack, since(1), null_since(1), def(nullptr), ignorable);
}

template <class F, class M>
  requires of<M, metadata_response_partition>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("LeaderId", m.leader_id, since(0));
  f.field("LeaderEpoch", m.leader_epoch, since(7), def(-1), ignorable);
  f.field("ReplicaNodes", m.replica_nodes, since(0));
  f.field("IsrNodes", m.isr_nodes, since(0));
  f.field("OfflineReplicas", m.offline_replicas, since(5), ignorable);
}

template <class F, class M>
  requires of<M, metadata_response_topic>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("Name", m.name, since(0), null_since(12));
  f.field("TopicId", m.topic_id, since(10), ignorable);
  f.field("IsInternal", m.is_internal, since(1), ignorable);
  f.field("Partitions", m.partitions, since(0));
  f.field("TopicAuthorizedOperations", m.topic_authorized_operations, since(8),
    def(std::numeric_limits<std::int32_t>::min()));
}

template <class F, class M>
  requires of<M, metadata_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(3), ignorable);
  f.field("Brokers", m.brokers, since(0));
  f.field("ClusterId", m.cluster_id, since(2), null_since(2), def(nullptr), ignorable);
  f.field("ControllerId", m.controller_id, since(1), def(-1), ignorable);
  f.field("Topics", m.topics, since(0));
  f.field("ClusterAuthorizedOperations", m.cluster_authorized_operations, between(8, 10),
    def(std::numeric_limits<std::int32_t>::min()));
  f.field("ErrorCode", m.error_code, since(13), ignorable);
}

CAFKA_COMPILE_MESSAGE(metadata_request);
CAFKA_COMPILE_MESSAGE(metadata_response);

} // namespace cafka::protocol
