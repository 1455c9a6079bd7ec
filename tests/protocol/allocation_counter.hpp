#pragma once

#include <cstddef>

/// Counts what the current thread takes from `operator new`, which this program replaces.
class allocation_counter {
public:
  allocation_counter();
  /// Allocations since the counter was made.
  [[nodiscard]] std::size_t count() const;
  /// Bytes asked for since then, whether given back or not.
  [[nodiscard]] std::size_t bytes() const;

private:
  std::size_t count_before_;
  std::size_t bytes_before_;
};
