#include "memory_transports.hpp"

#include "../actors/transport/transport.hpp"
#include "../actors/type_ids.hpp"
#include "../supervision/alarm.hpp"
#include "../supervision/caf_compat.hpp"
#include "cluster_core.hpp"

#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include <map>
#include <mutex>
#include <utility>

namespace cafka::testing {

namespace {

using namespace protocol;
using actors::transport;
using actors::transport_down;
using actors::transport_frames;
using actors::transport_up;

/// Lets the cluster's time go on by the clock of its actor system.
class clock_state {
public:
  static inline const char* name = "cafka.testing.clock";

  clock_state(caf::event_based_actor* self, std::shared_ptr<cluster_core> core)
    : self_(self), core_(std::move(core)) {}

  caf::behavior make_behavior() {
    return {[this](supervision::alarm_rings msg) {
      // Also one that is stale, and one from the cluster, mean: look at the time.
      static_cast<void>(alarm_.rings(msg));
      const auto now = self_->clock().now();
      alarm_.set<caf::actor>(self_, now, core_->turn(now));
    }};
  }

private:
  caf::event_based_actor* self_;
  std::shared_ptr<cluster_core> core_;
  supervision::actor_alarm alarm_;
};

/// The clocks of the actor systems that have connections. Each lasts as long as one of
/// them, so that its system can end.
class clocks {
public:
  explicit clocks(std::shared_ptr<cluster_core> core) : core_(std::move(core)) {}

  void join(caf::actor_system& sys) {
    const std::lock_guard lock{mutex_};
    auto& mine = all_[&sys];
    if (mine.users++ > 0)
      return;
    mine.actor = sys.spawn<caf::stateful_actor<clock_state>>(core_);
    mine.waker =
      core_->add_waker([to = mine.actor] { post(to, supervision::alarm_rings{}); });
    post(mine.actor, supervision::alarm_rings{});
  }

  void leave(caf::actor_system& sys) {
    clock gone;
    {
      const std::lock_guard lock{mutex_};
      const auto found = all_.find(&sys);
      if (--found->second.users > 0)
        return;
      gone = std::move(found->second);
      all_.erase(found);
    }
    core_->remove_waker(gone.waker);
    post_exit(gone.actor, caf::exit_reason::user_shutdown);
  }

private:
  struct clock {
    std::size_t users = 0;
    std::uint64_t waker = 0;
    caf::actor actor;
  };

  std::shared_ptr<cluster_core> core_;
  std::mutex mutex_;
  std::map<caf::actor_system*, clock> all_;
};

class memory_transport final : public transport {
public:
  memory_transport(std::shared_ptr<cluster_core> core, std::shared_ptr<clocks> times,
    caf::actor_system& sys, cluster_core::number connection)
    : core_(std::move(core)),
      clocks_(std::move(times)),
      sys_(sys),
      connection_(connection) {
    clocks_->join(sys_);
  }

  ~memory_transport() override {
    close();
    clocks_->leave(sys_);
  }

  send_status send(frame f) override {
    std::vector<std::byte> all;
    all.reserve(f.size);
    for (const auto& part : f.parts)
      all.insert(all.end(), part.view().begin(), part.view().end());
    const auto bytes = shared_bytes::from(std::move(all));
    const auto taken = core_->request(
      sys_.clock().now(), connection_, bytes.slice(sizeof(std::int32_t), bytes.size()));
    return taken ? send_status::queued : send_status::closed;
  }

  // What is held is for the client to limit.
  void grant(std::size_t) override {}

  void close() override { core_->disconnect(sys_.clock().now(), connection_); }

private:
  std::shared_ptr<cluster_core> core_;
  std::shared_ptr<clocks> clocks_;
  caf::actor_system& sys_;
  cluster_core::number connection_;
};

class memory_transports final : public actors::transport_factory {
public:
  explicit memory_transports(std::shared_ptr<cluster_core> core)
    : core_(std::move(core)), clocks_(std::make_shared<clocks>(core_)) {}

  std::unique_ptr<transport> open(const endpoint& peer,
    const actors::transport_options& options, caf::weak_actor_ptr owner,
    actors::connection_id id) override {
    auto& sys = *owner.get()->home_system;
    const auto receive = [owner, id](const shared_bytes& bytes) {
      if (bytes.empty())
        post(
          owner, transport_down{id, {error_code::disconnected, "the broker ended it"}});
      else
        post(
          owner, transport_frames{id, {bytes.slice(sizeof(std::int32_t), bytes.size())}});
    };
    error why;
    cluster_core::number made = 0;
    if (options.tls != nullptr) {
      why = {error_code::tls_failed, "connections in memory have no TLS"};
    } else {
      made = core_->connect(
        sys.clock().now(), peer, receive, [owner, id] { post(owner, transport_up{id}); });
      if (made == 0)
        why = {error_code::connection_failed,
          to_string(peer) + ": no broker of the cluster for tests listens there"};
    }
    auto result = std::make_unique<memory_transport>(core_, clocks_, sys, made);
    if (made == 0)
      post(owner, transport_down{id, std::move(why)});
    return result;
  }

private:
  std::shared_ptr<cluster_core> core_;
  std::shared_ptr<clocks> clocks_;
};

} // namespace

std::shared_ptr<actors::transport_factory> make_memory_transports(
  std::shared_ptr<cluster_core> core) {
  return std::make_shared<memory_transports>(std::move(core));
}

} // namespace cafka::testing
