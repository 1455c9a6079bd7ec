#include "describe_cluster.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, describe_cluster_request>
void describe(F& f, M& m) {
  f.field("IncludeClusterAuthorizedOperations", m.include_cluster_authorized_operations,
    since(0));
  f.field("EndpointType", m.endpoint_type, since(1), def(1));
  f.field("IncludeFencedBrokers", m.include_fenced_brokers, since(2));
}

template <class F, class M>
  requires of<M, describe_cluster_broker>
void describe(F& f, M& m) {
  f.field("BrokerId", m.broker_id, since(0));
  f.field("Host", m.host, since(0));
  f.field("Port", m.port, since(0));
  f.field("Rack", m.rack, since(0), null_since(0), def(nullptr));
  f.field("IsFenced", m.is_fenced, since(2));
}

template <class F, class M>
  requires of<M, describe_cluster_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(0));
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ErrorMessage", m.error_message, since(0), null_since(0), def(nullptr));
  f.field("EndpointType", m.endpoint_type, since(1), def(1));
  f.field("ClusterId", m.cluster_id, since(0));
  f.field("ControllerId", m.controller_id, since(0), def(-1));
  f.field("Brokers", m.brokers, since(0));
  f.field("ClusterAuthorizedOperations", m.cluster_authorized_operations, since(0),
    def(INT32_MIN));
}

CAFKA_COMPILE_MESSAGE(describe_cluster_request);
CAFKA_COMPILE_MESSAGE(describe_cluster_response);

} // namespace cafka::protocol
