#include "api.hpp"

// SaslHandshake, versions 0 and 1, and SaslAuthenticate, versions 0 to 2.
//
// Version 0 of the first means that the exchange follows in frames without headers, which
// the connection's part reads. Without a login that the cluster wants, both are
// ILLEGAL_SASL_STATE. The rest is in `login`.

namespace cafka::testing {

using namespace protocol;

outcome<sasl_handshake_response> handle(
  const request_context& c, const sasl_handshake_request& asked) {
  if (c.login == nullptr)
    return failed_with<sasl_handshake_response>(error_code::illegal_sasl_state);
  return c.login->on_handshake(c.cluster, c.now, asked, c.version);
}

sasl_handshake_response refuse(
  const sasl_handshake_request&, std::int16_t, error_code why) {
  return failed_with<sasl_handshake_response>(why);
}

outcome<sasl_authenticate_response> handle(
  const request_context& c, const sasl_authenticate_request& asked) {
  if (c.login == nullptr)
    return failed_with<sasl_authenticate_response>(error_code::illegal_sasl_state);
  return c.login->on_authenticate(c.cluster, c.now, asked);
}

sasl_authenticate_response refuse(
  const sasl_authenticate_request&, std::int16_t, error_code why) {
  return failed_with<sasl_authenticate_response>(why);
}

} // namespace cafka::testing
