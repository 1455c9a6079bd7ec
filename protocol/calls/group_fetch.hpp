#pragma once

#include "../machines/start_at.hpp"
#include "fetch.hpp"
#include "list_offsets.hpp"
#include "offset_commit.hpp"
#include "offset_fetch.hpp"

#include <variant>

namespace cafka {

/// Offsets are fetched from where they are committed to: version 0 of both is about
/// ZooKeeper, and all others about Kafka. A pin that is left out becomes 0 if the other
/// is.
void pair_pins(
  std::optional<std::int16_t>& offset_fetch, std::optional<std::int16_t>& offset_commit);

/// Error `unsupported_api_version` for the first of these pins that no broker can serve:
/// the last step of a fetch must not fail the work of the others.
[[nodiscard]] error check_pins(std::optional<std::int16_t> fetch,
  std::optional<std::int16_t> offset_fetch, std::optional<std::int16_t> offset_commit);

/// A fetch in steps: finds where a group goes on, or where `auto_offset_reset` says,
/// reads there, and commits what it has read.
///
/// Each event yields the next step, or the fetch's outcome.
class group_fetch {
public:
  using step = std::variant<offset_fetch, list_offsets, fetch, offset_commit>;
  using next = std::variant<step, result<fetched>>;

  /// Whether a fetch needs steps at all. The client's group is filled in already.
  [[nodiscard]] static bool needs_steps(const fetch& asked) {
    return !asked.offset || (asked.auto_commit && !asked.group.empty());
  }

  group_fetch(fetch asked, protocol::offset_reset policy);

  [[nodiscard]] next begin();
  [[nodiscard]] next on(result<fetched_offsets> kept);
  [[nodiscard]] next on(result<listed_offset> found);
  [[nodiscard]] next on(result<fetched> got);
  [[nodiscard]] next on(result<done> committed);

private:
  next reset();

  fetch asked_;
  protocol::offset_reset policy_;
  bool finds_offset_;
  // The offset was replaced once.
  bool reset_ = false;
  fetched got_;
};

} // namespace cafka
