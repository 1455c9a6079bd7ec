#pragma once

#include "../../base/inspect.hpp"
#include "../../protocol/clients/consumed.hpp"
#include "../../protocol/defaults.hpp"
#include "../../protocol/machines/start_at.hpp"
#include "../../protocol/topic_partition.hpp"
#include "../../supervision/caf_compat.hpp"
#include "../group/group.hpp"
#include "../interfaces.hpp"
#include "../worker/worker.hpp"
#include "consumer_type_ids.hpp"

#include <caf/actor.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cafka {

using protocol::offset_reset;
using protocol::record_view;
using protocol::start_at;
using protocol::topic_partition;

namespace actors {

class consumer_core;

using protocol::consumed_content;

} // namespace actors

/// Records of one partition, in order, as views on the frame they came in. At least one.
///
/// Copying one costs a reference count. Views are valid as long as a copy of it lives;
/// `record_view::copy` is for a record that shall live longer. Until the last copy is
/// gone, the whole frame counts against the consumer's `buffer_memory`. Any thread may
/// walk it, and any number of threads at a time.
///
/// As a message it stays in its process: sent to another node it arrives nowhere.
class consumed_batch {
public:
  /// Walks the records.
  using iterator = protocol::record_run::iterator;

  consumed_batch() = default;
  /// Made by the consumer.
  explicit consumed_batch(std::shared_ptr<const actors::consumed_content> content)
    : content_(std::move(content)) {}

  /// The topic of all records.
  [[nodiscard]] const std::string& topic() const { return *content_->topic; }
  /// The partition of all records.
  [[nodiscard]] partition_id partition() const { return content_->partition; }

  [[nodiscard]] iterator begin() const { return content_->records.begin(); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }
  /// How many records there are to walk.
  [[nodiscard]] std::size_t size() const { return content_->records.size(); }
  /// The offset behind the last record, where reading goes on.
  [[nodiscard]] log_offset next() const { return content_->records.next_offset(); }
  /// The offset behind the last record there was to read when these were fetched.
  [[nodiscard]] log_offset log_end() const { return content_->log_end; }
  /// The epoch of the leader that wrote the last of them; -1: it is not known.
  [[nodiscard]] leader_epoch epoch() const { return content_->records.last_epoch(); }
  /// Bytes of the records as they came, compressed and with their headers.
  [[nodiscard]] std::size_t bytes() const { return content_->bytes; }
  /// Its records from an offset on, `most` of them at most, as views on the same memory;
  /// without any, there is nothing to walk.
  [[nodiscard]] consumed_batch part(log_offset from, std::size_t most = SIZE_MAX) const;

private:
  std::shared_ptr<const actors::consumed_content> content_;
};

/// What keeps a partition from being read, or that it is over. Others go on.
struct partition_error {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// The offset of the next record to read.
  log_offset offset = -1;
  /// Whether it is read no further until `seek`, `resume`, `assign` or `add` names it:
  /// when the offset is out of range and `auto_offset_reset` is `none`, and when a batch
  /// is damaged. Otherwise it is tried again and again, and reported once.
  bool halted = false;
  /// Code `none`: what was reported before is over, and the partition is read again.
  error why = {};
};

/// A partition to read, and where from.
struct assigned_partition {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// Where reading begins.
  start_at start = {};
};

/// How a consumer behaves; see docs/consumer.md.
struct consumer_options {
  /// Unique among the application's consumers; a label of metrics: without " and \.
  std::string name = "consumer";
  /// Most bytes of one answer; a first batch that is larger comes nevertheless.
  std::size_t fetch_max_bytes = protocol::defaults::fetch_max_bytes;
  /// Most bytes of one partition in an answer, likewise.
  std::size_t max_partition_fetch_bytes = protocol::defaults::max_partition_fetch_bytes;
  /// Bytes that a broker waits for, for `fetch_max_wait` at most.
  std::size_t fetch_min_bytes = protocol::defaults::fetch_min_bytes;
  /// How long a broker waits for `fetch_min_bytes`.
  milliseconds fetch_max_wait = protocol::defaults::fetch_max_wait;
  /// Bytes of frames that were fetched, and of what was decompressed, those that the
  /// program still holds among them; beyond it nothing is asked for or decompressed.
  std::size_t buffer_memory = protocol::defaults::buffer_memory;
  /// How long an answer may be outstanding beyond `fetch_max_wait`.
  milliseconds request_timeout = protocol::defaults::request_timeout;
  /// A partition without progress for so long is reported in `polled::errors`, once, with
  /// what it waits for, and reported once more when that is over. Zero: never.
  milliseconds stalled_after = protocol::defaults::stalled_after;
  /// Whether only records of transactions that were committed are wanted, and those of
  /// none (KIP-98).
  isolation_level isolation = isolation_level::read_uncommitted;
  /// Where reading goes on when the offset is out of range, and where a member begins
  /// whose group has committed nothing.
  offset_reset auto_offset_reset = offset_reset::latest;
  /// Where the client is, for a replica close by (KIP-392); empty: leaders are asked.
  std::string client_rack = {};
  /// Whether checksums are compared.
  bool check_crcs = true;
  /// Most bytes that one batch may decompress to; more is the error `batch_too_large`,
  /// which halts its partition. Nothing: the application's.
  std::optional<std::size_t> max_decompressed_bytes = {};
  /// How many times its stored size a batch may decompress to, once that is more than
  /// 16 MiB, likewise. Nothing: the application's; zero: no limit.
  std::optional<std::size_t> max_decompression_ratio = {};
  /// The group that it is a member of: then `subscribe` says what it reads. Empty: none,
  /// and `assign` says it.
  std::string group = {};
  /// How it is a member.
  group_options membership = {};

  /// Is sent each `consumed_batch` and `partition_error` as a message, by the credit that
  /// it grants with `consumer_credit`; then there is no `poll`.
  caf::actor deliver_to = {};
};

/// What a poll brings.
struct polled {
  /// The records, batch by batch.
  std::vector<consumed_batch> batches = {};
  /// What happened to partitions; see `partition_error`.
  std::vector<partition_error> errors = {};
  /// What happened to the membership, in order; each stands before the batches.
  std::vector<group_event> group = {};

  [[nodiscard]] bool empty() const {
    return batches.empty() && errors.empty() && group.empty();
  }
  /// Of all batches.
  [[nodiscard]] std::size_t records() const {
    std::size_t sum = 0;
    for (const auto& b : batches)
      sum += b.size();
    return sum;
  }
};

/// To a consumer's actor: `deliver_to` can take so many batches more. Errors need none.
struct consumer_credit {
  /// How many batches more.
  std::uint32_t batches = 1;
};

/// Asks a consumer's actor how it is.
struct get_consumer_status {};

/// What a partition does that is assigned.
enum class reading_state : std::uint8_t {
  reading, ///< A broker is asked for it, or has said that there is no more.
  waiting, ///< For something that it needs first: `why`.
  full,    ///< For the program to take what lies there.
  paused,
  halted ///< By an error, until `seek`, `resume`, `assign` or `add` names it.
};

/// The state's name, as `waiting`.
[[nodiscard]] std::string_view to_string(reading_state s);

/// How the reading of a partition is.
struct partition_status {
  /// The topic's name.
  std::string topic = {};
  /// The partition's number.
  partition_id partition = {};
  /// What the partition does.
  reading_state state = reading_state::reading;
  /// The offset of the next record to be handed out; -1 while that is not known.
  log_offset position = -1;
  /// The offset behind the last record there is to read, as last heard; -1: not yet.
  log_offset log_end = -1;
  /// -1 while there is none that is known.
  broker_id leader = -1;
  /// Who is asked: the leader, or a replica that it named.
  broker_id asked = -1;
  /// What it waits for, or why it is halted; may be empty.
  std::string why = {};
  /// Since it was last read as it should be.
  milliseconds without_progress{0};
};

/// How a consumer is.
struct consumer_status {
  /// The consumer's name.
  std::string name = {};
  /// Whether at least one broker can be asked now.
  bool connected = false;
  /// Why none can, each address with its reason; empty when one can.
  std::string why_disconnected = {};
  /// Its connections to brokers.
  std::vector<connection_status> connections = {};
  /// Bytes of `buffer_memory` that are in use.
  std::uint64_t buffered_bytes = 0;
  /// Those that are assigned, in no order.
  std::vector<partition_status> partitions = {};
};

/// The actor behind a consumer.
using consumer_actor = caf::typed_actor<caf::result<void>(consumer_credit),
  caf::result<result<consumer_status>>(get_consumer_status)>;

/// A handle for reading partitions, from any thread; copying one costs a reference count.
///
/// Records of a partition are handed out in the order of their offsets, each once. What
/// is handed out has been read: positions are those behind it, whether or not the program
/// has walked it. A crash of the actor behind it loses nothing and hands out nothing
/// twice.
class consumer {
public:
  consumer() = default;
  /// Made by `application::consumer`.
  explicit consumer(std::shared_ptr<actors::consumer_core> core);

  /// Whether there is a consumer behind it.
  explicit operator bool() const { return core_ != nullptr; }

  /// The consumer's name.
  [[nodiscard]] const std::string& name() const;

  // -- as a member of a group -----------------------------------------------------------
  //
  // With `consumer_options::group`; without it they are `invalid_argument`. What a poll
  // has handed out is acknowledged with the next one.

  /// Reads these topics with the group's other members; none: leaves it. Waits for
  /// nothing. Errors: `invalid_argument`, `closed`.
  result<done> subscribe(std::vector<std::string> topics) const {
    return subscribe(group_subscription{std::move(topics), {}});
  }
  /// And all topics whose whole name an expression matches, also those that are to come.
  result<done> subscribe(const group_subscription& what) const;
  /// All topics whose whole name the expression matches, but for Kafka's own.
  template <std::same_as<pattern> Pattern> // Braces are a list of topics.
  result<done> subscribe(const Pattern& what) const {
    return subscribe(group_subscription{{}, what.expression});
  }
  /// Leaves the group, once what was handed out is acknowledged.
  result<done> unsubscribe() const { return subscribe(group_subscription{}); }

  /// Acknowledges all that was handed out, and commits it. A deadline of zero is
  /// `request_timeout`. Not to be called from an actor.
  ///
  /// Errors: `rebalance_in_progress` when a partition has gone to another member before;
  /// `timed_out`, with what it waited for; `closed`; Kafka's own.
  result<done> commit(milliseconds deadline = {}) const;
  /// Commits these offsets: each that of the next record to read.
  result<done> commit(
    const std::vector<offset_of_partition>& offsets, milliseconds deadline = {}) const;
  /// Acknowledges all that was handed out; what the member is to give up is given up now,
  /// and not only with the next poll.
  result<done> release() const;
  /// Has the group share out its partitions anew (KIP-568).
  result<done> rejoin(std::string reason) const;
  /// How it is a member, and whom it waits for. A deadline of zero is `request_timeout`.
  [[nodiscard]] result<member_status> membership(milliseconds deadline = {}) const;

  // -- with partitions of its own -------------------------------------------------------

  // None of these waits for a broker. After each, what was fetched before for a partition
  // that it names and was not handed out is forgotten. Errors: `closed`,
  // `invalid_argument`, also for the first three of a group's member; `not_found` for a
  // partition that is not assigned; then nothing has changed.

  /// Reads these partitions and no others; one that is read already goes on at its new
  /// start. None: reads nothing.
  result<done> assign(const std::vector<assigned_partition>& partitions) const;
  /// Reads these partitions as well; one that is read already goes on at its new start.
  result<done> add(const std::vector<assigned_partition>& partitions) const;
  /// Reads them no more.
  result<done> unassign(const std::vector<topic_partition>& partitions) const;
  /// Goes on at another place.
  result<done> seek(
    const std::string& topic, partition_id partition, start_at where) const;
  /// Hands out nothing of these until they are resumed.
  result<done> pause(const std::vector<topic_partition>& partitions) const;
  /// Goes on at its position, also with one that was halted by an error.
  result<done> resume(const std::vector<topic_partition>& partitions) const;

  /// The partitions it reads, sorted.
  [[nodiscard]] std::vector<topic_partition> assignment() const;
  /// The offset of the next record to be handed out; nothing while that is not known, and
  /// of a partition that is not assigned.
  [[nodiscard]] std::optional<log_offset> position(
    const std::string& topic, partition_id partition) const;

  /// Hands out all that is there, waiting for something for `wait` at most; nothing by
  /// then is an empty `polled`. Zero: does not wait. Not to be called from an actor.
  /// Error `closed`; `invalid_argument` with `deliver_to`.
  result<polled> poll(milliseconds wait) const;

  /// How it is, and why partitions wait. A deadline of zero is `request_timeout`. Not to
  /// be called from an actor, which sends `get_consumer_status`. Errors `timed_out`, also
  /// while it is being restarted; `closed`.
  [[nodiscard]] result<consumer_status> status(milliseconds deadline = {}) const;

  /// Ends it; what was handed out stays valid. A member of a group acknowledges and
  /// commits it, and leaves the group. A deadline of zero is `request_timeout`.
  /// Error `timed_out`: it ends later. A second call does nothing.
  result<done> close(milliseconds deadline = {}) const;

  /// The actor behind it, null while it is being restarted.
  [[nodiscard]] consumer_actor actor() const;
  /// The actor of its membership, null while it is being restarted, and without a group.
  [[nodiscard]] member_actor member() const;

private:
  std::shared_ptr<actors::consumer_core> core_;
};

// -- inspection -------------------------------------------------------------------------

CAFKA_STAYS_HERE(consumed_batch)
CAFKA_INSPECT(partition_error, topic, partition, offset, halted, why)
CAFKA_INSPECT(consumer_credit, batches)
CAFKA_INSPECT_EMPTY(get_consumer_status)

CAFKA_INSPECT_ENUM(reading_state, reading, halted)

CAFKA_INSPECT(partition_status, topic, partition, state, position, log_end, leader, asked,
  why, without_progress)
CAFKA_INSPECT(consumer_status, name, connected, why_disconnected, connections,
  buffered_bytes, partitions)

} // namespace cafka
