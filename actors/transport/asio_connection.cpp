#include "asio_connection.hpp"

#include "../../supervision/run_here.hpp"
#include "../type_ids.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <exception>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <new>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <utility>

namespace cafka::actors {

namespace {

/// Time for others to give memory back.
constexpr milliseconds memory_pause{250};

/// Of a large frame the kernel need not tell before so much more of it has come: it comes
/// in bits, and waking up for each of them costs more than copying them.
constexpr std::size_t worth_waking = 256 * 1024;

/// A frame that may need long to leave.
constexpr std::size_t worth_watching = 16 * 1024;

/// Writes what fits without blocking: the bytes written, or minus the error number.
ssize_t write_some(int fd, std::span<iovec> vectors) {
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = vectors.size();
  while (true) {
    const auto written = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written >= 0)
      return written;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      return 0;
    if (errno != EINTR)
      return -errno;
  }
}

/// Whether what should be a frame's length is the beginning of a TLS alert, as a port
/// that speaks TLS answers to what is none.
bool is_tls_alert(std::int32_t length) {
  return length >> 8 >= 0x150300 && length >> 8 <= 0x150304;
}

/// The beginning of a text, where a frame's length should be: HTTP, SSH and SMTP greet
/// so.
std::string text_in(std::int32_t length) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8)
    text += static_cast<char>(length >> shift & 0xff);
  const auto printable = [](unsigned char c) { return c >= ' ' && c < 0x7f; };
  return std::ranges::all_of(text, printable) ? text : std::string{};
}

using gather_array = std::array<iovec, IOV_MAX>;

/// Whether the owner is done with a message in microseconds.
bool is_short(const transport_frames& message) {
  constexpr std::size_t most = 16 * 1024;
  std::size_t bytes = 0;
  for (const auto& f : message.frames)
    bytes += f.size();
  return bytes <= most;
}
bool is_short(const transport_up&) {
  return true;
}
bool is_short(const transport_progress&) {
  return true;
}
bool is_short(const transport_outdated&) {
  return false;
}
bool is_short(const transport_down&) {
  return false;
}

} // namespace

connection::connection(io_loop& loop, endpoint peer, const transport_options& options,
  caf::weak_actor_ptr owner, connection_id id)
  : loop_(loop),
    peer_(std::move(peer)),
    options_(options),
    owner_(std::move(owner)),
    id_(id),
    deadline_(clock::now() + options.connect_timeout),
    socket_(loop.io),
    timer_(loop.io),
    progress_timer_(loop.io),
    assembler_(options.receive_message_max_bytes, loop.frames) {
}

// -- any thread -------------------------------------------------------------------------

transport::send_status connection::send(protocol::frame&& f) {
  std::unique_lock lock{outbound_};
  if (phase_ != phase::up)
    return transport::send_status::closed;
  if (writing_) {
    if (queued_bytes_ > 0 && queued_bytes_ + f.size > options_.write_queue_limit)
      return transport::send_status::full;
    const auto all = f.size;
    if (!keep(std::move(f), 0))
      return broken_off(lock, ENOMEM);
    queued_bytes_ += all;
    taken_ += all;
    return transport::send_status::queued;
  }
  // The caller writes itself: a request does not wait for the I/O thread to wake up.
  gather_array vectors;
  const auto count = std::min(f.parts.size(), vectors.size());
  for (std::size_t i = 0; i != count; ++i)
    vectors[i] = write_queue::as_iovec(f.parts[i]);
  const auto written = write({vectors.data(), count});
  if (written < 0)
    return broken_off(lock, static_cast<int>(-written));
  const auto size = static_cast<std::size_t>(written);
  const auto all = f.size;
  taken_ += all;
  const bool leaves_at_once = size == all && all < worth_watching;
  const bool watched = leaves_at_once || std::exchange(leaving_, true);
  if (size < all) {
    writing_ = true;
    queued_bytes_ = all - size;
    if (!keep(std::move(f), size))
      return broken_off(lock, ENOMEM);
  }
  lock.unlock();
  if (size < all)
    post([watched](connection& c) {
      c.await_writable();
      if (!watched)
        c.watch();
    });
  else if (!watched)
    post([](connection& c) { c.watch(); });
  return transport::send_status::queued;
}

bool connection::keep(protocol::frame&& f, std::size_t skip) {
  try {
    queue_.push(std::move(f), skip);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

transport::send_status connection::broken_off(
  std::unique_lock<std::mutex>& lock, int error) {
  phase_ = phase::broken;
  lock.unlock();
  post([error](connection& c) { c.write_failed(error); });
  return transport::send_status::closed;
}

void connection::grant(std::size_t bytes) {
  const std::lock_guard lock{inbound_};
  held_ -= std::min(bytes, held_);
  if (refused_ && has_credit(*refused_)) {
    refused_.reset();
    post([](connection& c) { c.take_frames(); });
  }
}

void connection::close() {
  {
    const std::lock_guard lock{inbound_};
    silenced_ = true;
  }
  const std::lock_guard lock{outbound_};
  if (phase_ == phase::closed)
    return;
  // The peer learns of it now; the descriptor itself is the I/O thread's to close.
  end_tls();
  if (phase_ != phase::connecting)
    ::shutdown(fd_, SHUT_RDWR);
  phase_ = phase::closed;
  post([](connection& c) { c.end(); });
}

void connection::reject() {
  {
    const std::lock_guard lock{outbound_};
    phase_ = phase::closed;
  }
  ended_ = true;
  tell_owner(stopped(), true);
}

// -- I/O thread: connecting -------------------------------------------------------------

void connection::stop() noexcept {
  run([](connection& c) {
    c.end();
    c.tell_owner(c.stopped(), true);
  });
}

void connection::begin(name_service& names) noexcept {
  run([&](connection& c) {
    c.loop_.open.insert(c.shared_from_this());
    c.dialer_ = std::make_shared<dialer>(c.loop_, c.peer_, c.deadline_,
      [weak_self = c.weak_from_this()](const dialer::outcome& what) {
        if (const auto self = weak_self.lock(); self != nullptr && !self->ended_)
          self->run([&](connection& me) { me.dialed(what); });
      });
    c.dialer_->begin(names);
  });
}

void connection::dialed(const dialer::outcome& what) {
  if (what.failed)
    return fail(what.failed.code, what.failed.detail);
  socket_ = std::move(*what.socket);
  dialer_ = nullptr;
  if (options_.tls != nullptr)
    return begin_tls();
  go_up();
}

void connection::begin_tls() {
  if (options_.tls->options().renewal_interval.count() > 0)
    files_ = options_.tls->version();
  auto stream = options_.tls->open(socket_.native_handle(), peer_.host);
  if (!stream)
    return fail(stream.error().code, stream.error().detail);
  tls_ = *std::move(stream);
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (!ec && !self->ended_ && !self->up_)
      self->run([](connection& c) {
        c.fail(protocol::error_code::timed_out, "the TLS handshake was not done in time");
      });
  });
  shake_hands();
}

void connection::shake_hands() {
  const auto step = tls_->handshake();
  switch (step.then) {
  case tls_stream::next::go_on: timer_.cancel(); return go_up();
  case tls_stream::next::readable:
    return when(stream_socket::wait_read, [](connection& c) { c.shake_hands(); });
  case tls_stream::next::writable:
    return when(stream_socket::wait_write, [](connection& c) { c.shake_hands(); });
  case tls_stream::next::ended:
  case tls_stream::next::failed: return fail(protocol::error_code::tls_failed, step.why);
  }
}

void connection::go_up() {
  {
    const std::lock_guard lock{outbound_};
    if (phase_ != phase::connecting)
      return;
    fd_ = socket_.native_handle();
    phase_ = phase::up;
  }
  up_ = true;
  if (!tell_owner(transport_up{id_}))
    return;
  if (tls_ != nullptr && options_.tls->options().renewal_interval.count() > 0)
    watch_files();
  read_more();
}

void connection::watch_files() {
  timer_.expires_after(options_.tls->options().renewal_interval);
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (ec || self->ended_)
      return;
    self->run([](connection& c) {
      if (c.options_.tls->version() == c.files_)
        c.watch_files();
      else
        c.tell_owner(transport_outdated{c.id_});
    });
  });
}

// -- I/O thread: reading ----------------------------------------------------------------

void connection::read_more() {
  if (tls_ != nullptr)
    return read_more_tls();
  const auto space = assembler_.space();
  if (write_error_ != 0) {
    const auto count = ::recv(fd_, space.data(), space.size(), MSG_DONTWAIT);
    if (count <= 0)
      return fail(protocol::error_code::disconnected, reason_text(write_error_));
    assembler_.filled(static_cast<std::size_t>(count));
    return take_frames();
  }
  await_much();
  reading_ = true;
  socket_.async_read_some(asio::buffer(space.data(), space.size()),
    [self = shared_from_this()](error_code ec, std::size_t count) {
      self->reading_ = false;
      if (!self->ended_)
        self->run([&](connection& c) { c.read_done(ec, count); });
    });
}

void connection::await_much() {
  const auto wanted = std::clamp<std::size_t>(assembler_.missing(), 1, worth_waking);
  const auto now = wanted < worth_waking / 4 ? 1 : static_cast<int>(wanted);
  if (now == awaited_)
    return;
  awaited_ = now;
  // Where this does not work it wakes up more often.
  static_cast<void>(
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &awaited_, sizeof awaited_));
}

void connection::read_done(error_code ec, std::size_t count) {
  if (ec == asio::error::operation_aborted && write_error_ != 0)
    return read_more();
  if (ec)
    return lost(ec == asio::error::eof ? "closed by the peer" : reason_text(ec.value()));
  assembler_.filled(count);
  take_frames();
}

void connection::lost(std::string why) {
  if (assembler_.within_frame())
    why += " within a frame";
  else if (tls_ == nullptr && !heard_)
    why += " before any answer: if it speaks TLS on this port, set use_ssl";
  fail(protocol::error_code::disconnected, why);
}

void connection::read_more_tls() {
  reading_ = true;
  const auto read = [](connection& c) { c.read_tls(); };
  if (tls_next_ == tls_stream::next::readable && write_error_ == 0)
    when(stream_socket::wait_read, read);
  else if (tls_next_ == tls_stream::next::writable && write_error_ == 0)
    when(stream_socket::wait_write, read);
  else
    post(read);
}

void connection::read_tls() {
  if (ended_)
    return;
  reading_ = false;
  const auto step = tls_->read(assembler_.space());
  tls_next_ = step.then;
  record_begun_ = step.bytes == 0;
  if (step.bytes != 0) {
    assembler_.filled(step.bytes);
    return take_frames();
  }
  if (step.then == tls_stream::next::readable)
    note_progress();
  if (ended_)
    return;
  switch (step.then) {
  case tls_stream::next::failed: return fail(protocol::error_code::tls_failed, step.why);
  case tls_stream::next::ended: return lost(step.why);
  case tls_stream::next::go_on:
  case tls_stream::next::readable:
  case tls_stream::next::writable:
    return write_error_ == 0 ? read_more_tls() : lost(reason_text(write_error_));
  }
}

void connection::take_frames() {
  if (ended_)
    return;
  transport_frames message{id_, {}};
  protocol::shared_bytes frame;
  auto step = frame_assembler::step::frame;
  const auto admit = [this](std::size_t size) {
    return !speaks_otherwise() && take_credit(size);
  };
  while (true) {
    step = assembler_.next(frame, admit);
    if (step != frame_assembler::step::frame)
      break;
    message.frames.push_back(std::move(frame));
  }
  if (!message.frames.empty()) {
    heard_ = true;
    if (!tell_owner(std::move(message)))
      return;
  }
  if (step == frame_assembler::step::more) {
    if (assembler_.within_frame())
      note_progress();
    if (!ended_)
      read_more();
  } else if (speaks_otherwise())
    is_no_broker();
  else if (step == frame_assembler::step::bad_length && assembler_.length() < 0)
    fail(protocol::error_code::malformed_response,
      "a frame of " + std::to_string(assembler_.length()) + " bytes");
  else if (step == frame_assembler::step::bad_length)
    fail(protocol::error_code::frame_too_large,
      "an answer of " + std::to_string(assembler_.length())
        + " bytes, receive_message_max_bytes is "
        + std::to_string(options_.receive_message_max_bytes));
}

bool connection::speaks_otherwise() const {
  return !heard_
    && ((tls_ == nullptr && is_tls_alert(assembler_.length()))
      || !text_in(assembler_.length()).empty());
}

void connection::is_no_broker() {
  if (tls_ == nullptr && is_tls_alert(assembler_.length()))
    return fail(protocol::error_code::tls_failed,
      "the peer speaks TLS on this port: set use_ssl, or use its plaintext port");
  fail(protocol::error_code::malformed_response,
    "what answers there is no Kafka broker: it begins with \""
      + text_in(assembler_.length()) + '"');
}

bool connection::has_credit(std::size_t size) const {
  return held_ == 0 || held_ + size <= options_.read_credit;
}

bool connection::take_credit(std::size_t size) {
  const std::lock_guard lock{inbound_};
  if (!has_credit(size)) {
    refused_ = size;
    return false;
  }
  held_ += size;
  return true;
}

// -- I/O thread: progress ---------------------------------------------------------------

void connection::watch() {
  if (ended_ || std::exchange(watching_, true))
    return;
  progress_timer_.expires_after(options_.progress_interval);
  progress_timer_.async_wait([self = shared_from_this()](error_code ec) {
    self->watching_ = false;
    if (!ec && !self->ended_)
      self->run([](connection& c) { c.look(); });
  });
}

void connection::look() {
  if (bytes_left() && !tell_owner(transport_progress{id_, 0, 0}))
    return;
  const bool record_begun = std::exchange(record_begun_, false);
  const bool within = assembler_.within_frame() || record_begun;
  if (within && std::exchange(arrived_, false))
    tell_arrival();
  else
    progress_due_ = within;
  if (ended_)
    return;
  if (within && awaited_ > 1) {
    // The kernel tells now of what has come, however little.
    awaited_ = 1;
    static_cast<void>(
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVLOWAT, &awaited_, sizeof awaited_));
  }
  bool leaving = false;
  {
    const std::lock_guard lock{outbound_};
    leaving = leaving_;
  }
  if (within || leaving)
    watch();
}

void connection::note_progress() {
  watch();
  arrived_ = true;
  if (std::exchange(progress_due_, false))
    tell_arrival();
}

void connection::tell_arrival() {
  arrived_ = false;
  const auto [received, expected] = assembler_.arriving();
  tell_owner(transport_progress{id_, received, expected});
}

bool connection::bytes_left() {
  const std::lock_guard lock{outbound_};
  if (!leaving_)
    return false;
  int unsent = 0;
  if (::ioctl(fd_, SIOCOUTQ, &unsent) != 0)
    unsent = 0;
  const auto left = static_cast<std::int64_t>(taken_ - queued_bytes_) - unsent;
  leaving_ = queued_bytes_ > 0 || unsent > 0;
  return left > std::exchange(left_, left);
}

// -- I/O thread: writing ----------------------------------------------------------------

void connection::await_writable() {
  if (!ended_ && write_error_ == 0)
    when(stream_socket::wait_write, [](connection& c) {
      if (c.write_error_ == 0)
        c.write_queued();
    });
}

ssize_t connection::write(std::span<iovec> vectors) {
  return tls_ == nullptr ? write_some(fd_, vectors) : tls_->write(vectors);
}

template <class F>
void connection::when(stream_socket::wait_type what, F f) {
  socket_.async_wait(what, [f, self = shared_from_this()](error_code) {
    if (!self->ended_)
      self->run(f);
  });
}

void connection::write_queued() {
  if (outgoing_.empty()) {
    const std::lock_guard lock{outbound_};
    std::swap(outgoing_, queue_);
  }
  // Without the lock: senders go on queueing, and nobody else closes the descriptor.
  gather_array vectors;
  const auto written = write({vectors.data(), outgoing_.gather(vectors)});
  if (written < 0)
    return write_failed(static_cast<int>(-written));
  outgoing_.consume(static_cast<std::size_t>(written));
  {
    const std::lock_guard lock{outbound_};
    queued_bytes_ -= static_cast<std::size_t>(written);
    writing_ = queued_bytes_ > 0;
    if (!writing_)
      return;
  }
  await_writable();
}

void connection::write_failed(int error) {
  if (ended_ || write_error_ != 0)
    return;
  {
    const std::lock_guard lock{outbound_};
    if (phase_ == phase::up)
      phase_ = phase::broken;
  }
  write_error_ = error;
  if (!reading_)
    return fail(protocol::error_code::disconnected, reason_text(error));
  error_code ignored;
  socket_.cancel(ignored);
}

// -- I/O thread: the end ----------------------------------------------------------------

void connection::fail(protocol::error_code code, const std::string& why) {
  end();
  tell_owner(down(code, why), true);
}

transport_down connection::down(protocol::error_code code, const std::string& why) const {
  return {id_, {code, to_string(peer_) + ": " + why}};
}

transport_down connection::stopped() const {
  return down(protocol::error_code::closed, "the transport was stopped");
}

void connection::end() {
  if (std::exchange(ended_, true))
    return;
  {
    const std::lock_guard lock{outbound_};
    end_tls();
    phase_ = phase::closed;
    error_code ignored;
    socket_.close(ignored);
  }
  // Nobody queues any more. This must go on where there is no memory: it gives some back.
  queue_.clear();
  outgoing_.clear();
  assembler_.drop();
  timer_.cancel();
  progress_timer_.cancel();
  if (const auto dialing = std::exchange(dialer_, nullptr))
    dialing->cancel();
  loop_.open.erase(shared_from_this());
}

void connection::end_tls() {
  // `phase_` first: until the connection is up, `tls_` is the I/O thread's alone.
  if (phase_ == phase::up && tls_ != nullptr)
    tls_->close_notify();
}

template <class Message>
bool connection::tell_owner(Message&& message, bool last) {
  // Let go after the lock: with the last reference the owner may die here and close us.
  const auto owner = caf::actor_cast<caf::strong_actor_ptr>(owner_);
  if (owner == nullptr) {
    end();
    return false;
  }
  // Handling it here spares waking another thread, and makes this one deaf meanwhile.
  std::optional<supervision::sent_here> handled_here;
  {
    const std::lock_guard lock{inbound_};
    if (silenced_)
      return true;
    if (options_.handled_here && is_short(message))
      handled_here.emplace(owner, std::forward<Message>(message));
    else
      cafka::post(owner, std::forward<Message>(message));
    silenced_ = last;
  }
  if (handled_here)
    handled_here->run();
  return true;
}

template <class F>
void connection::post(F f) {
  loop_.post([self = shared_from_this(), f] { self->run(f); });
}

template <class F>
void connection::run(F f) noexcept {
  // What is thrown while that is told is thrown where there is nobody left to tell.
  try {
    try {
      f(*this);
    } catch (const std::bad_alloc&) {
      broken("out of memory");
    } catch (const std::exception& e) {
      broken(e.what());
    }
  } catch (...) {
  }
}

void connection::broken(const std::string& why) {
  // The answer that does not fit now would not fit the next time.
  const auto [received, expected] = assembler_.arriving();
  const bool too_large = expected > frame_assembler::trusted;
  end();
  tell_broken(
    too_large ? why + " for an answer of " + std::to_string(expected) + " bytes" : why,
    too_large ? protocol::error_code::frame_too_large
              : protocol::error_code::disconnected);
}

void connection::tell_broken(const std::string& why, protocol::error_code code) {
  try {
    tell_owner(down(code, why), true);
  } catch (const std::bad_alloc&) {
    // Again when others may have given some back.
    timer_.expires_after(memory_pause);
    timer_.async_wait([=, self = shared_from_this()](error_code ec) {
      if (!ec)
        self->run([&](connection& c) { c.tell_broken(why, code); });
    });
  }
}

} // namespace cafka::actors
