#pragma once

#include "../supervision/stays_here.hpp"
#include "../supervision/type_ids.hpp"
#include "operations.hpp"
#include "sasl/credentials_came.hpp"
#include "transport/transport.hpp"

#include <caf/type_id.hpp>

namespace cafka::protocol {

template <class T>
class result;
struct done;

} // namespace cafka::protocol

namespace cafka {

#define CAFKA_DECLARE(request, reply)                                                    \
  struct request;                                                                        \
  struct reply;
#define CAFKA_DECLARE_REQUEST(request, reply) struct request;

CAFKA_OPERATIONS(CAFKA_DECLARE, CAFKA_DECLARE_REQUEST)

#undef CAFKA_DECLARE
#undef CAFKA_DECLARE_REQUEST

struct stream_credit;
struct stream_batch;
struct stream_end;
struct stream_stop;

namespace actors {

/// From a stream to itself: its consumer has ended.
struct stream_receiver_down {};

CAFKA_STAYS_HERE(stream_receiver_down)
CAFKA_STAYS_HERE(transport_up)
CAFKA_STAYS_HERE(transport_frames)
CAFKA_STAYS_HERE(transport_progress)
CAFKA_STAYS_HERE(transport_outdated)
CAFKA_STAYS_HERE(transport_down)
CAFKA_STAYS_HERE(credentials_came)

} // namespace actors

} // namespace cafka

CAF_BEGIN_TYPE_ID_BLOCK(cafka, CAFKA_FIRST_TYPE_ID + 50)

CAF_ADD_TYPE_ID(cafka, (cafka::protocol::error))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::done))
CAF_ADD_TYPE_ID(cafka, (cafka::protocol::result<cafka::protocol::done>))

CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_up))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_frames))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_progress))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_down))

CAF_ADD_TYPE_ID(cafka, (cafka::stream_credit))
CAF_ADD_TYPE_ID(cafka, (cafka::stream_batch))
CAF_ADD_TYPE_ID(cafka, (cafka::stream_end))
CAF_ADD_TYPE_ID(cafka, (cafka::stream_stop))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::stream_receiver_down))

CAF_ADD_TYPE_ID(cafka, (cafka::actors::credentials_came))
CAF_ADD_TYPE_ID(cafka, (cafka::actors::transport_outdated))

CAF_END_TYPE_ID_BLOCK(cafka)

// The operations of a worker, apart from the others as their number grows.
CAF_BEGIN_TYPE_ID_BLOCK(cafka_operations, CAFKA_FIRST_TYPE_ID + 300)

#define CAFKA_ADD_TYPE_IDS(request, reply)                                               \
  CAF_ADD_TYPE_ID(cafka_operations, (cafka::request))                                    \
  CAF_ADD_TYPE_ID(cafka_operations, (cafka::reply))                                      \
  CAF_ADD_TYPE_ID(cafka_operations, (cafka::protocol::result<cafka::reply>))
#define CAFKA_ADD_TYPE_ID(request, reply)                                                \
  CAF_ADD_TYPE_ID(cafka_operations, (cafka::request))

CAFKA_OPERATIONS(CAFKA_ADD_TYPE_IDS, CAFKA_ADD_TYPE_ID)

#undef CAFKA_ADD_TYPE_IDS
#undef CAFKA_ADD_TYPE_ID

CAF_END_TYPE_ID_BLOCK(cafka_operations)
