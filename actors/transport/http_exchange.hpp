#pragma once

// One request to a web server on Asio, for asio_transport.cpp alone. Boost.Beast is in
// the source, so that it is compiled once.

#include "dialer.hpp"
#include "io_services.hpp"
#include "tls.hpp"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace cafka::actors {

/// Connects, sends a POST, reads the answer, tells it, and is gone. Used in its I/O
/// thread alone.
class http_exchange final : public io_object,
                            public std::enable_shared_from_this<http_exchange> {
public:
  http_exchange(io_loop& loop, protocol::sasl::http_request request,
    const http_options& how, io_services::http_done done);
  ~http_exchange() override;

  void begin(name_service& names) noexcept;
  void stop() noexcept override;
  /// Tells that the threads are stopped; for one that has not begun, in any thread.
  void reject() noexcept;

private:
  struct parser;

  void dialed(const dialer::outcome& what);
  void shake_hands();
  void write_more();
  /// The bytes written, zero when none fit, or minus the error number.
  ssize_t write_some(std::string_view text);
  void read_more();
  /// Bytes have come; true when the answer is whole, or the exchange has failed.
  bool take(std::size_t count);
  /// Whether what came first cannot be HTTP/1.
  [[nodiscard]] bool begins_otherwise();
  void is_no_http(const std::string& why);
  void at_end(const std::string& why);
  template <class F>
  void when(stream_socket::wait_type what, F f);

  void fail(protocol::error_code code, const std::string& why);
  void finish(protocol::result<protocol::sasl::http_response> outcome);
  template <class F>
  void run(F f) noexcept;

  io_loop& loop_;
  protocol::sasl::http_url url_;
  const http_options how_;
  io_services::http_done done_; ///< None once it has ended.
  protocol::secret out_;
  std::size_t sent_ = 0;
  std::string write_error_; ///< The answer may have come nevertheless.
  std::shared_ptr<dialer> dialer_;
  stream_socket socket_;
  timer timer_;
  std::unique_ptr<tls_stream> tls_;
  std::vector<char> buffer_; ///< What came and is not parsed yet.
  std::size_t held_ = 0;     ///< How many bytes of it.
  bool is_http_ = false;     ///< An answer has begun.
  std::unique_ptr<parser> parser_;
};

} // namespace cafka::actors
