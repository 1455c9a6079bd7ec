#pragma once

#include "../application.hpp"
#include "position.hpp"

#include <vector>

namespace cafka::cli {

/// The moment that it stands for, as ListOffsets takes it; of no meaning for an offset.
[[nodiscard]] offset_time moment_of(start_at where);

/// The offsets of a place in the logs of a topic's partitions, in their order; many are
/// asked for at a time. Where no record is as late as the time, the log's end; where the
/// place is an offset, that one, whether the log has it or not.
///
/// `timeout` is for each request. Errors: as of `application::offset`; the text names the
/// partition.
[[nodiscard]] result<std::vector<log_offset>> offsets_of(application& app,
  const std::string& topic, const std::vector<partition_id>& partitions,
  const position& where, isolation_level isolation, milliseconds timeout);

} // namespace cafka::cli
