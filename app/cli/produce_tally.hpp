#pragma once

#include "../../actors/producer/producer.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace cafka::cli {

/// Where the records of a run come from, in words: `line 3`, `line 3 of a.txt` or
/// `a.txt`.
class record_origins {
public:
  /// From record `first` on, counted from zero over the whole run, they come from this
  /// file; an empty name is standard input. Not `lines`: the file is one record.
  void begin(std::uint64_t first, std::string file, bool lines);

  [[nodiscard]] std::string text(std::uint64_t record) const;

private:
  struct part {
    std::uint64_t first = 0;
    std::string file;
    bool lines = true;
  };
  std::vector<part> parts_;
};

/// What one run has written.
struct produce_summary {
  /// What went to one partition.
  struct part {
    std::uint64_t records = 0;
    /// -1: the broker did not say.
    log_offset base_offset = -1;
    log_offset last_offset = -1;
  };

  std::string topic = {};
  std::uint64_t records = 0;
  /// Of their keys, values and headers.
  std::uint64_t bytes = 0;
  std::uint64_t not_written = 0;
  /// Sent, and it is not known whether they were written.
  std::uint64_t unknown = 0;
  std::map<partition_id, part> partitions = {};
  milliseconds elapsed{0};
  /// Whether brokers were asked to answer.
  bool answered = true;
};

/// Keeps the delivery result of each record of a run, by its number in the partition that
/// took it, and which of the failed records came first.
///
/// Neighbours that went to one partition cost as much as one of them.
class produce_tally {
public:
  /// The first record that was not written.
  struct failure {
    std::uint64_t record = 0;
    /// -1: it has none.
    partition_id partition = -1;
    error why = {};
  };

  /// A partition has taken a record: `record` counts from zero over the whole run, and
  /// `number` is how many the partition took before it.
  void taken(
    partition_id p, std::uint64_t number, std::uint64_t record, std::size_t bytes);
  /// A record that nobody took.
  void refused(std::uint64_t record, partition_id p, error why);
  /// The delivery results of records that were taken.
  void reported(const delivery& d);

  [[nodiscard]] const std::optional<failure>& first_failure() const { return failure_; }
  [[nodiscard]] const produce_summary& summary() const { return summary_; }
  /// Records that have an outcome.
  [[nodiscard]] std::uint64_t finished() const {
    return summary_.records + summary_.not_written + summary_.unknown;
  }

private:
  struct run {
    std::uint64_t number = 0;
    std::uint64_t record = 0;
    std::uint32_t count = 0;
    std::uint32_t bytes = 0;
  };

  void note_failure(std::uint64_t record, partition_id p, const error& why);

  std::vector<std::deque<run>> runs_; ///< By partition, what has no outcome yet.
  std::optional<failure> failure_;
  produce_summary summary_;
};

} // namespace cafka::cli
