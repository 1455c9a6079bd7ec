#include <cafka/actors/asio_transport.hpp>
#include <cafka/actors/frame_assembler.hpp>
#include <cafka/actors/resolver.hpp>
#include <cafka/actors/tls.hpp>
#include <cafka/actors/type_ids.hpp>
#include <cafka/actors/write_queue.hpp>
#include <cafka/supervision/run_here.hpp>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <mutex>
#include <netinet/tcp.h>
#include <optional>
#include <pthread.h>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unordered_set>

namespace cafka::actors {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
// Naming the executor spares the type-erased one that `tcp::socket` carries.
using executor = asio::io_context::executor_type;
using stream_socket = asio::basic_stream_socket<tcp, executor>;
using timer = asio::basic_waitable_timer<clock, asio::wait_traits<clock>, executor>;

/// Least time that one of several addresses gets to answer.
constexpr milliseconds least_attempt{250};

class connection;

/// One I/O thread and the connections that belong to it.
struct io_loop : std::enable_shared_from_this<io_loop> {
  std::mutex mutex;
  bool accepting = true;
  asio::io_context io{1};
  asio::executor_work_guard<executor> work{io.get_executor()};
  /// Touched by the I/O thread only; keeps a connection until it has ended.
  std::unordered_set<std::shared_ptr<connection>> open;

  /// Runs `f` in the I/O thread; false, and `f` never runs, when the loop is stopping.
  template <class F>
  bool post(F f) {
    const std::lock_guard lock{mutex};
    if (accepting)
      asio::post(io, std::move(f));
    return accepting;
  }
};

struct name_service {
  resolver resolve;
  lookup_threads lookups;
};

tcp::endpoint asio_endpoint(const socket_address& address) {
  tcp::endpoint result;
  std::memcpy(result.data(), &address.storage, address.size);
  result.resize(address.size);
  return result;
}

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
bool is_short(const transport_down&) {
  return false;
}

// Two kinds of thread meet here. The I/O thread connects, reads, and alone opens and
// closes the descriptor. Any thread may send, grant and close.
//
// `outbound_` guards what writing needs: a thread that sends holds it while it uses the
// descriptor, and the I/O thread holds it while it closes it, so nobody writes to a
// number that the kernel has given to another. `inbound_` guards what the owner sees.
// They are never held together.
class connection : public std::enable_shared_from_this<connection> {
public:
  connection(io_loop& loop, endpoint peer, const transport_options& options,
    caf::weak_actor_ptr owner, connection_id id)
    : loop_(loop),
      peer_(std::move(peer)),
      options_(options),
      owner_(std::move(owner)),
      id_(id),
      deadline_(clock::now() + options.connect_timeout),
      socket_(loop.io),
      timer_(loop.io),
      assembler_(options.max_frame_size) {}

  // -- any thread -----------------------------------------------------------------------

  transport::sent send(protocol::frame&& f) {
    std::unique_lock lock{outbound_};
    if (phase_ != phase::up)
      return transport::sent::closed;
    if (writing_) {
      if (queued_bytes_ > 0 && queued_bytes_ + f.size > options_.write_queue_limit)
        return transport::sent::full;
      queued_bytes_ += f.size;
      queue_.push(std::move(f));
      return transport::sent::queued;
    }
    // The caller writes itself: a request does not wait for the I/O thread to wake up.
    gather_array vectors;
    const auto count = std::min(f.parts.size(), vectors.size());
    for (std::size_t i = 0; i != count; ++i)
      vectors[i] = write_queue::as_iovec(f.parts[i]);
    const auto written = write({vectors.data(), count});
    if (written < 0) {
      phase_ = phase::broken;
      lock.unlock();
      post(
        [error = static_cast<int>(-written)](connection& c) { c.write_failed(error); });
      return transport::sent::closed;
    }
    const auto size = static_cast<std::size_t>(written);
    if (size < f.size) {
      writing_ = true;
      queued_bytes_ = f.size - size;
      queue_.push(std::move(f), size);
      lock.unlock();
      post([](connection& c) { c.await_writable(); });
    }
    return transport::sent::queued;
  }

  void grant(std::size_t bytes) {
    const std::lock_guard lock{inbound_};
    held_ -= std::min(bytes, held_);
    if (refused_ && has_credit(*refused_)) {
      refused_.reset();
      post([](connection& c) { c.take_frames(); });
    }
  }

  void close() {
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

  /// Ends what the I/O thread never saw.
  void reject() {
    {
      const std::lock_guard lock{outbound_};
      phase_ = phase::closed;
    }
    ended_ = true;
    tell_owner(stopped(), true);
  }

  // -- I/O thread: connecting -----------------------------------------------------------

  void stop() {
    end();
    tell_owner(stopped(), true);
  }

  void begin(name_service& names) {
    loop_.open.insert(shared_from_this());
    if (const auto numeric = numeric_address(peer_.host, peer_.port)) {
      addresses_.push_back(asio_endpoint(*numeric));
      return connect_next();
    }
    timer_.expires_at(deadline_);
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec && !self->ended_ && self->addresses_.empty())
        self->fail(protocol::error_code::timed_out, "name not resolved in time");
    });
    // The thread may outlive a stop that does not wait for it, so it owns nothing of
    // ours.
    const auto no_thread = names.lookups.run(
      [resolve = names.resolve, host = peer_.host, weak_self = weak_from_this(),
        weak_loop = loop_.weak_from_this()] {
        auto found = resolve(host);
        if (const auto loop = weak_loop.lock())
          loop->post([weak_self, found = std::move(found)] {
            if (const auto self = weak_self.lock(); self != nullptr && !self->ended_)
              self->resolved(found);
          });
      });
    if (no_thread)
      fail(protocol::error_code::connection_failed, *no_thread);
  }

private:
  enum class phase : std::uint8_t { connecting, up, broken, closed };

  void resolved(const protocol::result<std::vector<std::string>>& found) {
    if (!found)
      return fail(protocol::error_code::connection_failed, found.error().detail);
    for (const auto& text : *found)
      if (const auto address = numeric_address(text, peer_.port))
        addresses_.push_back(asio_endpoint(*address));
    if (addresses_.empty())
      return fail(protocol::error_code::connection_failed, "the name has no address");
    connect_next();
  }

  void connect_next() {
    const auto now = clock::now();
    if (next_ == addresses_.size() || now >= deadline_)
      return fail(now >= deadline_ ? protocol::error_code::timed_out
                                   : protocol::error_code::connection_failed,
        attempts_.empty() ? "not connected in time" : attempts_);
    // An address that swallows everything leaves time for those after it.
    const auto left = deadline_ - now;
    const auto share = left / static_cast<clock::rep>(addresses_.size() - next_);
    const auto patience =
      std::min<clock::duration>(left, std::max<clock::duration>(share, least_attempt));
    const auto address = addresses_[next_++];
    const auto attempt = next_;
    const auto fd = ::socket(
      address.data()->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
      return try_other(address, reason_text(errno));
    error_code ignored;
    socket_.close(ignored);
    socket_.assign(address.protocol(), fd, ignored);
    socket_.non_blocking(true, ignored);
    timer_.expires_after(patience);
    timer_.async_wait([=, self = shared_from_this()](error_code ec) {
      if (ec || self->ended_ || self->connected_ || self->next_ != attempt)
        return;
      const auto ms = std::chrono::ceil<milliseconds>(patience).count();
      self->try_other(address, "no answer within " + std::to_string(ms) + " ms");
    });
    socket_.async_connect(address, [=, self = shared_from_this()](error_code ec) {
      if (self->ended_ || self->next_ != attempt || ec == asio::error::operation_aborted)
        return;
      if (ec)
        self->try_other(address, reason_text(ec.value()));
      else
        self->connected(address);
    });
  }

  void try_other(const tcp::endpoint& address, const std::string& why) {
    const auto text = address.address().to_string();
    if (!attempts_.empty())
      attempts_ += ", ";
    // The peer's name comes first in the report; a number need not be said twice.
    attempts_ += addresses_.size() == 1 && peer_.host == text ? why : text + ": " + why;
    connect_next();
  }

  void connected(const tcp::endpoint& address) {
    error_code ec;
    // A free port of this host can connect to itself, and would seem to be a broker.
    if (socket_.local_endpoint(ec) == address)
      return try_other(address, reason_text(ECONNREFUSED));
    connected_ = true;
    timer_.cancel();
    socket_.set_option(tcp::no_delay{true}, ec);
    socket_.set_option(stream_socket::keep_alive{true}, ec);
    if (options_.tls != nullptr)
      return begin_tls();
    go_up();
  }

  // What goes wrong from here on is the peer's doing and not the address's: no other one
  // is tried.
  void begin_tls() {
    auto stream = options_.tls->open(socket_.native_handle(), peer_.host);
    if (!stream)
      return fail(stream.error().code, stream.error().detail);
    tls_ = *std::move(stream);
    timer_.expires_at(deadline_);
    timer_.async_wait([self = shared_from_this()](error_code ec) {
      if (!ec && !self->ended_ && !self->up_)
        self->fail(
          protocol::error_code::timed_out, "the TLS handshake was not done in time");
    });
    shake_hands();
  }

  void shake_hands() {
    const auto step = tls_->handshake();
    switch (step.then) {
    case tls_stream::next::go_on: timer_.cancel(); return go_up();
    case tls_stream::next::readable:
      return when(stream_socket::wait_read, [](connection& c) { c.shake_hands(); });
    case tls_stream::next::writable:
      return when(stream_socket::wait_write, [](connection& c) { c.shake_hands(); });
    case tls_stream::next::ended:
    case tls_stream::next::failed:
      return fail(protocol::error_code::tls_failed, step.why);
    }
  }

  void go_up() {
    {
      const std::lock_guard lock{outbound_};
      if (phase_ != phase::connecting)
        return;
      fd_ = socket_.native_handle();
      phase_ = phase::up;
    }
    up_ = true;
    if (tell_owner(transport_up{id_}))
      read_more();
  }

  // -- I/O thread: reading --------------------------------------------------------------

  void read_more() {
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
    reading_ = true;
    socket_.async_read_some(asio::buffer(space.data(), space.size()),
      [self = shared_from_this()](error_code ec, std::size_t count) {
        self->reading_ = false;
        if (!self->ended_)
          self->read_done(ec, count);
      });
  }

  void read_done(error_code ec, std::size_t count) {
    if (ec == asio::error::operation_aborted && write_error_ != 0)
      return read_more();
    if (ec)
      return lost(
        ec == asio::error::eof ? "closed by the peer" : reason_text(ec.value()));
    assembler_.filled(count);
    take_frames();
  }

  void lost(std::string why) {
    if (assembler_.within_frame())
      why += " within a frame";
    else if (tls_ == nullptr && !heard_)
      why += " before any answer: if it speaks TLS on this port, set use_ssl";
    fail(protocol::error_code::disconnected, why);
  }

  void read_more_tls() {
    reading_ = true;
    const auto read = [](connection& c) { c.read_tls(); };
    if (tls_next_ == tls_stream::next::readable && write_error_ == 0)
      when(stream_socket::wait_read, read);
    else if (tls_next_ == tls_stream::next::writable && write_error_ == 0)
      when(stream_socket::wait_write, read);
    else
      post(read);
  }

  void read_tls() {
    if (ended_)
      return;
    reading_ = false;
    const auto step = tls_->read(assembler_.space());
    tls_next_ = step.then;
    if (step.bytes != 0) {
      assembler_.filled(step.bytes);
      return take_frames();
    }
    switch (step.then) {
    case tls_stream::next::failed:
      return fail(protocol::error_code::tls_failed, step.why);
    case tls_stream::next::ended: return lost(step.why);
    case tls_stream::next::go_on:
    case tls_stream::next::readable:
    case tls_stream::next::writable:
      return write_error_ == 0 ? read_more_tls() : lost(reason_text(write_error_));
    }
  }

  void take_frames() {
    if (ended_)
      return;
    transport_frames message{id_, {}};
    protocol::shared_bytes frame;
    auto step = frame_assembler::step::frame;
    while (true) {
      step =
        assembler_.next(frame, [this](std::size_t size) { return take_credit(size); });
      if (step != frame_assembler::step::frame)
        break;
      message.frames.push_back(std::move(frame));
    }
    if (!message.frames.empty()) {
      heard_ = true;
      if (!tell_owner(std::move(message)))
        return;
    }
    if (step == frame_assembler::step::more)
      read_more();
    else if (step == frame_assembler::step::bad_length && tls_ == nullptr
      && is_tls_alert(assembler_.length()))
      fail(protocol::error_code::tls_failed,
        "the peer speaks TLS on this port: set use_ssl, or use its plaintext port");
    else if (step == frame_assembler::step::bad_length)
      fail(protocol::error_code::malformed_response,
        "a frame of " + std::to_string(assembler_.length()) + " bytes, the limit is "
          + std::to_string(options_.max_frame_size));
  }

  [[nodiscard]] bool has_credit(std::size_t size) const {
    return held_ == 0 || held_ + size <= options_.read_credit;
  }

  bool take_credit(std::size_t size) {
    const std::lock_guard lock{inbound_};
    if (!has_credit(size)) {
      refused_ = size;
      return false;
    }
    held_ += size;
    return true;
  }

  // -- I/O thread: writing --------------------------------------------------------------

  void await_writable() {
    if (!ended_ && write_error_ == 0)
      when(stream_socket::wait_write, [](connection& c) {
        if (c.write_error_ == 0)
          c.write_queued();
      });
  }

  /// The bytes written, or minus the error number.
  ssize_t write(std::span<iovec> vectors) {
    return tls_ == nullptr ? write_some(fd_, vectors) : tls_->write(vectors);
  }

  /// Calls `f` when the socket is readable or writable, or no longer to be waited for.
  template <class F>
  void when(stream_socket::wait_type what, F f) {
    socket_.async_wait(what, [f, self = shared_from_this()](error_code) {
      if (!self->ended_)
        f(*self);
    });
  }

  void write_queued() {
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

  /// The peer may have answered before it went: what has come is still delivered.
  void write_failed(int error) {
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

  // -- I/O thread: the end --------------------------------------------------------------

  void fail(protocol::error_code code, const std::string& why) {
    end();
    tell_owner(down(code, why), true);
  }

  [[nodiscard]] transport_down down(
    protocol::error_code code, const std::string& why) const {
    return {id_, {code, to_string(peer_) + ": " + why}};
  }

  [[nodiscard]] transport_down stopped() const {
    return down(protocol::error_code::closed, "the transport was stopped");
  }

  void end() {
    if (std::exchange(ended_, true))
      return;
    write_queue dropped;
    {
      const std::lock_guard lock{outbound_};
      end_tls();
      phase_ = phase::closed;
      std::swap(dropped, queue_);
      error_code ignored;
      socket_.close(ignored);
    }
    outgoing_ = {};
    timer_.cancel();
    loop_.open.erase(shared_from_this());
  }

  /// Under `outbound_`.
  void end_tls() {
    if (tls_ != nullptr && phase_ == phase::up)
      tls_->close_notify();
  }

  /// Ends the connection and says false when the owner is gone.
  template <class Message>
  bool tell_owner(Message&& message, bool last = false) {
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
      if (is_short(message))
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
  void post(F f) {
    loop_.post([self = shared_from_this(), f] { f(*self); });
  }

  io_loop& loop_;
  const endpoint peer_;
  const transport_options options_;
  const caf::weak_actor_ptr owner_;
  const connection_id id_;

  // The I/O thread's own.
  const clock::time_point deadline_;
  std::vector<tcp::endpoint> addresses_;
  std::size_t next_ = 0; ///< How many of `addresses_` have been tried.
  std::string attempts_; ///< What became of them.
  stream_socket socket_;
  timer timer_;
  frame_assembler assembler_;
  write_queue outgoing_;
  bool connected_ = false;
  bool up_ = false;
  bool heard_ = false; ///< A frame has come.
  bool reading_ = false;
  int write_error_ = 0;
  bool ended_ = false;
  tls_stream::next tls_next_ = tls_stream::next::go_on; ///< What reading waits for.

  std::mutex outbound_;
  phase phase_ = phase::connecting;
  int fd_ = -1;
  std::unique_ptr<tls_stream> tls_; ///< Null without TLS, and before it; then constant.
  bool writing_ = false;            ///< The I/O thread writes; senders queue.
  write_queue queue_;
  std::size_t queued_bytes_ = 0; ///< Of `queue_` and `outgoing_` together.

  std::mutex inbound_;
  bool silenced_ = false;
  std::size_t held_ = 0;               ///< Bytes that the owner has not given back.
  std::optional<std::size_t> refused_; ///< Size of the frame that waits for credit.
};

/// The owner's end of a connection.
class asio_transport final : public transport {
public:
  asio_transport(std::shared_ptr<io_loop> loop, std::shared_ptr<connection> c)
    : loop_(std::move(loop)), connection_(std::move(c)) {}

  ~asio_transport() override { connection_->close(); }

  sent send(protocol::frame f) override { return connection_->send(std::move(f)); }
  void grant(std::size_t bytes) override { connection_->grant(bytes); }
  void close() override { connection_->close(); }

private:
  // The socket inside the connection needs the loop: this order destroys it first.
  std::shared_ptr<io_loop> loop_;
  std::shared_ptr<connection> connection_;
};

} // namespace

struct asio_transport_factory::impl {
  std::shared_ptr<name_service> names = std::make_shared<name_service>();
  std::vector<std::shared_ptr<io_loop>> loops;
  std::vector<std::thread> threads;
  std::atomic<std::size_t> opened{0};

  ~impl() { stop(milliseconds{0}); }

  void start(unsigned count) {
    for (unsigned i = 0; i != count; ++i) {
      const auto& loop = loops.emplace_back(std::make_shared<io_loop>());
      threads.emplace_back([l = loop] {
        // Signals are the application's, and for threads that expect them.
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, nullptr);
        pthread_setname_np(pthread_self(), "cafka.io");
        l->io.run();
      });
    }
  }

  void stop(milliseconds deadline) {
    const auto until = clock::now() + deadline;
    for (const auto& loop : loops) {
      const std::lock_guard lock{loop->mutex};
      if (std::exchange(loop->accepting, false))
        asio::post(loop->io, [l = loop.get()] {
          // What began before is here; its handlers run out, and so does the loop.
          for (const auto& c : std::exchange(l->open, {}))
            c->stop();
          l->work.reset();
        });
    }
    for (auto& t : threads) {
      // An owner that is handled in an I/O thread may end there, and hold the last
      // reference to the factory: that thread runs out by itself.
      if (t.get_id() == std::this_thread::get_id())
        t.detach();
      else
        t.join();
    }
    threads.clear();
    names->lookups.wait(until);
  }
};

asio_transport_factory::asio_transport_factory(unsigned threads, resolver resolve)
  : impl_(std::make_unique<impl>()) {
  impl_->names->resolve = std::move(resolve);
  impl_->start(std::max(threads, 1u));
}

asio_transport_factory::~asio_transport_factory() = default;

std::unique_ptr<transport> asio_transport_factory::open(const endpoint& peer,
  const transport_options& options, caf::weak_actor_ptr owner, connection_id id) {
  const auto& loop = impl_->loops[impl_->opened++ % impl_->loops.size()];
  auto c = std::make_shared<connection>(*loop, peer, options, std::move(owner), id);
  const auto begun = loop->post([c, names = impl_->names] { c->begin(*names); });
  if (!begun)
    c->reject();
  return std::make_unique<asio_transport>(loop, std::move(c));
}

void asio_transport_factory::stop(milliseconds deadline) {
  impl_->stop(deadline);
}

} // namespace cafka::actors
