#include "version.hpp"

namespace cafka::protocol {

std::string to_string(version_range range) {
  if (range.empty())
    return "none";
  if (range.min == range.max)
    return std::to_string(range.min) + " only";
  return std::to_string(range.min) + " to " + std::to_string(range.max);
}

} // namespace cafka::protocol
