#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace cafka::testing {

/// Stands in front of a listener of a broker, passes all bytes on both ways, and counts
/// the connections that arrive.
class counting_proxy {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// `listener`: `host:port` on this machine.
  explicit counting_proxy(const std::string& listener);
  ~counting_proxy();
  counting_proxy(const counting_proxy&) = delete;
  counting_proxy& operator=(const counting_proxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// When each connection arrived.
  [[nodiscard]] std::vector<time_point> arrivals() const;

private:
  /// A connection and its other side; either is closed with the object.
  struct pair;

  void run();
  void accept();

  std::uint16_t to_ = 0;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1; ///< Readable when all is to end.
  std::vector<std::unique_ptr<pair>> pairs_;
  mutable std::mutex mutex_;
  std::vector<time_point> arrivals_;
  std::thread thread_;
};

} // namespace cafka::testing
