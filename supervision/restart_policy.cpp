#include "restart_policy.hpp"

#include <algorithm>

namespace cafka::supervision {

const char* to_string(restart_type x) noexcept {
  switch (x) {
  case restart_type::permanent: return "permanent";
  case restart_type::transient: return "transient";
  case restart_type::temporary: return "temporary";
  }
  return "unknown";
}

const char* to_string(exit_class x) noexcept {
  switch (x) {
  case exit_class::normal: return "normal";
  case exit_class::shutdown: return "shutdown";
  case exit_class::killed: return "killed";
  case exit_class::error: return "error";
  }
  return "unknown";
}

const char* to_string(restart_action x) noexcept {
  switch (x) {
  case restart_action::restart: return "restart";
  case restart_action::remove: return "remove";
  case restart_action::escalate: return "escalate";
  }
  return "unknown";
}

std::chrono::milliseconds restart_delay::before(std::uint32_t others) const noexcept {
  if (others == 0)
    return std::chrono::milliseconds{0};
  auto wait = std::min(initial, max);
  for (; others > 1 && wait.count() > 0 && wait < max; --others)
    wait = wait > max / 2 ? max : wait * 2;
  return wait;
}

restart_policy::restart_policy(restart_intensity intensity) noexcept
  : intensity_(intensity) {
}

restart_action restart_policy::on_exit(
  restart_type type, exit_class how, time_point now) {
  const bool abnormal = how == exit_class::killed || how == exit_class::error;
  const bool wanted =
    type == restart_type::permanent || (type == restart_type::transient && abnormal);
  return wanted ? count_restart(now) : restart_action::remove;
}

restart_action restart_policy::on_retry(time_point now) {
  return count_restart(now);
}

restart_action restart_policy::count_restart(time_point now) {
  while (!restarts_.empty() && !counts(restarts_.front(), now))
    restarts_.pop_front();
  // After an escalation the supervisor is going down; asked again, the answer is the
  // same.
  if (restarts_.size() > intensity_.max_restarts)
    return restart_action::escalate;
  restarts_.push_back(now);
  return restarts_.size() > intensity_.max_restarts ? restart_action::escalate
                                                    : restart_action::restart;
}

std::size_t restart_policy::restarts(time_point now) const {
  const auto first = std::partition_point(restarts_.begin(), restarts_.end(),
    [&](time_point restart) { return !counts(restart, now); });
  return static_cast<std::size_t>(restarts_.end() - first);
}

// By seconds, since the longest window does not fit the clock's ticks.
bool restart_policy::counts(time_point restart, time_point now) const {
  const auto age = now - restart;
  const auto seconds = std::chrono::floor<std::chrono::seconds>(age);
  return seconds < intensity_.max_seconds
    || (seconds == intensity_.max_seconds && age == seconds);
}

} // namespace cafka::supervision
