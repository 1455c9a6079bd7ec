#pragma once

#include "../../base/inspect.hpp"
#include "../../protocol/defaults.hpp"
#include "../../protocol/machines/accumulator.hpp"
#include "../interfaces.hpp"
#include "producer_type_ids.hpp"

#include <caf/actor.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace cafka {

using protocol::outgoing_record;
using protocol::record_callback;

/// The delivery result of records: one report per batch. Every record that a
/// producer has taken is in one report, exactly once.
struct delivery {
  /// The topic's name.
  std::string topic = {};
  /// -1: the topic's partitions never became known.
  partition_id partition = -1;
  /// Offset of the first record; the others follow. -1 with an error, with `acks` 0, and
  /// where the broker no longer knew the place of what an earlier attempt had written.
  log_offset base_offset = -1;
  /// The first record's `sent::number`; the others follow.
  std::uint64_t first_number = 0;
  /// How many records the report is about.
  std::int32_t count = 0;
  /// `none`: in the log, once and in order. `outcome_unknown`: sent, and it is not known
  /// whether it was written. Anything else: it was not written.
  protocol::error error = {};
};

/// Records of a topic wait and none of their partition is written, or that is over.
struct producer_stall {
  /// The topic's name.
  std::string topic = {};
  /// The one that has waited longest; -1: the topic's partitions are not known.
  partition_id partition = -1;
  /// How long it has lasted.
  milliseconds waited{0};
  /// It is over: records are written again, or, with an error, were given up.
  bool over = false;
  /// Why they wait, with what is known of the connections.
  protocol::error why = {};
};

/// How a producer behaves; see docs/producer.md.
struct producer_options {
  /// Unique among the application's producers; a label of metrics: without " and \.
  std::string name = "producer";
  /// How long a record may wait for others to share its batch; zero: not at all, but
  /// records that come while a request is under way share the next one. Less than
  /// `delivery_timeout`.
  milliseconds linger = protocol::defaults::linger;
  /// Bytes before compression at which a batch is full. What exceeds the topic's
  /// `max.message.bytes` (1 MiB unless changed) after compression is refused there, and
  /// sent in smaller ones.
  std::size_t batch_size = protocol::defaults::batch_size;
  /// Records at which a batch is full as well; zero: its bytes alone decide.
  std::size_t batch_records = 0;
  /// Bytes of batches in one request, and of the largest record before compression.
  std::size_t max_request_size = protocol::defaults::max_request_size;
  /// Requests on the way to one broker at a time, from 1 to 5 with idempotence.
  std::size_t max_in_flight = protocol::defaults::max_in_flight;
  /// Bytes of memory for records that have no outcome yet; from 4,096.
  std::size_t buffer_memory = protocol::defaults::buffer_memory;
  /// How long `send` waits for room in that memory; zero: not at all. `try_send` never
  /// waits.
  milliseconds max_block{60'000};
  /// From acceptance to outcome at the latest; all times are at most 2^31 - 1 ms.
  milliseconds delivery_timeout = protocol::defaults::delivery_timeout;
  /// How long a broker may wait for replicas, and then for anything else.
  milliseconds request_timeout = protocol::defaults::request_timeout;
  /// How many replicas must have a batch: 0 none, and then there is no outcome but
  /// "sent"; 1 the leader; -1 all in sync. Idempotence needs -1.
  std::int16_t acks = -1;
  /// The codec of batches; `none` by default.
  codec compression = codec::none;
  /// Within `protocol::levels_of(compression)`; nothing: the codec's preset.
  std::optional<int> compression_level = {};
  /// Whether what is sent again is written once, and in order (KIP-98).
  bool idempotence = protocol::defaults::idempotence;
  /// For records with a key and without a partition. Null: murmur2, as Kafka's Java
  /// client. Keyless records go in runs of `sticky_size` bytes to partitions by chance,
  /// rather to those with shorter queues (KIP-480, KIP-794). It is called in the
  /// sender's thread, or in the producer's actor, and must neither block nor throw.
  protocol::partitioner partitioner = {};
  /// Bytes of keyless records that go to one partition before another is chosen.
  std::size_t sticky_size = protocol::defaults::sticky_size;
  /// Whether sending to an unknown topic may create it, if the broker is set up to.
  bool allow_auto_topic_creation = protocol::defaults::allow_auto_topic_creation;

  /// Called with each report, in the producer's actor, which may be on an I/O thread;
  /// must not block. What it throws is logged and counted, and the report counts as
  /// delivered.
  std::function<void(const delivery&)> on_delivery = {};
  /// How long records of a topic may wait without progress before that is reported, once,
  /// to `on_stalled` and the log, and once more when it is over. Zero: never.
  milliseconds stalled_after = protocol::defaults::stalled_after;
  /// Called as `on_delivery` is.
  std::function<void(const producer_stall&)> on_stalled = {};
  /// Sent each report as a message.
  caf::actor deliver_to = {};
};

/// What `send` says of a record.
struct send_result {
  /// `none`: taken, and a report will follow. `queue_full`: no room by the deadline.
  /// `message_too_large`; `unknown_topic_or_partition` for a partition number that the
  /// topic lacks; `invalid_argument` for a topic without a name, with one of more than
  /// 255 bytes, or of another producer, and for a partitioner that has thrown; `closed`.
  /// Then there is no report. `producer::status` says why there is no room.
  error_code status = error_code::none;
  /// -1 while the topic's partitions are not known.
  partition_id partition = -1;
  /// How many records the producer took for this partition before it, since it knows the
  /// topic.
  std::uint64_t number = 0;

  /// Whether the record was taken.
  explicit operator bool() const { return status == error_code::none; }
};

/// Asks a producer's actor to send what it has now; answered once all of that has an
/// outcome, at the deadline with `timed_out`. Zero: the delivery timeout.
struct flush_producer {
  milliseconds deadline{0};
};

/// The same, and it takes no more; what has no outcome at the deadline is given up. The
/// actor ends with its answer.
struct close_producer {
  milliseconds deadline{0};
};

/// Asks how a producer is.
struct get_producer_status {};

/// A topic with records that wait, or whose partitions are asked for.
struct waiting_records {
  /// The topic's name.
  std::string topic = {};
  /// Of the oldest of them; -1: the topic's partitions are not known.
  partition_id partition = -1;
  /// Records of the topic without an outcome; zero: `producer::partitions` waits.
  std::uint64_t records = 0;
  /// How long the oldest has waited; zero without any.
  milliseconds waited{0};
  /// What they, or the callers of `producer::partitions`, wait for.
  std::string why = {};
};

/// How a producer is.
struct producer_status {
  /// The producer's name.
  std::string name = {};
  /// Whether at least one broker can be asked now.
  bool connected = false;
  /// Why none can, each address with its reason; empty when one can.
  std::string why_disconnected = {};
  /// Its connections to brokers.
  std::vector<connection_status> connections = {};
  /// Memory of records without an outcome, of `buffer_memory`.
  std::uint64_t buffered_bytes = 0;
  /// Batches without an outcome, beside those that still gather records.
  std::uint64_t outstanding_batches = 0;
  /// Requests sent and not answered.
  std::uint64_t requests_in_flight = 0;
  /// Topics that wait for something.
  std::vector<waiting_records> waiting = {};
};

/// The actor behind a producer. The answer's code is `none` when all went well.
using producer_actor =
  caf::typed_actor<caf::result<error>(flush_producer), caf::result<error>(close_producer),
    caf::result<result<producer_status>>(get_producer_status)>;

namespace actors {

class producer_core;

} // namespace actors

/// A handle for sending records, from any thread and any actor; copying one costs a
/// reference count.
///
/// A record is encoded into its partition's batch in the caller's thread, without an
/// allocation, under a lock that only senders to the same partition share. Records of one
/// thread to one partition are written in their order. A crash of the actor behind it
/// loses no record in silence: see docs/producer.md.
class producer {
public:
  /// A topic looked up once. As long as there is one, what the producer knows of the
  /// topic is kept.
  class topic {
  public:
    topic() = default;

  private:
    friend class producer;
    topic(
      const actors::producer_core* of, std::shared_ptr<protocol::topic_buffers> buffers)
      : of_(of), buffers_(std::move(buffers)) {}
    const actors::producer_core* of_ = nullptr;
    std::shared_ptr<protocol::topic_buffers> buffers_;
  };

  producer() = default;
  /// Made by `application::producer`.
  explicit producer(std::shared_ptr<actors::producer_core> core);

  /// Whether there is a producer behind it.
  explicit operator bool() const { return core_ != nullptr; }

  /// The producer's name.
  [[nodiscard]] const std::string& name() const;

  /// The topic by name, for `send`. Valid as long as any handle of the producer.
  [[nodiscard]] topic to(std::string_view name) const;

  /// How many partitions the topic has; waits until that is known, for `deadline` at
  /// most. Zero is `request_timeout`. Not to be called from an actor. Errors `timed_out`,
  /// `invalid_argument`, `closed`.
  result<std::int32_t> partitions(const topic& t, milliseconds deadline = {}) const;

  /// Takes a record. When there is no room, waits for it, `max_block` at most: an actor
  /// calls `try_send`, for this would keep a thread of its scheduler.
  send_result send(const topic& t, const outgoing_record& r) const {
    const auto taken = try_send(t, r);
    return taken.status == error_code::queue_full ? wait_and_send(t, r) : taken;
  }
  /// The same; see the first `send`.
  send_result send(const topic& t, std::string_view value) const {
    return send(t, outgoing_record{.value = value});
  }
  // Templates, so that braces mean an `outgoing_record`.
  /// The same; see the first `send`.
  template <std::same_as<record> Record>
  send_result send(const topic& t, const Record& r) const {
    return send_record(t, r);
  }
  /// The same; see the first `send`.
  send_result send(std::string_view t, const outgoing_record& r) const;
  /// The same; see the first `send`.
  send_result send(std::string_view t, std::string_view value) const {
    return send(t, outgoing_record{.value = value});
  }
  /// The same; see the first `send`.
  template <std::same_as<record> Record>
  send_result send(std::string_view t, const Record& r) const {
    return send_record(to(t), r);
  }

  /// The same, and `queue_full` at once when there is no room.
  send_result try_send(const topic& t, const outgoing_record& r) const;
  /// The same, with a callback for this record alone, which costs an allocation; it is
  /// called if the record was taken.
  send_result try_send(
    const topic& t, const outgoing_record& r, record_callback done) const;

  /// Sends what was taken so far and waits until all of it has an outcome, not until all
  /// is well: that is in the reports. Zero: the delivery timeout. Not to be called from
  /// an actor, which sends `flush_producer` to `actor()`, nor from `on_delivery`. Errors
  /// `timed_out`; `closed`.
  result<done> flush(milliseconds deadline = {}) const;

  /// Flushes, takes no more and ends. What has no outcome at the deadline is given up,
  /// and reported. Zero: the delivery timeout. Not to be called from an actor, which
  /// sends `close_producer`. Errors `timed_out`; `closed` when it was ended meanwhile. A
  /// second call does nothing.
  result<done> close(milliseconds deadline = {}) const;

  /// How it is, and why records wait. A deadline of zero is `request_timeout`. Not to be
  /// called from an actor, which sends `get_producer_status`. Errors `timed_out`, also
  /// while it is being restarted; `closed`.
  [[nodiscard]] result<producer_status> status(milliseconds deadline = {}) const;

  /// The actor behind it, null while it is being restarted.
  [[nodiscard]] producer_actor actor() const;

private:
  send_result wait_and_send(const topic& t, const outgoing_record& r) const;
  send_result send_record(const topic& t, const record& r) const;

  std::shared_ptr<actors::producer_core> core_;
};

// -- inspection -------------------------------------------------------------------------

CAFKA_INSPECT(delivery, topic, partition, base_offset, first_number, count, error)
CAFKA_INSPECT(flush_producer, deadline)
CAFKA_INSPECT(close_producer, deadline)
CAFKA_INSPECT_EMPTY(get_producer_status)
CAFKA_INSPECT(waiting_records, topic, partition, records, waited, why)
CAFKA_INSPECT(producer_status, name, connected, why_disconnected, connections,
  buffered_bytes, outstanding_batches, requests_in_flight, waiting)

} // namespace cafka
