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
  std::shared_ptr<const std::string> topic;
  partition_id partition;
  log_offset log_end = -1;
  /// Of the records, as they came.
  std::size_t bytes = 0;
  std::shared_ptr<const void> frame;
  std::shared_ptr<byte_budget> budget;
  record_run records;

  consumed_content() = default;
  consumed_content(const consumed_content&) = delete;
  consumed_content& operator=(const consumed_content&) = delete;
  ~consumed_content();
};

} // namespace cafka::protocol
