#pragma once

#include "../../base/inspect.hpp"

#include <compare>
#include <cstdint>
#include <string>

namespace cafka::protocol {

/// What is coordinated.
enum class coordinator_type : std::int8_t {
  group = 0,
  transaction = 1,
};

CAFKA_INSPECT_ENUM(coordinator_type, group, transaction)

/// A group or a transactional id that has a coordinator.
struct coordinator_of {
  /// What is coordinated.
  coordinator_type type = coordinator_type::group;
  /// The group's name or the transactional id.
  std::string key;

  friend auto operator<=>(const coordinator_of&, const coordinator_of&) = default;
};

/// `group g`, `transactional id t`.
[[nodiscard]] std::string to_string(const coordinator_of& what);

} // namespace cafka::protocol
