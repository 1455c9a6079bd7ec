#pragma once

#include "../../protocol/result.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <sys/socket.h>
#include <vector>

namespace cafka::actors {

/// Finds the numeric addresses of a host, best first. May block.
using resolver =
  std::function<protocol::result<std::vector<std::string>>(const std::string& host)>;

/// Asks the system: /etc/hosts, DNS, whatever it is set up for.
///
/// Errors: `connection_failed` in the system's words; `invalid_argument` for a name with
/// a zero byte, of which the system would see the beginning alone.
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

/// Threads for look-ups, which block and cannot be interrupted.
///
/// A few work at a time, the rest waits in a queue. Look-ups of the same host are one, so
/// that a name whose servers do not answer has one thread, however often it is asked for.
/// One that takes very long does not count among the few any more.
class lookup_threads {
public:
  using found = protocol::result<std::vector<std::string>>;
  using clock = std::chrono::steady_clock;

  struct limits {
    /// Threads that work.
    std::size_t working = 8;
    /// Threads in all, with those whose look-up takes longer than `slow`.
    std::size_t all = 64;
    std::chrono::milliseconds slow{5'000};
  };

  lookup_threads() : lookup_threads(limits{}) {}
  explicit lookup_threads(limits l) : state_(std::make_shared<state>()) {
    state_->bounds = l;
  }

  /// Has `host` looked up by `resolve` in another thread, which may outlive this object,
  /// and tells `done` there, unless that can only be after `until`; an error when the
  /// system gives no thread.
  [[nodiscard]] std::optional<std::string> look_up(const std::string& host,
    const resolver& resolve, clock::time_point until,
    std::function<void(const found&)> done);

  /// Drops what waits in the queue and waits until none runs, at most until `deadline`.
  void wait(clock::time_point deadline);

private:
  struct waiter {
    clock::time_point until;
    std::function<void(const found&)> done;
  };

  /// A host that is looked up, or waits for that.
  struct job {
    resolver resolve;
    std::vector<waiter> waiters;
    clock::time_point begun;
  };

  struct state {
    limits bounds;
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, job> jobs;
    std::deque<std::string> queue;          ///< Of `jobs` that have not begun.
    std::multiset<clock::time_point> begun; ///< When those that run have.
    std::size_t threads = 0;

    void work();
    /// The next host whose result somebody still waits for.
    std::optional<std::string> next();
    [[nodiscard]] bool may_begin() const;
  };

  std::shared_ptr<state> state_;
};

} // namespace cafka::actors
