#pragma once

#include "../schema/describe.hpp"
#include "node_endpoint.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, leader_id_and_epoch>
void describe(F& f, M& m) {
  f.field("LeaderId", m.leader_id, since(0), def(-1));
  f.field("LeaderEpoch", m.leader_epoch, since(0), def(-1));
}

template <class F, class M>
  requires of<M, node_endpoint>
void describe(F& f, M& m) {
  f.field("NodeId", m.node_id, since(0));
  f.field("Host", m.host, since(0));
  f.field("Port", m.port, since(0));
  f.field("Rack", m.rack, since(0), null_since(0), def(nullptr));
}

} // namespace cafka::protocol
