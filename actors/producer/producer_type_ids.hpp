#pragma once

#include "../type_ids.hpp"

namespace cafka {

struct delivery;
struct flush_producer;
struct close_producer;
struct get_producer_status;
struct producer_status;

namespace actors {

/// To a producer's actor, from its handles: the accumulator has changed.
struct producer_changed {};

CAFKA_STAYS_HERE(producer_changed)

} // namespace actors

} // namespace cafka

CAF_BEGIN_TYPE_ID_BLOCK(cafka_producer, CAFKA_FIRST_TYPE_ID + 200)

CAF_ADD_TYPE_ID(cafka_producer, (cafka::delivery))
CAF_ADD_TYPE_ID(cafka_producer, (cafka::flush_producer))
CAF_ADD_TYPE_ID(cafka_producer, (cafka::close_producer))
CAF_ADD_TYPE_ID(cafka_producer, (cafka::actors::producer_changed))
CAF_ADD_TYPE_ID(cafka_producer, (cafka::get_producer_status))
CAF_ADD_TYPE_ID(cafka_producer, (cafka::producer_status))
CAF_ADD_TYPE_ID(cafka_producer, (cafka::protocol::result<cafka::producer_status>))

CAF_END_TYPE_ID_BLOCK(cafka_producer)
