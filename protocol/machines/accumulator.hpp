#pragma once

#include "../defaults.hpp"
#include "../memory/buffer_pool.hpp"
#include "../records/batch_builder.hpp"
#include "partitioner.hpp"

#include <array>
#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cafka::protocol {

/// A record on its way into a producer, as views on the caller's memory, which is not
/// looked at any more once `send` has returned.
struct outgoing_record {
  /// Text or bytes; nothing is Kafka's null: no key.
  std::optional<text_or_bytes> key = {};
  /// Text or bytes; nothing is Kafka's null: a tombstone.
  std::optional<text_or_bytes> value = {};
  /// The headers, in order.
  std::span<const header_view> headers = {};
  /// Without one, the present.
  std::optional<timestamp> time = {};
  /// -1: the partitioner chooses.
  partition_id partition = -1;
};

/// Called, for one record, with its offset or why it has none. Runs in the producer's
/// actor and must neither block nor throw.
using record_callback = std::function<void(const result<log_offset>&)>;

/// Records of one partition, encoded, in the order in which they came; it is sealed when
/// it is first sent.
struct filled_batch {
  /// The records, encoded.
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
  /// Without records.
  partition_buffers(topic_buffers& t, partition_id p) : topic(t), id(p) {}

  /// The topic that it belongs to.
  topic_buffers& topic;
  /// The partition's number.
  const partition_id id;

  /// Guards the members below.
  spin_lock lock;
  // -- under the lock
  filled_batch open; ///< Without a record: none.
  /// Full batches, the oldest first.
  std::list<filled_batch> closed; // A deque has half a kilobyte when it is empty.
  /// How many records the partition was given.
  std::uint64_t next_number = 0;
  std::size_t expected = 0;     ///< Size of the last batch.
  std::size_t sticky_bytes = 0; ///< Of keyless records since it was chosen.
  bool listed = false;          ///< In the list of changed partitions.
  bool released = false;        ///< Its topic is another object now, or will be.
  /// The next one in the accumulator's list.
  partition_buffers* next_listed = nullptr;

  // -- any thread
  std::atomic<std::uint32_t> backlog = 0; ///< Batches that wait or are in flight.

  void* machine = nullptr; ///< What the producer machine keeps of it.
};

/// A topic's partitions, by number, each made when the first record comes for it. One
/// that is twice as large takes its place when it is full.
struct partition_table {
  /// One partition's place in the table.
  struct slot {
    /// The partition; null until a record comes for it.
    std::atomic<partition_buffers*> buffers = nullptr;
    /// Whether the partition has a leader.
    std::atomic<bool> led = true;
  };

  /// Room for `n` partitions.
  explicit partition_table(std::size_t n)
    : capacity(n), slots(std::make_unique<slot[]>(n)) {}

  /// How many partitions there is room for.
  const std::size_t capacity;
  /// How many partitions the topic has.
  std::atomic<std::size_t> count = 0;
  /// The partitions, by number.
  const std::unique_ptr<slot[]> slots;
};

/// A topic's records that no request has taken yet, by partition.
struct topic_buffers {
  /// Without partitions; `batch` is the first `batch_size`.
  topic_buffers(std::string n, std::size_t batch)
    : name(std::move(n)), batch_size(batch), unassigned(*this, -1) {}

  /// The topic's name.
  const std::string name;
  /// Null until the topic's metadata are known.
  std::atomic<partition_table*> table = nullptr;
  /// The partition that keyless records go to now.
  std::atomic<std::uint32_t> sticky = 0;
  /// Bytes at which a batch is closed: less than the option says once brokers have
  /// refused larger ones.
  std::atomic<std::size_t> batch_size;
  /// Records that came before; `choices` has the partition each of them named. Under the
  /// lock of `unassigned`.
  partition_buffers unassigned;
  /// The partition that each record in `unassigned` named.
  std::vector<partition_id> choices;

  /// Guards the members below.
  std::mutex making;
  // -- under it
  /// The partitions that were made. One that is gone for a while is the same when it
  /// comes back.
  std::map<partition_id, std::unique_ptr<partition_buffers>> made;
  bool released = false; ///< As of all its partitions, later ones too.
  /// Senders may still look at those before the last.
  std::vector<std::unique_ptr<partition_table>> tables;

  void* machine = nullptr; ///< What the producer machine keeps of it.
};

/// How an accumulator gathers records.
struct accumulator_options {
  /// Bytes, before compression, at which a batch is closed.
  std::size_t batch_size = defaults::batch_size;
  /// Records at which it is closed as well.
  std::size_t batch_records = SIZE_MAX;
  /// Bytes of keyless records for one partition before another is chosen.
  std::size_t sticky_size = defaults::sticky_size;
  /// Bytes of the largest record, with what surrounds it; less if the memory is less.
  std::size_t max_record_size = defaults::max_request_size;
  /// Bytes of all records together.
  std::size_t buffer_memory = defaults::buffer_memory;
  /// The codec of batches.
  codec compression = codec::none;
  /// The codec's level; nothing: its preset.
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
  /// The result of `append`.
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

  /// `seed` makes its choices of partitions repeatable in tests.
  explicit accumulator(accumulator_options options, std::uint64_t seed = 0);
  accumulator(const accumulator&) = delete;
  accumulator& operator=(const accumulator&) = delete;
  ~accumulator();

  // -- any thread -----------------------------------------------------------------------

  /// The topic by name, made when it is new, which counts as a change; it is there as
  /// long as it is held, and until it is released.
  [[nodiscard]] std::shared_ptr<topic_buffers> hold(std::string_view name);
  /// The topic by name, made when it is new.
  topic_buffers& topic(std::string_view name) { return *hold(name); }

  /// Takes a record; `now` is its time if it has none. The topic is held.
  appended append(
    topic_buffers& t, const outgoing_record& r, timestamp now, record_callback* done);
  /// The same for a topic by name, which need not be held.
  appended append(std::string_view name, const outgoing_record& r, timestamp now,
    record_callback* done);

  /// Takes no more records: who takes what is there afterwards takes the last of it.
  void close() { closed_.store(true, std::memory_order_relaxed); }
  /// Whether `close` was called.
  [[nodiscard]] bool is_closed() const { return closed_.load(std::memory_order_relaxed); }

  /// Has the machine look for the topic's partitions, if they are not known, though no
  /// record waits for that.
  void ask_for(topic_buffers& t);

  /// Called, in any thread, when the machine has something to look at that it has not
  /// been told of yet; to be set before the first record.
  void on_wakeup(std::function<void()> f) { wake_ = std::move(f); }

  /// Called, in any thread, with what a partitioner has thrown; to be set before the
  /// first record.
  void when_thrown(std::function<void(const std::string&)> f) {
    when_thrown_ = std::move(f);
  }

  /// The memory of its batches.
  [[nodiscard]] buffer_pool& pool() { return *pool_; }
  /// The options that it was made with.
  [[nodiscard]] const accumulator_options& options() const { return options_; }
  /// All topics, by name.
  [[nodiscard]] std::vector<topic_buffers*> topics() const;
  /// How many topics there are.
  [[nodiscard]] std::size_t topic_count() const;

  // -- the machine ----------------------------------------------------------------------

  /// The topic by name, if there is one.
  [[nodiscard]] topic_buffers* find(std::string_view name) const;
  /// Topics that are new since the last call.
  [[nodiscard]] std::vector<topic_buffers*> take_new_topics();
  /// Releases those of the topics that are not held and that have no records; `gone` is
  /// told of each. A later record for one makes it again.
  void release(
    const std::vector<topic_buffers*>& topics, std::function<void(topic_buffers&)> gone);
  /// The partitions that records have come for.
  [[nodiscard]] static std::vector<partition_buffers*> partitions_of(topic_buffers& t);
  /// The same by its number, if it is one of them.
  [[nodiscard]] static partition_buffers* partition_of(
    const topic_buffers& t, partition_id p);
  /// Whether the partition has a leader: keyless records rather go to one that has.
  static void set_led(topic_buffers& t, partition_id p, bool led);

  /// Partitions that have changed since the last call; later changes wake the machine
  /// again.
  [[nodiscard]] std::vector<partition_buffers*> take_changed();

  /// Whether a record was refused for want of memory since the last call.
  [[nodiscard]] bool take_starvation() {
    return starved_.load(std::memory_order_relaxed)
      && starved_.exchange(false, std::memory_order_relaxed);
  }

  /// What waits in a partition.
  struct waiting {
    bool closed = false; ///< At least one batch is full.
    /// When the oldest record of all came; nothing: none waits.
    std::optional<std::chrono::steady_clock::time_point> since;
  };
  /// What waits in the partition.
  [[nodiscard]] static waiting peek(partition_buffers& p);
  /// How many records have not been taken yet.
  [[nodiscard]] static std::uint64_t records_in(partition_buffers& p);

  /// The oldest batch; with `open`, that which is not full as well. Nothing if none.
  [[nodiscard]] std::optional<filled_batch> take(partition_buffers& p, bool open);

  /// Takes all records of a topic whose partitions are not known.
  [[nodiscard]] std::list<filled_batch> take_unassigned(topic_buffers& t);

  /// Records that have no partition.
  struct refusal {
    /// Why they have none.
    error_code why = error_code::unknown_topic_or_partition;
    /// How many records.
    std::int32_t count = 0;
    /// Their callbacks.
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
  class reading;

  /// A status that no caller sees: the topic was released, and is to be looked up again.
  static constexpr auto was_released = error_code::unknown_topic_id;

  static partition_buffers& make(
    topic_buffers& t, partition_table& seen, std::size_t number);
  [[nodiscard]] bool release(
    topic_buffers& t, const std::shared_ptr<topic_buffers>& held);
  void reclaim();
  /// `moved`: the batch that the record was in, whose time goes on.
  appended put(partition_buffers& p, const outgoing_record& r, timestamp now,
    record_callback* done, std::size_t bound, bool& long_enough,
    const filled_batch* moved = nullptr);
  void starve();
  [[nodiscard]] bool has_place(const batch_builder& b) const {
    return static_cast<std::size_t>(b.count()) < options_.batch_records;
  }
  bool make_room(partition_buffers& p, std::size_t bound, bool forced);
  void close_open(partition_buffers& p);
  void tell(partition_buffers& p);
  [[nodiscard]] std::size_t partition_by_key(
    const topic_buffers& t, byte_view key, std::int32_t partitions) const;
  std::size_t choose(const topic_buffers& t, const partition_table& table,
    const outgoing_record& r, error_code& wrong) const;
  appended append_unassigned(topic_buffers& t, const outgoing_record& r, timestamp now,
    record_callback* done, std::size_t bound);
  [[nodiscard]] std::uint32_t draw() const;
  void next_sticky(topic_buffers& t, const partition_table& table);
  filled_batch fresh(codec compression) const;
  filled_batch fresh_for(const partition_buffers& p) const;
  std::list<filled_batch> drain_unassigned(topic_buffers& t);

  const accumulator_options options_;
  const std::shared_ptr<buffer_pool> pool_;
  std::atomic<bool> closed_ = false;
  std::function<void()> wake_;
  std::function<void(const std::string&)> when_thrown_;
  std::atomic<partition_buffers*> changed_ = nullptr;
  std::atomic<bool> starved_ = false;
  mutable std::atomic<std::uint64_t> random_;

  mutable std::mutex topics_mutex_;
  // -- under it
  std::unordered_map<std::string_view, std::shared_ptr<topic_buffers>> topics_;
  std::vector<topic_buffers*> new_topics_;
  std::unique_ptr<index> current_;
  /// What threads that look topics up by name may still see.
  struct retired {
    std::vector<std::unique_ptr<index>> indexes;
    std::vector<std::shared_ptr<topic_buffers>> topics;

    [[nodiscard]] bool empty() const { return indexes.empty() && topics.empty(); }
  };
  retired retired_;
  retired freed_next_;
  std::uint32_t not_seen_idle_ = 0; ///< Of `readers_`, since that was retired.

  std::atomic<index*> index_ = nullptr;
  /// Threads that look a topic up by name now, each counted in one of them.
  struct alignas(64) reader_count {
    std::atomic<std::uint32_t> now = 0;
  };
  static constexpr std::size_t readers = 16;
  std::array<reader_count, readers> readers_;
};

} // namespace cafka::protocol
