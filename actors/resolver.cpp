#include <cafka/actors/resolver.hpp>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <system_error>
#include <thread>

namespace cafka::actors {

namespace {

using address_list = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

int look_up(const std::string& host, int flags, address_list& out) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* found = nullptr;
  const auto status = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  out.reset(found);
  return status;
}

} // namespace

std::string reason_text(int error) {
  auto text = std::generic_category().message(error);
  if (!text.empty())
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

protocol::result<std::vector<std::string>> system_resolver(const std::string& host) {
  address_list found{nullptr, &::freeaddrinfo};
  // Without AI_ADDRCONFIG: a machine that has loopback alone still finds localhost.
  if (const auto status = look_up(host, 0, found); status != 0)
    return {protocol::error_code::connection_failed,
      status == EAI_SYSTEM ? reason_text(errno) : ::gai_strerror(status)};
  std::vector<std::string> addresses;
  for (const auto* a = found.get(); a != nullptr; a = a->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(
          a->ai_addr, a->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST)
      == 0)
      addresses.emplace_back(text.data());
  }
  return addresses;
}

std::optional<socket_address> numeric_address(std::string_view host, std::uint16_t port) {
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  address_list found{nullptr, &::freeaddrinfo};
  if (look_up(std::string{host}, AI_NUMERICHOST, found) != 0)
    return std::nullopt;
  socket_address result;
  result.size = found->ai_addrlen;
  std::memcpy(&result.storage, found->ai_addr, found->ai_addrlen);
  if (found->ai_family == AF_INET6)
    reinterpret_cast<sockaddr_in6&>(result.storage).sin6_port = htons(port);
  else
    reinterpret_cast<sockaddr_in&>(result.storage).sin_port = htons(port);
  return result;
}

void lookup_threads::counter::add(int n) {
  const std::lock_guard lock{mutex};
  running += n;
  changed.notify_all();
}

std::optional<std::string> lookup_threads::run(std::function<void()> f) {
  counter_->add(1);
  try {
    std::thread{[f = std::move(f), c = counter_]() mutable {
      f();
      // What it holds goes before the count says that the thread is done.
      f = nullptr;
      c->add(-1);
    }}.detach();
    return std::nullopt;
  } catch (const std::system_error& e) {
    counter_->add(-1);
    return e.what();
  }
}

void lookup_threads::wait(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock{counter_->mutex};
  counter_->changed.wait_until(lock, deadline, [this] { return counter_->running == 0; });
}

} // namespace cafka::actors
