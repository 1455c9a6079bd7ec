#pragma once

#include "../type_ids.hpp"

namespace cafka {

struct commit_offsets;
struct leave_group_now;
struct rejoin_group;
struct get_member_status;
struct member_status;

namespace actors {

/// To a member's actor, from its consumer: something was acknowledged or subscribed to.
struct member_changed {};

CAFKA_STAYS_HERE(member_changed)

} // namespace actors

} // namespace cafka

CAF_BEGIN_TYPE_ID_BLOCK(cafka_group, CAFKA_FIRST_TYPE_ID + 260)

CAF_ADD_TYPE_ID(cafka_group, (cafka::commit_offsets))
CAF_ADD_TYPE_ID(cafka_group, (cafka::leave_group_now))
CAF_ADD_TYPE_ID(cafka_group, (cafka::rejoin_group))
CAF_ADD_TYPE_ID(cafka_group, (cafka::get_member_status))
CAF_ADD_TYPE_ID(cafka_group, (cafka::member_status))
CAF_ADD_TYPE_ID(cafka_group, (cafka::protocol::result<cafka::member_status>))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::member_changed))

CAF_END_TYPE_ID_BLOCK(cafka_group)
