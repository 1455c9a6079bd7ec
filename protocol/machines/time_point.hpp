#pragma once

#include <chrono>

namespace cafka::protocol {

/// When something happened; machines are told the time, they never look at a clock.
using time_point = std::chrono::steady_clock::time_point;

} // namespace cafka::protocol
