#pragma once

#include "producer_machine.hpp"

#include <deque>

/// What the producer machine keeps; of no concern to anybody else.
namespace cafka::protocol {

/// The number behind so many records.
constexpr std::int32_t sequence_after(std::int32_t first, std::int32_t count) {
  // From the largest number on it goes on at 0 (KIP-98).
  return static_cast<std::int32_t>(
    (static_cast<std::uint32_t>(first) + static_cast<std::uint32_t>(count)) & 0x7fffffff);
}

/// Records of one partition on their way to one outcome.
struct producer_machine::batch {
  /// Until it is sealed.
  filled_batch content;
  /// From then on; the same in every attempt, unless the sequence is started anew.
  std::optional<shared_bytes> bytes;
  std::int32_t count = 0;
  std::uint64_t first_number = 0;
  time_point opened;
  std::int64_t producer_id = -1;
  std::int16_t epoch = -1;
  std::int32_t base_sequence = -1;
  /// Its sequence belongs to an epoch that is over: to be stamped before it goes out.
  bool stale = false;
  /// An attempt ended, and it is not known whether it reached the log.
  bool maybe_written = false;
  std::uint32_t attempts = 0;
  std::uint64_t request = 0; ///< In which it is in flight.
  /// The flushes from this one on wait for it.
  std::uint64_t born = 0;
  /// It has its outcome and is kept for its place in the sequence.
  bool resolved = false;
  /// A leader refused its number, so that it tells no more about those before it.
  bool out_of_order = false;
};

struct producer_machine::partition_state {
  partition_buffers* buffers = nullptr;
  topic_state* topic = nullptr;
  broker_id last_leader = -1; ///< The last that was told of.
  broker_id leader = -1; ///< To whom it is sent; -1: he has refused, or there is none.
  /// What to send next, in order: what came back, then what a flush took early.
  batch_queue queue;
  /// What is on its way, in order.
  std::vector<std::unique_ptr<batch>> in_flight_batches;
  accumulator::waiting waiting;
  bool active = false; ///< In its leader's ring.

  time_point not_before = time_point::min();
  std::uint32_t attempts = 0;
  error last_error;
  /// When a batch was last written.
  time_point progressed = time_point::min();

  /// The transactions for which it was asked for last, and admitted to last.
  std::uint64_t wanted_for = 0;
  std::uint64_t admitted_to = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::int32_t next_sequence = 0;
  /// The broker has written a batch of this epoch. Until then it has no state that would
  /// tell it of a batch missing before another.
  bool confirmed = false;
  /// The first record of which it is known that its leader knew the producer when it was
  /// written; the largest number: none is.
  std::uint64_t known_from = UINT64_MAX;
  /// Behind the last batch of this epoch that is written: its record's number, and its
  /// number in the sequence; -1: none is known.
  std::uint64_t written_records = 0;
  std::int32_t written_sequence = -1;
  /// A number of the sequence will never be used: the next epoch begins once nothing is
  /// in flight.
  bool broken_sequence = false;
};

struct producer_machine::topic_state {
  topic_buffers* buffers = nullptr;
  /// Its id and who leads: all that is kept of a partition that no record has come for.
  topic_directory::topic* known = nullptr;
  /// Of those that records have come for.
  std::vector<std::unique_ptr<partition_state>> partitions;
  /// It is not known, and is asked for since then.
  bool awaited = false;
  time_point wanted_since;
  /// When records last came.
  time_point used;
  /// Brokers knew it and do not any more, or never did.
  bool missing = false;
  /// Flushes that wait for its metadata.
  std::vector<std::uint64_t> flush_tokens;
  error last_error;
  /// It is told of as stalled, since then, for this partition.
  std::optional<time_point> stalled_since;
  partition_id stalled_partition = -1;
};

struct producer_machine::broker_state {
  /// Partitions that it leads with something to send, in the order of their turns.
  std::deque<partition_state*> ring;
  std::size_t in_flight = 0;
  /// A request waits for its connection.
  bool opening = false;
  time_point not_before = time_point::min();
  std::uint32_t failures = 0;
  /// It asked to be left alone until `not_before`.
  bool throttled = false;
};

struct producer_machine::request_state {
  broker_id broker;
  bool filled = false;
  time_point since;
  /// By topic, then by number.
  std::vector<partition_state*> partitions;
};

} // namespace cafka::protocol
