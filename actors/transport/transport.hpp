#pragma once

#include "../../protocol/defaults.hpp"
#include "../../protocol/endpoint.hpp"
#include "../../protocol/wire/shared_bytes.hpp"

#include <caf/actor_control_block.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace cafka::actors {

class tls_context;
using protocol::endpoint;

/// A number that no other connection of the same owner has.
using connection_id = std::uint64_t;

/// To the owner: the connection is up and takes frames.
struct transport_up {
  /// The connection.
  connection_id id = 0;
};

/// To the owner: whole frames arrived, in this order, each without its length prefix.
/// Their bytes are taken from the read credit until `transport::grant` returns them.
struct transport_frames {
  /// The connection.
  connection_id id = 0;
  /// The frames.
  std::vector<protocol::shared_bytes> frames;
};

/// To the owner, now and then while bytes of a frame arrive, or of one leave: the peer is
/// alive although no whole frame shows it.
///
/// At most one in `progress_interval`, and none for what takes less time than that.
struct transport_progress {
  /// The connection.
  connection_id id = 0;
  /// Bytes of the frame at hand so far, without its length prefix; zero when bytes leave.
  std::size_t received = 0;
  /// Bytes that it will have; zero when bytes leave, or when the length is not known yet.
  std::size_t expected = 0;
};

/// To the owner, once: the files that TLS with the peer began with have been replaced
/// (`ssl_options::renewal_interval`). The connection goes on.
struct transport_outdated {
  /// The connection.
  connection_id id = 0;
};

/// To the owner, once and last: the connection could not be made or is gone.
///
/// Codes: `connection_failed` (name not resolved, refused, unreachable), `tls_failed`
/// (TLS with the peer does not come about, or not without a certificate of ours that it
/// takes), `timed_out` (not up by `connect_timeout`), `disconnected` (closed by the peer,
/// reset), `malformed_response` (a frame length below 0), `frame_too_large` (one above
/// `receive_message_max_bytes`), `closed` (the factory was stopped).
struct transport_down {
  /// The connection.
  connection_id id = 0;
  /// Why.
  protocol::error reason;
};

/// How a connection behaves.
struct transport_options {
  /// Time for name resolution, all addresses and TLS together.
  std::chrono::milliseconds connect_timeout = protocol::defaults::connect_timeout;
  /// Largest frame taken from the peer, in bytes; a larger one ends the connection. Users
  /// know it as `receive_message_max_bytes`. By default whatever the protocol can
  /// express, as in Kafka's Java client; memory is taken as bytes come.
  std::size_t receive_message_max_bytes = protocol::defaults::receive_message_max_bytes;
  /// Least time between two `transport_progress`; must be more than zero.
  std::chrono::milliseconds progress_interval{250};
  /// Most bytes that wait to be written; beyond it `send` says `full`.
  std::size_t write_queue_limit = 64u << 20;
  /// Bytes read ahead of `grant`. A frame larger than the credit is still read when no
  /// other is held.
  std::size_t read_credit = 64u << 20;
  /// Whether an owner that is idle handles what is short in the transport's own thread;
  /// not for one that may be long about it.
  bool handled_here = true;
  /// Null: no TLS.
  std::shared_ptr<tls_context> tls = {};
};

/// A connection to a broker that carries length-prefixed frames.
///
/// Owns socket and timers, takes no decision: it never reconnects, retries or parses.
/// All functions may be called from any thread and never block. The owner is an actor,
/// known by its weak address, and is sent the messages above; no message follows
/// `close` or the destructor that has returned before it was posted.
class transport {
public:
  /// What `send` did with a frame.
  enum class send_status : std::uint8_t {
    queued, ///< Will be written, in order.
    full,   ///< Nothing taken: the write queue holds `write_queue_limit` bytes.
    closed, ///< Nothing taken: not up, or no longer.
  };

  transport() = default;
  transport(const transport&) = delete;
  transport& operator=(const transport&) = delete;
  /// Closes.
  virtual ~transport() = default;

  /// Sends a frame whose first part begins with its length prefix.
  virtual send_status send(protocol::frame f) = 0;

  /// Gives back `bytes` of read credit.
  virtual void grant(std::size_t bytes) = 0;

  /// Ends the connection at once; what waits to be written is dropped.
  virtual void close() = 0;
};

/// Makes connections. The application has one that speaks TCP; tests put theirs here.
class transport_factory {
public:
  transport_factory() = default;
  transport_factory(const transport_factory&) = delete;
  transport_factory& operator=(const transport_factory&) = delete;
  virtual ~transport_factory() = default;

  /// Begins to connect to `peer`; `owner` is sent the result.
  virtual std::unique_ptr<transport> open(const endpoint& peer,
    const transport_options& options, caf::weak_actor_ptr owner, connection_id id) = 0;
};

} // namespace cafka::actors
