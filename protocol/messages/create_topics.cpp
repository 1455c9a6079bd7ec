#include "create_topics.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, creatable_replica_assignment>
void describe(F& f, M& m) {
  f.field("PartitionIndex", m.partition_index, since(0));
  f.field("BrokerIds", m.broker_ids, since(0));
}

template <class F, class M>
  requires of<M, creatable_topic_config>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("Value", m.value, since(0), null_since(0));
}

template <class F, class M>
  requires of<M, creatable_topic>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("NumPartitions", m.num_partitions, since(0));
  f.field("ReplicationFactor", m.replication_factor, since(0));
  f.field("Assignments", m.assignments, since(0));
  f.field("Configs", m.configs, since(0));
}

template <class F, class M>
  requires of<M, create_topics_request>
void describe(F& f, M& m) {
  f.field("Topics", m.topics, since(0));
  f.field("timeoutMs", m.timeout_ms, since(0), def(60000));
  f.field("validateOnly", m.validate_only, since(1));
}

template <class F, class M>
  requires of<M, creatable_topic_configs>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(5));
  f.field("Value", m.value, since(5), null_since(5));
  f.field("ReadOnly", m.read_only, since(5));
  f.field("ConfigSource", m.config_source, since(5), def(-1), ignorable);
  f.field("IsSensitive", m.is_sensitive, since(5));
}

template <class F, class M>
  requires of<M, creatable_topic_result>
void describe(F& f, M& m) {
  f.field("Name", m.name, since(0));
  f.field("TopicId", m.topic_id, since(7), ignorable);
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ErrorMessage", m.error_message, since(1), null_since(1), ignorable);
  f.field(
    "TopicConfigErrorCode", m.topic_config_error_code, since(5), tagged(0), ignorable);
  f.field("NumPartitions", m.num_partitions, since(5), def(-1), ignorable);
  f.field("ReplicationFactor", m.replication_factor, since(5), def(-1), ignorable);
  f.field("Configs", m.configs, since(5), null_since(5), ignorable);
}

template <class F, class M>
  requires of<M, create_topics_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(2), ignorable);
  f.field("Topics", m.topics, since(0));
}

CAFKA_COMPILE_MESSAGE(create_topics_request);
CAFKA_COMPILE_MESSAGE(create_topics_response);

} // namespace cafka::protocol
