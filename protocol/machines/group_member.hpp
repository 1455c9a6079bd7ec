#pragma once

#include "../assignors/assignor.hpp"
#include "../defaults.hpp"
#include "../log_level.hpp"
#include "../member_protocol.hpp"
#include "../messages/consumer_group_heartbeat.hpp"
#include "../messages/join_group.hpp"
#include "../messages/sync_group.hpp"
#include "../result.hpp"
#include "../schema/uuid.hpp"
#include "../topic_partition.hpp"
#include "backoff.hpp"
#include "time_point.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// How a member of a group behaves.
struct group_member_options {
  std::string group;
  /// Makes a static member (KIP-345).
  std::optional<std::string> instance_id;
  std::chrono::milliseconds session_timeout = defaults::session_timeout;
  /// Whether the program has chosen the session timeout. If not, it comes down to what a
  /// broker takes.
  bool session_timeout_chosen = false;
  /// With the consumer protocol only until the coordinator names its own.
  std::chrono::milliseconds heartbeat_interval = defaults::heartbeat_interval;
  /// How long the coordinator waits for members to join again, and so the longest that a
  /// program may take to let partitions go.
  std::chrono::milliseconds rebalance_timeout = defaults::rebalance_timeout;
  /// Best first; of the classic protocol.
  std::vector<assignor> assignors;
  /// The coordinator's assignor to use; empty: the coordinator chooses. Of the consumer
  /// protocol.
  std::string remote_assignor = {};
  /// With the consumer protocol members make their own ids (KIP-1082): this one; empty:
  /// one is made from the seed.
  std::string own_id = {};
  /// Whether a member of the consumer protocol gives way to one of the classic one where
  /// brokers do not have its own.
  bool may_fall_back = false;
  /// Where the member is (KIP-881).
  std::optional<std::string> rack;
  /// How long a coordinator may owe an answer that it does not rest on.
  std::chrono::milliseconds request_timeout = defaults::request_timeout;
  /// What has not worked for so long is told, with its reason.
  std::chrono::milliseconds told_after = defaults::stalled_after;
  backoff_options retry_backoff = defaults::retry;
  std::uint64_t seed = 0;
};

/// What must outlive a member's actor, so that its crash costs no rebalance.
struct group_membership {
  /// The one that it speaks: `classic` or `consumer`.
  member_protocol protocol = member_protocol::classic;
  /// As the coordinator gave it, or as it was made; empty: none yet.
  std::string member_id = {};
  /// Of the last completed rebalance, or the member's epoch; -1: it is no member.
  std::int32_t generation = -1;
  /// The assignor that the group has chosen, as far as is known.
  std::string assignor = {};
  /// Whether it assigns.
  bool leader = false;
  /// What it was given, sorted.
  std::vector<topic_partition> owned = {};
  /// The ids of the topics that it was given; of the consumer protocol.
  std::map<std::string, uuid> topic_ids = {};
  /// Without a sign from the coordinator by then the session is over; not while it may
  /// rest on a Join.
  time_point alive_until = time_point::max();
  /// Until when the coordinator waits to hear what it has given up; without that it
  /// throws the member out. Of the consumer protocol.
  time_point acknowledge_by = time_point::max();
  /// Of a leader: how many partitions the topics had that it has assigned.
  std::map<std::string, std::int32_t> assigned_topics = {};
};

/// What a member of a group is and does with either protocol; how it joins, and learns
/// what it is to read, is its protocol's: `classic_member`, `reconciling_member`.
///
/// Events go in with the time, effects come out. A partition is the program's from
/// `assigned` until `released` or `lost`. `revoke` begins a conversation: from then on
/// nothing is handed out of these, and `on_revoked` says that all is finished and
/// committed; heartbeats go on meanwhile. `lost` overtakes it.
class group_member {
public:
  /// What it does.
  enum class phase : std::uint8_t {
    idle,      ///< It subscribes to nothing.
    waiting,   ///< It joins soon: after a failure.
    revoking,  ///< The program finishes what it was handed.
    joining,   ///< The coordinator waits for the other members, or is to answer.
    assigning, ///< It is the leader, and needs to know topics.
    syncing,   ///< The coordinator waits for the leader.
    stable,
    leaving,
    ended, ///< It has left, or cannot be a member.
  };

  // -- what is sent, of the classic protocol --------------------------------------------

  struct send_join {
    std::uint64_t request = 0;
    join_group_request what;
    std::chrono::milliseconds deadline{0};
  };
  struct send_sync {
    std::uint64_t request = 0;
    sync_group_request what;
    std::chrono::milliseconds deadline{0};
  };
  struct send_heartbeat {
    std::uint64_t request = 0;
    std::string member_id;
    std::int32_t generation = -1;
    std::chrono::milliseconds deadline{0};
  };
  struct send_leave {
    std::uint64_t request = 0;
    std::string member_id;
    std::string reason;
    std::chrono::milliseconds deadline{0};
  };

  // -- of the consumer protocol ---------------------------------------------------------

  /// It joins, stays or leaves.
  struct send_consumer_heartbeat {
    std::uint64_t request = 0;
    consumer_group_heartbeat_request what;
    std::chrono::milliseconds deadline{0};
  };
  /// The names of these are wanted.
  struct resolve_topics {
    std::uint64_t request = 0;
    std::vector<uuid> ids;
  };
  /// The brokers do not have its protocol, and it is nothing any more: a member of the
  /// classic protocol is to take its place.
  struct fall_back {
    error why;
  };

  // -- of both --------------------------------------------------------------------------

  /// What is known of these topics is wanted.
  struct watch_topics {
    std::vector<std::string> topics;
  };
  /// These are the program's from now on.
  struct assigned {
    std::vector<topic_partition> partitions;
  };
  /// No more is handed out of these, and what was is to be finished by the deadline.
  struct revoke {
    std::vector<topic_partition> partitions;
    time_point deadline;
  };
  /// These were to be given up, and are not: they go on.
  struct kept {
    std::vector<topic_partition> partitions;
  };
  /// These are another member's.
  struct released {
    std::vector<topic_partition> partitions;
  };
  /// These may be another member's already: nothing of them is handed out or committed
  /// any more.
  struct lost {
    std::vector<topic_partition> partitions;
    error why;
  };
  /// It is no member any more. Code `none`: it has left.
  struct ended {
    error why;
  };
  struct told {
    log_level level = log_level::info;
    std::string text;
  };
  using effect = std::variant<send_join, send_sync, send_heartbeat, send_leave,
    send_consumer_heartbeat, resolve_topics, fall_back, watch_topics, assigned, revoke,
    kept, released, lost, ended, told>;

  /// Whom it waits for, since when, and until when, for people.
  struct view {
    phase is = phase::idle;
    std::string waits_for;
    time_point since;
    time_point until = time_point::max();
    error last_error;
  };

  group_member(const group_member&) = delete;
  group_member& operator=(const group_member&) = delete;
  virtual ~group_member() = default;

  // -- events ---------------------------------------------------------------------------

  /// It reads these topics, and those that the coordinator finds by the pattern, and no
  /// others; none: it leaves the group. The classic protocol knows no pattern.
  void subscribe(
    time_point now, std::vector<std::string> topics, std::string pattern = {});
  /// A request was not answered: `why`.
  virtual void on_failure(time_point now, std::uint64_t request, const error& why) = 0;
  /// The coordinator has refused a commit of this generation, or a question for offsets,
  /// for what it says about the member.
  virtual void on_commit_refused(
    time_point now, std::int32_t generation, error_code answer) = 0;
  /// What `revoke` asked for is done.
  void on_revoked(time_point now);
  /// The group is to share out its partitions anew, for a reason (KIP-568).
  virtual void rejoin(time_point now, std::string reason) = 0;
  /// It leaves by the deadline; a static member leaves the group only if `for_good`
  /// (KIP-1092), and is `ended` in any case.
  void leave(time_point now, time_point deadline, std::string reason, bool for_good);
  /// The program does not poll: all is lost, and it leaves the group until it subscribes
  /// again.
  void step_out(time_point now, const error& why);
  virtual void on_time(time_point now);

  // -- what is to be done ---------------------------------------------------------------

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }
  [[nodiscard]] virtual time_point next_time() const;

  // -- how it is ------------------------------------------------------------------------

  [[nodiscard]] const group_membership& membership() const { return is_; }
  [[nodiscard]] phase state() const { return phase_; }
  [[nodiscard]] virtual view look() const;
  /// Whether commits of its generation would be taken now.
  [[nodiscard]] virtual bool may_commit() const;
  /// Whether the coordinator would tell it offsets now.
  [[nodiscard]] virtual bool may_fetch_offsets() const { return true; }

protected:
  enum class after_revoke : std::uint8_t { go_on, leave, go_idle };
  using partitions = std::vector<topic_partition>;

  group_member(
    group_member_options options, group_membership before, member_protocol speaks);

  // -- what its protocol does -----------------------------------------------------------

  virtual void join(time_point now) = 0;
  /// An incarnation before this one was a member: it is that one's successor.
  virtual void take_over(time_point now) = 0;
  virtual void on_subscribed(time_point now) = 0;
  virtual void beat(time_point now) = 0;
  /// What was to be given up in order to go on has been given up.
  virtual void on_given_up(time_point now, partitions what) = 0;
  /// It tells the coordinator that it leaves, or has left if that is nothing to it.
  virtual void say_farewell(time_point now) = 0;
  /// All is lost: what it knows of the group is of no use.
  virtual void forget() = 0;
  /// The topics of which something is to be known.
  [[nodiscard]] virtual std::vector<std::string> topics_to_watch() const = 0;
  /// What to change after an error that ends all.
  [[nodiscard]] virtual std::string advice(error_code answer) const;

  // -- what both do ---------------------------------------------------------------------

  void enter(time_point now, phase next);
  void begin_revoke(
    time_point now, partitions what, time_point deadline, after_revoke then);
  void join_later(time_point now, const error& why);
  void join_anew(time_point now, bool new_id, const error& why);
  void fail(time_point now, error_code answer, std::string_view what);
  void leave_when_settled(time_point now);
  void on_farewell_answered(time_point now, error_code answer);
  void has_left(time_point now);
  /// It has left without a word to the coordinator.
  void gone(time_point now);
  void end(time_point now, error why);
  [[nodiscard]] partitions owned_and_held() const;
  void lose_partitions(const error& why);
  void lose_all(const error& why);
  void release(const partitions& what);
  void heard(time_point now);
  void well(time_point now);
  void unwell(time_point now, const error& why);
  /// Whether the coordinator lacks what groups need. Connections that break may make a
  /// broker look like one of old; only what lasts is believed.
  [[nodiscard]] bool is_too_old(time_point now, const error& why);
  virtual void watch();
  /// The coordinator may soon have something to say: heartbeats come early for a while.
  void expect_news(time_point now);
  /// The next heartbeat is one of those that come early, each a little later than the
  /// one before.
  void beat_soon(time_point now, std::chrono::milliseconds latest);
  /// Whether it gives all up in order to leave.
  [[nodiscard]] bool is_leaving() const;
  [[nodiscard]] bool beats() const;
  [[nodiscard]] std::chrono::milliseconds beat_deadline() const;
  [[nodiscard]] std::chrono::milliseconds farewell_deadline(time_point now) const;
  [[nodiscard]] time_point revoke_deadline(time_point now) const;
  [[nodiscard]] error about(error_code answer) const;
  void tell(log_level level, std::string text);

  group_member_options options_;
  std::minstd_rand random_;
  group_membership is_;
  phase phase_ = phase::idle;
  time_point since_;
  std::vector<effect> effects_;
  std::uint64_t last_request_ = 0;

  std::vector<std::string> topics_; ///< It reads them.
  std::string pattern_;
  std::vector<std::string> watched_;

  std::uint64_t request_ = 0; ///< The Join, Sync or farewell under way.
  std::uint64_t beat_ = 0;    ///< The heartbeat under way; zero: none.
  time_point beat_sent_;
  time_point next_beat_ = time_point::max();
  std::chrono::milliseconds interval_;
  std::uint32_t quick_beats_ = 0;
  time_point quick_until_ = time_point::min();
  time_point join_at_ = time_point::max();
  std::uint32_t attempts_ = 0;
  std::string reason_;

  partitions revoking_;
  time_point revoke_until_ = time_point::max();
  after_revoke then_ = after_revoke::go_on;
  /// Of an eager rebalance: what it had, which may come back.
  partitions held_;

  time_point leave_until_ = time_point::max();
  /// It leaves when the rebalance under way is over, for nothing is committed in it; at
  /// that time in any case.
  time_point leave_by_ = time_point::max();
  time_point::duration leave_spare_{0};
  bool leaves_for_good_ = false;
  std::string leave_reason_;

  std::optional<time_point> unwell_since_;
  bool unwell_told_ = false;
  std::optional<time_point> unsupported_since_;
  error last_error_;
};

/// The phase's name, as `revoking`.
[[nodiscard]] std::string_view to_string(group_member::phase p);

namespace members {

// For the sources of members alone.

/// The longest reason that brokers take (KIP-800).
inline constexpr std::size_t longest_reason = 255;
/// Beyond what the coordinator waits for, for its answer.
inline constexpr std::chrono::milliseconds join_grace{5'000};

/// Each once, in order.
[[nodiscard]] std::vector<topic_partition> sorted(std::vector<topic_partition> all);
[[nodiscard]] std::vector<std::string> sorted(std::vector<std::string> names);
/// Of two that are sorted: what is in the first alone, and in both.
[[nodiscard]] std::vector<topic_partition> without(
  const std::vector<topic_partition>& all, const std::vector<topic_partition>& those);
[[nodiscard]] std::vector<topic_partition> both(
  const std::vector<topic_partition>& a, const std::vector<topic_partition>& b);

} // namespace members

} // namespace cafka::protocol
