#include "leader_moves.hpp"

namespace cafka::protocol {

std::string leader_moves::text() const {
  std::string text = "leader moved:";
  const auto* separator = " ";
  for (const auto& m : first_) {
    text += separator + m.topic + '/' + std::to_string(m.partition.value()) + " from "
      + (m.from.value() < 0 ? "none" : "broker " + std::to_string(m.from.value()))
      + " to " + (m.to.value() < 0 ? "none" : std::to_string(m.to.value()));
    separator = ", ";
  }
  if (count_ > first_.size())
    text += " and " + std::to_string(count_ - first_.size()) + " more";
  return text;
}

} // namespace cafka::protocol
