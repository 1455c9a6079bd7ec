#pragma once

#include "../type_ids.hpp"

namespace cafka {

struct commit_offsets;
struct leave_group_now;
struct rejoin_group;
struct get_member_status;
struct member_status;
struct handled;
struct partition_revoked;
struct partition_lost;
struct group_status;

namespace actors {

/// To the actor that feeds a group's handlers: there is something for them.
struct handlers_changed {};
/// A handler was started; the number is that of its assignment.
struct handler_started;
/// A handler, or with `given_up` its supervisor, has ended.
struct handler_ended;
/// Records are acknowledged.
struct records_acknowledged;
/// A dead letter has an outcome.
struct dead_letter_written;
/// Partitions that were paused go on.
struct resume_handlers;
/// Asks how handlers are.
struct get_group_status {};
/// Asks for the handler of a partition.
struct get_handler;

CAFKA_STAYS_HERE(handlers_changed)
CAFKA_STAYS_HERE(get_group_status)

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

CAF_ADD_TYPE_ID(cafka_group, (cafka::handled))
CAF_ADD_TYPE_ID(cafka_group, (cafka::partition_revoked))
CAF_ADD_TYPE_ID(cafka_group, (cafka::partition_lost))
CAF_ADD_TYPE_ID(cafka_group, (cafka::group_status))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::handlers_changed))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::handler_started))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::handler_ended))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::records_acknowledged))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::dead_letter_written))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::resume_handlers))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::get_group_status))
CAF_ADD_TYPE_ID(cafka_group, (cafka::actors::get_handler))

CAF_END_TYPE_ID_BLOCK(cafka_group)
