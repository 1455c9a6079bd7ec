#pragma once

#include "fetched_records.hpp"

#include <functional>
#include <iterator>

namespace cafka::protocol {

/// The records of one partition in one Fetch response, as views on its frame.
///
/// Batch headers and checksums are looked at when it is read, records only when they are
/// walked: once. What turns out malformed then ends its batch, and is reported; the walk
/// goes on with the next batch. Walking allocates nothing and any number of threads may.
class record_run {
public:
  /// Called, in the thread that walks, for a batch whose records cannot all be read: how
  /// many were left out, and why.
  using on_damage = std::function<void(std::int32_t left_out, const error& why)>;

  /// The records of one batch.
  struct part {
    /// The records, decompressed.
    const std::byte* bytes = nullptr;
    /// How many bytes they are.
    std::size_t size = 0;
    /// The offset that the records' offsets are relative to.
    std::int64_t base_offset = 0;
    /// The offset of the last record.
    std::int64_t last_offset = 0;
    /// The time that the records' times are relative to, in milliseconds since the epoch.
    std::int64_t base_time = 0;
    /// What makes offsets inside a v1 wrapper absolute.
    std::int64_t offset_shift = 0;
    /// How many records there are.
    std::int32_t count = 0;
    /// The version of the format: 0, 1 or 2.
    std::int8_t magic = 2;
    /// Whose clock the records' times are from.
    timestamp_type time_type = timestamp_type::create_time;
  };

  /// Walks the records, each once.
  class iterator {
  public:
    using value_type = record_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::input_iterator_tag;

    iterator() = default;
    /// At the first record of the run.
    explicit iterator(const record_run& run);

    const record_view& operator*() const { return current_; }
    const record_view* operator->() const { return &current_; }
    iterator& operator++() {
      if (--left_ <= 0 || !read()) [[unlikely]]
        next_part();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& a, std::default_sentinel_t) {
      return a.left_ == 0;
    }

  private:
    friend class record_run;

    bool read() {
      const auto* next = read_plain();
      if (next == nullptr) [[unlikely]]
        return read_any();
      at_ = next;
      return true;
    }
    [[nodiscard]] const std::byte* read_plain();
    bool read_any();
    void next_part();
    void damaged(std::string_view why, std::size_t at);

    const std::byte* at_ = nullptr;
    const std::byte* end_ = nullptr;
    std::int64_t base_offset_ = 0;
    std::int64_t base_time_ = 0;
    std::int64_t last_offset_ = 0;
    std::uint64_t gaps_ = 0; ///< Offsets of the batch that none of its records has.
    std::int32_t left_ = 0;
    bool plain_ = false; ///< v2, with times and offsets that cannot overflow.
    bool own_times_ = false;
    std::size_t part_ = 0; ///< The one behind the one at hand.
    const record_run* run_ = nullptr;
    record_view current_; ///< Until the next is read, the one before.
  };

  record_run() = default;
  record_run(const record_run&) = delete;
  record_run& operator=(const record_run&) = delete;

  /// Reads the `records` field of a Fetch response from offset `from` on, as
  /// `fetched_records::read` does, but for the records themselves. `raw` must live as
  /// long as this; what is decompressed is kept here.
  ///
  /// A damaged batch ends the reading; it is an error only when nothing came before it,
  /// as there.
  ///
  /// `run_reader` does the same in as many runs as there is memory for.
  error read(const shared_bytes& raw, log_offset from, std::vector<aborted_span> aborted,
    read_options options);

  /// Becomes a part of another run, which must live as long: `most` of its records at
  /// most, from the first at or behind offset `from` on. Of damage it tells nothing, as
  /// the other one does.
  void view_part(const record_run& whole, log_offset from, std::size_t most);

  /// Sets what is called for a damaged batch; to be set before the first walk.
  void when_damaged(on_damage f) { on_damage_ = std::move(f); }

  [[nodiscard]] iterator begin() const { return iterator{*this}; }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }
  /// Records there are to walk, by the batches' headers.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Where the next fetch goes on: behind all that was read, left out or not.
  [[nodiscard]] log_offset next_offset() const { return next_; }
  /// The epoch of the leader that wrote the last batch; -1: it is not known.
  [[nodiscard]] leader_epoch last_epoch() const { return epoch_; }
  /// Bytes that were decompressed.
  [[nodiscard]] std::size_t decompressed() const { return decompressed_; }
  /// Batches with records to walk.
  [[nodiscard]] std::size_t batches() const { return parts_.size(); }

private:
  friend class run_reader;

  void add(const record_batch& batch);

  std::vector<part> parts_;
  /// What keeps decompressed bytes.
  std::vector<shared_bytes> kept_;
  std::size_t size_ = 0;
  std::size_t decompressed_ = 0;
  leader_epoch epoch_ = -1;
  log_offset from_ = 0;
  log_offset next_ = 0;
  on_damage on_damage_;
};

/// The v2 record at `at_`, in its common form: lengths of at most four bytes, no headers,
/// some bytes behind it. Null: `read_any` must look at it.
inline const std::byte* record_run::iterator::read_plain() {
  // As many bytes as the numbers before the key may take, and two to spare.
  constexpr std::ptrdiff_t room = 20;
  const auto* p = at_;
  if (end_ - p < room || !plain_)
    return nullptr;
  const auto number = [&p](std::uint32_t& x) {
    const auto byte = [&p](int i) { return std::to_integer<std::uint32_t>(p[i]); };
    x = byte(0);
    if (x < 0x80) [[likely]] {
      p += 1;
      return true;
    }
    x = (x & 0x7F) | byte(1) << 7;
    if (x < 0x80 << 7) {
      p += 2;
      return true;
    }
    x = (x & 0x3FFF) | byte(2) << 14;
    if (x < 0x80 << 14) {
      p += 3;
      return true;
    }
    x = (x & 0x1FFFFF) | byte(3) << 21;
    p += 4;
    return x < 0x80u << 21;
  };
  const auto signed_of = [](std::uint32_t x) {
    return static_cast<std::int32_t>((x >> 1) ^ (~(x & 1) + 1));
  };
  std::uint32_t length = 0;
  if (!number(length) || (length & 1) != 0)
    return nullptr;
  const auto* const stop = p + (length >> 1);
  ++p; // attributes, of which none is defined
  std::uint32_t time = 0;
  std::uint32_t offset = 0;
  std::uint32_t key = 0;
  if (!number(time) || !number(offset) || !number(key))
    return nullptr;
  const auto* const key_at = p;
  if (key != 1) {
    if ((key & 1) != 0 || (key >> 1) > static_cast<std::size_t>(end_ - p))
      return nullptr;
    p += key >> 1;
  }
  std::uint32_t value = 0;
  if (end_ - p < 5 || !number(value))
    return nullptr;
  const auto* const value_at = p;
  if (value != 1) {
    if ((value & 1) != 0)
      return nullptr;
    if ((value >> 1) >= static_cast<std::size_t>(end_ - p))
      return nullptr;
    p += value >> 1;
  }
  // The count of headers, which is none.
  if (*p != std::byte{0} || ++p != stop)
    return nullptr;
  const auto at = base_offset_ + signed_of(offset);
  // Each lies behind the one before; compaction leaves gaps, but no more than that.
  const auto gap = static_cast<std::uint64_t>(at - current_.offset.value() - 1);
  if (gap != 0) [[unlikely]] {
    if (gap > gaps_)
      return nullptr;
    gaps_ -= gap;
  }
  current_.offset = at;
  current_.time =
    timestamp{std::chrono::milliseconds{base_time_ + (own_times_ ? signed_of(time) : 0)}};
  if (key != 1)
    current_.key.emplace(key_at, key >> 1);
  else
    current_.key.reset();
  if (value != 1)
    current_.value.emplace(value_at, value >> 1);
  else
    current_.value.reset();
  current_.headers = {};
  return p;
}

} // namespace cafka::protocol
