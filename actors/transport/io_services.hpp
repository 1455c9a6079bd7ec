#pragma once

#include "../../protocol/machines/time_point.hpp"
#include "../../protocol/result.hpp"
#include "../../protocol/sasl/oidc/http_message.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

namespace cafka::actors {

class tls_context;

/// How a web server is asked.
struct http_options {
  /// Time for all of it: name resolution, all addresses, TLS, request and answer.
  std::chrono::milliseconds timeout{10'000};
  /// Most bytes of an answer's body; a larger one is an error.
  std::size_t largest_body = 1 << 20;
  /// For `https`; must not be null there.
  std::shared_ptr<tls_context> tls = {};
};

/// A timer on an I/O thread. Destroying it, also within its function, ends it.
class io_alarm {
public:
  io_alarm() = default;
  io_alarm(const io_alarm&) = delete;
  io_alarm& operator=(const io_alarm&) = delete;
  virtual ~io_alarm() = default;

  /// Rings at `at`, and no more at the moment of the last call. Any thread.
  virtual void set(protocol::time_point at) = 0;
};

/// What the I/O threads do beside connections to brokers. All functions may be called
/// from any thread and never block.
class io_services {
public:
  /// An answer, whatever its status, or why there is none: `connection_failed`,
  /// `timed_out`, `tls_failed`, `disconnected`, `malformed_response` (no HTTP),
  /// `frame_too_large` (more than `largest_body`), `closed` (the threads are stopped),
  /// `invalid_argument`. The words begin with the URL.
  using http_done = std::function<void(protocol::result<protocol::sasl::http_response>)>;

  virtual ~io_services() = default;

  /// Sends a POST. `done` is called once: in an I/O thread, or within this call where
  /// these are stopped. Redirects are answers like others.
  virtual void post_http(
    protocol::sasl::http_request request, const http_options& how, http_done done) = 0;

  /// Runs `f`, which throws nothing, in an I/O thread; false, and it never runs, when
  /// these are stopped.
  virtual bool run(std::function<void()> f) = 0;

  /// A timer that calls `rings` in an I/O thread; it may also ring once just after it was
  /// destroyed. After the threads are stopped it does not ring.
  virtual std::unique_ptr<io_alarm> make_alarm(std::function<void()> rings) = 0;
};

} // namespace cafka::actors
