#pragma once

#include "trace.hpp"
#include <cafka/protocol/records/record.hpp>
#include <cafka/protocol/result.hpp>
#include <cafka/testing/model/fake_cluster.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace cafka::simulate {

/// A record by who sent it, and its number there.
struct record_id {
  std::uint32_t source = 0;
  std::uint32_t number = 0;

  friend auto operator<=>(const record_id&, const record_id&) = default;
};
[[nodiscard]] std::string to_string(record_id id);

/// What is written for a record: its id, the size, and letters up to that.
[[nodiscard]] std::string value_of(record_id id, std::size_t size);
/// Whose a value is; breaks a promise where it is not as it was written.
[[nodiscard]] record_id id_of(std::optional<protocol::byte_view> value);

/// A partition by name.
using place = std::pair<std::string, std::int32_t>;
[[nodiscard]] std::string to_string(const place& p);

/// What a sender promises for its records.
struct guarantees {
  bool once = true;         ///< Never twice in a log.
  bool ordered = true;      ///< Acknowledged ones lie in the order of their numbers.
  bool acknowledged = true; ///< "Sent" means that it is in the log.
};

/// What was sent, what came of it, what the logs have had, and what the world has taken
/// from them. It compares at once, and breaks a promise where they do not agree.
class ledger {
public:
  explicit ledger(testing::fake_cluster& cluster) : cluster_(cluster) {}

  // -- senders --------------------------------------------------------------------------

  /// A sender of records, by its number.
  std::uint32_t add_source(std::string name, guarantees what);
  /// The next record of a sender.
  [[nodiscard]] record_id next(std::uint32_t number);
  /// It was refused at once: there is no such record.
  void not_taken(record_id id);
  void outcome(record_id id, const place& where, const error& why, log_offset offset);
  [[nodiscard]] std::size_t without_outcome(std::uint32_t number) const {
    return sources_[number].open;
  }

  // -- what the world does to logs, before it does it -----------------------------------

  void truncates(const place& where, log_offset end);
  void trims(const place& where);
  void removes(const std::string& topic);
  /// Grows whenever something is taken from a log, or it is another one.
  [[nodiscard]] std::uint64_t disturbances(const place& where) const;

  // -- readers --------------------------------------------------------------------------

  /// Somebody was handed this record.
  void handed_out(
    const std::string& to, const place& where, log_offset offset, record_id id);

  // -- comparing ------------------------------------------------------------------------

  /// Reads what is new in all logs.
  void read_all();
  /// All senders are done: what is acknowledged lies in order.
  void check_order();

  struct counts {
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;
    std::uint64_t unknown = 0;
    std::uint64_t failed = 0;
    std::uint64_t taken_away = 0;
    std::uint64_t handed_out = 0;
  };
  [[nodiscard]] const counts& totals() const { return totals_; }

private:
  enum class fate : std::uint8_t { open, not_taken, acknowledged, unknown, failed };
  struct entry {
    fate what = fate::open;
    std::uint8_t written = 0; ///< How often in the logs that there are.
    bool taken_away = false;  ///< Some log had it.
  };
  struct source {
    std::string name;
    guarantees what;
    std::vector<entry> records;
    std::size_t open = 0;
  };
  /// A partition's log as it was read; former ones are kept, for records of them may
  /// still be handed out.
  struct history {
    protocol::uuid topic;
    std::vector<record_id> at;
    std::size_t ordered = 0;                     ///< So far the order was compared.
    std::map<std::uint32_t, std::uint32_t> last; ///< Number, by source.
    std::vector<std::pair<std::int64_t, record_id>> gone;
  };

  void read(const place& where);
  void write(const place& where, record_id id);
  void take_away(record_id id);
  void disturb(const place& where);
  /// Whether the leader may not have known the source yet when the record was sent.
  [[nodiscard]] bool may_be_unknown(const place& where, record_id id) const;
  entry& at(record_id id);
  [[noreturn]] void broken(record_id id, const std::string& what) const;

  testing::fake_cluster& cluster_;
  std::vector<source> sources_;
  std::map<place, history> logs_;
  std::map<place, std::uint64_t> disturbed_;
  /// From which record of a source on a log is known to know it: one that was sent after
  /// the log had taken one, the first since it was disturbed last.
  std::map<std::pair<place, std::uint32_t>, std::uint32_t> known_from_;
  counts totals_;
};

} // namespace cafka::simulate
