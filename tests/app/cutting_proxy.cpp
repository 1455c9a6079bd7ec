#include "cutting_proxy.hpp"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <poll.h>
#include <random>
#include <sys/socket.h>
#include <unistd.h>

namespace cafka::testing {

namespace {

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// False when it is not all written by the deadline: a broker may hang.
bool write_all(
  int to, const char* data, std::size_t size, steady_clock::time_point until) {
  while (size > 0) {
    const auto n = ::send(to, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN && steady_clock::now() < until) {
      pollfd full{to, POLLOUT, 0};
      ::poll(&full, 1, 20);
      continue;
    }
    if (n <= 0)
      return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

/// Ends it with a reset: what is under way is lost.
void reset(int socket) {
  const linger at_once{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(socket);
}

} // namespace

cutting_proxy::cutting_proxy(endpoint broker, milliseconds shortest, milliseconds longest)
  : broker_(std::move(broker)), shortest_(shortest), longest_(longest) {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  auto address = local(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0
    || ::listen(listener_, 64) != 0
    || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("the proxy cannot listen");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread{[this] { run(); }};
}

cutting_proxy::~cutting_proxy() {
  stopping_ = true;
  acceptor_.join();
  ::close(listener_);
  for (auto& t : threads_)
    t.join();
}

void cutting_proxy::run() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 100) <= 0)
      continue;
    const auto client = ::accept(listener_, nullptr, nullptr);
    if (client >= 0)
      threads_.emplace_back([this, client] { pass_on(client); });
  }
}

void cutting_proxy::pass_on(int client) {
  const auto broker = ::socket(AF_INET, SOCK_STREAM, 0);
  const auto address = local(broker_.port);
  if (::connect(broker, reinterpret_cast<const sockaddr*>(&address), sizeof address)
    != 0) {
    reset(client);
    ::close(broker);
    return;
  }
  std::random_device random;
  const auto until = steady_clock::now()
    + milliseconds{std::uniform_int_distribution<std::int64_t>{
      shortest_.count(), longest_.count()}(random)};
  std::array<pollfd, 2> ends{pollfd{client, POLLIN, 0}, pollfd{broker, POLLIN, 0}};
  std::array<char, 16 * 1024> buffer;
  bool open = true;
  while (open && !stopping_ && steady_clock::now() < until) {
    if (::poll(ends.data(), ends.size(), 20) <= 0)
      continue;
    for (std::size_t i = 0; i != 2 && open; ++i) {
      if (ends[i].revents == 0)
        continue;
      const auto n = ::recv(ends[i].fd, buffer.data(), buffer.size(), 0);
      open = n > 0;
      if (i == 1 && loses_answers_)
        continue;
      open = open
        && write_all(ends[1 - i].fd, buffer.data(), static_cast<std::size_t>(n), until);
    }
  }
  ++cuts_;
  reset(client);
  reset(broker);
}

std::unique_ptr<actors::transport> cut_connections::open(const endpoint& peer,
  const actors::transport_options& options, caf::weak_actor_ptr owner,
  actors::connection_id id) {
  const std::lock_guard guard{mutex_};
  auto& proxy = proxies_[peer];
  if (proxy == nullptr)
    proxy = std::make_unique<cutting_proxy>(peer, shortest_, longest_);
  return sockets_.open({"127.0.0.1", proxy->port()}, options, std::move(owner), id);
}

int cut_connections::cuts() const {
  const std::lock_guard guard{mutex_};
  int all = 0;
  for (const auto& [peer, proxy] : proxies_)
    all += proxy->cuts();
  return all;
}

void cut_connections::lose_answers(bool lose) {
  const std::lock_guard guard{mutex_};
  for (const auto& [peer, proxy] : proxies_)
    proxy->lose_answers(lose);
}

} // namespace cafka::testing
