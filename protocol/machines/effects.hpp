#pragma once

#include "../endpoint.hpp"
#include "../log_level.hpp"
#include "../result.hpp"
#include "../sasl/mechanism.hpp"
#include "../wire/shared_bytes.hpp"
#include "../wire/writer.hpp"
#include "call.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

namespace cafka::protocol {

// What clients want done by those who own them: the shell around an actor, or a test. The
// owner brings events with the time, takes the effects, and does what they say, in order.

/// A connection's number, unique within its client.
using connection_id = std::uint64_t;

/// A call's number, unique within its dispatcher.
using call_id = std::uint64_t;

/// A connection is to be opened; its end is told, unless it is closed first.
struct open_connection {
  connection_id id = 0;
  endpoint to;
};

/// A frame is to be sent. What cannot be is told at once, with `on_refused`.
struct send_frame {
  connection_id id = 0;
  frame bytes;
  /// The call it belongs to; 0: it belongs to the handshake.
  call_id call = 0;
};

/// A connection is to be closed; no event follows for it.
struct close_connection {
  connection_id id = 0;
};

/// Credentials are to be found for a login; they, or why there are none, are told with
/// `on_credentials`, at once or later.
struct ask_credentials {
  connection_id id = 0;
  endpoint broker;
  sasl::mechanism mechanism{};
  /// The broker has refused those that came last: what is kept of them is of no use.
  bool refused = false;
};

/// A line for a log: about a connection, a request, a leader.
struct log_line {
  log_level level = log_level::off;
  std::string text;
};

/// A call has come to its end.
struct call_outcome {
  std::unique_ptr<call> what;
  error outcome;

  /// Ends it; once.
  void finish() { std::exchange(what, nullptr)->finish(std::move(outcome)); }
};

using client_effect = std::variant<open_connection, send_frame, close_connection,
  ask_credentials, log_line, call_outcome>;

} // namespace cafka::protocol
