#pragma once

#include <cafka/protocol/result.hpp>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace cafka::actors {

/// Finds the numeric addresses of a host, best first. May block, must not throw.
using resolver =
  std::function<protocol::result<std::vector<std::string>>(const std::string& host)>;

/// Asks the system: /etc/hosts, DNS, whatever it is set up for.
///
/// Error `connection_failed` in the system's words.
[[nodiscard]] protocol::result<std::vector<std::string>> system_resolver(
  const std::string& host);

/// An address as the system's socket calls take it.
struct socket_address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

/// The address that `host` spells in numbers, with or without brackets; nothing when it
/// is a name. Never blocks.
[[nodiscard]] std::optional<socket_address> numeric_address(
  std::string_view host, std::uint16_t port);

/// The system's words for an error number: "connection refused".
[[nodiscard]] std::string reason_text(int error);

/// Threads for look-ups, which block and cannot be interrupted: one each, so that none
/// waits for another.
class lookup_threads {
public:
  /// Runs `f` in a thread of its own, which may outlive this object; an error when the
  /// system gives no thread.
  [[nodiscard]] std::optional<std::string> run(std::function<void()> f);

  /// Waits until none runs, at most until `deadline`.
  void wait(std::chrono::steady_clock::time_point deadline);

private:
  struct counter {
    std::mutex mutex;
    std::condition_variable changed;
    int running = 0;

    void add(int n);
  };

  std::shared_ptr<counter> counter_ = std::make_shared<counter>();
};

} // namespace cafka::actors
