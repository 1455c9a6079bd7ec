#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cafka::cli {

/// How far a long work has come.
struct work_done {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  /// Nothing: nobody knows.
  std::optional<std::uint64_t> total_bytes = {};
  std::chrono::milliseconds elapsed{0};
};

/// One line of at most `width` columns: a bar, a percentage and the time that is left
/// where the total is known; counts and rates always.
[[nodiscard]] std::string progress_line(const work_done& work, std::size_t width);

/// Shows on standard error how far the work has come, from half a second on and ten times
/// a second at most; never where standard error is no terminal.
class progress {
public:
  /// Not `wanted`: it never shows anything.
  explicit progress(std::optional<std::uint64_t> total_bytes = {}, bool wanted = true);
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() { hide(); }

  /// So much is done by now.
  void reach(std::uint64_t records, std::uint64_t bytes);

  /// Takes the line away, before something else is printed; the next `reach` brings it
  /// back.
  void hide();

private:
  using clock = std::chrono::steady_clock;

  bool on_terminal_;
  bool shown_ = false;
  clock::time_point began_ = clock::now();
  clock::time_point next_;
  work_done work_;
};

} // namespace cafka::cli
