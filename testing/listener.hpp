#pragma once

#include "cluster.hpp"
#include "cluster_core.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace cafka::testing {

/// The ports of a cluster's brokers, and the thread that serves them.
class listener {
public:
  /// Binds them, and tells the cluster its addresses. Throws `std::system_error`.
  listener(std::shared_ptr<cluster_core> core, const listen_options& how);
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;
  ~listener();

private:
  /// A file descriptor that closes itself.
  class descriptor {
  public:
    explicit descriptor(int fd = -1) : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
      std::swap(fd_, other.fd_);
      return *this;
    }
    ~descriptor();
    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] bool valid() const { return fd_ >= 0; }

  private:
    int fd_;
  };

  /// Where a broker listens, while it is alive.
  struct place {
    std::int32_t broker = 0;
    std::uint16_t port = 0;
    descriptor socket;
  };

  /// What has come for a client; filled in any thread.
  struct outbox {
    std::deque<protocol::shared_bytes> answers;
    bool ended = false;
  };

  struct connection {
    descriptor socket;
    cluster_core::number number = 0;
    std::shared_ptr<outbox> out;
    /// What was read and is no whole frame yet.
    std::vector<std::byte> in;
    /// What leaves now, and how much of it has.
    protocol::shared_bytes leaving;
    std::size_t left = 0;
    bool gone = false;
    bool wants_to_write = false;
  };

  /// Throws `std::system_error`.
  [[nodiscard]] descriptor bind_to(std::uint16_t port) const;
  void serve();
  /// Opens and closes ports as brokers come and go.
  bool follow_brokers();
  void accept_from(place& p);
  void read_from(connection& c);
  void take_frames(connection& c);
  void write_to(connection& c);
  void wake();

  std::shared_ptr<cluster_core> core_;
  const std::string host_;
  std::vector<place> places_;
  std::vector<std::unique_ptr<connection>> connections_;
  std::mutex out_mutex_; ///< Of all outboxes; no other is locked behind it.
  descriptor wake_;
  std::uint64_t waker_ = 0;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

} // namespace cafka::testing
