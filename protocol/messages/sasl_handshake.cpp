#include "sasl_handshake.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, sasl_handshake_request>
void describe(F& f, M& m) {
  f.field("Mechanism", m.mechanism, since(0));
}

template <class F, class M>
  requires of<M, sasl_handshake_response>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("Mechanisms", m.mechanisms, since(0));
}

CAFKA_COMPILE_MESSAGE(sasl_handshake_request);
CAFKA_COMPILE_MESSAGE(sasl_handshake_response);

} // namespace cafka::protocol
