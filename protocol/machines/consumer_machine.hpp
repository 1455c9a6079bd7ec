#pragma once

#include "../defaults.hpp"
#include "../memory/byte_budget.hpp"
#include "../messages/list_offsets.hpp"
#include "../messages/metadata.hpp"
#include "../records/fetched_records.hpp"
#include "../result.hpp"
#include "backoff.hpp"
#include "fetch_pace.hpp"
#include "fetch_session.hpp"
#include "start_at.hpp"
#include "topic_directory.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace cafka::protocol {

/// How a consumer decides.
struct consumer_machine_options {
  std::size_t fetch_max_bytes = defaults::fetch_max_bytes;
  std::size_t max_partition_fetch_bytes = defaults::max_partition_fetch_bytes;
  std::size_t fetch_min_bytes = defaults::fetch_min_bytes;
  std::chrono::milliseconds fetch_max_wait = defaults::fetch_max_wait;
  bool read_committed = false;
  std::string client_rack;
  /// Where it goes on when its offset is out of range; nothing: that halts the partition.
  std::optional<start_at> reset;
  /// How often metadata of the topics in use is asked for; zero: only when needed.
  std::chrono::milliseconds metadata_max_age = defaults::metadata_max_age;
  /// How long a topic or partition that brokers do not know is asked for again: it may be
  /// new.
  std::chrono::milliseconds unknown_topic_wait = defaults::unknown_topic_wait;
  /// A fetch without an answer for so long beyond its wait is a reason to ask who leads.
  std::chrono::milliseconds stall = defaults::stall;
  /// A partition with records to come that answers leave out for so long begins a new
  /// session.
  std::chrono::milliseconds no_progress{5'000};
  /// How long a replica that the leader named is asked in its place.
  std::chrono::milliseconds replica_lifetime{300'000};
  /// How long leaders are asked in person after such a replica has failed.
  std::chrono::milliseconds replica_pause{5'000};
  /// When no broker has answered anything for so long, the program is told.
  std::chrono::milliseconds unreachable = defaults::socket_timeout;
  /// A partition without progress for so long is told, with what it waits for; zero:
  /// never.
  std::chrono::milliseconds stalled_after{0};
  /// How long the bytes of an answer shall be under way: it decides how many are asked
  /// for.
  std::chrono::milliseconds answer_time{1'000};
  /// The largest answer that the transport takes.
  std::size_t receive_message_max_bytes = defaults::receive_message_max_bytes;
  backoff_options retry_backoff = defaults::retry;
  std::uint64_t seed = 0;
};

/// Decides what a consumer of assigned partitions does next: where each begins, which of
/// them are in the next fetch to which broker, and what follows from the answers.
///
/// Events go in with the time; `take_effects` decides what is asked next, once for all
/// events before it, and yields what is to be done. One fetch at a time is under way to a
/// broker. A partition is in it while the program has not left too
/// much of it unread, and as long as all that was fetched is within the budget.
///
/// Partitions go by slots, small numbers that mean the same partition for good. What
/// concerns a partition carries the generation of its assignment: whatever belongs to an
/// earlier one is stale.
class consumer_machine {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// A partition to read.
  struct assignment {
    std::uint64_t generation = 0;
    std::shared_ptr<const std::string> topic;
    partition_id partition;
    start_at start;
    bool paused = false;
  };

  /// Send a Fetch request to this broker: `fill` it when it can go. Topics go by their
  /// ids only if `by_id`.
  struct send_fetch {
    broker_id broker;
    std::uint64_t request = 0;
    bool by_id = false;
  };
  /// Send a ListOffsets request to this broker: `fill_offsets` when it can go.
  struct send_list_offsets {
    broker_id broker;
    std::uint64_t request = 0;
  };
  /// Ask about these topics; give up when the answer has not come for so long.
  struct ask_metadata {
    std::vector<std::string> topics;
    std::chrono::milliseconds answer_timeout{0};
    /// Ask brokers in turn: the one that would be chosen may be the one that stands
    /// still.
    bool in_turn = false;
  };
  /// Reading goes on there, behind what was fetched before: at an offset, or at a moment
  /// that is yet to be looked up.
  struct positioned {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    start_at where;
  };
  /// The program is to know. Code `none`: what was told before is over.
  struct report {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    log_offset offset;
    bool halted = false;
    error why;
    /// The broker whose connection may say more about why; -1: that of any.
    std::optional<broker_id> about = {};
  };
  /// A broker has answered something that it was not asked; told once of each broker.
  struct stray {
    /// Null: a topic that is not read.
    std::shared_ptr<const std::string> topic;
    partition_id partition;
    error why;
  };
  using effect =
    std::variant<send_fetch, send_list_offsets, ask_metadata, positioned, report, stray>;

  /// Records to be read, and then `on_read`.
  struct fetched {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    std::shared_ptr<const std::string> topic;
    partition_id partition;
    log_offset from;
    log_offset log_end;
    shared_bytes records;
    std::vector<aborted_span> aborted;
    std::uint64_t request = 0;
  };

  /// What a partition does.
  enum class condition : std::uint8_t {
    reading, ///< A broker is asked for it, or has answered that there is no more.
    waiting, ///< For something that it needs first.
    full,    ///< For the program to take what lies there.
    paused,
    halted
  };

  /// How a partition is, for people.
  struct partition_view {
    std::uint32_t slot = 0;
    std::uint64_t generation = 0;
    std::shared_ptr<const std::string> topic;
    partition_id partition;
    log_offset next = -1;    ///< What is fetched next; -1: to be looked up.
    log_offset log_end = -1; ///< As last heard; -1: never.
    broker_id leader = -1;
    broker_id asked = -1; ///< The leader, or a replica that it named.
    condition is = condition::reading;
    std::string why; ///< It waits, or is halted.
    /// As in `report`.
    std::optional<broker_id> about;
    time_point well_at; ///< When it was last read as it should be.
  };

  /// For metrics: since the beginning.
  struct counters {
    std::uint64_t fetches = 0;
    std::uint64_t errors = 0;
    std::uint64_t sessions = 0; ///< Full fetches.
  };

  consumer_machine(consumer_machine_options options, byte_budget& budget);
  consumer_machine(const consumer_machine&) = delete;
  consumer_machine& operator=(const consumer_machine&) = delete;
  ~consumer_machine();

  // -- events ---------------------------------------------------------------------------

  /// A partition is to be read, or in another way than before.
  void set(time_point now, std::uint32_t slot, const assignment& what);
  void remove(time_point now, std::uint32_t slot);
  /// The program was handed so many bytes of what `on_read` counted.
  void on_taken(
    time_point now, std::uint32_t slot, std::uint64_t generation, std::size_t bytes);

  /// A time has come, or the budget may have room.
  void on_time(time_point now) { happened(now); }
  void on_metadata(time_point now, const metadata_response& answer);
  void on_metadata_failed(time_point now, const error& why);

  /// Bytes come from the broker of an answer that is not whole yet.
  void on_progress(time_point now, broker_id from);

  /// The request's connection is up: nothing when it is not to be sent.
  [[nodiscard]] std::optional<fetch_request> fill(
    time_point now, std::uint64_t request, std::int16_t version);
  /// Each of the `fetched` must be followed by its `on_read`, if only much later.
  [[nodiscard]] std::vector<fetched> on_answer(
    time_point now, std::uint64_t request, fetch_response answer);
  /// Whether these records are still to be read: they are not once their partition goes
  /// on elsewhere, or is of another topic of the name.
  [[nodiscard]] bool wants(const fetched& what) const;
  /// A part of these records lies there for the program, of so many bytes; `on_read`
  /// follows, and counts the others.
  void on_part_read(time_point now, const fetched& what, std::size_t bytes);
  /// How the reading of `fetched` went: where it goes on, how many bytes lie there for
  /// the program, and what has ended it if it brought nothing. False: nobody wants them
  /// any more, or they end before they begin, and they must not be handed out.
  bool on_read(time_point now, const fetched& what, log_offset next, std::size_t bytes,
    const error& damage);

  [[nodiscard]] std::optional<list_offsets_request> fill_offsets(
    time_point now, std::uint64_t request);
  void on_offsets(
    time_point now, std::uint64_t request, const list_offsets_response& answer);

  /// A request of either kind was not answered, or not sent: `why`.
  void on_failure(time_point now, std::uint64_t request, const error& why);

  // -- what is to be done ---------------------------------------------------------------

  [[nodiscard]] std::vector<effect> take_effects();
  /// Whether `take_effects` may yield any.
  [[nodiscard]] bool has_effects() const { return undecided_ || !effects_.empty(); }
  /// Which leaders have moved since the last time, for the log.
  [[nodiscard]] bool has_moves() const { return directory_.has_moves(); }
  [[nodiscard]] leader_moves take_moves() { return directory_.take_moves(); }
  /// When `on_time` must be called at the latest.
  [[nodiscard]] time_point next_time() const { return undecided_ ? now_ : next_time_; }
  /// Whether a partition waits for `on_taken`, as last decided.
  [[nodiscard]] bool wants_taking() const { return wants_taking_; }

  [[nodiscard]] const counters& totals() const { return totals_; }
  /// Partitions without progress for `stalled_after`.
  [[nodiscard]] std::size_t stalled() const { return stalled_; }
  /// Of all partitions.
  [[nodiscard]] std::vector<partition_view> view(time_point now) const;
  /// Records that the brokers have beyond what was fetched, as far as they said.
  [[nodiscard]] std::int64_t lag() const;
  /// The session with a broker; zero: none.
  [[nodiscard]] std::int32_t session_of(broker_id id) const;

private:
  /// An event: what is asked next is to be decided anew.
  void happened(time_point now) {
    now_ = now;
    undecided_ = true;
  }
  void decide(time_point now);

  struct topic_state;
  struct partition_state;
  struct broker_state;
  struct request_state;
  struct answer_facts;

  topic_state& topic(const std::shared_ptr<const std::string>& name);
  partition_state* find(std::uint32_t slot, std::uint64_t generation);
  static partition_state* find(const topic_state* t, partition_id id);
  [[nodiscard]] const topic_state* find_topic(
    const std::string& name, const uuid& id) const;

  void count(std::ptrdiff_t more);
  void adopt(time_point now, const topic_directory::change& c);
  void on_refused(time_point now, topic_state& t, error_code why);
  void adopt_id(topic_state& t, const uuid& former);
  void begin_anew(partition_state& p);
  void set_leader(time_point now, partition_state& p, broker_id leader, leader_epoch e);
  void move_to(partition_state& p, broker_id home);
  void back_to_leader(partition_state& p);
  void leave_replica(time_point now, broker_id id);
  void unknown(time_point now, partition_state& p, const error& why);

  void on_partition(time_point now, broker_state& b, const answer_facts& about,
    partition_state& p, fetch_partition_data& x, std::vector<fetched>& out);
  void on_error(time_point now, broker_id from, partition_state& p, error why,
    const leader_id_and_epoch& leader);
  void on_stray(
    broker_id from, const request_state& r, const topic_state* t, partition_id p);
  void leave_request(partition_state& p);
  void on_lost_answer(std::uint64_t request, const request_state& r, const error& why);
  void on_damage(time_point now, partition_state& p, const error& why);
  void on_silence(
    time_point now, broker_state& b, const answer_facts& about, partition_state& p);
  void on_offset(
    time_point now, partition_state& p, const list_offsets_partition_response& x);
  void out_of_range(partition_state& p, error why);
  static void look_up(partition_state& p, start_at where);
  void go_to(partition_state& p, log_offset offset);
  void tell(partition_state& p, bool halted, error why,
    std::optional<broker_id> about = std::nullopt);
  void tell_all(const std::vector<partition_state*>& all, const error& why);
  void pause(time_point now, partition_state& p);
  void again(time_point now, partition_state& p);
  void well(time_point now, partition_state& p);
  void calm(partition_state& p);
  void forget(partition_state& p);
  void look_for_stalled(time_point now);
  [[nodiscard]] bool waits_for_program(time_point now, const partition_state& p) const;
  [[nodiscard]] std::string why_waiting(
    time_point now, const partition_state& p, std::optional<broker_id>& about) const;
  [[nodiscard]] bool is_reading(time_point now, const partition_state& p) const;

  enum class readiness : std::uint8_t { ready, later, buffered, not_now };
  [[nodiscard]] readiness is_ready(time_point now, const partition_state& p) const;
  [[nodiscard]] std::size_t room() const;
  [[nodiscard]] std::size_t share() const;
  [[nodiscard]] std::size_t least_fetch() const;
  [[nodiscard]] bool has_room() const;
  void look_at(time_point now, broker_id id, broker_state& b);
  void note_time(time_point t) { next_time_ = std::min(next_time_, t); }
  std::uint64_t open_request(time_point now, broker_id id, bool fetch);
  void want_metadata(std::chrono::milliseconds pause) { directory_.want_all(pause); }

  const consumer_machine_options options_;
  byte_budget& budget_;
  std::minstd_rand random_;
  std::vector<effect> effects_;
  counters totals_;
  topic_directory directory_;

  std::map<std::string, topic_state> topics_;
  std::map<uuid, topic_state*> topics_by_id_;
  std::vector<std::unique_ptr<partition_state>> partitions_; ///< By slot.
  std::size_t assigned_ = 0;
  std::size_t buffered_ = 0;     ///< Bytes that the program has not taken.
  std::size_t buffer_limit_ = 0; ///< Bytes of a partition at which it is not fetched.
  std::map<broker_id, broker_state> brokers_;
  broker_id last_asked_ = -1;
  std::map<std::uint64_t, request_state> requests_;
  std::uint64_t last_request_ = 0;
  std::size_t reserved_ = 0;                  ///< What the requests under way may bring.
  time_point near_again_ = time_point::min(); ///< When replicas may be asked again.
  std::optional<time_point> silent_since_;    ///< No broker has answered since.
  bool wants_taking_ = false;
  bool moved_ = false; ///< A partition went to another broker while they were looked at.

  std::size_t stalled_ = 0;
  time_point next_look_ = time_point::max(); ///< For stalled partitions.

  time_point now_; ///< Of the last event.
  bool undecided_ = false;
  time_point next_time_ = time_point::max();
};

} // namespace cafka::protocol
