#include "dialer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <new>
#include <sys/socket.h>
#include <utility>

namespace cafka::actors {

namespace {

/// Least time that one of several addresses gets to answer.
constexpr milliseconds least_attempt{250};

tcp::endpoint asio_endpoint(const socket_address& address) {
  tcp::endpoint result;
  std::memcpy(result.data(), &address.storage, address.size);
  result.resize(address.size);
  return result;
}

} // namespace

dialer::dialer(io_loop& loop, protocol::endpoint peer, clock::time_point deadline,
  std::function<void(const outcome&)> done)
  : loop_(loop),
    peer_(std::move(peer)),
    deadline_(deadline),
    done_(std::move(done)),
    socket_(loop.io),
    timer_(loop.io) {
}

void dialer::begin(name_service& names) {
  run([&](dialer& d) { d.find_addresses(names); });
}

void dialer::cancel() {
  done_ = nullptr;
  timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

void dialer::find_addresses(name_service& names) {
  if (peer_.host.find('\0') != std::string::npos)
    return fail(
      protocol::error_code::invalid_argument, "a host name has no zero byte in it");
  if (const auto numeric = numeric_address(peer_.host, peer_.port)) {
    addresses_.push_back(asio_endpoint(*numeric));
    return connect_next();
  }
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](error_code ec) {
    if (!ec && self->done_ && self->addresses_.empty())
      self->run([](dialer& d) {
        d.fail(protocol::error_code::timed_out, "name not resolved in time");
      });
  });
  // The thread may outlive a stop that does not wait for it, so it owns nothing of
  // ours.
  const auto no_thread = names.lookups.look_up(peer_.host, names.resolve, deadline_,
    [weak_self = weak_from_this(), weak_loop = loop_.weak_from_this()](
      const lookup_threads::found& what) {
      if (const auto loop = weak_loop.lock())
        loop->post([weak_self, what] {
          if (const auto self = weak_self.lock(); self != nullptr && self->done_)
            self->run([&](dialer& d) { d.resolved(what); });
        });
    });
  if (no_thread)
    fail(protocol::error_code::connection_failed, *no_thread);
}

void dialer::resolved(const protocol::result<std::vector<std::string>>& found) {
  if (!found)
    return fail(protocol::error_code::connection_failed, found.error().detail);
  for (const auto& text : *found)
    if (const auto address = numeric_address(text, peer_.port))
      addresses_.push_back(asio_endpoint(*address));
  if (addresses_.empty())
    return fail(protocol::error_code::connection_failed, "the name has no address");
  connect_next();
}

void dialer::connect_next() {
  const auto now = clock::now();
  if (next_ == addresses_.size() || now >= deadline_)
    return fail(now >= deadline_ ? protocol::error_code::timed_out
                                 : protocol::error_code::connection_failed,
      attempts_.empty() ? "not connected in time" : attempts_);
  // An address that swallows everything leaves time for those after it.
  const auto left = deadline_ - now;
  const auto share = left / static_cast<clock::rep>(addresses_.size() - next_);
  const auto attempt_timeout =
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
  timer_.expires_after(attempt_timeout);
  timer_.async_wait([=, self = shared_from_this()](error_code ec) {
    if (ec || !self->done_ || self->next_ != attempt)
      return;
    const auto ms = std::chrono::ceil<milliseconds>(attempt_timeout).count();
    self->run([&](dialer& d) {
      d.try_other(address, "no answer within " + std::to_string(ms) + " ms");
    });
  });
  socket_.async_connect(address, [=, self = shared_from_this()](error_code ec) {
    if (!self->done_ || self->next_ != attempt || ec == asio::error::operation_aborted)
      return;
    self->run([&](dialer& d) {
      if (ec)
        d.try_other(address, reason_text(ec.value()));
      else
        d.connected(address);
    });
  });
}

void dialer::try_other(const tcp::endpoint& address, const std::string& why) {
  const auto text = address.address().to_string();
  if (!attempts_.empty())
    attempts_ += ", ";
  // The peer's name comes first in the report; a number need not be said twice.
  attempts_ += addresses_.size() == 1 && peer_.host == text ? why : text + ": " + why;
  connect_next();
}

void dialer::connected(const tcp::endpoint& address) {
  error_code ec;
  // A free port of this host can connect to itself, and would seem to be the peer.
  if (socket_.local_endpoint(ec) == address)
    return try_other(address, reason_text(ECONNREFUSED));
  socket_.set_option(tcp::no_delay{true}, ec);
  socket_.set_option(stream_socket::keep_alive{true}, ec);
  end({&socket_, {}});
}

void dialer::fail(protocol::error_code code, const std::string& why) {
  end({nullptr, {code, why}});
}

void dialer::end(const outcome& what) {
  timer_.cancel();
  std::exchange(done_, nullptr)(what);
}

template <class F>
void dialer::run(F f) noexcept {
  const auto self = shared_from_this(); // The one that is told may let go of this.
  const auto broken = [&](const char* why) {
    if (done_)
      fail(protocol::error_code::disconnected, why);
  };
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

} // namespace cafka::actors
