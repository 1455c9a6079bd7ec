#pragma once

// Every handle and every message of a worker and of streams;
// `protocol/calls/operation.hpp` says what all requests have in common.

#include "../protocol/calls/all.hpp"
#include "../protocol/clients/status.hpp"
#include "stream/stream_messages.hpp"
#include "type_ids.hpp"

#include <caf/typed_actor.hpp>

namespace cafka {

namespace actors {

/// The first parameter stands before the comma that begins each line of the list.
template <class Nothing, class... Signatures>
using worker_of = caf::typed_actor<Signatures...>;

#define CAFKA_SIGNATURE(request, reply) , caf::result<result<reply>>(request)

} // namespace actors

CAFKA_STAYS_HERE(raw_request)
CAFKA_STAYS_HERE(raw_response)

/// A named client of one cluster; lives under the worker supervisor.
using worker_actor =
  actors::worker_of<void CAFKA_OPERATIONS(CAFKA_SIGNATURE, CAFKA_SIGNATURE)>;

#undef CAFKA_SIGNATURE

} // namespace cafka
