#pragma once

#include "../defaults.hpp"
#include "../result.hpp"
#include "../types.hpp"
#include "backoff.hpp"
#include "broker_connection.hpp"
#include "start_at.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <variant>

namespace cafka::protocol {

/// How a stream reads its partition.
struct stream_cursor_options {
  /// Where it starts; nothing: as `committed` says, or `reset`.
  std::optional<start_at> start;
  /// Whether it starts at the offset that its group has committed.
  bool committed = false;
  /// Whether it commits what its consumer is done with.
  bool commits = false;
  /// Whether it is to find out first if there is a group; without one it does not start
  /// at what a group has committed, and does not commit.
  bool asks_group = false;
  /// Where it goes on when its offset is out of range, and starts without an offset;
  /// nothing: the first is an error, the second the first record there is.
  std::optional<start_at> reset;
  /// Whether it ends where the log does.
  bool no_wait_at_logend = false;
  /// Whether the log ends for it at the last stable offset.
  bool read_committed = false;
  /// Whether a worker that is down comes back.
  bool worker_returns = true;
  /// How long what passes may last, a broker's failure for instance, before it is the
  /// stream's end.
  std::chrono::milliseconds deadline = defaults::request_timeout;
  /// Commits at the latest after so much time, if there is anything to commit; zero: the
  /// count alone decides.
  std::chrono::milliseconds auto_commit_interval = defaults::auto_commit_interval;
  /// Commits after so many offsets; zero: time alone decides.
  std::size_t commit_threshold = defaults::commit_threshold;
  /// How long the broker may wait before it answers that nothing is there. One that does
  /// not wait is asked again after so long nevertheless, from 5 to 100 ms.
  std::chrono::milliseconds wait_time{0};
  /// Most bytes of records that one question asks for.
  std::int32_t max_bytes = defaults::max_bytes;
  /// Pauses before something is asked again.
  backoff_options retry_backoff = defaults::retry;
  /// Seeds the jitter.
  std::uint64_t seed = 0;
};

/// Decides how a stream goes on: where it starts, what it asks next, when a batch is
/// handed to its consumer, what it commits, and when it is over.
///
/// One question at a time is open, and one batch at most waits for credit: it is fetched
/// while the consumer deals with the one before. How much is asked for follows the pace
/// at which answers come, down to one batch. An offset is committed once the consumer is
/// done with every record before it, and never before.
class stream_cursor {
public:
  /// Which group it is for, if any.
  struct ask_group {
    std::chrono::milliseconds deadline;
  };
  /// Which offset the group has committed. Kafka: OffsetFetch.
  struct ask_committed {
    std::chrono::milliseconds deadline;
  };
  /// The offset of a moment. Kafka: ListOffsets.
  struct ask_offset {
    std::int64_t time;
    std::chrono::milliseconds deadline;
  };
  /// Records from an offset on. Kafka: Fetch.
  struct ask_records {
    log_offset from;
    std::chrono::milliseconds deadline;
    /// One batch larger than that still comes.
    std::int32_t max_bytes = 0;
  };
  using question = std::variant<ask_committed, ask_offset, ask_records, ask_group>;

  /// What a fetch has brought.
  struct records_answer {
    /// Whether there is a record for the consumer in it.
    bool any = false;
    log_offset next = -1;
    log_offset high_watermark = -1;
    /// -1 where the broker does not say.
    log_offset last_stable_offset = -1;
    /// Of all batches in it.
    std::size_t bytes = 0;
  };

  explicit stream_cursor(const stream_cursor_options& options);

  /// Lets `batches` more be handed over; nothing is asked before the first.
  void grant(std::uint32_t batches);

  /// What to ask now, if anything; its answer, or its failure, must be told.
  [[nodiscard]] std::optional<question> next_question(time_point now);

  void on_group(time_point now, bool any);
  void on_committed(time_point now, std::optional<log_offset> offset);
  void on_offset(time_point now, std::optional<log_offset> offset);
  /// A batch with records is to be kept until `may_hand_over`.
  void on_records(time_point now, const records_answer& answer);
  void on_failure(time_point now, error why);

  /// Whether it commits, as far as it knows.
  [[nodiscard]] bool commits() const { return options_.commits; }

  /// Where the log ended for this stream when it was answered.
  [[nodiscard]] log_offset log_end(const records_answer& answer) const;

  /// Whether the batch that waits may go to the consumer now.
  [[nodiscard]] bool may_hand_over() const { return held_ && credit_ > 0; }
  void handed_over();

  /// The consumer is done with all before `done`; what it was not handed does not count.
  void acknowledge(time_point now, log_offset done);

  /// What to commit now, if anything; the outcome must be told.
  [[nodiscard]] std::optional<log_offset> next_commit(time_point now);
  void on_commit(time_point now, const error& outcome);

  /// Nothing more is handed over; what has been acknowledged is still committed.
  void stop(time_point now, error why);

  /// Whether nothing more will be handed over.
  [[nodiscard]] bool over() const { return outcome_ && !held_; }
  /// Why; `none` at the end of the log.
  [[nodiscard]] error outcome() const { return outcome_.value_or(error{}); }
  /// Whether it was stopped and nothing is left to commit.
  [[nodiscard]] bool finished() const;

  /// When `next_question` or `next_commit` may have something to say at the latest.
  [[nodiscard]] time_point next_time() const;
  /// How long a commit may take that is asked for now.
  [[nodiscard]] std::chrono::milliseconds commit_deadline(time_point now) const;

  /// The first offset of the stream; nothing before it is known.
  [[nodiscard]] std::optional<log_offset> start() const { return start_; }
  /// The last offset it has committed.
  [[nodiscard]] std::optional<log_offset> committed() const { return committed_; }
  /// Why the last commit has failed; `none` when it has not.
  [[nodiscard]] const error& commit_error() const { return commit_error_; }

private:
  enum class state : std::uint8_t { asks_group, asks_committed, asks_offset, reads };

  void begin(time_point now);
  void go_to(time_point now, log_offset offset);
  void note_pace(time_point now, std::size_t bytes);
  void ask_for_less();
  void ask_for(start_at where);
  void answered();
  void end(error why);
  [[nodiscard]] bool passes(error_code e) const;
  void advance_over_what_is_no_record(time_point now);
  [[nodiscard]] bool anything_to_commit() const;
  [[nodiscard]] time_point commit_time() const;

  stream_cursor_options options_;
  std::minstd_rand random_;

  state state_ = state::reads;
  std::int64_t wanted_time_ = 0;
  std::optional<log_offset> start_;
  log_offset position_ = -1;
  std::uint64_t credit_ = 0;
  bool asked_for_ = false; // By a first grant.
  bool open_ = false;      // A question is.
  bool held_ = false;      // A batch is.
  bool has_read_ = false;
  std::int32_t max_bytes_ = 0;   // Of the next question.
  std::int32_t least_bytes_ = 0; // It may go down to.
  std::uint32_t empty_answers_ = 0;
  std::uint32_t resets_ = 0; // Since records came, or the position moved.
  std::optional<error> outcome_;

  // What fails since when, and when it is tried again.
  time_point asked_at_;
  std::optional<time_point> trouble_since_;
  std::uint32_t failures_ = 0;
  time_point not_before_ = time_point::min();

  // Offsets before which all was handed over, is done with, and is committed.
  log_offset handed_ = -1;
  log_offset acknowledged_ = -1;
  log_offset kept_ = -1;
  std::optional<log_offset> committed_;
  std::optional<log_offset> committing_;
  std::optional<time_point> uncommitted_since_;
  time_point no_commit_before_ = time_point::min();
  std::uint32_t commit_failures_ = 0;
  error commit_error_;
  std::optional<time_point> stopped_at_;
  bool commits_given_up_ = false;
};

} // namespace cafka::protocol
