#include "interruption.hpp"

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>

namespace cafka::cli {

namespace {

constexpr std::uint64_t by_signal = 1;
constexpr std::uint64_t by_owner = 1'000;

// What a signal's handler may touch.
volatile std::sig_atomic_t event_fd = -1;

void wake(std::uint64_t why) {
  const auto before = errno;
  [[maybe_unused]] const auto written = ::write(event_fd, &why, sizeof why);
  errno = before;
}

void set_handler(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

} // namespace

interruption::interruption(std::function<void()> on_end) : on_end_(std::move(on_end)) {
  event_fd = ::eventfd(0, EFD_CLOEXEC);
  if (event_fd < 0)
    throw std::system_error{errno, std::generic_category(), "eventfd"};
  thread_ = std::thread{[this] { watch(); }};
  for (const auto signal : {SIGINT, SIGTERM})
    set_handler(signal, [](int) { wake(by_signal); });
}

interruption::~interruption() {
  for (const auto signal : {SIGINT, SIGTERM})
    set_handler(signal, SIG_DFL);
  wake(by_owner);
  thread_.join();
  ::close(event_fd);
  event_fd = -1;
}

void interruption::watch() {
  // An end of a pipe that is left alone is an error, for which nobody has to ask.
  pollfd all[] = {{event_fd, POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
  while (::poll(all, std::size(all), -1) < 0 && errno == EINTR) {
  }
  std::uint64_t why = by_signal;
  if (all[0].revents != 0 && ::read(event_fd, &why, sizeof why) < 0)
    why = by_signal;
  if (why >= by_owner)
    return;
  on_end_();
}

} // namespace cafka::cli
