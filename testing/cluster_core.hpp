#pragma once

// Of no concern to programs: what a cluster, its connections in memory and its ports
// share.

#include "model/fake_cluster.hpp"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace cafka::testing {

/// A model of a cluster that several threads use: one at a time, and what it answers goes
/// to whom it is for.
struct cluster_core {
  using number = fake_cluster::connection_id;
  /// Is handed the bytes of an answer, its length in front, and at last nothing: the
  /// connection has ended. Called while the cluster is in use; must not block.
  using receiver = std::function<void(const protocol::shared_bytes&)>;

  explicit cluster_core(cluster_options options);
  cluster_core(const cluster_core&) = delete;
  cluster_core& operator=(const cluster_core&) = delete;
  ~cluster_core() = default;

  /// Ends all connections; there are none from now on.
  void shut();

  // -- connections ----------------------------------------------------------------------

  /// Connects to a broker; `opened` is called before anything else happens to the
  /// connection. Zero: it does not listen, or none is there.
  number connect(time_point now, const protocol::endpoint& to, receiver to_client,
    std::function<void()> opened);
  number connect(time_point now, std::int32_t broker, receiver to_client,
    std::function<void()> opened);
  /// A frame without its length. False: there is no such connection any more.
  bool request(time_point now, number connection, protocol::shared_bytes frame);
  /// The client has closed it; its receiver is called no more.
  void disconnect(time_point now, number connection);
  /// Lets the time go on; returns when to come next.
  time_point turn(time_point now);

  /// Someone who calls `turn` in time: `wake` asks for that to be done at once. It is
  /// called while the cluster is in use.
  std::uint64_t add_waker(std::function<void()> wake);
  void remove_waker(std::uint64_t which);

  // -- controls -------------------------------------------------------------------------

  /// Uses a control of the model; from within a hook, when that has ended.
  template <class Use>
  void control(Use use) {
    enter([this, use = std::move(use)] {
      controlled_ = true;
      use(model_);
    });
  }

  /// Looks at the model, or does what ends no connection and takes back no hook.
  template <class Use>
  auto look(Use use) {
    if (is_inside())
      return use(model_);
    const std::unique_lock lock{mutex_};
    const inside here{*this};
    return use(model_);
  }

  /// The same; the others learn that something has changed.
  template <class Use>
  auto write(Use use) {
    if (is_inside())
      return use(model_);
    auto result = [&] {
      const std::unique_lock lock{mutex_};
      const inside here{*this};
      auto made = use(model_);
      controlled_ = true;
      settle();
      return made;
    }();
    changed_.notify_all();
    return result;
  }

  bool wait(const std::function<bool()>& done, std::chrono::milliseconds at_most);

private:
  /// Says that this thread has the lock.
  struct inside {
    explicit inside(cluster_core& core) : owner(core) {
      owner.holder_ = std::this_thread::get_id();
    }
    inside(const inside&) = delete;
    inside& operator=(const inside&) = delete;
    ~inside() { owner.holder_ = std::thread::id{}; }
    cluster_core& owner;
  };

  [[nodiscard]] bool is_inside() const { return holder_ == std::this_thread::get_id(); }
  void enter(std::function<void()> use);
  void settle();
  void deliver(const fake_cluster::effect& e);
  void begin(time_point now);
  number connect_inside(time_point now, std::int32_t broker, receiver to_client,
    const std::function<void()>& opened);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<std::thread::id> holder_ = {};
  /// What was asked for from within; done in its order.
  std::deque<std::function<void()>> deferred_;
  fake_cluster model_;
  const bool tells_present_;
  bool begun_ = false;
  bool shut_ = false;
  std::map<number, receiver> lines_;
  number last_number_ = 0;
  std::mutex wakers_mutex_; ///< No other is locked behind it.
  std::map<std::uint64_t, std::function<void()>> wakers_;
  std::uint64_t last_waker_ = 0;
  /// When somebody will call `turn`.
  time_point armed_ = time_point::max();
  bool controlled_ = false;
};

} // namespace cafka::testing
