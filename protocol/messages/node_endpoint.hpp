#pragma once

#include "../types.hpp"

#include <optional>
#include <string>

namespace cafka::protocol {

/// Who leads a partition, and since when; -1 where it is not known (KIP-951).
struct leader_id_and_epoch {
  /// The leader; -1 where it is not known.
  broker_id leader_id = -1;
  /// The leader's epoch; -1 where the broker does not say.
  protocol::leader_epoch leader_epoch = -1;

  friend bool operator==(
    const leader_id_and_epoch&, const leader_id_and_epoch&) = default;
};

/// Where a broker listens, as Produce and Fetch tell it beside a new leader (KIP-951).
struct node_endpoint {
  /// The broker's number.
  broker_id node_id;
  /// The host's name or address.
  std::string host;
  /// The port.
  std::int32_t port = 0;
  /// Null where the broker has none.
  std::optional<std::string> rack;

  friend bool operator==(const node_endpoint&, const node_endpoint&) = default;
};

} // namespace cafka::protocol
