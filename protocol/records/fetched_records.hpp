#pragma once

#include "../../base/inspect.hpp"
#include "record_batch.hpp"

#include <vector>

namespace cafka::protocol {

/// A transaction whose records a reader of committed data must not see.
struct aborted_span {
  /// The producer of the transaction.
  std::int64_t producer_id = -1;
  /// Its first offset; it ends with the producer's next abort marker.
  log_offset first_offset = -1;
};

CAFKA_INSPECT(aborted_span, producer_id, first_offset)

/// The records of one fetch, as views on the frame they came in: checked, decompressed,
/// and without those that are not for the reader.
///
/// Copying costs a reference count per batch. Views are valid as long as a copy lives.
class fetched_records {
public:
  /// Walks the records of all batches.
  class iterator {
  public:
    using value_type = record_view;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    using iterator_concept = std::forward_iterator_tag;

    iterator() = default;
    /// At the first record from batch number `batch` on.
    iterator(const fetched_records* all, std::size_t batch);

    const record_view& operator*() const { return *at_; }
    const record_view* operator->() const { return &*at_; }
    iterator& operator++() {
      ++at_;
      skip_empty_batches();
      return *this;
    }
    iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const iterator& a, const iterator& b) {
      return a.batch_ == b.batch_ && a.at_ == b.at_;
    }

  private:
    void skip_empty_batches();

    const fetched_records* all_ = nullptr;
    std::size_t batch_ = 0;
    record_iterator at_;
  };

  fetched_records() = default;

  /// Reads the `records` field of a Fetch response from offset `from` on.
  ///
  /// Left out: records before `from`, control batches, transactions in `aborted`. A
  /// damaged batch ends the reading; it is an error (of `batch_reader`) only when nothing
  /// came before it, so that no good record is lost. `corrupt_message` also for a batch
  /// that is not behind the one before it, and where all that came is before
  /// `from`. `message_too_large` where the only batch is incomplete: the limit of the
  /// fetch was too small for it.
  ///
  /// What decompresses to more than `max_decompressed_in_all` is left for the next fetch.
  [[nodiscard]] static result<fetched_records> read(shared_bytes raw, log_offset from,
    std::vector<aborted_span> aborted = {}, read_options options = {});

  [[nodiscard]] iterator begin() const { return {this, 0}; }
  [[nodiscard]] iterator end() const { return {this, batches_.size()}; }
  /// Records there are to walk.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  /// Where the next fetch goes on: behind all that was read, left out or not.
  [[nodiscard]] log_offset next_offset() const { return next_; }
  /// The batches that hold the records; the first may begin before them.
  [[nodiscard]] const std::vector<record_batch>& batches() const { return batches_; }

  /// Bytes that it was read from, those of an incomplete last batch too.
  [[nodiscard]] std::size_t wire_size() const { return raw_.size(); }

  /// Travels to another node as the bytes it was read from.
  template <class Inspector>
  friend bool inspect(Inspector& f, fetched_records& x) {
    const auto get = [&x] { return std::string{x.raw_.text()}; };
    const auto set = [&x](const std::string& bytes) {
      x.raw_ = shared_bytes::copy_of(bytes);
      return true;
    };
    const auto read_again = [&x] {
      read_options options;
      options.max_decompressed_bytes = x.largest_;
      options.max_decompression_ratio = 0;
      auto again = read(x.raw_, x.from_, x.aborted_, options);
      if (!again)
        return false;
      x = *std::move(again);
      return true;
    };
    return f.object(x)
      .on_load(read_again)
      .fields(f.field("raw", get, set), f.field("from", x.from_),
        f.field("aborted", x.aborted_), f.field("largest", x.largest_));
  }

private:
  /// As far as they were read.
  shared_bytes raw_;
  log_offset from_ = 0;
  std::vector<aborted_span> aborted_;
  std::vector<record_batch> batches_;
  /// What the largest batch decompressed to.
  std::size_t largest_ = 0;
  std::size_t size_ = 0;
  log_offset next_ = 0;
};

} // namespace cafka::protocol
