#pragma once

#include "../../protocol/error_code.hpp"

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace cafka::testing {

/// A transactional id and its transaction, as the coordinator keeps it.
///
/// A transaction that is decided has its outcome for `left`, the partitions and groups
/// whose markers are still to be written; then it is complete. Source: KIP-98, KIP-360,
/// KIP-588, KIP-890.
class transactional_id {
public:
  using time_point = std::chrono::steady_clock::time_point;
  using milliseconds = std::chrono::milliseconds;
  using places = std::set<std::pair<std::string, std::int32_t>>;

  enum class phase : std::uint8_t {
    empty,
    ongoing,
    prepare_commit,
    prepare_abort,
    complete_commit,
    complete_abort,
  };

  /// A producer as a request names it; -1 where it names none.
  struct producer {
    std::int64_t id = -1;
    std::int16_t epoch = -1;

    friend bool operator==(const producer&, const producer&) = default;
  };

  /// A producer begins, or goes on after an error as `expected`. `next_id`: taken when
  /// the id needs another one. `bumps`: the feature transaction.version is 2.
  ///
  /// CONCURRENT_TRANSACTIONS while a transaction is open, which this aborts, or is not
  /// complete; PRODUCER_FENCED for one that is not the latest.
  [[nodiscard]] protocol::error_code init(
    milliseconds timeout, producer expected, std::int64_t& next_id, bool bumps);

  /// Whether a transaction of this producer may get partitions and groups.
  ///
  /// INVALID_PRODUCER_ID_MAPPING for another id, PRODUCER_FENCED for another epoch,
  /// CONCURRENT_TRANSACTIONS while the last transaction is not complete.
  [[nodiscard]] protocol::error_code may_add(producer who) const;
  void add(time_point now, const std::string& topic, std::int32_t partition);
  void add(time_point now, const std::string& group);

  /// The producer decides. `bumps`: it has a new epoch afterwards, and may abort what is
  /// empty (EndTxn since version 5).
  [[nodiscard]] protocol::error_code end(
    producer who, bool commit, std::int64_t& next_id, bool bumps);

  /// Aborts a transaction that has been open for too long; whether it was.
  bool on_time(time_point now, bool bumps);
  [[nodiscard]] time_point next_time() const;

  /// All markers are written.
  void complete();

  [[nodiscard]] phase state() const { return state_; }
  [[nodiscard]] std::string_view state_name() const;
  [[nodiscard]] bool decided() const {
    return state_ == phase::prepare_commit || state_ == phase::prepare_abort;
  }
  [[nodiscard]] bool open() const { return state_ == phase::ongoing; }
  [[nodiscard]] producer who() const { return now_; }
  /// Who markers are written by: the producer of the transaction, with its next epoch
  /// where it gets one.
  [[nodiscard]] producer marks_as() const { return marker_; }
  [[nodiscard]] milliseconds timeout() const { return timeout_; }
  /// When the transaction began.
  [[nodiscard]] time_point began() const { return began_; }
  [[nodiscard]] bool has(const std::string& topic, std::int32_t partition) const {
    return open() && partitions.contains({topic, partition});
  }
  [[nodiscard]] bool has(const std::string& group) const {
    return open() && groups.contains(group);
  }

  /// The transaction's partitions; once it is decided those without a marker.
  places partitions = {};
  /// The groups whose offsets it has; once it is decided those without a marker.
  std::set<std::string> groups = {};

private:
  void begin(time_point now);
  void abort_by_coordinator(bool bumps);
  [[nodiscard]] bool exhausted() const;
  void rotate(std::int64_t& next_id, bool keep_last);

  phase state_ = phase::empty;
  producer now_;
  /// The one before, whose requests once more are answered as before.
  producer last_;
  producer marker_;
  milliseconds timeout_{0};
  time_point began_ = time_point::min();
};

} // namespace cafka::testing
