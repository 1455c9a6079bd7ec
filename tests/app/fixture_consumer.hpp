#pragma once

#include "fixture.hpp"
#include <cafka/actors/consumer/consumer.hpp>

#include <map>

namespace cafka::testing {

/// What a consumer has handed out so far, and how it was wrong.
class consumed {
public:
  explicit consumed(consumer from) : from_(std::move(from)) {}

  /// Polls until there are so many records in all, or the time is over.
  bool poll_until(std::size_t count, milliseconds within = test_timeout) {
    return eventually([&] { return poll() && records_ >= count; }, within);
  }

  /// Once. False: it was refused.
  bool poll(milliseconds deadline = milliseconds{100}) {
    const auto got = from_.poll(deadline);
    if (!got)
      return false;
    for (const auto& e : got->errors)
      errors.push_back(e);
    for (const auto& b : got->batches)
      take(b);
    return true;
  }

  void take(const consumed_batch& b) {
    auto& mine = values[b.partition()];
    auto& last = last_.try_emplace(b.partition(), -1).first->second;
    std::size_t count = 0;
    for (const auto& r : b) {
      disordered += r.offset <= last ? 1 : 0;
      last = r.offset;
      mine.emplace_back(
        r.value ? std::string{protocol::as_text(*r.value)} : std::string{"null"});
      ++count;
    }
    miscounted += count != b.size() ? 1 : 0;
    records_ += count;
  }

  /// A seek makes order begin anew.
  void forget() {
    values.clear();
    last_.clear();
    records_ = 0;
  }

  [[nodiscard]] std::size_t records() const { return records_; }

  std::map<partition_id, std::vector<std::string>> values;
  std::vector<partition_error> errors;
  std::size_t disordered = 0;
  std::size_t miscounted = 0;

private:
  consumer from_;
  std::map<partition_id, log_offset> last_;
  std::size_t records_ = 0;
};

/// `from`, `from + 1`, ... as texts.
inline std::vector<std::string> number_texts(int from, int to) {
  std::vector<std::string> all;
  for (; from != to; ++from)
    all.push_back(std::to_string(from));
  return all;
}

/// All partitions of a topic from one place on.
inline std::vector<assigned_partition> all_of(
  const std::string& topic, std::int32_t partitions, start_at start = {}) {
  std::vector<assigned_partition> all;
  for (std::int32_t p = 0; p != partitions; ++p)
    all.push_back({topic, p, start});
  return all;
}

} // namespace cafka::testing
