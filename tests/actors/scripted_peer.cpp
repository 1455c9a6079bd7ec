#include "scripted_peer.hpp"

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace cafka::testing {

namespace {

using clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

owned_fd tcp_socket(const std::string& address, int flags = 0) {
  const auto family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  owned_fd fd{::socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)};
  if (fd.get() < 0)
    fail("socket");
  return fd;
}

struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }

  static socket_address of(const std::string& text, std::uint16_t port) {
    socket_address result;
    if (text.find(':') == std::string::npos) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(result.storage);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      result.size = sizeof v4;
      if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) != 1)
        fail("inet_pton");
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(result.storage);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      result.size = sizeof v6;
      if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1)
        fail("inet_pton");
    }
    return result;
  }
};

/// Binds and says which port it became.
std::uint16_t bind_to(
  const owned_fd& fd, const std::string& address, std::uint16_t port) {
  if (port != 0) {
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  }
  auto where = socket_address::of(address, port);
  if (::bind(fd.get(), where.get(), where.size) != 0)
    fail("bind");
  if (::getsockname(fd.get(), where.get(), &where.size) != 0)
    fail("getsockname");
  return ntohs(where.storage.ss_family == AF_INET
      ? reinterpret_cast<sockaddr_in&>(where.storage).sin_port
      : reinterpret_cast<sockaddr_in6&>(where.storage).sin6_port);
}

int milliseconds_until(clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - clock::now()).count();
  return left < 0 ? 0 : static_cast<int>(left);
}

} // namespace

bytes as_bytes(std::string_view text) {
  const auto view = std::as_bytes(std::span{text});
  return {view.begin(), view.end()};
}

bytes framed(protocol::byte_view payload) {
  bytes result;
  result.reserve(payload.size() + 4);
  for (int shift = 24; shift >= 0; shift -= 8)
    result.push_back(static_cast<std::byte>(payload.size() >> shift));
  result.insert(result.end(), payload.begin(), payload.end());
  return result;
}

owned_fd::~owned_fd() {
  if (fd_ >= 0)
    ::close(fd_);
}

// -- session ----------------------------------------------------------------------------

bool scripted_peer::session::ready(short events) {
  if (closed_)
    return false;
  std::array<pollfd, 2> fds{
    {{fd_.get(), events, 0}, {owner_.wake_read_.get(), POLLIN, 0}}};
  return ::poll(fds.data(), fds.size(), milliseconds_until(until_)) > 0
    && fds[1].revents == 0;
}

bool scripted_peer::session::read_exactly(std::span<std::byte> out) {
  while (!out.empty()) {
    if (!ready(POLLIN))
      return false;
    const auto count = ::recv(fd_.get(), out.data(), out.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN)
      continue;
    if (count <= 0)
      return false;
    out = out.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

std::optional<bytes> scripted_peer::session::read_frame() {
  std::array<std::byte, 4> prefix;
  if (!read_exactly(prefix))
    return std::nullopt;
  std::uint32_t size = 0;
  for (const auto b : prefix)
    size = size << 8 | std::to_integer<std::uint32_t>(b);
  bytes payload(size);
  if (!read_exactly(payload))
    return std::nullopt;
  note(payload);
  return payload;
}

void scripted_peer::session::note(bytes frame) {
  const std::lock_guard lock{owner_.mutex_};
  owner_.frames_.push_back(std::move(frame));
  owner_.changed_.notify_all();
}

bool scripted_peer::session::send(protocol::byte_view data) {
  while (!data.empty()) {
    if (!ready(POLLOUT))
      return false;
    const auto count =
      ::send(fd_.get(), data.data(), data.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN)
      continue;
    if (count < 0)
      return false;
    data = data.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

bool scripted_peer::session::send_byte_by_byte(protocol::byte_view data) {
  for (std::size_t i = 0; i != data.size(); ++i)
    if (!send(data.subspan(i, 1)))
      return false;
  return true;
}

bool scripted_peer::session::send_frame(protocol::byte_view payload) {
  return send(framed(payload));
}

bool scripted_peer::session::wait_until_closed() {
  std::array<std::byte, 4096> dropped;
  while (ready(POLLIN)) {
    const auto count = ::recv(fd_.get(), dropped.data(), dropped.size(), MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN))
      return true;
  }
  return false;
}

void scripted_peer::session::wait_for_release() {
  std::unique_lock lock{owner_.mutex_};
  owner_.changed_.wait_until(
    lock, until_, [this] { return owner_.released_ || owner_.stopping_; });
}

void scripted_peer::session::reset() {
  const linger now{1, 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

void scripted_peer::session::close() {
  closed_ = true;
  fd_ = owned_fd{};
}

// -- peer -------------------------------------------------------------------------------

scripted_peer::scripted_peer(script s, settings how)
  : script_(std::move(s)), how_(std::move(how)), listener_(tcp_socket(how_.address)) {
  std::array<int, 2> wake{};
  if (::pipe2(wake.data(), O_CLOEXEC) != 0)
    fail("pipe2");
  wake_read_ = owned_fd{wake[0]};
  wake_write_ = owned_fd{wake[1]};
  if (how_.receive_buffer > 0)
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &how_.receive_buffer,
      sizeof how_.receive_buffer);
  port_ = bind_to(listener_, how_.address, how_.port);
  if (::listen(listener_.get(), 128) != 0)
    fail("listen");
  acceptor_ = std::thread{[this] { accept_all(); }};
}

scripted_peer::~scripted_peer() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
    changed_.notify_all();
  }
  wake_write_ = owned_fd{};
  acceptor_.join();
  for (auto& t : threads_)
    t.join();
}

void scripted_peer::accept_all() {
  while (true) {
    std::array<pollfd, 2> fds{
      {{listener_.get(), POLLIN, 0}, {wake_read_.get(), POLLIN, 0}}};
    if (::poll(fds.data(), fds.size(), -1) <= 0)
      continue;
    if (fds[1].revents != 0)
      return;
    owned_fd fd{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    if (fd.get() < 0)
      continue;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::size_t number = 0;
    {
      const std::lock_guard lock{mutex_};
      number = accepted_++;
      changed_.notify_all();
    }
    auto& s = sessions_.emplace_back(session{*this, number, std::move(fd)});
    threads_.emplace_back([this, &s] { run(s); });
  }
}

void scripted_peer::run(session& s) {
  s.until_ = clock::now() + how_.deadline;
  script_(s);
  s.close();
  const std::lock_guard lock{mutex_};
  overdue_ = overdue_ || clock::now() >= s.until_;
  ++ended_;
  changed_.notify_all();
}

std::size_t scripted_peer::accepted() const {
  const std::lock_guard lock{mutex_};
  return accepted_;
}

bool scripted_peer::overdue() const {
  const std::lock_guard lock{mutex_};
  return overdue_;
}

std::vector<bytes> scripted_peer::frames() const {
  const std::lock_guard lock{mutex_};
  return frames_;
}

template <class Predicate>
bool scripted_peer::wait(Predicate p) {
  std::unique_lock lock{mutex_};
  return changed_.wait_for(lock, how_.deadline, p);
}

bool scripted_peer::wait_for_accepted(std::size_t count) {
  return wait([&] { return accepted_ >= count; });
}

bool scripted_peer::wait_for_frames(std::size_t count) {
  return wait([&] { return frames_.size() >= count; });
}

bool scripted_peer::wait_for_sessions_ended() {
  return wait([&] { return ended_ == accepted_; }) && !overdue();
}

void scripted_peer::release() {
  const std::lock_guard lock{mutex_};
  released_ = true;
  changed_.notify_all();
}

scripted_peer::script scripted_peer::answers(std::function<bytes(const bytes&)> f) {
  return [f = std::move(f)](session& s) {
    while (const auto frame = s.read_frame())
      if (!s.send_frame(f(*frame)))
        return;
  };
}

scripted_peer::script scripted_peer::echoes() {
  return answers([](const bytes& frame) { return frame; });
}

scripted_peer::script scripted_peer::silent() {
  return [](session& s) { s.wait_until_closed(); };
}

// -- ports that give no connection ------------------------------------------------------

// Bound but not listening: refused, and nobody else can take the port meanwhile.
refusing_port::refusing_port(const std::string& address) : fd_(tcp_socket(address)) {
  address_ = {address, bind_to(fd_, address, 0)};
}

// A listener drops further connection attempts while its backlog is full.
unanswering_port::unanswering_port(const std::string& address, std::uint16_t port)
  : listener_(tcp_socket(address)) {
  address_ = {address, bind_to(listener_, address, port)};
  if (::listen(listener_.get(), 0) != 0)
    fail("listen");
  auto where = socket_address::of(address_.host, address_.port);
  // How many fit is the kernel's affair: fill until one is not established at once.
  for (int i = 0; i != 64; ++i) {
    auto fd = tcp_socket(address, SOCK_NONBLOCK);
    ::connect(fd.get(), where.get(), where.size);
    pollfd writable{fd.get(), POLLOUT, 0};
    const auto established = ::poll(&writable, 1, 200) > 0;
    fillers_.push_back(std::move(fd));
    if (!established)
      return;
  }
  throw std::runtime_error("the backlog does not fill");
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
    static_cast<void>(entry);
    ++count;
  }
  return count;
}

} // namespace cafka::testing
