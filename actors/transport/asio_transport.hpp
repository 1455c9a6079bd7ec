#pragma once

#include "io_services.hpp"
#include "resolver.hpp"
#include "transport.hpp"

namespace cafka::actors {

/// Makes TCP connections, on I/O threads of its own, and does on them what else there is
/// to do.
///
/// Each connection belongs to one thread, which connects and reads; a frame is written at
/// once by the thread that calls `send` and by the I/O thread only when the socket is
/// full.
class asio_transport_factory final : public transport_factory, public io_services {
public:
  /// Starts `threads` I/O threads, at least one. `resolve` runs on other threads, of
  /// which there are a few at a time; numeric addresses are not looked up.
  explicit asio_transport_factory(
    unsigned threads = 1, resolver resolve = system_resolver);

  /// Stops, without waiting for name look-ups. May be the act of an owner that is handled
  /// in one of the I/O threads.
  ~asio_transport_factory() override;

  /// A connection opened after `stop` is down at once, with code `closed`.
  std::unique_ptr<transport> open(const endpoint& peer, const transport_options& options,
    caf::weak_actor_ptr owner, connection_id id) override;

  void post_http(protocol::sasl::http_request request, const http_options& how,
    http_done done) override;
  bool run(std::function<void()> f) override;
  std::unique_ptr<io_alarm> make_alarm(std::function<void()> rings) override;

  /// Ends all connections (their owners are told `closed`) and the I/O threads.
  ///
  /// Waits at most `deadline` for name look-ups, which cannot be interrupted; one that
  /// takes longer ends by itself and touches nothing. Not to be called by two threads at
  /// once.
  void stop(std::chrono::milliseconds deadline);

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace cafka::actors
