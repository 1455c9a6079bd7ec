#pragma once

#include "supervisor.hpp"

#include <utility>

namespace cafka::supervision {

/// A child under a supervisor of its own, whose options are `own`: it is started again
/// after a crash; a normal end, one that was asked for, and more crashes than `own`
/// allows end its supervisor, too, and nothing else.
[[nodiscard]] inline child_spec alone(child_spec child, supervisor_options own) {
  auto id = child.id;
  child.restart = restart_type::transient;
  child.significant = true;
  own.auto_shutdown = auto_shutdown::any_significant;
  own.children.push_back(std::move(child));
  auto result = supervisor_spec(std::move(id), std::move(own));
  result.restart = restart_type::temporary;
  return result;
}

} // namespace cafka::supervision
