#include "find_coordinator.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, find_coordinator_request>
void describe(F& f, M& m) {
  f.field("Key", m.coordinator_key, between(0, 3));
  f.field("KeyType", m.key_type, since(1));
  f.field("CoordinatorKeys", m.coordinator_keys, since(4));
}

template <class F, class M>
  requires of<M, coordinator_endpoint>
void describe(F& f, M& m) {
  f.field("Key", m.key, since(4));
  f.field("NodeId", m.node_id, since(4));
  f.field("Host", m.host, since(4));
  f.field("Port", m.port, since(4));
  f.field("ErrorCode", m.error_code, since(4));
  f.field("ErrorMessage", m.error_message, since(4), null_since(4), ignorable);
}

template <class F, class M>
  requires of<M, find_coordinator_response>
void describe(F& f, M& m) {
  f.field("ThrottleTimeMs", m.throttle_time_ms, since(1), ignorable);
  f.field("ErrorCode", m.error_code, between(0, 3));
  f.field("ErrorMessage", m.error_message, between(1, 3), null_since(1), ignorable);
  f.field("NodeId", m.node_id, between(0, 3));
  f.field("Host", m.host, between(0, 3));
  f.field("Port", m.port, between(0, 3));
  f.field("Coordinators", m.coordinators, since(4));
}

CAFKA_COMPILE_MESSAGE(find_coordinator_request);
CAFKA_COMPILE_MESSAGE(find_coordinator_response);

} // namespace cafka::protocol
