#pragma once

#include "../wire/shared_bytes.hpp"

namespace cafka::protocol {

/// Bytes that no printer shows: passwords, SASL exchanges.
struct secret_bytes {
  /// The bytes.
  shared_bytes value;

  friend bool operator==(const secret_bytes&, const secret_bytes&) = default;
};

} // namespace cafka::protocol
