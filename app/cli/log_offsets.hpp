#pragma once

#include <cafka/app/application.hpp>

#include <vector>

namespace cafka::cli {

/// The offsets of a moment in partitions of a topic, in their order; many are asked for
/// at a time. Where no record is that late, the log's end.
///
/// Errors: as of `application::offset`; the text names the partition.
[[nodiscard]] result<std::vector<log_offset>> log_offsets(application& app,
  const std::string& topic, const std::vector<partition_id>& partitions,
  offset_time moment, isolation_level isolation, milliseconds timeout);

} // namespace cafka::cli
