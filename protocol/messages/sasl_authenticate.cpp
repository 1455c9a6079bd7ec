#include "sasl_authenticate.hpp"

#include "../schema/describe.hpp"

namespace cafka::protocol {

template <class F, class M>
  requires of<M, sasl_authenticate_request>
void describe(F& f, M& m) {
  f.field("AuthBytes", m.auth_bytes, since(0));
}

template <class F, class M>
  requires of<M, sasl_authenticate_response>
void describe(F& f, M& m) {
  f.field("ErrorCode", m.error_code, since(0));
  f.field("ErrorMessage", m.error_message, since(0), null_since(0));
  f.field("AuthBytes", m.auth_bytes, since(0));
  f.field("SessionLifetimeMs", m.session_lifetime_ms, since(1), ignorable);
}

CAFKA_COMPILE_MESSAGE(sasl_authenticate_request);
CAFKA_COMPILE_MESSAGE(sasl_authenticate_response);

} // namespace cafka::protocol
