#include "narrator.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace cafka::cli {

namespace {

constexpr std::string_view bold = "\033[1m";
constexpr std::string_view plain = "";
constexpr std::string_view faint = "\033[2m";
constexpr std::string_view green = "\033[32m";
constexpr std::string_view red = "\033[31m";

} // namespace

narrator::narrator()
  : coloured_(::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr) {
}

void narrator::chapter(std::string_view title) {
  int number = 0;
  {
    const std::lock_guard guard{mutex_};
    number = ++chapters_;
  }
  line(bold, fmt::format("\n{}. ", number), title);
}

void narrator::say(std::string_view text) {
  line(plain, "   ", text);
}

void narrator::good(std::string_view text) {
  line(green, " + ", text);
}

void narrator::bad(std::string_view text) {
  line(red, " ! ", text);
}

void narrator::hear(const supervision::supervision_event& event) {
  line(faint, " > ", to_string(event));
  if (event.kind == supervision::event_kind::restarted) {
    const std::lock_guard guard{mutex_};
    ++restarts_[event.child];
    heard_.notify_all();
  }
}

bool narrator::wait_for_restart(
  const std::string& child, std::uint64_t times, std::chrono::milliseconds within) {
  std::unique_lock guard{mutex_};
  return heard_.wait_for(guard, within, [&] { return restarts_[child] >= times; });
}

void narrator::line(
  std::string_view colour, std::string_view mark, std::string_view text) {
  const auto reset = coloured_ && !colour.empty() ? "\033[0m" : "";
  const std::lock_guard guard{mutex_};
  fmt::print("{}{}{}{}\n", coloured_ ? colour : "", mark, text, reset);
  // Into a pipe as it happens, too.
  std::fflush(stdout);
}

} // namespace cafka::cli
