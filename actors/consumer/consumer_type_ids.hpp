#pragma once

#include "../type_ids.hpp"

namespace cafka {

class consumed_batch;
struct partition_error;
struct consumer_credit;
struct get_consumer_status;
struct consumer_status;

namespace actors {

/// To a consumer's actor, from its handles: the assignment has changed, or there is room.
struct consumer_changed {};

CAFKA_STAYS_HERE(consumer_changed)

} // namespace actors

} // namespace cafka

CAF_BEGIN_TYPE_ID_BLOCK(cafka_consumer, CAFKA_FIRST_TYPE_ID + 220)

CAF_ADD_TYPE_ID(cafka_consumer, (cafka::consumed_batch))
CAF_ADD_TYPE_ID(cafka_consumer, (cafka::partition_error))
CAF_ADD_TYPE_ID(cafka_consumer, (cafka::consumer_credit))
CAF_ADD_TYPE_ID(cafka_consumer, (cafka::actors::consumer_changed))
CAF_ADD_TYPE_ID(cafka_consumer, (cafka::get_consumer_status))
CAF_ADD_TYPE_ID(cafka_consumer, (cafka::consumer_status))
CAF_ADD_TYPE_ID(cafka_consumer, (cafka::protocol::result<cafka::consumer_status>))

CAF_END_TYPE_ID_BLOCK(cafka_consumer)
