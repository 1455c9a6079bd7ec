#pragma once

#include "../../protocol/machines/group_member.hpp"
#include "../consumer/consumer.hpp"
#include "../current_actor.hpp"
#include "group.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace cafka::actors {

class consumer_core;

/// What a consumer and the incarnations of its member's actor share, so that a crash of
/// the actor costs no rebalance: who it is in the group, what it subscribes to, and what
/// the group has committed.
class group_core {
public:
  explicit group_core(caf::actor_system& system) : sys_(system) {}

  /// Set by the application: ends the member's actor; false: not within the deadline.
  std::function<bool(milliseconds)> on_closed;

  // -- the actor's side -----------------------------------------------------------------

  current_actor actor;

  /// Whether the member waits for the program to poll again.
  std::atomic<bool> waits_for_poll = false;

  /// What an incarnation leaves to the next one.
  struct memory {
    protocol::group_membership membership;
    std::map<topic_partition, log_offset> committed;
    std::uint64_t rebalances = 0;
  };
  /// One incarnation at a time has it.
  memory remembered;

  /// What is subscribed to, if that is not the one of this number, which becomes its.
  [[nodiscard]] std::optional<group_subscription> subscription(
    std::uint64_t& known) const;
  /// It has left, or cannot be a member, for good; code `none`: it has left.
  void end(const error& why);

  // -- the consumer's side --------------------------------------------------------------

  void subscribe(const group_subscription& what);
  /// Something was acknowledged, or an answer given.
  void wake() const;
  [[nodiscard]] member_actor current() const {
    return caf::actor_cast<member_actor>(actor.get());
  }
  [[nodiscard]] bool has_ended() const { return actor.has_ended(); }
  /// Why it has ended.
  [[nodiscard]] error why_ended() const;

  /// Asks the member's actor and blocks for its answer.
  template <class Reply, class Request>
  result<Reply> ask(const std::string& name, milliseconds time, Request what) const;

private:
  caf::actor_system& sys_;
  mutable std::mutex mutex_;
  group_subscription subscription_;
  std::uint64_t subscriptions_ = 0;
  error why_ended_;
};

/// Starts the actor of the membership that the consumer has. `connection`: how it reaches
/// the cluster.
member_actor spawn_member(caf::actor_system& sys, std::shared_ptr<consumer_core> reader,
  connection_options connection, std::shared_ptr<transport_factory> transports);

} // namespace cafka::actors
