#include "counting_proxy.hpp"

#include <arpa/inet.h>
#include <array>
#include <netinet/in.h>
#include <poll.h>
#include <stdexcept>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace cafka::testing {

namespace {

sockaddr_in local(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Passes on what is there; false at the end of either side.
bool pass_on(int from, int to) {
  std::array<char, 64 * 1024> buffer;
  const auto count = ::recv(from, buffer.data(), buffer.size(), 0);
  for (ssize_t sent = 0; sent < count;) {
    const auto n = ::send(
      to, buffer.data() + sent, static_cast<std::size_t>(count - sent), MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    sent += n;
  }
  return count > 0;
}

} // namespace

struct counting_proxy::pair {
  pair(int client_side, int broker_side) : client(client_side), broker(broker_side) {}
  pair(const pair&) = delete;
  pair& operator=(const pair&) = delete;
  ~pair() {
    ::close(client);
    ::close(broker);
  }

  int client;
  int broker;
};

counting_proxy::counting_proxy(const std::string& listener)
  : to_(static_cast<std::uint16_t>(std::stoi(listener.substr(listener.rfind(':') + 1)))),
    listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
    wake_(::eventfd(0, EFD_CLOEXEC)) {
  auto address = local(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0
    || ::listen(listener_, 64) != 0
    || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("the proxy cannot listen");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread{[this] { run(); }};
}

counting_proxy::~counting_proxy() {
  ::eventfd_write(wake_, 1);
  thread_.join();
  ::close(listener_);
  ::close(wake_);
}

std::vector<counting_proxy::time_point> counting_proxy::arrivals() const {
  const std::lock_guard guard{mutex_};
  return arrivals_;
}

void counting_proxy::accept() {
  const auto client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0)
    return;
  {
    const std::lock_guard guard{mutex_};
    arrivals_.push_back(std::chrono::steady_clock::now());
  }
  auto made =
    std::make_unique<pair>(client, ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto address = local(to_);
  // A broker that is down is shown as a connection that ends.
  if (::connect(made->broker, reinterpret_cast<const sockaddr*>(&address), sizeof address)
    == 0)
    pairs_.push_back(std::move(made));
}

void counting_proxy::run() {
  while (true) {
    std::vector<pollfd> all{{wake_, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& p : pairs_) {
      all.push_back({p->client, POLLIN, 0});
      all.push_back({p->broker, POLLIN, 0});
    }
    if (::poll(all.data(), all.size(), -1) <= 0)
      continue;
    if (all[0].revents != 0)
      return pairs_.clear();
    std::vector<std::unique_ptr<pair>> open;
    for (std::size_t i = 0; i != pairs_.size(); ++i) {
      const auto& p = *pairs_[i];
      const bool goes_on = (all[2 + 2 * i].revents == 0 || pass_on(p.client, p.broker))
        && (all[3 + 2 * i].revents == 0 || pass_on(p.broker, p.client));
      if (goes_on)
        open.push_back(std::move(pairs_[i]));
    }
    pairs_ = std::move(open);
    if (all[1].revents != 0)
      accept();
  }
}

} // namespace cafka::testing
