#pragma once

#include "../group_subscription.hpp"
#include "../machines/classic_member.hpp"
#include "../machines/offset_keeper.hpp"
#include "../machines/reconciling_member.hpp"
#include "../machines/topic_directory.hpp"
#include "dispatching_client.hpp"

#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// How the client of a group's member behaves.
struct group_client_options {
  /// Its name, for errors.
  std::string name = {};
  dispatcher_options cluster = {};
  /// How it is a member; `may_fall_back` of `member` follows from it.
  member_protocol protocol = member_protocol::classic;
  group_member_options member = {};
  offset_keeper_options offsets = {};
  /// How often metadata of the group's topics is asked for.
  std::chrono::milliseconds metadata_max_age = defaults::metadata_max_age;
  /// How long the coordinator may owe an answer.
  std::chrono::milliseconds request_timeout = defaults::request_timeout;
  /// How long the program may keep what it was handed; zero: as long as it wants.
  std::chrono::milliseconds max_poll_interval = defaults::rebalance_timeout;
};

/// A member of a group without its actor: a dispatcher, the member's machine, its
/// offsets, and the requests between them. It reads nothing itself.
///
/// Events go in with the time, effects come out.
class group_client : public dispatching_client<group_client> {
public:
  /// These are the member's; each is read from its `begin_reading` on.
  struct given {
    std::vector<topic_partition> partitions;
  };
  /// A partition is read from here on.
  struct begin_reading {
    topic_partition which;
    /// Nothing: the group has committed no offset of it.
    std::optional<log_offset> committed;
    leader_epoch epoch = -1;
  };
  /// No more is handed out of these; `on_program_done` says that nothing is in hand any
  /// more, and what is after the deadline does not count.
  struct give_up {
    std::vector<topic_partition> partitions;
    time_point deadline;
  };
  /// The answer to a request of this API took so long.
  struct request_took {
    api_key what{};
    time_point::duration time{};
  };
  /// The member has left the group, or cannot be one: nothing follows.
  struct group_ended {
    error why;
  };

  using effect = std::variant<open_connection, send_frame, close_connection,
    ask_credentials, log_line, given, begin_reading, give_up, group_member::kept,
    group_member::released, group_member::lost, offset_keeper::commit_ended,
    offset_keeper::progress, request_took, group_ended>;

  explicit group_client(group_client_options options, group_membership before = {});

  /// Begins: connects and asks for metadata.
  void start(time_point now);

  // What has happened on the program's side; `on_program` follows.

  /// The expression must be checked: `check`.
  void subscribe(time_point now, const group_subscription& what);
  /// A partition that an earlier incarnation was given, and that is read already.
  void adopt(const topic_partition& which, log_offset committed) {
    offsets_.adopt(which, committed);
  }
  /// The same of one that is not read yet.
  void want(time_point now, const topic_partition& which) { offsets_.add(now, which); }
  /// When the program polled last, and whether it has something in hand since then.
  void on_polled(time_point now, time_point last, bool in_hand);
  /// Whether the member has left the group because the program stood still.
  [[nodiscard]] bool waits_for_poll() const { return stood_still_.has_value(); }
  void acknowledge(time_point now, const topic_partition& which, log_offset next,
    leader_epoch epoch, std::uint64_t records) {
    offsets_.acknowledge(now, which, next, epoch, records);
  }
  void sought(const topic_partition& which) { offsets_.sought(which); }
  void commit(time_point now, offset_keeper::commit_id id, time_point deadline) {
    offsets_.commit(now, id, deadline);
  }
  void commit(time_point now, offset_keeper::commit_id id, time_point deadline,
    const std::vector<offset_of_partition>& what) {
    offsets_.commit(now, id, deadline, what);
  }
  /// What `give_up` asked for.
  void on_program_done(time_point now);
  void rejoin(time_point now, std::string reason) {
    its_member().rejoin(now, std::move(reason));
  }
  /// As of `group_member`.
  void leave(time_point now, time_point deadline, std::string reason, bool for_good) {
    its_member().leave(now, deadline, std::move(reason), for_good);
  }
  void on_program(time_point now);

  [[nodiscard]] time_point next_time() const;

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }

  /// Closes every connection, without a farewell.
  void shut_down(time_point now);

  [[nodiscard]] const group_member& member() const {
    return std::visit([](const auto& m) -> const group_member& { return m; }, member_);
  }
  /// Another number whenever what it is in the group may have changed.
  [[nodiscard]] std::uint64_t membership_version() const { return version_; }
  [[nodiscard]] const offset_keeper& offsets() const { return offsets_; }
  /// Topics of the subscription that are not there, or cannot be read, each with why; for
  /// people.
  [[nodiscard]] const std::map<std::string, error>& missing_topics() const {
    return missing_;
  }

private:
  friend dispatching_client<group_client>;

  template <class Request>
  class member_call;
  class topics_query;
  class names_query;
  /// Of one of the two protocols.
  using any_member = std::variant<classic_member, reconciling_member>;

  static any_member made(const group_client_options& options, group_membership before);
  [[nodiscard]] group_member& its_member() {
    return std::visit([](auto& m) -> group_member& { return m; }, member_);
  }
  /// What to do with an answer if the member is still of that protocol.
  template <class Member, class F>
  void with(F f) {
    if (auto* const m = std::get_if<Member>(&member_))
      f(*m);
  }
  void after_event(time_point now);
  template <class Request>
  void ask(
    std::uint64_t request, Request what, lane way, std::chrono::milliseconds limit);
  void on_topics(const metadata_response& answer, bool about_all);
  void on_names(std::uint64_t request, const metadata_response& answer);
  void read_subscription();
  void update_subscription();

  void answered(std::uint64_t request, const join_group_response& answer);
  void answered(std::uint64_t request, const sync_group_response& answer);
  void answered(std::uint64_t request, const struct heartbeat_response& answer);
  void answered(std::uint64_t request, const struct leave_group_response& answer);
  void answered(std::uint64_t request, const consumer_group_heartbeat_response& answer);
  void answered(std::uint64_t request, const offset_commit_response& answer);
  void answered(std::uint64_t request, const struct offset_fetch_response& answer);
  void failed(api_key what, std::uint64_t request, const error& why);

  void act(time_point now, group_member::send_join& x);
  void act(time_point now, group_member::send_sync& x);
  void act(time_point now, group_member::send_heartbeat& x);
  void act(time_point now, group_member::send_leave& x);
  void act(time_point now, group_member::send_consumer_heartbeat& x);
  void act(time_point now, group_member::resolve_topics& x);
  void act(time_point now, group_member::fall_back& x);
  void act(time_point now, group_member::watch_topics& x);
  void act(time_point now, group_member::assigned& x);
  void act(time_point now, group_member::revoke& x);
  void act(time_point now, group_member::kept& x);
  void act(time_point now, group_member::released& x);
  void act(time_point now, group_member::lost& x);
  void act(time_point now, group_member::ended& x);
  void act(time_point now, group_member::told& x);
  void act(time_point now, offset_keeper::send_commit& x);
  void act(time_point now, offset_keeper::send_fetch& x);
  void act(time_point now, offset_keeper::begins& x);
  void act(time_point now, offset_keeper::commit_ended& x);
  void act(time_point now, offset_keeper::progress& x);
  void act(time_point now, offset_keeper::refused& x);
  void act(time_point now, offset_keeper::told& x);
  void tell(log_level level, std::string text);

  const group_client_options options_;
  any_member member_;
  offset_keeper offsets_;
  topic_directory directory_;
  bool subscribed_ = false;
  group_subscription subscription_;
  std::optional<std::regex> pattern_;
  std::vector<std::string> matching_;
  std::vector<std::string> watched_;
  std::map<std::string, error> missing_;

  /// A revocation that is under way.
  std::vector<topic_partition> giving_up_;
  bool program_done_ = true;
  time_point program_until_ = time_point::max();
  std::uint64_t version_ = 0;
  /// Of what was sent last.
  std::int32_t commit_generation_ = -1;
  std::int32_t fetch_generation_ = -1;
  /// When a program that has something in hand must have polled.
  time_point poll_until_ = time_point::max();
  std::optional<time_point> stood_still_;
  std::vector<effect> effects_;
};

} // namespace cafka::protocol
