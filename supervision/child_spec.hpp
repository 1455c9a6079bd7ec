#pragma once

#include "errors.hpp"
#include "restart_policy.hpp"
#include "start.hpp"

#include <caf/message.hpp>
#include <caf/timespan.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace cafka::supervision {

/// How a supervisor ends a child. OTP: a child specification's `shutdown`.
///
/// A child is sent an exit message with the reason `user_shutdown`, and after the time
/// given, if it still runs, with `kill`. CAF cannot interrupt a running handler: a child
/// that never returns from one outlives its kill, and the supervisor waits for it; for
/// one on another node it waits `supervisor_options::kill_timeout`.
class shutdown {
public:
  /// Kills without asking.
  static constexpr shutdown brutal_kill() noexcept {
    return shutdown{caf::timespan::min()};
  }

  /// Asks, and kills when `time` is over. Zero: it is asked, and killed at once.
  /// Negative: `check_childspec` refuses it. `caf::infinite`: the same as `infinity`.
  static constexpr shutdown timeout(caf::timespan time) noexcept {
    return shutdown{std::max(time, caf::timespan::min() + caf::timespan{1})};
  }

  /// Asks, and waits however long it takes. OTP's default for supervisors.
  static constexpr shutdown infinity() noexcept { return shutdown{caf::timespan::max()}; }

  /// OTP's default for workers: five seconds.
  constexpr shutdown() noexcept : time_(std::chrono::seconds{5}) {}

  /// Whether the child is killed at once.
  constexpr bool is_brutal_kill() const noexcept { return time_ == caf::timespan::min(); }

  /// Whether the child may take any time.
  constexpr bool is_infinity() const noexcept { return time_ == caf::timespan::max(); }

  /// The time given; `caf::timespan::max()` for infinity, `caf::timespan::min()` for
  /// `brutal_kill`.
  constexpr caf::timespan time() const noexcept { return time_; }

  friend constexpr bool operator==(shutdown, shutdown) noexcept = default;

private:
  explicit constexpr shutdown(caf::timespan time) noexcept : time_(time) {}

  caf::timespan time_;
};

/// What a child is. OTP: a child specification's `type`.
enum class child_type : std::uint8_t {
  worker,     ///< does the work
  supervisor, ///< watches over others
};

const char* to_string(child_type) noexcept;

/// Which child is started again along with one that failed. OTP: `strategy`.
enum class strategy : std::uint8_t {
  one_for_one,        ///< that one alone
  one_for_all,        ///< all of them
  rest_for_one,       ///< that one and those started after it
  simple_one_for_one, ///< that one alone; children come and go. Elixir: DynamicSupervisor
};

const char* to_string(strategy) noexcept;

/// Whether a supervisor ends when its significant children end by themselves. OTP:
/// `auto_shutdown`.
enum class auto_shutdown : std::uint8_t {
  never,           ///< it stays
  any_significant, ///< it ends with the first of them
  all_significant, ///< it ends with the last of them
};

const char* to_string(auto_shutdown) noexcept;

/// Describes a child: its name, how it is started, restarted and ended. OTP:
/// `child_spec()`.
struct child_spec {
  /// Unique among the children of a supervisor; must not be empty. A
  /// `simple_one_for_one` supervisor ignores it, as Elixir's DynamicSupervisor does.
  std::string id = {};
  /// Starts the child, at first and at each restart.
  start_function start = {};
  /// When the child is restarted.
  restart_type restart = restart_type::permanent;
  /// Not for `one_for_all` and `rest_for_one`, whose restarts are those of a group.
  supervision::restart_delay restart_delay = {};
  /// Nothing: five seconds for a worker, infinity for a supervisor.
  std::optional<supervision::shutdown> shutdown = {};
  /// Whether the child is a supervisor.
  child_type type = child_type::worker;
  /// Whether its end, other than by its supervisor, matters to `auto_shutdown`. Not for
  /// permanent children, and not where `auto_shutdown` is `never`.
  bool significant = false;
  /// What the start function finds as `start_context::arguments`.
  caf::message arguments = {};
  /// Where it is found in the supervisor's registry, through restarts; empty: nowhere.
  std::string name = {};
};

/// What is wrong with the specifications of a supervisor's children; empty if nothing is.
/// OTP: `check_childspecs/2`.
///
/// Errors: `invalid_child_spec`, `duplicate_child_name`, `bad_combination`.
caf::error check_childspecs(const std::vector<child_spec>& specs,
  auto_shutdown when = auto_shutdown::never, strategy how = strategy::one_for_one);

/// The same for one child.
caf::error check_childspec(const child_spec& spec,
  auto_shutdown when = auto_shutdown::never, strategy how = strategy::one_for_one);

} // namespace cafka::supervision
