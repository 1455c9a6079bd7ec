#include "progress.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdio>
#include <sys/ioctl.h>
#include <unistd.h>

namespace cafka::cli {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds timeout{500};
constexpr milliseconds pause{100};
constexpr std::size_t most_cells = 30;
constexpr std::size_t fewest_cells = 5;

std::string size_text(double bytes) {
  constexpr std::string_view units[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 999.5 && unit + 1 < std::size(units); ++unit)
    bytes /= 1'000;
  return unit == 0 ? fmt::format("{:.0f} B", bytes)
                   : fmt::format("{:.1f} {}", bytes, units[unit]);
}

std::string time_text(std::uint64_t seconds) {
  return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

std::size_t terminal_width() {
  winsize size{};
  const auto known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

} // namespace

std::string progress_line(const work_done& work, std::size_t width) {
  const auto seconds =
    std::max(std::chrono::duration<double>(work.elapsed).count(), 0.001);
  const auto rate = static_cast<double>(work.bytes) / seconds;
  auto counts = fmt::format("{}  {} records  {}/s",
    size_text(static_cast<double>(work.bytes)), work.records, size_text(rate));
  if (!work.total_bytes)
    return counts.substr(0, width);
  const auto total = std::max<std::uint64_t>(*work.total_bytes, 1);
  const auto done = std::min(work.bytes, total);
  if (rate > 0)
    counts += "  "
      + time_text(static_cast<std::uint64_t>(static_cast<double>(total - done) / rate))
      + " left";
  const auto part = static_cast<double>(done) / static_cast<double>(total);
  auto result = fmt::format("{:3.0f}%  {}", part * 100, counts);
  constexpr std::size_t frame = 3; // Brackets, and a space behind them.
  if (result.size() + frame + fewest_cells <= width) {
    const auto cells = std::min(most_cells, width - result.size() - frame);
    const auto full = static_cast<std::size_t>(part * static_cast<double>(cells));
    result =
      '[' + std::string(full, '#') + std::string(cells - full, ' ') + "] " + result;
  }
  return result.substr(0, width);
}

progress::progress(std::optional<std::uint64_t> total_bytes, bool wanted)
  : on_terminal_(wanted && ::isatty(STDERR_FILENO) == 1), next_(began_ + timeout) {
  work_.total_bytes = total_bytes;
}

void progress::reach(std::uint64_t records, std::uint64_t bytes) {
  work_.records = records;
  work_.bytes = bytes;
  const auto now = clock::now();
  if (!on_terminal_ || now < next_)
    return;
  next_ = now + pause;
  work_.elapsed = std::chrono::duration_cast<milliseconds>(now - began_);
  // Back to the line's beginning, and away with what the last one leaves behind.
  fmt::print(stderr, "\r{}\033[K", progress_line(work_, terminal_width() - 1));
  std::fflush(stderr);
  shown_ = true;
}

void progress::hide() {
  if (!shown_)
    return;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
  shown_ = false;
  next_ = clock::now();
}

} // namespace cafka::cli
