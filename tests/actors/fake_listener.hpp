#pragma once

#include "scripted_peer.hpp"
#include <cafka/testing/model/fake_cluster.hpp>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace cafka::testing {

/// A fake cluster on loopback: each broker has a port of its own, and the time is the
/// clock's.
///
/// A broker that was killed takes connections and ends them at once.
class fake_listener {
public:
  /// What happens to answers on their way, beside what the cluster does.
  struct road {
    /// Bytes per second at which answers to fetches leave; zero: as fast as can be.
    std::size_t pace = 0;
    /// The connection ends instead of an answer to a fetch that would be larger.
    std::size_t largest_fetch = SIZE_MAX;
  };

  explicit fake_listener(cluster_options options = {})
    : fake_listener(std::move(options), {}) {}
  /// `prepare` sets the cluster up, before anybody is served.
  fake_listener(
    cluster_options options, const std::function<void(fake_cluster&)>& prepare, road how);
  fake_listener(
    cluster_options options, const std::function<void(fake_cluster&)>& prepare)
    : fake_listener(std::move(options), prepare, road{}) {}
  ~fake_listener();

  [[nodiscard]] protocol::endpoint address(std::int32_t broker) const;
  [[nodiscard]] std::vector<protocol::endpoint> addresses() const;

  /// Uses a control of the cluster, or looks at it, while nobody else does.
  template <class Use>
  auto with(Use use) {
    const std::lock_guard lock{mutex_};
    const wakes after{*this};
    return use(cluster_);
  }

  /// Requests and connections so far, of all brokers.
  [[nodiscard]] std::size_t requests() const { return requests_; }

  /// Lets two brokers change their addresses: where one was, the other answers.
  void change_places(std::int32_t a, std::int32_t b);

private:
  /// Wakes all sessions at its end.
  struct wakes {
    fake_listener& owner;
    ~wakes() {
      owner.hand_out();
      owner.changed_.notify_all();
    }
  };
  /// What has come for a session.
  struct inbox {
    int fd = -1;
    std::vector<protocol::shared_bytes> answers;
    bool ended = false;
  };

  void serve(std::size_t place, scripted_peer::session& s);
  /// Waits for the answer to what was sent, or until there is none to come.
  bool answer(std::unique_lock<std::mutex>& lock, scripted_peer::session& s,
    std::uint64_t connection, bool is_fetch);
  void hand_out();
  bool send(
    scripted_peer::session& s, const protocol::shared_bytes& bytes, bool is_fetch);

  const road how_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  fake_cluster cluster_;
  std::map<std::uint64_t, inbox> inboxes_;
  std::vector<std::int32_t> places_; ///< Which broker is behind each port.
  std::uint64_t last_connection_ = 0;
  bool stopping_ = false;
  std::atomic<std::size_t> requests_ = 0;
  std::atomic<bool> ready_ = false;
  std::vector<std::unique_ptr<scripted_peer>> peers_;
};

} // namespace cafka::testing
