#pragma once

#include <cafka/protocol/machines/buffer_pool.hpp>
#include <cafka/protocol/machines/partitioner.hpp>
#include <cafka/protocol/records/batch_builder.hpp>

#include <chrono>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

namespace cafka::protocol {

/// A record on its way into a producer, as views on the caller's memory, which is not
/// looked at any more once `send` has returned.
struct outgoing_record {
  /// Nothing is Kafka's null: no key.
  std::optional<byte_view> key = {};
  /// Nothing is Kafka's null: a tombstone.
  std::optional<byte_view> value = {};
  std::span<const header_view> headers = {};
  /// Without one, the present.
  std::optional<timestamp> time = {};
  /// -1: the partitioner chooses.
  partition_id partition = -1;
};

/// Told, for one record, where it went or why not. Runs in the producer's actor and must
/// neither block nor throw.
using record_callback = std::function<void(const result<log_offset>&)>;

/// Records of one partition, encoded, in the order in which they came; it is sealed when
/// it is first sent.
struct filled_batch {
  batch_builder builder;
  /// When its first record came.
  std::chrono::steady_clock::time_point opened;
  /// Of the first record: how many its partition was given before.
  std::uint64_t first_number = 0;
  /// Records that have a callback, by their place in the batch.
  std::vector<std::pair<std::int32_t, record_callback>> callbacks;
};

struct topic_buffers;

/// The batches of one partition that no request has taken yet. Its members are the
/// accumulator's and the producer machine's.
struct partition_buffers {
  partition_buffers(topic_buffers& t, partition_id p) : topic(t), id(p) {}

  topic_buffers& topic;
  const partition_id id;

  spin_lock lock;
  // -- under the lock
  filled_batch open; ///< Without a record: none.
  std::deque<filled_batch> closed;
  std::uint64_t next_number = 0;
  std::size_t expected = 0;     ///< Size of the last batch.
  std::size_t sticky_bytes = 0; ///< Of keyless records since it was chosen.
  bool listed = false;          ///< In the accumulator's list of news.
  partition_buffers* next_listed = nullptr;

  // -- any thread
  std::atomic<std::uint32_t> backlog = 0; ///< Batches that wait or are in flight.
  std::atomic<bool> led = true;

  void* machine = nullptr; ///< What the producer machine keeps of it.
};

/// A topic's partitions, by number; never changed, a larger one takes its place.
struct partition_table {
  std::vector<partition_buffers*> partitions;
};

struct topic_buffers {
  topic_buffers(std::string n, std::size_t batch)
    : name(std::move(n)), batch_size(batch), unassigned(*this, -1) {}

  const std::string name;
  /// Null until the topic's metadata are known.
  std::atomic<const partition_table*> table = nullptr;
  std::atomic<std::uint32_t> sticky = 0;
  /// Bytes at which a batch is closed: less than the option says once brokers have
  /// refused larger ones.
  std::atomic<std::size_t> batch_size;
  /// Records that came before; `choices` has the partition each of them named. Under the
  /// lock of `unassigned`.
  partition_buffers unassigned;
  std::vector<partition_id> choices;
  /// Every partition that it has had, by number. The machine's.
  std::vector<partition_buffers*> ever;

  void* machine = nullptr; ///< What the producer machine keeps of it.
};

struct accumulator_options {
  /// Bytes, before compression, at which a batch is closed.
  std::size_t batch_size = 1'000'000;
  /// Bytes of keyless records for one partition before another is chosen.
  std::size_t sticky_size = 64 * 1024;
  /// Bytes of the largest record, with what surrounds it; less if the memory is less.
  std::size_t max_record_size = 4 * 1024 * 1024;
  std::size_t buffer_memory = 64 * 1024 * 1024;
  codec compression = codec::none;
  std::optional<int> level = {};
  /// For records with a key; called in the sender's thread, by several at once. Null:
  /// murmur2, as Kafka's Java client. A partition that it makes up is an error of the
  /// record. Also called by the machine, for records that waited for their topic.
  protocol::partitioner partitioner = {};
  /// The time at which a batch is opened.
  std::chrono::steady_clock::time_point (
    *clock)() = [] { return std::chrono::steady_clock::now(); };
};

/// Where a producer's records wait, one open batch per partition: each is encoded once,
/// in the thread that brings it, under a lock of its partition alone.
///
/// Keyless records stay with a partition for `sticky_size` bytes and then go to another,
/// of two that are drawn the one with the shorter queue. Source: KIP-480, KIP-794.
class accumulator {
public:
  /// What became of a record that was brought.
  struct appended {
    /// `none`; `queue_full`; `message_too_large`; `unknown_topic_or_partition` for a
    /// partition that the topic lacks; `invalid_argument` when the partitioner has
    /// thrown; `closed`.
    error_code status = error_code::none;
    /// -1 while the topic's partitions are not known.
    partition_id partition = -1;
    /// How many records its partition was given before.
    std::uint64_t number = 0;
  };

  explicit accumulator(accumulator_options options, std::uint64_t seed = 0);
  accumulator(const accumulator&) = delete;
  accumulator& operator=(const accumulator&) = delete;
  ~accumulator();

  // -- any thread -----------------------------------------------------------------------

  /// The topic by name, made when it is new, which is news; lives as long as the
  /// accumulator.
  topic_buffers& topic(std::string_view name);

  /// Takes a record; `now` is its time if it has none.
  appended append(
    topic_buffers& t, const outgoing_record& r, timestamp now, record_callback* done);

  /// Takes no more records: who takes what is there afterwards takes the last of it.
  void close() { closed_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] bool is_closed() const { return closed_.load(std::memory_order_relaxed); }

  /// Has the machine look for the topic's partitions, if they are not known, though no
  /// record waits for that.
  void ask_for(topic_buffers& t);

  /// Called, in any thread, when the machine has something to look at that it has not
  /// been told of yet; to be set before the first record.
  void when_news(std::function<void()> f) { when_news_ = std::move(f); }

  /// Called, in any thread, with what a partitioner has thrown; to be set before the
  /// first record.
  void when_thrown(std::function<void(const std::string&)> f) {
    when_thrown_ = std::move(f);
  }

  [[nodiscard]] buffer_pool& pool() { return *pool_; }
  [[nodiscard]] const accumulator_options& options() const { return options_; }
  [[nodiscard]] std::vector<topic_buffers*> topics() const;
  [[nodiscard]] std::size_t topic_count() const {
    return topic_count_.load(std::memory_order_acquire);
  }

  // -- the machine ----------------------------------------------------------------------

  /// Partitions with news since the last call; the machine is told of later ones anew.
  [[nodiscard]] std::vector<partition_buffers*> news();

  /// Whether a record was refused for want of memory since the last call.
  [[nodiscard]] bool starved() {
    return starved_.load(std::memory_order_relaxed)
      && starved_.exchange(false, std::memory_order_relaxed);
  }

  /// What waits in a partition.
  struct waiting {
    bool closed = false; ///< At least one batch is full.
    /// When the oldest record of all came; nothing: none waits.
    std::optional<std::chrono::steady_clock::time_point> since;
  };
  [[nodiscard]] static waiting peek(partition_buffers& p);
  /// How many records have not been taken yet.
  [[nodiscard]] static std::uint64_t records_in(partition_buffers& p);

  /// The oldest batch; with `open`, that which is not full as well. Nothing if none.
  [[nodiscard]] std::optional<filled_batch> take(partition_buffers& p, bool open);

  /// Takes all records of a topic whose partitions are not known.
  [[nodiscard]] std::deque<filled_batch> take_unassigned(topic_buffers& t);

  /// Records that have no partition.
  struct refusal {
    error_code why = error_code::unknown_topic_or_partition;
    std::int32_t count = 0;
    std::vector<record_callback> callbacks;
  };
  /// Gives the topic so many partitions and moves the records that waited for that.
  /// Returns those for a partition that is not among them, and those whose partitioner
  /// has thrown.
  [[nodiscard]] std::vector<refusal> set_partitions(topic_buffers& t, std::int32_t count);

  /// The records of a batch of more than one that brokers find too large, as two batches;
  /// later ones of the topic are closed when they are half as large as it was. Nothing if
  /// it cannot be read.
  [[nodiscard]] std::optional<std::pair<filled_batch, filled_batch>> split(
    topic_buffers& t, filled_batch& whole, const shared_bytes& sealed);

private:
  struct index;

  appended put(partition_buffers& p, const outgoing_record& r, timestamp now,
    record_callback* done, std::size_t bound, bool& long_enough, bool forced = false);
  void starve();
  bool make_room(partition_buffers& p, std::size_t bound, bool forced);
  void close_open(partition_buffers& p);
  void tell(partition_buffers& p);
  [[nodiscard]] std::size_t partition_by_key(
    const topic_buffers& t, byte_view key, std::int32_t partitions) const;
  partition_buffers* choose(topic_buffers& t, const partition_table& table,
    const outgoing_record& r, error_code& wrong) const;
  appended append_unassigned(topic_buffers& t, const outgoing_record& r, timestamp now,
    record_callback* done, std::size_t bound);
  [[nodiscard]] std::uint32_t draw() const;
  void next_sticky(topic_buffers& t, const partition_table& table);
  filled_batch fresh(codec compression) const;
  filled_batch fresh_for(const partition_buffers& p) const;
  std::deque<filled_batch> drain_unassigned(topic_buffers& t);

  const accumulator_options options_;
  const std::shared_ptr<buffer_pool> pool_;
  std::atomic<bool> closed_ = false;
  std::function<void()> when_news_;
  std::function<void(const std::string&)> when_thrown_;
  std::atomic<partition_buffers*> news_ = nullptr;
  std::atomic<bool> starved_ = false;
  mutable std::atomic<std::uint64_t> random_;

  mutable std::mutex topics_mutex_;
  std::atomic<const index*> index_ = nullptr;
  std::vector<std::unique_ptr<const index>> indexes_;
  std::deque<topic_buffers> topics_;
  std::atomic<std::size_t> topic_count_ = 0;
  std::deque<partition_buffers> partitions_;
  std::vector<std::unique_ptr<const partition_table>> tables_;
};

} // namespace cafka::protocol
