#include "listener.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace cafka::testing {

namespace {

using steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t length_size = sizeof(std::int32_t);
/// Kafka: socket.request.max.bytes. A longer request ends its connection.
constexpr std::int32_t longest_request = 100 * 1024 * 1024;
/// How soon a port that is still another's is tried again.
constexpr milliseconds try_again{50};

[[noreturn]] void fail_by_errno(const std::string& what) {
  throw std::system_error{errno, std::generic_category(), what};
}

std::int32_t length_at(const std::byte* bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i != length_size; ++i)
    length = length << 8U | std::to_integer<std::uint32_t>(bytes[i]);
  return static_cast<std::int32_t>(length);
}

int as_timeout(steady::time_point next, steady::time_point now) {
  if (next == steady::time_point::max())
    return -1;
  const auto left = std::chrono::ceil<milliseconds>(next - now);
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

} // namespace

listener::descriptor::~descriptor() {
  if (valid())
    ::close(fd_);
}

listener::descriptor listener::bind_to(std::uint16_t port) const {
  sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_port = htons(port);
  const auto text = host_ + ':' + std::to_string(port);
  if (::inet_pton(AF_INET, host_.c_str(), &where.sin_addr) != 1) {
    errno = EINVAL;
    fail_by_errno(text + " is no address of IPv4");
  }
  descriptor made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!made.valid())
    fail_by_errno("socket");
  const int on = 1;
  ::setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto* address = reinterpret_cast<const sockaddr*>(&where);
  if (::bind(made.get(), address, sizeof where) != 0
    || ::listen(made.get(), SOMAXCONN) != 0)
    fail_by_errno("cannot listen on " + text);
  return made;
}

listener::listener(std::shared_ptr<cluster_core> core, const listen_options& how)
  : core_(std::move(core)), host_(how.host) {
  auto port = how.port;
  for (const auto broker : core_->look([](fake_cluster& m) { return m.brokers(); })) {
    place p;
    p.broker = broker;
    p.socket = bind_to(port);
    sockaddr_in where{};
    socklen_t size = sizeof where;
    ::getsockname(p.socket.get(), reinterpret_cast<sockaddr*>(&where), &size);
    p.port = ntohs(where.sin_port);
    if (port != 0)
      ++port;
    places_.push_back(std::move(p));
  }
  wake_ = descriptor{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake_.valid())
    fail_by_errno("eventfd");
  for (const auto& p : places_)
    core_->control([broker = p.broker, where = protocol::endpoint{host_, p.port}](
                     fake_cluster& m) { m.set_address(broker, where); });
  waker_ = core_->add_waker([this] { wake(); });
  thread_ = std::thread{[this] { serve(); }};
}

listener::~listener() {
  stopping_ = true;
  wake();
  thread_.join();
  core_->remove_waker(waker_);
  for (const auto& c : connections_)
    core_->disconnect(steady::now(), c->number);
}

void listener::wake() {
  const std::uint64_t one = 1;
  // It fails when so many wait that it is awake anyway.
  static_cast<void>(!::write(wake_.get(), &one, sizeof one));
}

bool listener::follow_brokers() {
  auto all = true;
  for (auto& p : places_) {
    const auto alive = core_->look([&](fake_cluster& m) { return m.listens(p.broker); });
    if (!alive) {
      p.socket = descriptor{};
    } else if (!p.socket.valid()) {
      try {
        p.socket = bind_to(p.port);
      } catch (const std::system_error&) {
        all = false;
      }
    }
  }
  return all;
}

void listener::serve() {
  std::vector<pollfd> watched;
  while (!stopping_) {
    const auto now = steady::now();
    auto next = core_->turn(now);
    if (!follow_brokers())
      next = std::min(next, now + try_again);
    watched.assign(1, {wake_.get(), POLLIN, 0});
    for (const auto& p : places_)
      watched.push_back({p.socket.get(), POLLIN, 0});
    for (const auto& c : connections_) {
      write_to(*c);
      const auto writes = c->wants_to_write ? POLLIN | POLLOUT : POLLIN;
      watched.push_back({c->socket.get(), static_cast<short>(writes), 0});
    }
    const auto gone = [](const auto& c) { return c->gone; };
    const auto any_gone = std::ranges::any_of(connections_, gone);
    ::poll(watched.data(), watched.size(), any_gone ? 0 : as_timeout(next, now));
    std::uint64_t woken = 0;
    static_cast<void>(!::read(wake_.get(), &woken, sizeof woken));
    const auto first = 1 + places_.size();
    for (std::size_t i = 0; i != connections_.size(); ++i) {
      if ((watched[first + i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        read_from(*connections_[i]);
    }
    for (std::size_t i = 0; i != places_.size(); ++i) {
      if ((watched[1 + i].revents & POLLIN) != 0)
        accept_from(places_[i]);
    }
    std::erase_if(connections_, gone);
  }
}

void listener::accept_from(place& p) {
  for (;;) {
    descriptor made{
      ::accept4(p.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
    if (!made.valid())
      return;
    const int on = 1;
    ::setsockopt(made.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto c = std::make_unique<connection>();
    c->socket = std::move(made);
    c->out = std::make_shared<outbox>();
    c->number = core_->connect(
      steady::now(), p.broker,
      [this, out = c->out](const protocol::shared_bytes& bytes) {
        {
          const std::lock_guard lock{out_mutex_};
          if (bytes.empty())
            out->ended = true;
          else
            out->answers.push_back(bytes);
        }
        wake();
      },
      [] {});
    if (c->number != 0)
      connections_.push_back(std::move(c));
  }
}

void listener::read_from(connection& c) {
  constexpr std::size_t some = 256 * 1024;
  while (!c.gone) {
    const auto had = c.in.size();
    c.in.resize(had + some);
    const auto got = ::recv(c.socket.get(), c.in.data() + had, some, 0);
    c.in.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      break;
    if (got <= 0) {
      c.gone = true;
      core_->disconnect(steady::now(), c.number);
      return;
    }
    take_frames(c);
    if (static_cast<std::size_t>(got) < some)
      break;
  }
}

void listener::take_frames(connection& c) {
  std::size_t at = 0;
  while (c.in.size() - at >= length_size) {
    const auto length = length_at(c.in.data() + at);
    if (length < 0 || length > longest_request) {
      c.gone = true;
      core_->disconnect(steady::now(), c.number);
      return;
    }
    const auto size = static_cast<std::size_t>(length);
    if (c.in.size() - at - length_size < size)
      break;
    const auto bytes = protocol::byte_view{c.in}.subspan(at + length_size, size);
    core_->request(steady::now(), c.number, protocol::shared_bytes::copy_of(bytes));
    at += length_size + size;
  }
  c.in.erase(c.in.begin(), c.in.begin() + static_cast<std::ptrdiff_t>(at));
}

void listener::write_to(connection& c) {
  c.wants_to_write = false;
  while (!c.gone) {
    if (c.left == c.leaving.size()) {
      const std::lock_guard lock{out_mutex_};
      if (c.out->answers.empty()) {
        c.gone = c.out->ended;
        return;
      }
      c.leaving = std::move(c.out->answers.front());
      c.out->answers.pop_front();
      c.left = 0;
    }
    const auto rest = c.leaving.view().subspan(c.left);
    const auto sent = ::send(c.socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      c.left += static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      c.wants_to_write = true;
      return;
    } else if (errno != EINTR) {
      c.gone = true;
      core_->disconnect(steady::now(), c.number);
    }
  }
}

} // namespace cafka::testing
