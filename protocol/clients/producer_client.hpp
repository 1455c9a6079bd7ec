#pragma once

#include "../machines/accumulator.hpp"
#include "../machines/producer_machine.hpp"
#include "../machines/transaction_machine.hpp"
#include "../records/compression.hpp"
#include "dispatching_client.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// How a producer's client behaves.
struct producer_client_options {
  /// Its name, for errors.
  std::string name = {};
  dispatcher_options cluster = {};
  producer_machine_options machine = {};
  /// As Kafka's Produce request has them.
  std::int16_t acks = -1;
  codec compression = codec::none;
  bool idempotence = defaults::idempotence;
  /// How long a broker may wait for `acks`.
  std::chrono::milliseconds request_timeout = defaults::request_timeout;
  bool allow_auto_topic_creation = defaults::allow_auto_topic_creation;
  /// Makes a transactional producer, which is idempotent and waits for all replicas;
  /// empty: there are no transactions.
  std::string transactional_id = {};
  /// After so long the coordinator aborts a transaction that is open.
  std::chrono::milliseconds transaction_timeout = defaults::transaction_timeout;
};

struct add_offsets_to_txn_response;
struct add_partitions_to_txn_response;
struct end_txn_response;
struct init_producer_id_response;
struct txn_offset_commit_response;

/// A producer without its actor: a dispatcher, a producer machine and the requests
/// between them.
///
/// Events go in with the time, effects come out. Each batch that the machine takes from
/// the accumulator has one report.
class producer_client : public dispatching_client<producer_client> {
public:
  /// The answer to a request of this API took so long.
  struct request_took {
    api_key what{};
    time_point::duration time{};
  };
  /// Metadata came: what waits for partitions may look again.
  struct topics_learned {};
  /// A flush or a close, by its number, is over.
  struct flush_ended {
    std::uint64_t flush = 0;
    error outcome;
  };
  /// An operation of a transaction has ended. `tell` gives its outcome to the caller, and
  /// is called once.
  struct operation_ended {
    std::function<void()> tell;
  };
  /// It was closed, and all is told: the client is to be stopped.
  struct closed {};

  using effect = std::variant<open_connection, send_frame, close_connection,
    ask_credentials, log_line, delivery_report, stall_report, request_took,
    topics_learned, flush_ended, operation_ended, closed>;

  producer_client(producer_client_options options, accumulator& batches);

  /// Begins, with what the accumulator holds already.
  void start(time_point now);
  /// The accumulator has changed.
  void on_changed(time_point now);
  /// Sends what was taken so far; `flush_ended` with the number that is returned follows
  /// by the deadline. With `closes` the client is `closed` afterwards, and what has no
  /// outcome by the deadline is given up and reported.
  std::uint64_t flush(time_point now, time_point deadline, bool closes);

  // -- of a transactional producer; each is ended by its deadline -----------------------

  /// Begins a transaction: records are sent in it from then on.
  void begin(time_point now, time_point deadline, std::function<void(const error&)> done);
  /// Commits offsets, of the next records to read, with the transaction.
  void send_offsets(time_point now, group_metadata member,
    std::vector<offset_of_partition> all, time_point deadline,
    std::function<void(const error&)> done);
  /// Ends the transaction, and with it all that was taken from the accumulator.
  void end(time_point now, bool commit, time_point deadline,
    std::function<void(const transaction_outcome&)> done);
  /// How the transaction is; null without transactions.
  [[nodiscard]] const transaction_machine* transaction() const {
    return transaction_ ? &*transaction_ : nullptr;
  }

  void on_down(time_point now, connection_id id, const error& why);
  void on_time(time_point now);
  [[nodiscard]] time_point next_time() const;

  [[nodiscard]] bool has_effects() const { return !effects_.empty(); }
  [[nodiscard]] std::vector<effect> take_effects() { return std::exchange(effects_, {}); }

  /// Reports every batch with `why`, or `outcome_unknown`, ends every flush so, and
  /// closes every connection.
  void shut_down(time_point now, const error& why);
  /// After a crash: reports what was taken from the accumulator, and leaves the rest to
  /// the next client.
  void abandon_taken(const error& why);

  [[nodiscard]] const producer_machine& machine() const { return machine_; }
  /// The topics with records that wait, each with its oldest, and why.
  [[nodiscard]] std::vector<producer_machine::waiting_topic> waiting(time_point now);

private:
  friend dispatching_client<producer_client>;

  class produce_call;
  class topics_query;
  class identity_call;
  template <class Request>
  class transaction_call;

  struct flusher {
    std::uint64_t flush = 0;
    time_point deadline;
    bool closes = false;
    // Its deadline has passed, with so many batches left.
    bool late = false;
    std::size_t left = 0;
  };

  void after_event(time_point now);
  [[nodiscard]] bool has_more() const;
  void act(time_point now, producer_machine::send_request& x);
  void act(time_point now, producer_machine::ask_metadata& x);
  void act(time_point now, producer_machine::ask_identity& x);
  void act(time_point now, producer_machine::flushed& x);
  void act(time_point now, delivery_report& x);
  void act(time_point now, stall_report& x);
  void act(time_point now, const producer_machine::wants_partition& x);
  void act(time_point now, const producer_machine::settled& x);
  void act(time_point now, const transaction_machine::send_init& x);
  void act(time_point now, const transaction_machine::send_partitions& x);
  void act(time_point now, const transaction_machine::send_group& x);
  void act(time_point now, const transaction_machine::send_offset_commit& x);
  void act(time_point now, const transaction_machine::send_end& x);
  void act(time_point now, const transaction_machine::identified& x);
  void act(time_point now, const transaction_machine::admitted& x);
  void act(time_point now, const transaction_machine::settle& x);
  void act(time_point now, const transaction_machine::begun& x);
  void act(time_point now, const transaction_machine::offsets_sent& x);
  void act(time_point now, const transaction_machine::ended& x);
  void act(time_point now, const transaction_machine::failed& x);
  void act(time_point now, const transaction_machine::told& x);
  void finish(std::uint64_t operation, const error& outcome);
  void learn_support();
  template <class Request>
  [[nodiscard]] call::traits to_transactions() const;
  void take_answer(
    std::uint64_t request, const init_producer_id_response& answer, std::int16_t version);
  void take_answer(std::uint64_t request, const add_partitions_to_txn_response& answer,
    std::int16_t version);
  void take_answer(std::uint64_t request, const add_offsets_to_txn_response& answer,
    std::int16_t version);
  void take_answer(std::uint64_t request, const txn_offset_commit_response& answer,
    std::int16_t version);
  void take_answer(
    std::uint64_t request, const end_txn_response& answer, std::int16_t version);
  void answer_late_flushers(time_point now);
  void tell_moves();
  [[nodiscard]] producer_machine::reachability reachability() const;

  const producer_client_options options_;
  producer_machine machine_;
  std::optional<transaction_machine> transaction_;
  /// The coordinator raises epochs on request, as far as is known.
  bool bumps_epoch_ = true;
  /// The transaction at hand is aborted: what becomes of its batches does not matter.
  bool gives_up_ = false;
  std::uint64_t last_operation_ = 0;
  std::map<std::uint64_t, std::function<void(const error&)>> on_done_;
  std::map<std::uint64_t, std::function<void(const transaction_outcome&)>> on_ended_;
  std::unordered_map<std::uint64_t, time_point> sent_at_;
  std::vector<flusher> flushers_;
  // Why those have no outcome.
  std::string why_late_;
  std::vector<effect> effects_;
};

} // namespace cafka::protocol
