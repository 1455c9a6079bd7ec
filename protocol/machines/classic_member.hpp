#pragma once

#include "../assignors/assignor.hpp"
#include "../defaults.hpp"
#include "../log_level.hpp"
#include "../messages/join_group.hpp"
#include "../messages/sync_group.hpp"
#include "../result.hpp"
#include "../topic_partition.hpp"
#include "backoff.hpp"
#include "time_point.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
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
  std::chrono::milliseconds heartbeat_interval = defaults::heartbeat_interval;
  /// How long the coordinator waits for members to join again, and so the longest that a
  /// program may take to let partitions go.
  std::chrono::milliseconds rebalance_timeout = defaults::rebalance_timeout;
  /// Best first.
  std::vector<assignor> assignors;
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
  /// As the coordinator gave it; empty: none yet.
  std::string member_id = {};
  /// Of the last completed rebalance; -1: it is no member.
  std::int32_t generation = -1;
  /// The assignor that the group has chosen.
  std::string assignor = {};
  /// Whether it assigns.
  bool leader = false;
  /// What it was given, sorted.
  std::vector<topic_partition> owned = {};
  /// Of a leader: how many partitions the topics had that it has assigned.
  std::map<std::string, std::int32_t> assigned_topics = {};
};

/// Decides what a member of a group with the classic protocol does next: when it joins,
/// what it assigns as the leader, when it beats, what it gives up and when, and what
/// follows from each error.
///
/// Events go in with the time, effects come out. A partition is the program's from
/// `assigned` until `released` or `lost`. `revoke` begins a conversation: from then on
/// nothing is handed out of these, and `on_revoked` says that all is finished and
/// committed; heartbeats go on meanwhile. `lost` overtakes it.
///
/// Sources: Kafka's group membership protocol, KIP-62, KIP-134, KIP-345, KIP-394,
/// KIP-429, KIP-568, KIP-792, KIP-800, KIP-814, KIP-881.
class classic_member {
public:
  /// What it does.
  enum class phase : std::uint8_t {
    idle,      ///< It subscribes to nothing.
    waiting,   ///< It joins soon: after a failure.
    revoking,  ///< The program finishes what it was handed.
    joining,   ///< The coordinator waits for the other members.
    assigning, ///< It is the leader, and needs to know topics.
    syncing,   ///< The coordinator waits for the leader.
    stable,
    leaving,
    ended, ///< It has left, or cannot be a member.
  };

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
  /// `on_topics` is wanted, with all of these.
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
    watch_topics, assigned, revoke, kept, released, lost, ended, told>;

  /// Whom it waits for, since when, and until when, for people.
  struct view {
    phase is = phase::idle;
    std::string waits_for;
    time_point since;
    time_point until = time_point::max();
    error last_error;
  };

  explicit classic_member(group_member_options options, group_membership before = {});

  // -- events ---------------------------------------------------------------------------

  /// It reads these topics, and no others; none: it leaves the group.
  void subscribe(time_point now, std::vector<std::string> topics);
  /// What is known of topics that are watched; none of a topic that is not there.
  void on_topics(time_point now, const std::vector<group_topic>& known);
  void on_joined(
    time_point now, std::uint64_t request, const join_group_response& answer);
  void on_synced(
    time_point now, std::uint64_t request, const sync_group_response& answer);
  void on_heartbeat(time_point now, std::uint64_t request, error_code answer);
  void on_left(time_point now, std::uint64_t request, error_code answer);
  /// A request was not answered: `why`.
  void on_failure(time_point now, std::uint64_t request, const error& why);
  /// The coordinator has refused a commit of this generation for what it says about the
  /// member.
  void on_commit_refused(time_point now, std::int32_t generation, error_code answer);
  /// What `revoke` asked for is done.
  void on_revoked(time_point now);
  /// It joins anew, for a reason (KIP-568).
  void rejoin(time_point now, std::string reason);
  /// It leaves by the deadline; a static member leaves the group only if `for_good`
  /// (KIP-1092), and is `ended` in any case.
  void leave(time_point now, time_point deadline, std::string reason, bool for_good);
  /// The program does not poll: all is lost, and it leaves the group until it subscribes
  /// again.
  void step_out(time_point now, const error& why);
  void on_time(time_point now);

  // -- what is to be done ---------------------------------------------------------------

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }
  [[nodiscard]] time_point next_time() const;

  // -- how it is ------------------------------------------------------------------------

  [[nodiscard]] const group_membership& membership() const { return is_; }
  [[nodiscard]] phase state() const { return phase_; }
  [[nodiscard]] view look() const;
  /// Whether commits of its generation would be taken now: not from the Join on until the
  /// Sync is answered.
  [[nodiscard]] bool may_commit() const;
  /// Whether the group's rebalances stop everybody.
  [[nodiscard]] bool eager() const { return eager_; }

private:
  enum class after_revoke : std::uint8_t { join, leave, go_idle };

  void enter(time_point now, phase next);
  void begin_rebalance(time_point now, std::string reason);
  void begin_revoke(time_point now, std::vector<topic_partition> what,
    time_point deadline, after_revoke then);
  void join(time_point now);
  void join_later(time_point now, const error& why);
  void join_anew(time_point now, bool new_id, const error& why);
  [[nodiscard]] bool retries_join(time_point now, error_code answer);
  void fail(time_point now, error_code answer, std::string_view what);
  void try_to_assign(time_point now);
  void sync(time_point now, std::vector<sync_group_request_assignment> all);
  void apply(time_point now, const std::vector<consumer_topic_partitions>& assignment);
  void settle(time_point now);
  void leave_when_settled(time_point now);
  void send_leave_now(time_point now);
  void has_left(time_point now);
  void end(time_point now, error why);
  [[nodiscard]] std::vector<topic_partition> owned_and_held() const;
  void lose_partitions(const error& why);
  void lose_all(const error& why);
  void release(const std::vector<topic_partition>& what);
  void heard(time_point now);
  void well(time_point now);
  void watch();
  [[nodiscard]] bool beats() const;
  [[nodiscard]] const assignor* chosen() const;
  [[nodiscard]] time_point revoke_deadline(time_point now) const;
  void tell(log_level level, std::string text);

  group_member_options options_;
  std::minstd_rand random_;
  group_membership is_;
  bool eager_ = false;
  phase phase_ = phase::idle;
  time_point since_;
  std::vector<effect> effects_;
  std::uint64_t last_request_ = 0;

  std::vector<std::string> topics_; ///< It reads them.
  std::vector<std::string> watched_;
  std::map<std::string, group_topic> known_;
  /// Of a leader: those that the members read.
  std::vector<std::string> group_topics_;

  std::uint64_t request_ = 0; ///< The Join, Sync or Leave under way.
  std::uint64_t beat_ = 0;    ///< The heartbeat under way; zero: none.
  time_point beat_sent_;
  time_point next_beat_ = time_point::max();
  std::uint32_t quick_beats_ = 0;
  time_point quick_until_ = time_point::min();
  /// Without a sign from the coordinator by then the session is over; not while it may
  /// rest on a Join.
  time_point alive_until_ = time_point::max();
  time_point join_at_ = time_point::max();
  std::uint32_t attempts_ = 0;
  std::string reason_;
  bool joins_again_ = false; ///< Something asks for another rebalance after this one.

  std::vector<topic_partition> revoking_;
  time_point revoke_until_ = time_point::max();
  after_revoke then_ = after_revoke::join;
  /// Of an eager rebalance: what it had, which may come back.
  std::vector<topic_partition> held_;
  std::int32_t joined_generation_ = -1;
  std::vector<group_participant> members_; ///< Of a leader that assigns.

  time_point leave_until_ = time_point::max();
  /// It leaves when the rebalance under way is over, for nothing is committed in it; at
  /// that time in any case.
  time_point leave_by_ = time_point::max();
  time_point::duration leave_spare_{0};
  bool leaves_for_good_ = false;
  std::string leave_reason_;

  std::optional<time_point> unwell_since_;
  bool unwell_told_ = false;
  /// The coordinator lacks what groups need.
  std::optional<time_point> unsupported_since_;
  error last_error_;
};

/// The phase's name, as `revoking`.
[[nodiscard]] std::string_view to_string(classic_member::phase p);

} // namespace cafka::protocol
