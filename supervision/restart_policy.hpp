#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace cafka::supervision {

/// When an ended child is started again. OTP: a child specification's `restart`.
enum class restart_type : std::uint8_t {
  permanent, ///< always
  transient, ///< only after an abnormal end: neither `normal` nor `shutdown`
  temporary, ///< never
};

const char* to_string(restart_type) noexcept;

/// How a child ended, as far as restarting it is concerned. OTP: exit reasons.
enum class exit_class : std::uint8_t {
  normal,   ///< it had nothing more to do
  shutdown, ///< it was asked to end, or ended as part of a shutdown
  killed,   ///< it was ended unconditionally
  error,    ///< anything else: an exception, an error
};

const char* to_string(exit_class) noexcept;

/// How many restarts within how many seconds a supervisor allows. OTP: `intensity`,
/// `period`; the defaults are Elixir's.
struct restart_intensity {
  /// Restarts borne within the window; zero means that the first one escalates.
  std::size_t max_restarts = 3;
  /// Length of the sliding window, more than zero, however long; a restart exactly this
  /// old still counts, as in OTP.
  std::chrono::seconds max_seconds{5};
};

/// How long a child that ends again and again waits before it is started again. OTP has
/// nothing like it; the defaults wait for nothing, as OTP does.
struct restart_delay {
  /// The wait before the second restart in a row, doubled with each further one; the
  /// first is made at once. Zero: no restart waits.
  std::chrono::milliseconds initial{0};
  /// The longest wait, at least `initial`. The row is over when a child has run for so
  /// long.
  std::chrono::milliseconds max{10'000};

  /// The wait before a restart that follows so many others in the row.
  [[nodiscard]] std::chrono::milliseconds before(std::uint32_t others) const noexcept;

  friend bool operator==(const restart_delay&, const restart_delay&) = default;
};

/// What is to be done about a child that ended.
enum class restart_action : std::uint8_t {
  restart,  ///< start it again under its name
  remove,   ///< leave it ended
  escalate, ///< the intensity is exceeded: the supervisor ends its children and itself
};

const char* to_string(restart_action) noexcept;

/// Decides whether an ended child is restarted. Takes the time, asks no clock.
///
/// One policy serves one supervisor: all its children share the intensity. Time must not
/// run backwards from call to call.
class restart_policy {
public:
  /// The time of a steady clock.
  using time_point = std::chrono::steady_clock::time_point;

  /// Without a restart so far.
  explicit restart_policy(restart_intensity intensity = {}) noexcept;

  /// A child of the given type ended at `now`.
  restart_action on_exit(restart_type type, exit_class how, time_point now);

  /// A restart that failed is about to be tried again at `now`, which counts once more.
  restart_action on_retry(time_point now);

  /// Restarts ordered within the window that ends at `now`, an escalating one included.
  std::size_t restarts(time_point now) const;

  /// The intensity that it was made with.
  const restart_intensity& intensity() const noexcept { return intensity_; }

private:
  restart_action count_restart(time_point now);
  bool counts(time_point restart, time_point now) const;

  restart_intensity intensity_;
  std::deque<time_point> restarts_; // oldest first, never more than max_restarts + 1
};

} // namespace cafka::supervision
