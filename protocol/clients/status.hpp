#pragma once

#include "../calls/operation.hpp"

namespace cafka {

/// Asks how the worker is; answered at once, or, with `wait_connected`, as soon as a
/// broker has answered, at the latest by the deadline with `disconnected` and the
/// reasons, and at once where the brokers want a login (`illegal_sasl_state`) or refuse
/// it
/// (`sasl_authentication_failed`, `unsupported_sasl_mechanism`, ...).
struct get_status {
  /// Whether the answer waits until a broker has answered.
  bool wait_connected = false;
  milliseconds deadline{0};
  /// With `wait_connected`: whether `disconnected` is the answer already when each
  /// address has failed in a way that waiting does not help: refused, not resolved,
  /// without the TLS that it wants.
  bool until_refused = false;
};

/// A connection to a broker, or an address without one.
struct connection_status {
  /// -1 while the broker at this address is not known by number.
  broker_id broker = -1;
  /// Where the broker listens.
  endpoint address = {};
  /// Whether requests can be sent on it now.
  bool connected = false;
  /// Requests sent and not answered.
  std::uint32_t in_flight = 0;
  /// Why it is not connected; may be empty.
  std::string last_error = {};
  /// How long a quota of the broker still holds requests back; zero: none does.
  milliseconds throttled{0};
  /// The SASL mechanism by which it has logged in; empty: it has not.
  std::string mechanism = {};
  /// How long the login still holds; it is renewed before. Zero: without end.
  milliseconds session_ends_in{0};
  /// Who has logged in: the user, the token's subject or the ticket's principal. Empty:
  /// it has not, or that is not known.
  std::string principal = {};
};

/// The state of a worker.
struct worker_status {
  /// The worker's name; empty for a worker without one.
  std::string name = {};
  /// The client id that brokers are told.
  std::string client_id = {};
  /// Nothing: it belongs to no group.
  std::optional<std::string> consumer_group = {};
  /// Whether at least one broker can be asked now.
  bool connected = false;
  /// Requests accepted and not answered.
  std::uint64_t pending = 0;
  /// Its connections to brokers.
  std::vector<connection_status> connections = {};
};

template <>
struct operation<get_status> {
  using reply = worker_status;
  static constexpr bool changes_something = false;
};

CAFKA_INSPECT(get_status, wait_connected, deadline, until_refused)
CAFKA_INSPECT(connection_status, broker, address, connected, in_flight, last_error,
  throttled, mechanism, session_ends_in, principal)
CAFKA_INSPECT(
  worker_status, name, client_id, consumer_group, connected, pending, connections)

} // namespace cafka
