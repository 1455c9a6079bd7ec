#pragma once

#include "../defaults.hpp"
#include "../messages/metadata.hpp"
#include "../messages/produce.hpp"
#include "../topic_partition.hpp"
#include "accumulator.hpp"
#include "backoff.hpp"
#include "produce_verdict.hpp"
#include "topic_directory.hpp"

#include <list>
#include <map>
#include <memory>
#include <random>
#include <variant>

namespace cafka::protocol {

/// How a producer decides.
struct producer_machine_options {
  /// How long an open batch may wait for more records; zero: no longer than a request
  /// needs to come up.
  std::chrono::milliseconds linger = defaults::linger;
  /// Bytes of batches in one request; one batch larger than that goes alone.
  std::size_t max_request_size = defaults::max_request_size;
  /// Requests on the way to one broker at a time.
  std::size_t max_in_flight = defaults::max_in_flight;
  /// From a record's acceptance to its batch's outcome, at the latest.
  std::chrono::milliseconds delivery_timeout = defaults::delivery_timeout;
  /// Whether batches carry producer id, epoch and sequence (KIP-98).
  bool idempotence = defaults::idempotence;
  /// Whether batches belong to transactions: the producer id comes from
  /// `transaction_machine`, a partition's batches wait for its `admit`, and no sequence
  /// begins anew within a transaction. It needs idempotence.
  bool transactional = false;
  /// How often metadata of the topics in use is asked for; zero: only when needed.
  std::chrono::milliseconds metadata_max_age = defaults::metadata_max_age;
  /// A topic without records for so long is not asked about any more, and is forgotten if
  /// nobody holds it.
  std::chrono::milliseconds topic_idle = defaults::topic_idle;
  /// How long a topic that brokers do not know is asked for again: it may be new.
  std::chrono::milliseconds unknown_topic_wait = defaults::unknown_topic_wait;
  /// A request without an answer for so long is a reason to ask who leads.
  std::chrono::milliseconds stall = defaults::stall;
  /// A topic whose records make no progress for so long is told of, once; zero: never.
  std::chrono::milliseconds stalled_after = defaults::stalled_after;
  backoff_options retry_backoff = defaults::retry;
  std::uint64_t seed = 0;
};

/// The delivery result of a batch. Every record is in one report, exactly once.
struct delivery_report {
  std::string topic;
  /// -1: the topic's partitions were never known.
  partition_id partition = -1;
  /// Offset of the first record; -1 with an error, with acks 0, and where only a later
  /// attempt was answered and the broker had forgotten the place.
  log_offset base_offset = -1;
  /// Of the first record, as `send` said: how many its partition was given before.
  std::uint64_t first_number = 0;
  /// Records in it, with consecutive offsets and numbers.
  std::int32_t count = 0;
  /// Bytes sent, or waiting to be.
  std::size_t bytes = 0;
  /// `none`: in the log. `outcome_unknown`: perhaps. Anything else: it is not.
  protocol::error error;

  std::chrono::steady_clock::time_point opened; ///< When the first record came.
  std::vector<std::pair<std::int32_t, record_callback>> callbacks;
};

/// Records of a topic wait without progress, or do so no longer.
struct stall_report {
  std::string topic;
  /// -1: the topic's partitions are not known.
  partition_id partition = -1;
  /// How long its oldest record has waited, or the partition was without progress.
  std::chrono::milliseconds waited{0};
  /// It is over: `why` is `none` where records are written again, and otherwise why those
  /// that waited were given up.
  bool over = false;
  error why;
};

/// Decides what a producer does next: when a batch goes out, with which others and to
/// which broker, in which order it is tried again, and what its one outcome is.
///
/// Events go in with the time; `take_effects` yields what is to be done. It seals batches
/// with the sequence numbers of an idempotent producer and sends the same bytes until
/// they have an outcome. A partition's batches are sent, and sent again, in the order of
/// their records, up to `max_in_flight` at a time.
class producer_machine {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Send a Produce request to this broker: `fill` it when it can go.
  struct send_request {
    broker_id broker;
    std::uint64_t request = 0;
  };
  /// Ask about these topics.
  struct ask_metadata {
    std::vector<std::string> topics;
    /// Records wait for one that is not there: it may be created.
    bool create = false;
  };
  /// Ask for a producer id.
  struct ask_identity {};
  /// Everything taken before this flush began has an outcome.
  struct flushed {
    std::uint64_t flush = 0;
  };
  /// Batches of a partition wait to be admitted to the transaction at hand.
  struct wants_partition {
    topic_partition which;
  };
  /// What `settle` asked for is done.
  struct settled {
    /// Each partition's next number is the one that its leader expects.
    bool whole = true;
  };
  using effect = std::variant<send_request, ask_metadata, ask_identity, flushed,
    delivery_report, stall_report, wants_partition, settled>;

  /// What keeps the producer from brokers, as of now.
  struct reachability {
    /// Code `none`: at least one broker can be asked.
    error none_reachable;
    /// Why there is no connection to a broker.
    std::map<broker_id, error> broken;
  };

  /// A topic with records that wait, or that is asked about without any, and why.
  struct waiting_topic {
    std::string topic;
    /// -1: the topic's partitions are not known.
    partition_id partition = -1;
    /// Records of the topic without an outcome.
    std::uint64_t records = 0;
    /// How long the oldest of them has waited; zero without any.
    std::chrono::milliseconds waited{0};
    std::string why;
  };

  /// One batch of a request.
  struct item {
    const std::string* topic = nullptr;
    uuid topic_id;
    partition_id partition;
    shared_bytes batch;
  };

  /// For metrics: since the beginning.
  struct counters {
    std::uint64_t records = 0;
    std::uint64_t bytes = 0;
    std::uint64_t batches = 0;
    std::uint64_t retries = 0;
    std::uint64_t requests = 0;
    std::uint64_t epoch_bumps = 0;
    std::uint64_t splits = 0;
  };

  producer_machine(producer_machine_options options, accumulator& batches);
  producer_machine(const producer_machine&) = delete;
  producer_machine& operator=(const producer_machine&) = delete;
  ~producer_machine();

  // -- events ---------------------------------------------------------------------------

  /// Begins, with what the accumulator holds already.
  void start(time_point now);
  /// The accumulator has changed.
  void on_changed(time_point now);
  void on_metadata(time_point now, const metadata_response& answer);
  void on_metadata_failed(time_point now, const error& why);
  void on_identity(time_point now, std::int64_t id, std::int16_t epoch);
  void on_identity_failed(time_point now, const error& why);
  /// A connection has ended, whether or not anything was on it.
  void on_connection_lost(time_point now);
  void on_time(time_point now);
  /// What later reports say of brokers that cannot be reached.
  void on_reachability(reachability what) { reachable_ = std::move(what); }

  /// The request's connection is up: chooses its batches, by topic. None: it is not to be
  /// sent. If it is filled a second time, the first was not sent.
  [[nodiscard]] std::vector<item> fill(time_point now, std::uint64_t request);
  /// The request was answered; with acks 0, it was sent.
  void on_answer(time_point now, std::uint64_t request, const produce_response& answer);
  void on_sent(time_point now, std::uint64_t request);
  /// It was not answered, or not sent: `why`.
  void on_failure(time_point now, std::uint64_t request, const error& why);

  /// All that has been taken so far is to go out now; `flushed` follows.
  std::uint64_t flush(time_point now);

  // -- of a transactional producer ------------------------------------------------------

  /// A transaction begins, with its number: partitions are admitted anew.
  void begin_transaction(time_point now, std::uint64_t number);
  /// The partition's batches may be sent, in the transaction at hand.
  void admit(time_point now, const topic_partition& which);
  /// All that has been taken so far goes out; with `why`, what is not in flight ends with
  /// that instead. `settled` follows when each batch has its outcome and no request has
  /// one in flight.
  void settle(time_point now, const error& why);

  /// Ends all batches with `why`, those that may be in the log with `outcome_unknown`;
  /// with `taken_only`, what the accumulator still has is left to the next machine.
  void abandon(const error& why, bool taken_only = false);

  // -- what is to be done ---------------------------------------------------------------

  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }
  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  /// Which leaders have moved since the last time, for the log.
  [[nodiscard]] bool has_moves() const { return directory_.has_moves(); }
  [[nodiscard]] leader_moves take_moves() { return directory_.take_moves(); }
  /// When `on_time` must be called at the latest.
  [[nodiscard]] time_point next_time() const;
  /// When `on_time` may say why something waits: `on_reachability` comes before it.
  [[nodiscard]] time_point next_reasons() const {
    return std::min(next_expiry_, next_stall_);
  }

  /// The topics with records that wait, each with its oldest.
  [[nodiscard]] std::vector<waiting_topic> waiting(time_point now) const;
  /// Why the record waits that has waited longest; empty: none does.
  [[nodiscard]] std::string why_waiting(time_point now) const;
  /// Topics that are told of as stalled.
  [[nodiscard]] std::size_t stalled() const { return stalled_; }

  [[nodiscard]] const counters& totals() const { return totals_; }
  /// Batches taken from the accumulator that have no outcome.
  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }
  /// Requests under way.
  [[nodiscard]] std::size_t in_flight() const { return requests_.size(); }

private:
  struct batch;
  using batch_queue = std::list<std::unique_ptr<batch>>;
  struct topic_state;
  struct partition_state;
  struct broker_state;
  struct request_state;
  struct flush_state {
    std::uint64_t id = 0;
    std::size_t remaining = 0;
  };

  topic_state& state_of(topic_buffers& t);
  partition_state& state_of(partition_buffers& p);
  void retry_unknown(time_point now, topic_state& t);
  void note(time_point now, partition_buffers& p);
  void activate(partition_state& p);
  broker_state& broker(broker_id id);

  batch& create(partition_state& p, filled_batch content, std::uint64_t born);
  void take_all(partition_state& p, std::uint64_t born);
  bool seal(partition_state& p, batch& b);
  void resolve(partition_state& p, batch& b, error why, log_offset offset = -1);
  void count_resolved(std::uint64_t born);
  void requeue(partition_state& p, std::unique_ptr<batch> b);
  void leave_numbers(partition_state& p, const batch& b);
  bool split(partition_state& p, std::unique_ptr<batch>& b);
  void restart_sequence(partition_state& p);
  [[nodiscard]] static bool has_before(const partition_state& p, const batch& b);
  static bool is_of_epoch(const partition_state& p, const batch& b);
  static void doubt(partition_state& p);
  static bool is_written(const partition_state& p, const batch& b);
  void note_written(partition_state& p, const batch& written);
  void forget_written(time_point now, partition_state& p) const;
  static bool is_whole(const partition_state& p);
  static batch_queue::iterator last_to_try(partition_state& p);
  batch_queue::iterator next_of(partition_state& p);
  void conclude(time_point now, partition_state& p, std::unique_ptr<batch> b, error why,
    log_offset offset);
  void conclude_all(time_point now, request_state& r, const error& why);
  void resequence(time_point now, partition_state& p, std::unique_ptr<batch> b,
    const error& why, bool new_identity);

  void begin_sequences();
  void give_up_waiting(const error& why);
  void tell_settled();

  [[nodiscard]] static bool has_work(const partition_state& p);
  [[nodiscard]] bool may_send(time_point now, const partition_state& p) const;
  [[nodiscard]] bool is_due(time_point now, const partition_state& p) const;
  void drain(time_point now);
  [[nodiscard]] bool is_wanted(time_point now, const topic_state& t) const;
  [[nodiscard]] static bool has_work(const topic_state& t);
  void ask(time_point now);
  void finish_request(std::uint64_t request);

  void adopt(time_point now, const topic_directory::change& c);
  void on_refused(time_point now, topic_state& t, error_code why);
  void note_led(const partition_state& p, const batch& b, log_offset offset) const;
  void set_leader(time_point now, partition_state& p, broker_id leader);
  void leave(time_point now, partition_state& p);
  void want_metadata(topic_state& t);
  void want_metadata(const request_state& r);
  void introduce(time_point now, topic_buffers& t);
  void release_idle(time_point now);
  void refuse_unassigned(topic_state& t, const error& why);
  void end_flush_tokens(topic_state& t);
  void fail(partition_state& p, const error& why, bool taken_only = false);
  void fail_all(const error& why, bool taken_only = false);
  void expire(time_point now);
  error expired(time_point now, const partition_state& p, const batch& b) const;

  struct oldest_record {
    const partition_state* partition = nullptr; ///< Null: it waits for its topic.
    /// When it came, or its partition last made progress.
    time_point since = time_point::max();
    time_point opened = time_point::max();
  };
  [[nodiscard]] static oldest_record oldest_of(const partition_state& p);
  [[nodiscard]] oldest_record oldest_of(const topic_state& t) const;
  [[nodiscard]] static bool still_waits(const topic_state& t, partition_id id);
  void progress(partition_state& p, time_point now);
  void pause(time_point now, partition_state& p);
  void watch_stalls(time_point now);
  void end_stall(topic_state& t, time_point now, const error& why);
  [[nodiscard]] std::string why_waits(time_point now, const topic_state& t) const;
  [[nodiscard]] std::string why_waits(time_point now, const partition_state& p) const;

  const producer_machine_options options_;
  accumulator& batches_;
  std::minstd_rand random_;
  std::vector<effect> effects_;
  counters totals_;
  topic_directory directory_;

  /// By name, and not by where they lie in the memory: what is done for each of them is
  /// done in the same order every time.
  struct by_name {
    bool operator()(const topic_buffers* a, const topic_buffers* b) const {
      return a->name < b->name;
    }
  };
  std::map<topic_buffers*, std::unique_ptr<topic_state>, by_name> topics_;
  std::map<broker_id, broker_state> brokers_;
  std::map<std::uint64_t, request_state> requests_;
  std::uint64_t last_request_ = 0;
  std::size_t outstanding_ = 0;

  std::vector<flush_state> flushes_;
  std::uint64_t next_flush_ = 1;
  std::uint64_t transaction_ = 0; ///< At hand; zero: none.
  bool settling_ = false;
  bool hurry_ = false; ///< Memory is short: nothing waits for more records.

  std::int64_t identity_ = -1;
  std::int16_t identity_epoch_ = -1;
  bool identity_wanted_ = false;
  bool identity_asked_ = false;
  std::uint32_t identity_attempts_ = 0;
  error identity_error_;
  time_point identity_not_before_ = time_point::min();
  error fatal_;

  time_point next_expiry_ = time_point::max();
  time_point next_watch_ = time_point::max();
  time_point next_stall_ = time_point::max();
  time_point next_release_ = time_point::max();
  std::size_t stalled_ = 0;
  reachability reachable_;
};

} // namespace cafka::protocol
