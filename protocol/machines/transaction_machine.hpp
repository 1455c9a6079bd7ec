#pragma once

#include "../defaults.hpp"
#include "../log_level.hpp"
#include "../offset_of_partition.hpp"
#include "../result.hpp"
#include "backoff.hpp"
#include "time_point.hpp"
#include "transaction_verdict.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// How a transactional producer behaves.
struct transaction_machine_options {
  std::string transactional_id;
  /// After so long the coordinator aborts a transaction that is open.
  std::chrono::milliseconds transaction_timeout = defaults::transaction_timeout;
  backoff_options retry_backoff = defaults::retry;
  std::uint64_t seed = 0;
};

/// The id of a producer and its epoch.
struct producer_identity {
  std::int64_t id = -1; ///< -1: none.
  std::int16_t epoch = -1;

  friend bool operator==(const producer_identity&, const producer_identity&) = default;
};

/// What the brokers have that transactions go by.
struct transaction_support {
  /// The finalized feature transaction.version is 2 or more: a produce or an offset adds
  /// itself, and each end raises the epoch (KIP-890).
  bool v2 = false;
  /// The coordinator raises a producer's epoch on request: InitProducerId since version 3
  /// (KIP-360, Kafka 2.5).
  bool bumps_epoch = true;
};

/// Which member of a group has read what a transaction writes the result of (KIP-447).
struct group_metadata {
  std::string group;
  /// Of the classic protocol, or the member's epoch; -1: there is no member.
  std::int32_t generation = -1;
  std::string member_id = {};
  /// Of a static member (KIP-345).
  std::optional<std::string> instance_id = {};

  friend bool operator==(const group_metadata&, const group_metadata&) = default;
};

/// How a transaction has ended.
struct transaction_outcome {
  enum class state : std::uint8_t {
    committed, ///< All of it is in the logs, for good.
    aborted,   ///< None of it is visible, nor will be.
    unknown,   ///< One of the two; the coordinator has not said which by the deadline.
  };
  state what = state::unknown;
  /// Why it is not committed, or not known; `none` where the program has aborted it.
  error why = {};
};

/// Decides what a transactional producer asks of coordinators, when a partition may be
/// written to, and what the one outcome of a transaction is.
///
/// Events go in with the time; `take_effects` yields what is to be done. A request has
/// one event: its answer, or `on_failure`. Nothing is asked that may overtake another
/// request of the same transaction: EndTxn goes out when every batch has an outcome, none
/// is in flight, and every other request is over.
///
/// A commit is reported as `committed` only when the coordinator has said so, and as
/// `aborted` only when it cannot have happened. One that is `unknown` at its deadline is
/// asked for on, and the next transaction begins when it is known.
class transaction_machine {
public:
  /// A number of the program's; each is in one effect that ends it.
  using operation_id = std::uint64_t;

  enum class phase : std::uint8_t {
    starting, ///< It has no producer id, or needs a new epoch.
    ready,
    open,
    ending, ///< Of this transaction, or of one whose outcome is not known yet.
    failed, ///< Nothing goes any more.
  };

  // -- what is sent ---------------------------------------------------------------------

  /// InitProducerId, with the identity that it has; it may have none.
  struct send_init {
    std::uint64_t request = 0;
    producer_identity as;
  };
  /// AddPartitionsToTxn.
  struct send_partitions {
    std::uint64_t request = 0;
    producer_identity as;
    std::vector<topic_partition> all;
  };
  /// AddOffsetsToTxn.
  struct send_group {
    std::uint64_t request = 0;
    producer_identity as;
    std::string group;
  };
  /// TxnOffsetCommit. `v2`: in version 5 or later, else in an earlier one.
  struct send_offset_commit {
    std::uint64_t request = 0;
    producer_identity as;
    bool v2 = false;
    group_metadata member;
    std::vector<offset_of_partition> all;
  };
  /// EndTxn. `v2`: in version 5 or later, else in an earlier one.
  struct send_end {
    std::uint64_t request = 0;
    producer_identity as;
    bool v2 = false;
    bool commit = false;
  };

  // -- what else is to be done ----------------------------------------------------------

  /// From now on batches carry this, and each partition's numbers begin at 0.
  struct identified {
    producer_identity as;
  };
  /// Batches of these may be sent.
  struct admitted {
    std::vector<topic_partition> all;
  };
  /// No record comes any more. All are to be sent, or, if `why` says so, those that are
  /// not in flight to be given up; `on_settled` when each has its outcome.
  struct settle {
    error why;
  };
  struct begun {
    operation_id id = 0;
    error outcome;
  };
  struct offsets_sent {
    operation_id id = 0;
    error outcome;
  };
  struct ended {
    operation_id id = 0;
    transaction_outcome outcome;
  };
  /// Nothing goes any more: what waits is to be given up.
  struct failed {
    error why;
  };
  struct told {
    log_level level = log_level::info;
    std::string text;
  };
  using effect = std::variant<send_init, send_partitions, send_group, send_offset_commit,
    send_end, identified, admitted, settle, begun, offsets_sent, ended, failed, told>;

  explicit transaction_machine(transaction_machine_options options);

  // -- the program's side ---------------------------------------------------------------

  /// Asks for a producer id, which ends what an earlier producer of the same
  /// transactional id has left open.
  void start(time_point now);
  /// What the brokers have; it counts from the next transaction on.
  void learn(transaction_support what) { learnt_ = what; }
  /// Begins a transaction when the producer has an id and the last one has ended: `begun`
  /// by the deadline.
  void begin(time_point now, operation_id id, time_point deadline);
  /// Whether a batch of the partition may be sent. If not, the partition is asked for,
  /// and `admitted` follows.
  [[nodiscard]] bool admit(time_point now, const topic_partition& which);
  /// The offsets, of the next records to read, are committed with the transaction:
  /// `offsets_sent` by the deadline.
  void send_offsets(time_point now, operation_id id, group_metadata member,
    std::vector<offset_of_partition> all, time_point deadline);
  /// Ends the transaction: `ended` by the deadline.
  void end(time_point now, operation_id id, bool commit, time_point deadline);

  // -- events ---------------------------------------------------------------------------

  /// A batch was given up: for `code`, the broker's or the producer's own.
  void on_batch_failed(time_point now, const error& why, bool is_next = true);
  /// What `settle` asked for is done. `whole`: each partition's next number is the one
  /// that its leader expects.
  void on_settled(time_point now, bool whole);

  /// InitProducerId was answered.
  void on_init(
    time_point now, std::uint64_t request, error_code code, producer_identity got);
  /// AddPartitionsToTxn or TxnOffsetCommit was answered.
  struct answer {
    topic_partition which;
    error_code code = error_code::none;
  };
  void on_answers(
    time_point now, std::uint64_t request, const std::vector<answer>& answers);
  /// AddOffsetsToTxn was answered.
  void on_group(time_point now, std::uint64_t request, error_code code);
  /// EndTxn was answered; `next`, where the answer has it, is who the producer is now.
  void on_end(
    time_point now, std::uint64_t request, error_code code, producer_identity next);
  /// A request was not answered: `why`. `timed_out` says that it was not sent.
  void on_failure(time_point now, std::uint64_t request, const error& why);
  void on_time(time_point now);
  /// Ends all operations with `why`, and asks nothing more.
  void shut_down(error why) { fail(std::move(why)); }

  // -- what is to be done ---------------------------------------------------------------

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }
  [[nodiscard]] time_point next_time() const;

  // -- how it is ------------------------------------------------------------------------

  [[nodiscard]] phase state() const { return phase_; }
  /// Whether records are taken: a transaction is open, and can be committed.
  [[nodiscard]] bool takes_records() const { return phase_ == phase::open && !why_; }
  /// Why the transaction can only be aborted, or why nothing goes; `none`: it is well.
  [[nodiscard]] const error& why() const { return why_; }
  [[nodiscard]] producer_identity identity() const { return identity_; }
  /// Whether the transaction at hand is one of the second generation.
  [[nodiscard]] bool is_v2() const { return support_.v2; }
  /// Transactions begun so far, this one included.
  [[nodiscard]] std::uint64_t number() const { return number_; }
  /// What it waits for, for people; empty: for the program.
  [[nodiscard]] std::string why_waiting() const;

private:
  /// A kind of request, one at a time.
  struct step {
    std::uint64_t request = 0; ///< Under way; zero: none.
    time_point not_before = time_point::min();
    std::uint32_t failures = 0;
    error last_error;
  };
  struct waiter {
    operation_id id = 0;
    time_point deadline;
  };
  struct offsets {
    operation_id id = 0;
    time_point deadline;
    group_metadata member;
    std::vector<offset_of_partition> left;
  };

  std::uint64_t send(step& s) { return s.request = ++last_request_; }
  [[nodiscard]] bool is_of(const step& s, std::uint64_t request) const {
    return request != 0 && s.request == request && phase_ != phase::failed;
  }
  [[nodiscard]] static bool may_send(const step& s, time_point now) {
    return s.request == 0 && s.not_before <= now;
  }
  void over(step& s);
  [[nodiscard]] transaction_verdict judge(
    time_point now, transaction_request asked, const error& why) const;
  /// Whether the request is done; if not, what follows has been seen to.
  bool take(time_point now, step& s, transaction_request asked, const error& why);
  void again(time_point now, step& s, transaction_request asked, const error& why);
  void on_end_refused(time_point now, const error& why);
  /// Whether what was asked last of the end, or is to be asked, is a commit.
  [[nodiscard]] bool committing() const { return commits_ && !why_; }
  [[nodiscard]] bool is_overdue(time_point now) const;
  [[nodiscard]] error explained(
    time_point now, transaction_request asked, const error& why) const;
  void touch(time_point now);
  void spoil(error why);
  void fail(error why);
  void begin_now();
  void advance(time_point now);
  void advance_offsets(time_point now);
  void advance_end(time_point now);
  void conclude(transaction_outcome::state what);
  void report(transaction_outcome::state what, error why);
  void end_offsets(const error& why);
  void expire(time_point now);
  [[nodiscard]] std::string name() const;
  void tell(log_level level, std::string text);

  const transaction_machine_options options_;
  std::minstd_rand random_;
  std::vector<effect> effects_;
  std::uint64_t last_request_ = 0;
  phase phase_ = phase::starting;
  producer_identity identity_;
  transaction_support learnt_;
  transaction_support support_;
  error why_;

  /// Who it was when the transaction at hand began.
  producer_identity begun_as_;

  step init_;
  step partitions_;
  step offsets_;
  step end_;

  bool init_wanted_ = false;
  std::optional<waiter> begin_;

  // -- of the transaction at hand
  std::uint64_t number_ = 0;
  std::set<topic_partition> added_;
  std::set<topic_partition> to_add_;
  /// By the request under way, or the last one.
  std::vector<topic_partition> added_by_request_;
  /// The group that a request adds; empty: it commits offsets.
  std::string group_by_request_;
  std::set<std::string> groups_;
  std::deque<offsets> to_commit_;
  /// The coordinator may know of the transaction.
  bool maybe_open_ = false;
  /// It does.
  bool surely_open_ = false;
  /// When something was first asked that opens it; the coordinator's clock starts later.
  time_point touched_ = time_point::max();
  time_point warn_at_ = time_point::max();
  bool whole_ = true;

  std::optional<waiter> ending_; ///< None once the outcome is reported.
  bool commits_ = false;         ///< The program has asked for that.
  bool settled_ = false;
  /// A commit was sent, and may have been carried out.
  bool in_doubt_ = false;
};

namespace transactions {

// For the sources of the machine alone.

/// `250 ms`.
[[nodiscard]] std::string in_ms(std::chrono::steady_clock::duration d);

} // namespace transactions

} // namespace cafka::protocol
