#include "resolver.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <exception>
#include <netdb.h>
#include <netinet/in.h>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

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

lookup_threads::found outcome_of(const resolver& resolve, const std::string& host) {
  try {
    return resolve(host);
  } catch (const std::bad_alloc&) {
    return {protocol::error_code::connection_failed, "out of memory"};
  } catch (const std::exception& e) {
    return {protocol::error_code::connection_failed, e.what()};
  }
}

} // namespace

std::string reason_text(int error) {
  auto text = std::generic_category().message(error);
  if (!text.empty())
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  return text;
}

protocol::result<std::vector<std::string>> system_resolver(const std::string& host) {
  if (host.find('\0') != std::string::npos)
    return {protocol::error_code::invalid_argument, "a host name has no zero byte in it"};
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
  if (host.find('\0') != std::string_view::npos)
    return std::nullopt;
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

std::optional<std::string> lookup_threads::look_up(const std::string& host,
  const resolver& resolve, clock::time_point until,
  std::function<void(const found&)> done) {
  const std::lock_guard lock{state_->mutex};
  auto& all = *state_;
  const auto [at, first] = all.jobs.try_emplace(host);
  try {
    if (first) {
      at->second.resolve = resolve;
      all.queue.push_back(host);
    }
    at->second.waiters.push_back({until, std::move(done)});
  } catch (...) {
    // A job in no queue would never be done.
    if (first) {
      std::erase(all.queue, host);
      all.jobs.erase(at);
    }
    throw;
  }
  // Also for one that has waited: since then another may have become slow.
  if (all.queue.empty() || !all.may_begin())
    return std::nullopt;
  ++all.threads;
  try {
    std::thread{[s = state_] { s->work(); }}.detach();
  } catch (const std::exception& e) {
    if (--all.threads == 0) {
      all.jobs.erase(host);
      std::erase(all.queue, host);
      return e.what();
    }
  }
  return std::nullopt;
}

bool lookup_threads::state::may_begin() const {
  if (threads >= bounds.all)
    return false;
  const auto before = clock::now() - bounds.slow;
  const auto slow = static_cast<std::size_t>(
    std::ranges::count_if(begun, [&](const auto& at) { return at < before; }));
  return threads - std::min(threads, slow) < bounds.working;
}

std::optional<std::string> lookup_threads::state::next() {
  const auto now = clock::now();
  while (!queue.empty()) {
    auto host = std::move(queue.front());
    queue.pop_front();
    const auto at = jobs.find(host);
    std::erase_if(at->second.waiters, [&](const waiter& w) { return w.until <= now; });
    try {
      if (!at->second.waiters.empty()) {
        begun.insert(now);
        at->second.begun = now;
        return host;
      }
    } catch (const std::bad_alloc&) {
      // Who waits asks again after its own deadline.
    }
    jobs.erase(at);
  }
  return std::nullopt;
}

void lookup_threads::state::work() {
  std::unique_lock lock{mutex};
  while (const auto host = next()) {
    // What it holds goes before the count says that the thread is done.
    auto resolve = std::move(jobs.at(*host).resolve);
    lock.unlock();
    const auto result = outcome_of(resolve, *host);
    resolve = nullptr;
    lock.lock();
    const auto at = jobs.find(*host);
    auto waiters = std::move(at->second.waiters);
    begun.erase(begun.find(at->second.begun));
    jobs.erase(at);
    lock.unlock();
    for (const auto& w : waiters) {
      try {
        w.done(result);
      } catch (const std::exception&) {
        // Its own deadline ends it.
      }
    }
    waiters.clear();
    lock.lock();
  }
  --threads;
  changed.notify_all();
}

void lookup_threads::wait(clock::time_point deadline) {
  std::unique_lock lock{state_->mutex};
  for (const auto& host : std::exchange(state_->queue, {}))
    state_->jobs.erase(host);
  state_->changed.wait_until(lock, deadline, [this] { return state_->threads == 0; });
}

} // namespace cafka::actors
