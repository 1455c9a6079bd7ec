#include <cafka/protocol/result.hpp>

namespace cafka::protocol {

std::string to_string(const error& e) {
  auto words = name(e.code);
  if (!e.detail.empty())
    words += ": " + e.detail;
  return words;
}

} // namespace cafka::protocol
