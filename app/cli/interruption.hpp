#pragma once

#include <functional>
#include <thread>

namespace cafka::cli {

/// Tells once when the program should come to its end: on SIGINT and SIGTERM, and when
/// nobody reads standard output any more. A second signal ends it at once.
///
/// There is one at a time. SIGPIPE must be ignored.
class interruption {
public:
  /// Calls `on_end` in a thread of its own.
  explicit interruption(std::function<void()> on_end);
  interruption(const interruption&) = delete;
  interruption& operator=(const interruption&) = delete;
  ~interruption();

private:
  void watch();

  std::function<void()> on_end_;
  std::thread thread_;
};

} // namespace cafka::cli
