#include "call.hpp"

namespace cafka::protocol {

std::int32_t call::note_throttle(std::int32_t told_ms, bool client_pauses) {
  throttled_ = throttle_of(told_ms, longest_throttle_, client_pauses);
  return static_cast<std::int32_t>(throttled_.time.count());
}

} // namespace cafka::protocol
