#pragma once

#include "../application.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace cafka::cli {

/// When a group's offsets are committed, and how long it may take.
struct commit_options {
  std::string group = {};
  std::string topic = {};
  /// After so much time, or so many records, whichever comes first; zero: not for this.
  milliseconds interval{0};
  std::size_t threshold = 0;
  /// For each commit, and for all that are left at the end.
  milliseconds timeout{0};
};

/// Commits for a group what was dealt with, of all partitions together, in a thread of
/// its own: a coordinator that is slow delays no record. What fails is tried again.
class committer {
public:
  committer(const commit_options& options, application& app);
  committer(const committer&) = delete;
  committer& operator=(const committer&) = delete;
  /// Gives up what is not committed.
  ~committer();

  /// All records of a partition before `next` are dealt with; so many since the last
  /// time.
  void note(partition_id p, log_offset next, std::uint64_t records);

  /// Commits the rest. Error: that of the last attempt, by the deadline.
  [[nodiscard]] error finish();

private:
  using clock = std::chrono::steady_clock;

  void run();
  [[nodiscard]] clock::time_point next_time() const;
  void commit(std::unique_lock<std::mutex>& lock);

  const commit_options options_;
  application& app_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<partition_id, log_offset> open_; ///< What is not committed yet.
  std::uint64_t records_ = 0;               ///< Since the last commit began.
  std::optional<clock::time_point> since_;  ///< When the oldest of it was noted.
  std::optional<clock::time_point> ends_by_;
  clock::time_point not_before_ = clock::time_point::min();
  error failed_; ///< Of the last attempt.
  bool given_up_ = false;
  std::thread thread_;
};

} // namespace cafka::cli
