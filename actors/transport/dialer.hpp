#pragma once

// Connecting a socket, for sources of this folder alone.

#include "../../protocol/endpoint.hpp"
#include "io_loop.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cafka::actors {

/// Connects to a host: looks its name up and tries its addresses, best first, until one
/// answers or the deadline is over. It is used in its I/O thread alone.
class dialer : public std::enable_shared_from_this<dialer> {
public:
  struct outcome {
    /// Connected, not blocking, without delay; null where that failed.
    stream_socket* socket = nullptr;
    /// Why it failed: `connection_failed`, `timed_out`, `invalid_argument`;
    /// `disconnected` for want of memory. The words do not name the peer.
    protocol::error failed = {};
  };

  /// `done` is called once, in the I/O thread, unless `cancel` comes first; it throws
  /// nothing.
  dialer(io_loop& loop, protocol::endpoint peer, clock::time_point deadline,
    std::function<void(const outcome&)> done);

  void begin(name_service& names);
  void cancel();

private:
  void find_addresses(name_service& names);
  void resolved(const protocol::result<std::vector<std::string>>& found);
  void connect_next();
  void try_other(const tcp::endpoint& address, const std::string& why);
  void connected(const tcp::endpoint& address);
  void fail(protocol::error_code code, const std::string& why);
  void end(const outcome& what);
  /// Runs a step: what it throws ends the attempt.
  template <class F>
  void run(F f) noexcept;

  io_loop& loop_;
  const protocol::endpoint peer_;
  const clock::time_point deadline_;
  std::function<void(const outcome&)> done_; ///< None once it has ended.
  std::vector<tcp::endpoint> addresses_;
  std::size_t next_ = 0; ///< How many of `addresses_` have been tried.
  std::string attempts_; ///< The result of each.
  stream_socket socket_;
  timer timer_;
};

} // namespace cafka::actors
