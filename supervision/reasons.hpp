#pragma once

#include "errors.hpp"

#include <string_view>

/// Why supervisors end and starts fail, told upwards through any number of storeys: the
/// path of ids down to the child that began it, and the reason of that one alone. Both
/// are cut where they grow too long: the path in its middle, to 400 bytes, the reason to
/// 1000.
namespace cafka::supervision::detail {

/// `code`, because of `why` and by way of `child`. `what` says what came of `why`, and
/// counts only for the child that began it.
caf::error because_of(
  errc code, std::string_view child, std::string_view what, const caf::error& why);

/// `why` as a failed start. `what`, if any, says how that came, and counts as above.
caf::error start_failed_by(const caf::error& why, std::string_view what = {});

} // namespace cafka::supervision::detail
