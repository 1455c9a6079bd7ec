#pragma once

#include "../../supervision/supervisor.hpp"

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace cafka::cli {

/// Tells what happens on standard output, line by line as it happens, from any thread; in
/// colour on a terminal, unless `NO_COLOR` is set.
class narrator {
public:
  narrator();

  /// Begins a numbered chapter.
  void chapter(std::string_view title);
  /// Says what was done or seen.
  void say(std::string_view text);
  /// Says what was verified.
  void good(std::string_view text);
  /// Says what went wrong.
  void bad(std::string_view text);

  /// What supervisors report; their restarts are counted.
  void hear(const supervision::supervision_event& event);

  /// Waits until the child has been restarted `times` times in all. False when it was not
  /// by then.
  bool wait_for_restart(
    const std::string& child, std::uint64_t times, std::chrono::milliseconds within);

private:
  void line(std::string_view colour, std::string_view mark, std::string_view text);

  bool coloured_;
  std::mutex mutex_;
  std::condition_variable heard_;
  int chapters_ = 0;
  std::map<std::string, std::uint64_t> restarts_;
};

} // namespace cafka::cli
