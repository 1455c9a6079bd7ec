#pragma once

// One connection on Asio, for asio_transport.cpp alone: it is not installed, since no
// public header includes Asio.

#include "dialer.hpp"
#include "frame_assembler.hpp"
#include "io_loop.hpp"
#include "tls.hpp"
#include "transport.hpp"
#include "write_queue.hpp"

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cafka::actors {

// Two kinds of thread meet here. The I/O thread connects, reads, and alone opens and
// closes the descriptor. Any thread may send, grant and close.
//
// `outbound_` guards what writing needs: a thread that sends holds it while it uses the
// descriptor, and the I/O thread holds it while it closes it, so nobody writes to a
// number that the kernel has given to another. `inbound_` guards what the owner sees.
// They are never held together.
class connection final : public io_object,
                         public std::enable_shared_from_this<connection> {
public:
  connection(io_loop& loop, endpoint peer, const transport_options& options,
    caf::weak_actor_ptr owner, connection_id id);

  // -- any thread -----------------------------------------------------------------------

  transport::send_status send(protocol::frame&& f);
  void grant(std::size_t bytes);
  void close();
  /// Ends what the I/O thread never saw.
  void reject();

  // -- I/O thread: connecting -----------------------------------------------------------

  void stop() noexcept override;
  void begin(name_service& names) noexcept;

private:
  /// Queues what is not written yet; false, and part of it may be queued, for want of
  /// memory.
  bool keep(protocol::frame&& f, std::size_t skip);
  /// Nothing can be written any more after a frame of which only a part was.
  transport::send_status broken_off(std::unique_lock<std::mutex>& lock, int error);

  enum class phase : std::uint8_t { connecting, up, broken, closed };

  void dialed(const dialer::outcome& what);
  // What goes wrong from here on is the peer's doing and not the address's: no other one
  // is tried.
  void begin_tls();
  void shake_hands();
  void go_up();
  /// Looks now and then whether the files of TLS have changed.
  void watch_files();

  // -- I/O thread: reading --------------------------------------------------------------

  void read_more();
  void await_much();
  void read_done(error_code ec, std::size_t count);
  void lost(std::string why);
  void read_more_tls();
  void read_tls();
  void take_frames();
  /// Whether what came first is another protocol's.
  [[nodiscard]] bool speaks_otherwise() const;
  void is_no_broker();
  [[nodiscard]] bool has_credit(std::size_t size) const;
  bool take_credit(std::size_t size);

  // -- I/O thread: progress -------------------------------------------------------------

  /// Looks again and again whether bytes come or leave, as long as some are due.
  void watch();
  void look();
  /// Bytes have come of what is not whole.
  void note_progress();
  void tell_arrival();
  /// Whether bytes have left since the last look; notes when none is left to look at.
  bool bytes_left();

  // -- I/O thread: writing --------------------------------------------------------------

  void await_writable();
  /// The bytes written, or minus the error number.
  ssize_t write(std::span<iovec> vectors);
  /// Calls `f` when the socket is readable or writable, or no longer to be waited for.
  template <class F>
  void when(stream_socket::wait_type what, F f);
  void write_queued();
  /// The peer may have answered before it went: what has come is still delivered.
  void write_failed(int error);

  // -- I/O thread: the end --------------------------------------------------------------

  void fail(protocol::error_code code, const std::string& why);
  [[nodiscard]] transport_down down(
    protocol::error_code code, const std::string& why) const;
  [[nodiscard]] transport_down stopped() const;
  void end();
  /// Under `outbound_`.
  void end_tls();
  /// Ends the connection and says false when the owner is gone.
  template <class Message>
  bool tell_owner(Message&& message, bool last = false);
  template <class F>
  void post(F f);
  /// Runs a step in the I/O thread: what it throws ends this connection and nothing else.
  template <class F>
  void run(F f) noexcept;
  void broken(const std::string& why);
  void tell_broken(const std::string& why, protocol::error_code code);

  io_loop& loop_;
  const endpoint peer_;
  const transport_options options_;
  const caf::weak_actor_ptr owner_;
  const connection_id id_;

  // The I/O thread's own.
  const clock::time_point deadline_;
  std::shared_ptr<dialer> dialer_; ///< Null once it is connected.
  stream_socket socket_;
  timer timer_;
  timer progress_timer_;
  bool watching_ = false;
  bool arrived_ = false;      ///< Bytes have come that were not told of.
  bool progress_due_ = false; ///< None had come at the last look: the next are told.
  bool record_begun_ = false; ///< Something of a TLS record has come, and not all.
  frame_assembler assembler_;
  write_queue outgoing_;
  bool up_ = false;
  bool heard_ = false; ///< A frame has come.
  bool reading_ = false;
  int awaited_ = 1; ///< Bytes that must have come before the kernel tells of them.
  int write_error_ = 0;
  bool ended_ = false;
  std::uint64_t files_ = 0; ///< The version with which TLS began.
  tls_stream::next tls_next_ = tls_stream::next::go_on; ///< What reading waits for.

  std::mutex outbound_;
  phase phase_ = phase::connecting;
  int fd_ = -1;
  std::unique_ptr<tls_stream> tls_; ///< Null without TLS, and before it; then constant.
  bool writing_ = false;            ///< The I/O thread writes; senders queue.
  write_queue queue_;
  std::size_t queued_bytes_ = 0; ///< Of `queue_` and `outgoing_` together.
  bool leaving_ = false;         ///< The I/O thread looks at what leaves.
  std::uint64_t taken_ = 0;      ///< Bytes of all frames.
  std::int64_t left_ = 0;        ///< How many of them the peer had at the last look.

  std::mutex inbound_;
  bool silenced_ = false;
  std::size_t held_ = 0;               ///< Bytes that the owner has not given back.
  std::optional<std::size_t> refused_; ///< Size of the frame that waits for credit.
};

} // namespace cafka::actors
