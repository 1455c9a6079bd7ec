#pragma once

#include "../memory/byte_budget.hpp"
#include "../records/record_run.hpp"
#include "../types.hpp"

#include <cstddef>
#include <memory>
#include <string>

namespace cafka::protocol {

/// Records of one partition that were read, with the frame they are views on. Until it is
/// gone, both count against the budget.
struct consumed_content {
  /// The topic of all records.
  std::shared_ptr<const std::string> topic;
  /// The partition of all records.
  partition_id partition;
  /// The offset behind the last record there was to read.
  log_offset log_end = -1;
  /// Of the records, as they came.
  std::size_t bytes = 0;
  /// Keeps the bytes of the records.
  std::shared_ptr<const void> frame;
  /// The memory that the bytes count against.
  std::shared_ptr<byte_budget> budget;
  /// The records.
  record_run records;

  consumed_content() = default;
  consumed_content(const consumed_content&) = delete;
  consumed_content& operator=(const consumed_content&) = delete;
  ~consumed_content();
};

} // namespace cafka::protocol
