#pragma once

#include "../../protocol/messages/consumer_group_describe.hpp"
#include "../../protocol/messages/consumer_group_heartbeat.hpp"
#include "server_assignors.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace cafka::testing {

/// The topics that there are, by name, as a coordinator sees them.
struct known_topic {
  protocol::uuid id = {};
  std::int32_t partitions = 0;

  friend bool operator==(const known_topic&, const known_topic&) = default;
};
using known_topics = std::map<std::string, known_topic>;

/// The times and limits of a group; as in `cluster_options`.
struct consumer_group_settings {
  std::chrono::milliseconds session_timeout{45'000};
  std::chrono::milliseconds heartbeat_interval{5'000};
  std::chrono::milliseconds assignment_interval{0};
  std::size_t max_size = SIZE_MAX;
};

/// A consumer group of the consumer protocol (KIP-848), as its coordinator keeps it.
///
/// The coordinator assigns. The group's epoch grows with each change of members, of
/// subscriptions and of the topics that they mean; at the next heartbeat there is a
/// target for that epoch. Each member gets there by itself: it first gives up what it is
/// to lose, and gets what is free. A partition is free when its owner's heartbeat does
/// not name it any more.
///
/// Source: KIP-848, KIP-1082, KIP-1251.
class consumer_group {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;
  using heartbeat_request = protocol::consumer_group_heartbeat_request;
  using heartbeat_response = protocol::consumer_group_heartbeat_response;

  explicit consumer_group(const consumer_group_settings& settings)
    : settings_(settings) {}

  /// A member joins, stays or leaves; `asked` is valid by itself and names a member. An
  /// answer with an error has changed nothing.
  [[nodiscard]] heartbeat_response heartbeat(time_point now,
    const heartbeat_request& asked, const std::string& client_id,
    const known_topics& topics);
  /// An administrator removes a member, by its instance id where there is one.
  [[nodiscard]] protocol::error_code leave(
    const std::string& id, const std::optional<std::string>& instance);
  /// Whether a commit for these partitions is taken. `old_epochs`: also of a member's
  /// earlier epoch, if it had the partition by then (KIP-1251).
  [[nodiscard]] protocol::error_code may_commit(std::int16_t version, std::int32_t epoch,
    const std::string& id, const group_places& places, bool old_epochs) const;
  /// Whether offsets are told; to anyone who names no member.
  [[nodiscard]] protocol::error_code may_fetch(
    std::int32_t epoch, const std::optional<std::string>& id) const;

  /// What is due by now happens; whether anything was.
  bool on_time(time_point now);
  [[nodiscard]] time_point next_time() const;

  [[nodiscard]] bool empty() const { return members_.empty(); }
  [[nodiscard]] std::string state() const;
  [[nodiscard]] std::int32_t epoch() const { return epoch_; }
  [[nodiscard]] std::vector<std::string> members() const;
  /// Whether a member subscribes to a topic of this name.
  [[nodiscard]] bool subscribes(const std::string& topic) const;
  /// Without a name and without what a cluster knows of it.
  [[nodiscard]] protocol::consumer_group_describe_group describe(
    const known_topics& topics) const;

private:
  /// Partitions, and the epoch in which the member got each.
  using dated_places = std::map<group_place, std::int32_t>;

  enum class phase : std::uint8_t {
    stable,     ///< It has what it is to have.
    unrevoked,  ///< It is to give up partitions.
    unreleased, ///< What it is to have belongs to others.
  };

  struct member {
    std::optional<std::string> instance = {};
    std::optional<std::string> rack = {};
    std::string client_id = {};
    milliseconds rebalance_timeout{-1};
    std::set<std::string> topics = {};
    /// Its regular expression; empty for none.
    std::string pattern = {};
    std::optional<std::string> assignor = {};
    std::int32_t epoch = 0;
    std::int32_t previous_epoch = 0;
    phase state = phase::stable;
    dated_places assigned = {};
    /// What it still owns and is to give up.
    dated_places revoked = {};
    time_point alive_until = time_point::max();
    /// Until when it has to have left its epoch.
    time_point revoke_until = time_point::max();
    std::int32_t revoke_epoch = 0;
  };

  /// What a member says that it owns; nothing: it does not say.
  using owned_places = std::optional<group_places>;

  [[nodiscard]] heartbeat_response leave(const heartbeat_request& asked);
  /// The member that asks, as it was before; `replaced` is the one whose place it takes.
  [[nodiscard]] protocol::error_code find(const heartbeat_request& asked,
    const owned_places& owned, member& out, std::string& replaced) const;
  [[nodiscard]] static protocol::error_code check_epoch(
    const member& m, std::int32_t epoch, const owned_places& owned);
  static void update(
    member& m, const heartbeat_request& asked, const std::string& client_id);
  void replace(const std::string& old, const std::string& id);
  void remove(const std::string& id);

  [[nodiscard]] std::size_t subscribers(const std::string& pattern) const;
  [[nodiscard]] std::set<std::string> names_of(const member& m) const;
  [[nodiscard]] std::set<protocol::uuid> ids_of(
    const member& m, const known_topics& topics) const;
  /// The topics that members mean and that there are.
  [[nodiscard]] known_topics meant(const known_topics& topics) const;
  [[nodiscard]] bool outdated(const known_topics& topics) const;
  void bump(const known_topics& topics);
  void refresh_patterns(time_point now, const known_topics& topics, bool required,
    std::optional<time_point> last, std::size_t resolved);

  [[nodiscard]] std::string assignor() const;
  void assign(time_point now, const known_topics& topics);
  void reconcile(time_point now, const std::string& id, const known_topics& topics,
    bool subscription_changed, const owned_places& owned);
  void go_on(member& m, const std::string& id, const std::set<protocol::uuid>& subscribed,
    const owned_places& owned) const;
  static void drop_unsubscribed(
    member& m, const std::set<protocol::uuid>& subscribed, const owned_places& owned);
  [[nodiscard]] group_places owned_by_others(const std::string& id) const;

  consumer_group_settings settings_;
  std::map<std::string, member> members_;
  std::map<std::string, std::string> static_;
  std::int32_t epoch_ = 1;
  std::int32_t assignment_epoch_ = 0;
  std::optional<time_point> assigned_at_;
  group_assignment targets_;
  /// The topics that members mean, as the epoch knows them.
  known_topics meant_;
  /// What regular expressions have matched.
  std::map<std::string, std::set<std::string>> resolved_;
  time_point resolved_at_;
  /// The topics that there were by then.
  std::set<protocol::uuid> seen_;
};

} // namespace cafka::testing
