#pragma once

#include "supervisor.hpp"

#include <caf/fwd.hpp>

#include <string>
#include <vector>

namespace cafka::supervision {

/// A supervisor or a worker, and what lives under it.
struct tree_node {
  /// What its own supervisor says of it; for the root only its name and that it runs.
  child_info child;
  /// Only of a supervisor that answered.
  supervisor_info supervisor;
  /// The children in start order; none for a worker.
  std::vector<tree_node> children;
};

/// The tree of a supervisor as it is now, in start order; not for actors, since it
/// blocks.
///
/// `timeout` is for all of it. A supervisor below that does not answer by then, or has
/// just ended, is there without its children. Error: the root's, when it does not answer.
caf::expected<tree_node> tree_of(
  caf::actor_system& sys, const supervisor_actor& root, caf::timespan timeout);

/// The tree as text, one line for each node.
std::string to_string(const tree_node& root);

} // namespace cafka::supervision
