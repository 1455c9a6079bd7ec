#pragma once

#include "../base/inspect.hpp"
#include "caf_compat.hpp"
#include "type_ids.hpp"

#include <caf/error.hpp>

#include <cstdint>

namespace cafka::supervision {

enum class exit_class : std::uint8_t;

/// What a supervisor answers when it cannot do what it was asked. The names are OTP's.
enum class errc : std::uint8_t {
  /// A child, or a registered name, has this id already; `already_started_child` yields
  /// it.
  already_started = 1,
  /// No child has this id, name or handle.
  not_found,
  /// The specification has no id or no start function, or a time in it makes no sense.
  invalid_child_spec,
  /// The start function failed, or the child ended before it had started; the error says
  /// how.
  start_failed,
  /// The supervisor is ending: after `stop`, an exit message, `auto_shutdown`, or beyond
  /// its restart intensity. Asked after its end, CAF answers `request_receiver_down`. As
  /// an exit reason: OTP's `{shutdown, Term}`.
  shutdown,
  /// A child with this id is there and does not run: `restart_child` and `delete_child`
  /// are for it.
  already_present,
  /// The child runs.
  running,
  /// The child could not be restarted yet; it will be tried again.
  restarting,
  /// Not for a supervisor with this strategy.
  simple_one_for_one,
  /// There are as many children as are allowed. Elixir: `max_children`.
  max_children,
  /// Two specifications have the same id.
  duplicate_child_name,
  /// The specification contradicts itself or its supervisor's `auto_shutdown`.
  bad_combination,
  /// The supervisor's own options make no sense.
  invalid_options,
  /// No answer, but an exit reason: an actor's supervisor was killed. Unlike
  /// `exit_reason::kill` it can be trapped. OTP: `killed`.
  killed,
};

const char* to_string(errc) noexcept;

CAFKA_INSPECT_ENUM(errc, already_started, killed)

/// Says how an actor that ended with `reason` ended.
///
/// No reason: normal. `exit_reason::user_shutdown` and `errc::shutdown`: shutdown.
/// `exit_reason::kill` and `errc::killed`: killed. Everything else, among it what CAF
/// makes of an exception, a lost connection to another node and an actor whose last
/// reference is gone: error.
exit_class classify(const caf::error& reason);

/// The child that is in the way, from an `errc::already_started`; null if there is none.
caf::strong_actor_ptr already_started_child(const caf::error& error);

} // namespace cafka::supervision

CAF_ERROR_CODE_ENUM(cafka::supervision::errc)
