#pragma once

#include "../../protocol/machines/consumer_machine.hpp"
#include "consumer.hpp"
#include "consumer_metrics.hpp"

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

namespace cafka::actors {

/// What the handles of a consumer and the incarnations of its actor share: what is
/// assigned and how far it was handed out, and what lies there to be handed out.
class group_core;

class consumer_core {
public:
  /// The options must be checked: `check`.
  static std::shared_ptr<consumer_core> make(
    caf::actor_system& system, consumer_options settings);
  consumer_core(caf::actor_system& system, consumer_options settings);

  /// `invalid_argument` names the option, its value and what is allowed.
  [[nodiscard]] static error check(const consumer_options& options);

  caf::actor_system& sys;
  const consumer_options options;
  const std::shared_ptr<protocol::byte_budget> budget;
  consumer_metrics metrics;

  /// Whether it was closed: what is being read then will not be handed out.
  std::atomic<bool> closing = false;

  /// Set by the application: ends the actor for good; false: not within the deadline.
  std::function<bool(milliseconds)> on_closed;

  /// Its membership; null: it is no member of any group.
  std::shared_ptr<group_core> group;

  // -- the actor's side -----------------------------------------------------------------

  /// A partition's assignment, or nothing where it is read no more.
  struct change {
    std::uint32_t slot = 0;
    std::optional<protocol::consumer_machine::assignment> now;
  };
  /// The program was handed so much of a partition.
  struct taking {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    std::size_t bytes = 0;
  };
  /// Records of a partition that can be handed out; without a batch they were none of the
  /// program's business.
  struct arrival {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    log_offset next;
    std::optional<consumed_batch> batch;
  };

  /// From here on `current` yields this incarnation, which may not have begun yet.
  void attach(const consumer_actor& self);
  /// A new incarnation begins where the program stands: what lies there is forgotten, and
  /// all assignments are changes.
  void begin();
  void detach(const caf::actor_addr& self);
  /// What has happened since the last time. With `wants_takings`, and if it is nothing,
  /// the next taking is told by `consumer_changed`.
  void collect(
    std::vector<change>& changes, std::vector<taking>& takings, bool wants_takings);
  void push(std::vector<arrival>& arrivals);
  void positioned(std::uint32_t slot, std::uint64_t generation, start_at where);
  void report(std::uint32_t slot, std::uint64_t generation, log_offset offset,
    bool halted, const error& why);
  void report(partition_error what);
  /// `topic/partition`, for the log.
  [[nodiscard]] std::string name_of(std::uint32_t slot) const;
  /// `deliver_to` can take more.
  void grant(std::uint32_t batches);
  /// What is to be sent to `deliver_to`.
  [[nodiscard]] polled take_granted();
  /// Nothing is handed out any more.
  void close();
  /// Nothing is handed out any more, and handles are told `why`.
  void fail(const error& why);
  /// No incarnation can follow, and another consumer may have its name. Unless it was
  /// closed before, handles are told `why`.
  void end(const error& why);

  // -- the membership's side ------------------------------------------------------------

  /// How far the program is through with a partition.
  struct acknowledged {
    topic_partition which;
    log_offset next = -1;
    leader_epoch epoch = -1;
    std::uint64_t records = 0; ///< Since it was told last.
    bool sought = false;       ///< The program went elsewhere since then.
  };
  /// What has been acknowledged since the last time; with `all`, what ever was.
  [[nodiscard]] std::vector<acknowledged> take_acknowledged(bool all = false);
  /// Of these nothing more is handed out, or is again; what lies there stays.
  void hold(const std::vector<topic_partition>& those, bool held);
  /// Whether the program has something of these that it has not acknowledged.
  [[nodiscard]] bool in_hand(const std::vector<topic_partition>& those) const;
  /// Whether it has anything.
  [[nodiscard]] bool any_in_hand() const;
  /// Those of these that are read.
  [[nodiscard]] std::vector<topic_partition> assigned_of(
    const std::vector<topic_partition>& those) const;
  /// Is told by a poll. `is_question`: the poll after that answers it.
  void tell(group_event what, bool is_question = false);
  /// Whether every question was answered.
  [[nodiscard]] bool has_answered() const;
  /// When the program polled last.
  [[nodiscard]] std::chrono::steady_clock::time_point last_poll() const;
  /// Forgets what was handed out of these: it is not acknowledged any more.
  void forget(const std::vector<topic_partition>& those);

  // -- the side of a group's handlers ---------------------------------------------------

  /// Called, in any thread, when `take_for_handlers` has something; null: there are no
  /// handlers, and `poll` hands out. To be set before anything is read.
  std::function<void()> on_something;

  /// What has happened since the last time.
  struct for_handlers {
    std::vector<group_event> group;
    std::vector<partition_error> errors;
    std::vector<topic_partition> sought; ///< What their handlers have is stale.
    std::vector<consumed_batch> batches; ///< One of each that `want` has named.
  };
  [[nodiscard]] for_handlers take_for_handlers();
  /// A batch of the partition is wanted.
  void want(const topic_partition& which);
  /// All before `next` is handled; `records` of them were not before.
  void acknowledge(const topic_partition& which, log_offset next, leader_epoch epoch,
    std::uint64_t records);
  /// All questions of `tell` are answered.
  void answer();
  /// What was handed out of all and is not acknowledged is read again.
  void rewind();

  // -- the handles' side ----------------------------------------------------------------

  /// All that was handed out is acknowledged, and questions are answered if it `answers`.
  void acknowledge_all(bool answers = true);

  [[nodiscard]] consumer_actor current() const;
  /// Likewise, waiting for the next incarnation while there is none; null when it was
  /// closed or by then.
  [[nodiscard]] consumer_actor wait_for_actor(
    std::chrono::steady_clock::time_point until) const;
  error assign(const std::vector<assigned_partition>& partitions) {
    return read(partitions, true);
  }
  /// `paused`: nothing of them is handed out until they are resumed.
  error add(const std::vector<assigned_partition>& partitions, bool paused = false) {
    return read(partitions, false, paused);
  }
  error unassign(const std::vector<topic_partition>& partitions);
  error seek(const topic_partition& which, start_at where);
  error set_paused(const std::vector<topic_partition>& partitions, bool paused);
  [[nodiscard]] std::vector<topic_partition> assignment() const;
  [[nodiscard]] std::optional<log_offset> position(const topic_partition& which) const;
  result<polled> poll(std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] bool is_closed() const;
  [[nodiscard]] bool has_ended() const { return ended_; }

private:
  struct lying_batch {
    consumed_batch batch;
    start_at next;
    std::size_t bytes = 0;
  };
  /// A partition that is or was assigned; its slot is its place for good.
  struct entry {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    std::shared_ptr<const std::string> topic;
    partition_id partition;
    bool assigned = false;
    bool paused = false;
    bool changed = false;
    bool held = false;              ///< Nothing of it is handed out.
    bool in_hand = false;           ///< Something was, and is not acknowledged.
    bool told = true;               ///< The membership knows what is acknowledged.
    bool wanted = false;            ///< Its handler wants a batch.
    bool ready = false;             ///< It is among `ready_`.
    acknowledged handed;            ///< What was handed out.
    log_offset handed_batch = -1;   ///< The end of the last batch that was.
    acknowledged through;           ///< What of it is acknowledged.
    std::size_t queued_batches = 0; ///< Batches of it in the queue.
    /// Where the program stands: an offset once it is known.
    start_at start;
    start_at unhandled; ///< Of one in hand: where what is not acknowledged begins.
    std::vector<lying_batch> lying; ///< In place of the queue, where there are handlers.
  };
  /// What is to be noted when a batch is handed out.
  struct queued_batch {
    entry* of = nullptr;
    start_at next;
    std::size_t bytes = 0;
  };

  entry* find(const topic_partition& which) const;
  entry* find(std::uint32_t slot, std::uint64_t generation) const;
  error missing(const topic_partition& which) const;
  [[nodiscard]] error why_closed() const;
  /// `alone`: and no others.
  error read(
    const std::vector<assigned_partition>& partitions, bool alone, bool paused = false);
  void change_entry(entry& e);
  void advance(entry& e, start_at next);
  polled take(std::size_t most);
  [[nodiscard]] bool can_hand_out() const;
  void note_handed(entry& e, const consumed_batch& batch, start_at next);
  void note_skipped(entry& e, log_offset next);
  void clear_queue();
  bool make_ready(entry& e);
  bool acknowledge_locked(bool answers);
  void update_memory();
  void wake() const;

  std::atomic<bool> ended_ = false;
  mutable std::mutex mutex_;
  std::condition_variable arrived_;
  std::size_t waiting_ = 0; ///< Threads in `poll`.
  bool closed_ = false;
  error why_closed_; ///< Code `none`: it was asked for.
  std::vector<std::unique_ptr<entry>> entries_;
  std::map<topic_partition, entry*> by_name_;
  std::vector<entry*> changed_;
  // One place for each batch in both.
  std::vector<consumed_batch> queue_;
  std::vector<queued_batch> queued_;
  std::size_t queue_bytes_ = 0;
  std::vector<partition_error> errors_;
  std::vector<group_event> events_;
  std::size_t held_ = 0;       ///< Partitions of which nothing is handed out.
  std::size_t questions_ = 0;  ///< Among the events.
  std::size_t unanswered_ = 0; ///< Questions that no poll has answered.
  std::vector<entry*> in_hand_;
  std::vector<entry*> untold_;
  std::vector<entry*> ready_; ///< Their handlers may have a batch.
  std::vector<topic_partition> sought_;
  std::chrono::steady_clock::time_point last_poll_;
  std::vector<taking> takings_;
  bool taking_wanted_ = false;
  std::uint64_t credit_ = 0;

  mutable std::mutex actor_mutex_;
  mutable std::condition_variable attached_;
  // Weak: a core that its actor refers to must not keep the actor.
  caf::weak_actor_ptr actor_;
};

/// Starts the actor of a consumer. `connection`: how it reaches the cluster.
consumer_actor spawn_consumer(caf::actor_system& sys, std::shared_ptr<consumer_core> core,
  connection_options connection, std::shared_ptr<transport_factory> transports);

} // namespace cafka::actors
