#pragma once

#include "arguments.hpp"

namespace cafka::cli {

/// Serves a Kafka cluster in the memory of this process, until it is told to end.
exit_code run_broker(const broker_arguments& what);

} // namespace cafka::cli
