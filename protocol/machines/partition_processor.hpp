#pragma once

#include "../defaults.hpp"
#include "../failure_policy.hpp"
#include "../log_level.hpp"
#include "../result.hpp"
#include "../topic_partition.hpp"
#include "backoff.hpp"
#include "time_point.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// How the records of a partition are brought to its handler.
struct partition_processor_options {
  topic_partition which;
  /// How often a record is tried; zero: without end.
  std::uint32_t max_attempts = defaults::max_attempts;
  failure_policy on_failure = failure_policy::pause;
  /// Between two attempts, and before a handler is started anew that its supervisor has
  /// given up.
  backoff_options retry_backoff{defaults::attempt_backoff, defaults::attempt_backoff_max};
  /// Batches that a handler may have answered with `later` and not acknowledged.
  std::size_t max_unacknowledged = defaults::max_unacknowledged;
  /// What a handler has worked on for so long is told. Zero: never.
  std::chrono::milliseconds told_after = defaults::stalled_after;
  std::uint64_t seed = 0;
};

/// Decides what the handler of a partition is given and when, what its answers and its
/// crashes mean, and what becomes of a record that cannot be handled.
///
/// Events go in with the time, effects come out. One `give` is out at a time, so that a
/// batch that fails is never overtaken by the next. Where a batch fails and the handler
/// does not say at which record, its records are given one by one, until the one that
/// fails is known: attempts are counted by record. A handler that crashes while it has
/// only what it acknowledges later is charged to the first of these records.
///
/// Sources: KafkaEx's GenConsumer (async_commit, sync_commit), brod (acknowledged later),
/// KIP-298, KIP-1034.
class partition_processor {
public:
  /// What it does.
  enum class phase : std::uint8_t {
    starting,       ///< There is no handler yet, or none again.
    idle,           ///< There is nothing to handle.
    handling,       ///< The handler has a batch.
    committing,     ///< What it has handled is being committed.
    unacknowledged, ///< The handler has taken as much as it may without acknowledging it,
                    ///< or a record can only be given up behind that.
    backing_off,    ///< The next attempt comes soon.
    dead_lettering, ///< A record is written to the dead-letter topic.
    paused,         ///< A record could not be handled: `resume`.
    giving_up       ///< The partition goes to another member.
  };

  /// Facts about records that can be given.
  struct batch {
    log_offset first;
    log_offset next;
    leader_epoch epoch = -1;
    std::uint64_t records = 0;
  };

  /// The handler is to have what the `place`th batch that is not acknowledged has from an
  /// offset on, `most` records at most. An answer comes with the same number.
  struct give {
    std::uint64_t number = 0;
    std::size_t place = 0;
    log_offset from;
    std::size_t most = 0;
  };
  /// All before `next` is handled. Batches that end there are not needed any more.
  struct acknowledge {
    log_offset next;
    leader_epoch epoch = -1;
    std::uint64_t records = 0;
  };
  /// `on_committed` is wanted.
  struct commit {
    std::uint64_t number = 0;
  };
  /// A record of the first batch is to be written to the dead-letter topic;
  /// `on_dead_letter` is wanted.
  struct write_dead_letter {
    std::uint64_t number = 0;
    log_offset offset;
    std::uint32_t attempts = 0;
    error why;
  };
  /// It can take a batch: `offer`.
  struct want_batch {};
  /// A handler is to be started, for the one before was given up.
  struct restart_handler {};
  /// The member is to leave its group.
  struct end_group {
    error why;
  };
  struct told {
    log_level level = log_level::info;
    std::string text;
  };
  using effect = std::variant<give, acknowledge, commit, write_dead_letter, want_batch,
    restart_handler, end_group, told>;

  /// How it is, for people.
  struct view {
    phase is = phase::starting;
    time_point since;
    /// The first record that is not handled; -1: none was read yet.
    log_offset at = -1;
    /// How often it was tried in vain.
    std::uint32_t attempts = 0;
    error last_error;
  };

  explicit partition_processor(time_point now, partition_processor_options options);

  // -- events ---------------------------------------------------------------------------

  /// There is a handler.
  void on_up(time_point now);
  /// It has ended. `given_up`: its supervisor does not start another one.
  void on_down(time_point now, const error& why, bool given_up);
  /// What `want_batch` asked for.
  void offer(time_point now, const batch& what);
  /// What `give` asked for: its first record, and where it ends. With both the same there
  /// is no record in it that can be read: the handler is not to have it.
  void on_given(time_point now, std::uint64_t number, log_offset first, log_offset next);
  /// The handler is through with what it was given, up to `next`; `sync`: and it is to be
  /// committed before it gets more.
  void on_handled(time_point now, std::uint64_t number, log_offset next, bool sync);
  /// It will acknowledge it later; `last`: its last record, behind which it may end.
  void on_taken(time_point now, std::uint64_t number, log_offset last, log_offset next);
  /// It could not handle it; `at`: the record that it names, all before which it has
  /// handled.
  void on_failed(
    time_point now, std::uint64_t number, std::optional<log_offset> at, const error& why);
  /// The handler, or somebody for it, is through with all before `next`.
  void on_acknowledged(time_point now, log_offset next);
  void on_committed(time_point now, std::uint64_t number, const error& outcome);
  void on_dead_letter(time_point now, std::uint64_t number, const error& outcome);
  /// A paused one goes on with the record that it is paused at.
  void resume(time_point now);
  /// The program goes elsewhere: what it has is of no interest.
  void sought(time_point now);
  /// Nothing more is given; see `through`.
  void give_up(time_point now);
  /// It is not given up after all.
  void keep(time_point now);
  void on_time(time_point now);

  // -- what is to be done ---------------------------------------------------------------

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }
  [[nodiscard]] time_point next_time() const;

  // -- how it is ------------------------------------------------------------------------

  /// Whether the handler has nothing in hand, and nothing is under way for it.
  [[nodiscard]] bool through() const;
  [[nodiscard]] phase state() const;
  [[nodiscard]] view look() const;

private:
  struct given {
    std::uint64_t number = 0;
    log_offset from;
    log_offset next;
    bool alone = false;
    bool stale = false; ///< The program went elsewhere meanwhile.
  };

  void decide(time_point now);
  void after(time_point now);
  [[nodiscard]] std::optional<given> take_given(std::uint64_t number);
  void acknowledge_to(time_point now, log_offset next);
  void failed(time_point now, log_offset at, bool known, const error& why);
  [[nodiscard]] bool gives_up_records() const;
  void apply_policy(time_point now);
  void back_off(time_point now);
  void tell(log_level level, const std::string& text);
  [[nodiscard]] std::string name_of(log_offset at) const;

  partition_processor_options options_;
  std::minstd_rand random_;
  std::vector<effect> effects_;
  std::uint64_t last_number_ = 0;
  phase phase_ = phase::starting;
  time_point since_;

  bool up_ = false;
  std::uint32_t given_up_ = 0; ///< Handlers in a row that were given up.
  time_point restart_at_ = time_point::max();
  std::deque<batch> batches_; ///< Those that are not acknowledged.
  struct taken {
    log_offset first;
    log_offset last;
    log_offset next;
  };
  std::deque<taken> taken_; ///< What the handler has and has not acknowledged.
  bool wanted_ = false;
  log_offset acknowledged_ = -1; ///< All before it is.
  log_offset at_ = -1;           ///< The next to be given.
  std::optional<given> given_;
  time_point given_at_;
  bool slow_told_ = false;
  std::uint64_t committing_ = 0; ///< Zero: nothing is.
  std::uint64_t lettering_ = 0;
  bool letter_told_ = false;
  time_point wait_until_ = time_point::min();
  log_offset alone_until_ = -1; ///< Records before it are given one by one.
  bool tried_together_ = false; ///< The failed batch counts for its first failing record.
  log_offset failing_ = -1;     ///< The record whose attempts are counted.
  std::uint32_t attempts_ = 0;
  bool exhausted_ = false; ///< They were all in vain.
  error last_error_;
  bool paused_ = false;
  bool giving_up_ = false;
};

/// The phase's name, as `backing_off`.
[[nodiscard]] std::string_view to_string(partition_processor::phase p);

} // namespace cafka::protocol
