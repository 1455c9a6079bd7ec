#pragma once

#include "../../protocol/log_level.hpp"
#include "../../protocol/result.hpp"
#include "../../protocol/types.hpp"
#include "tls_options.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <sys/types.h>
#include <sys/uio.h>
#include <vector>

// OpenSSL's own types; no header of cafka includes one of OpenSSL's.
struct ssl_st;
struct ssl_ctx_st;

namespace cafka::actors {

namespace detail {

struct tls_free {
  void operator()(ssl_st* s) const;
  void operator()(ssl_ctx_st* s) const;
};

} // namespace detail

/// What a peer is, for words about it.
enum class tls_peer_kind : std::uint8_t { broker, web_server };

/// What is seen of a peer on the way, for the words if it comes to nothing.
struct tls_findings {
  /// Whom it has to be.
  std::string host;
  /// What it is to be.
  tls_peer_kind kind = tls_peer_kind::broker;
  /// What is wrong with its certificate; empty while nothing is.
  std::string certificate;
  /// It has asked for a certificate of ours.
  bool wants_certificate = false;
  /// It has begun with something other than TLS.
  bool speaks_no_tls = false;
};

/// TLS on a connected socket that does not block, whose descriptor belongs to another.
///
/// All functions may be called from any thread and never block; one thread at a time may
/// write.
class tls_stream {
public:
  enum class next : std::uint8_t {
    go_on,    ///< There may be more: call again.
    readable, ///< Call again when the socket is readable.
    writable, ///< Call again when the socket is writable.
    ended,    ///< The peer has ended the connection, or the socket is broken.
    failed,   ///< The peer and TLS do not get along.
  };

  /// How far an operation came.
  struct outcome {
    next then = next::go_on;
    std::size_t bytes = 0;
    /// For `ended` and `failed`: why, in words.
    std::string why = {};
  };

  tls_stream(std::unique_ptr<ssl_st, detail::tls_free> ssl, int fd, std::string host,
    tls_peer_kind kind, std::shared_ptr<const ssl_options> options);
  tls_stream(const tls_stream&) = delete;
  tls_stream& operator=(const tls_stream&) = delete;
  ~tls_stream();

  /// Goes on with the handshake; `go_on` says that it is done.
  outcome handshake();

  /// Reads what is there, as far as `space` goes. Bytes that came before an end or a
  /// failure are told with it.
  outcome read(std::span<std::byte> space);

  /// Writes what fits: the bytes taken, or minus an error number. A caller that calls
  /// again after fewer than all were taken begins with the first that was not.
  ssize_t write(std::span<const iovec> pieces);

  /// Tells the peer that nothing more comes, if that fits into the socket at once.
  void close_notify();

private:
  friend struct socket_bio;

  void note_beginning(unsigned char first);
  outcome what_stops(int returned);
  outcome ended(std::string why);
  // Zero, the error number, or EAGAIN while some of it is kept.
  int write_record(protocol::byte_view data, bool more_follows);
  int send_kept();
  bool take(protocol::byte_view data);
  std::size_t send_some(protocol::byte_view data);

  const std::shared_ptr<const ssl_options> options_;
  const int fd_;

  std::mutex mutex_;
  std::unique_ptr<ssl_st, detail::tls_free> ssl_;
  tls_findings findings_;
  bool begun_ = false; ///< The peer has said something.
  bool up_ = false;    ///< The handshake is done.
  bool heard_ = false; ///< Something has come since.
  std::optional<outcome> end_;
  // What the socket said. OpenSSL is told to come again: it would give up the other
  // direction too.
  bool drained_ = false; ///< There was less to read than asked for.
  bool at_end_ = false;
  int read_error_ = 0;
  int write_error_ = 0;
  bool more_follows_ = false; ///< The record at hand is not the last that can be written.
  std::vector<std::byte> kept_; ///< What OpenSSL has written and did not fit.

  // The writer's own.
  std::unique_ptr<std::byte[]> record_; ///< Short pieces, put together.
  std::size_t unsent_ = 0;              ///< Of the record whose end is in `kept_`.
};

/// One set of `ssl_options` and what OpenSSL makes of the files they name, for all
/// connections of a worker.
class tls_context {
public:
  /// Reads the files.
  ///
  /// Error `invalid_argument` names the option, its value and what is wrong with it.
  [[nodiscard]] static protocol::result<std::shared_ptr<tls_context>> make(
    ssl_options options);

  [[nodiscard]] const ssl_options& options() const { return *options_; }

  /// Begins TLS with `host` on a connected socket; reads files that have changed.
  ///
  /// Error `tls_failed`, in the words of `make`.
  [[nodiscard]] protocol::result<std::unique_ptr<tls_stream>> open(
    int fd, const std::string& host, tls_peer_kind kind = tls_peer_kind::broker);

  /// Which files the next connection begins with, by a number that grows: those that have
  /// changed are read. Files that cannot be used are not, and change nothing; why is
  /// told.
  [[nodiscard]] std::uint64_t version();

  /// Takes a line for the log. Any thread; it may be called by `open` and `version`, and
  /// must not call them.
  using teller = std::function<void(protocol::log_level level, const std::string& text)>;

  /// Says who is told that files have changed and cannot be used (`warning`, with option,
  /// file and reason; each reason once), and that they can be used again (`info`).
  /// Whoever was said before is told no more. Without it nobody is.
  void tell(teller whom);

private:
  explicit tls_context(ssl_options options)
    : options_(std::make_shared<const ssl_options>(std::move(options))) {}

  /// What is to be told of the files when nothing is locked any more.
  struct news {
    teller whom;
    protocol::log_level level = protocol::log_level::warning;
    std::string text;

    void tell() const;
  };

  protocol::error refresh();
  [[nodiscard]] news news_of(const protocol::error& failed);

  const std::shared_ptr<const ssl_options> options_;
  std::mutex mutex_;
  std::unique_ptr<ssl_ctx_st, detail::tls_free> context_;
  std::string stamps_; ///< Of the files as they were when `context_` was made.
  std::uint64_t version_ = 0;
  teller told_;
  std::string trouble_; ///< Why the files cannot be used, as it was told; else empty.
};

} // namespace cafka::actors
