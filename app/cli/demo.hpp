#pragma once

#include "session.hpp"

namespace cafka::cli {

/// Tells the story of a few workers as it happens, and checks all that it shows: on an
/// embedded cluster, or on the one that `common` names.
exit_code run_demo(
  const demo_arguments& what, const common_arguments& common, settings from);

} // namespace cafka::cli
