#pragma once

#include "../defaults.hpp"
#include "../log_level.hpp"
#include "../messages/offset_commit.hpp"
#include "../offset_of_partition.hpp"
#include "../result.hpp"
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

/// How a member's offsets are committed.
struct offset_keeper_options {
  std::string group;
  /// Whether what is acknowledged is committed without being asked to.
  bool automatic = true;
  /// What is acknowledged is committed so long later at the latest.
  std::chrono::milliseconds interval = defaults::auto_commit_interval;
  /// As soon as so many records of a partition are.
  std::uint64_t threshold = defaults::commit_threshold;
  /// What has not worked for so long is told, with its reason.
  std::chrono::milliseconds told_after = defaults::stalled_after;
  backoff_options retry_backoff = defaults::retry;
  std::uint64_t seed = 0;
};

/// Decides where the partitions begin that a member was given, and when what its program
/// has acknowledged is committed: one request for all partitions, one at a time.
///
/// Events go in with the time; `decide` yields what is to be sent. Of a partition nothing
/// older is committed than before, unless the program has sought or named an offset. That
/// an offset cannot be had is never taken for there being none.
class offset_keeper {
public:
  using commit_id = std::uint64_t;

  struct send_commit {
    std::uint64_t request = 0;
    std::vector<offset_of_partition> all;
  };
  struct send_fetch {
    std::uint64_t request = 0;
    std::vector<topic_partition> all;
  };
  /// Where a partition begins; nothing: the group has committed nothing.
  struct begins {
    topic_partition which;
    std::optional<log_offset> offset;
    leader_epoch epoch = -1;
  };
  /// A commit by hand has come to its end.
  struct commit_ended {
    commit_id id = 0;
    error outcome;
  };
  /// So much was committed, in one request.
  struct progress {
    std::size_t partitions = 0;
  };
  /// The coordinator has refused a commit, or a question, for what it says of the member.
  struct refused {
    error_code why = error_code::none;
    bool of_fetch = false;
  };
  struct told {
    log_level level = log_level::warning;
    std::string text;
  };
  using effect =
    std::variant<send_commit, send_fetch, begins, commit_ended, progress, refused, told>;

  explicit offset_keeper(offset_keeper_options options);

  // -- the program's side ---------------------------------------------------------------

  /// The member was given a partition: `begins` follows.
  void add(time_point now, const topic_partition& which);
  /// A partition that is read already, and how far it was committed; -1: not known.
  void adopt(const topic_partition& which, log_offset so_far);
  /// It is another member's; commits by hand that wait for it have failed.
  void remove(const topic_partition& which);
  /// The program is through with all before `next`, so many records more.
  void acknowledge(time_point now, const topic_partition& which, log_offset next,
    leader_epoch epoch, std::uint64_t records);
  /// The program goes on elsewhere: what it acknowledges next may be earlier.
  void sought(const topic_partition& which);
  /// Commits all that is acknowledged.
  void commit(time_point now, commit_id id, time_point deadline);
  /// Commits these.
  void commit(time_point now, commit_id id, time_point deadline,
    const std::vector<offset_of_partition>& what);
  /// Reading of these does not begin any more, unless they are `kept`.
  void hold(const std::vector<topic_partition>& those);
  /// From here on what is acknowledged of these is committed at once, until they are
  /// removed or `kept`.
  void flush(const std::vector<topic_partition>& those);
  void keep(const std::vector<topic_partition>& those);
  /// Whether nothing of these waits for being committed.
  [[nodiscard]] bool is_clean(const std::vector<topic_partition>& those) const;

  // -- events ---------------------------------------------------------------------------

  void on_committed(
    time_point now, std::uint64_t request, const offset_commit_response& answer);
  /// What was found of partitions, each with its error.
  struct answer {
    topic_partition which;
    log_offset offset = -1; ///< Below zero: none.
    leader_epoch epoch = -1;
    error_code why = error_code::none;
  };
  void on_fetched(
    time_point now, std::uint64_t request, const std::vector<answer>& answers);
  /// A request was not answered, or was refused as a whole.
  void on_failure(time_point now, std::uint64_t request, const error& why);
  void on_time(time_point now);

  // -- what is to be done ---------------------------------------------------------------

  /// What is sent next; commits and questions only if the coordinator would take them.
  void decide(time_point now, bool may_commit, bool may_fetch = true);
  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }
  [[nodiscard]] time_point next_time(bool may_commit, bool may_fetch = true) const;

  // -- how it is ------------------------------------------------------------------------

  /// What the group has committed of a partition, as far as is known; -1: nothing.
  [[nodiscard]] log_offset committed_of(const topic_partition& which) const;
  /// Partitions that wait for their offset, and why; for people.
  [[nodiscard]] std::string why_waiting() const;

private:
  struct partition {
    bool wanted = false;   ///< Its offset is to be fetched.
    bool fetching = false; ///< By the request under way.
    bool held = false;     ///< It is being given up.
    bool flushed = false;
    bool awaited = false; ///< By a commit by hand.
    log_offset acknowledged = -1;
    leader_epoch epoch = -1;
    log_offset committed = -1;
    log_offset sending = -1;
    log_offset refused = -1;   ///< The coordinator does not take it.
    std::uint64_t records = 0; ///< Acknowledged since what was sent last.
    std::uint64_t records_sent = 0;
    time_point dirty_since;
    error last_error;

    [[nodiscard]] bool dirty() const {
      return acknowledged.value() >= 0 && acknowledged != committed
        && acknowledged != refused;
    }
  };
  struct waiter {
    commit_id id = 0;
    time_point deadline;
    std::map<topic_partition, log_offset> targets;
  };

  [[nodiscard]] partition* find(const topic_partition& which);
  [[nodiscard]] bool goes(const partition& p) const;
  [[nodiscard]] time_point due(const partition& p) const;
  void note_awaited();
  void end_waiters(const topic_partition& which, const error& why);
  void reached(const topic_partition& which, log_offset offset);
  void failed(time_point now, const error& why);
  void well(time_point now);

  const offset_keeper_options options_;
  std::minstd_rand random_;
  std::map<topic_partition, partition> partitions_;
  std::vector<waiter> waiters_;
  std::vector<effect> effects_;
  std::uint64_t last_request_ = 0;
  std::uint64_t commit_ = 0; ///< Under way; zero: none.
  std::uint64_t fetch_ = 0;
  time_point commit_not_before_ = time_point::min();
  time_point fetch_not_before_ = time_point::min();
  std::uint32_t failures_ = 0;
  std::optional<time_point> unwell_since_;
  bool unwell_told_ = false;
  error last_error_;
};

} // namespace cafka::protocol
