#pragma once

// The actor of a stream: `application::stream_to` starts one for a consumer, which is any
// actor that takes `stream_batch` and `stream_end`.

#include "../../protocol/clients/stream_messages.hpp"
#include "../type_ids.hpp"

#include <caf/typed_actor.hpp>

namespace cafka {

/// Reads one partition for one consumer. It ends when it is stopped, with its consumer,
/// and with the application; after `stream_end` it only commits what is acknowledged.
using stream_actor = caf::typed_actor<caf::result<void>(stream_credit),
  caf::result<stream_end>(stream_stop)>;

} // namespace cafka
