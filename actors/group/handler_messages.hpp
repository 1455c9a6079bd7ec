#pragma once

#include "handler.hpp"

#include <caf/error.hpp>

#include <vector>

namespace cafka::actors {

// Messages to the actor that feeds a group's handlers; see group_type_ids.hpp. `number`:
// of the assignment that they are about.

struct handler_started {
  std::uint64_t number = 0;
  caf::actor handler = {};
};

struct handler_ended {
  std::uint64_t number = 0;
  caf::actor_addr who = {};
  caf::error reason = {};
  bool given_up = false;
};

struct records_acknowledged {
  std::uint64_t number = 0;
  log_offset next = -1;
};

struct dead_letter_written {
  std::uint64_t number = 0;
  std::uint64_t letter = 0; ///< The processor's number.
  error outcome = {};
};

struct resume_handlers {
  std::vector<topic_partition> partitions = {};
};

struct get_handler {
  topic_partition which = {};
};

CAFKA_STAYS_HERE(handler_started)
CAFKA_STAYS_HERE(handler_ended)
CAFKA_STAYS_HERE(records_acknowledged)
CAFKA_STAYS_HERE(dead_letter_written)
CAFKA_STAYS_HERE(resume_handlers)
CAFKA_STAYS_HERE(get_handler)

} // namespace cafka::actors
