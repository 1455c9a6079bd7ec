#pragma once

#include <caf/type_id.hpp>

#include <cstdint>
#include <vector>

/// The first CAF type id that cafka uses.
///
/// Every message type of a CAF program has a number, and two libraries must not use the
/// same. A program's own block usually begins at `caf::first_custom_type_id`, so cafka
/// begins 500 later. If that is taken, build cafka with another CMake option
/// `CAFKA_TYPE_ID_OFFSET`; its targets and its package pass it on to programs. cafka uses
/// at most 500 numbers: the supervisor's messages come first, the Kafka actors' begin at
/// `CAFKA_FIRST_TYPE_ID + 50`.
///
/// A program that has another value here than the library it is linked with is ended as
/// it starts, with the reason on standard error: it would crash at the first message.
#ifndef CAFKA_FIRST_TYPE_ID
#ifndef CAFKA_TYPE_ID_OFFSET
#define CAFKA_TYPE_ID_OFFSET 500
#endif
#define CAFKA_FIRST_TYPE_ID (caf::first_custom_type_id + CAFKA_TYPE_ID_OFFSET)
#endif

namespace cafka::supervision {

enum class errc : std::uint8_t;
struct alarm_rings;
struct child_spec;
struct start_child;
struct terminate_child;
struct restart_child;
struct delete_child;
struct get_childspec;
struct which_children;
struct count_children;
struct get_info;
struct subscribe;
struct unsubscribe;
struct stop;
struct child_info;
struct child_counts;
struct supervisor_info;
struct supervision_event;

namespace detail {

struct child_down;
struct start_report;
struct retry_restart;
struct name_is_back;

/// Ends the program unless this is the number that the library was compiled with.
bool check_first_type_id(int compiled_with);

/// In each translation unit by itself: they may differ.
[[maybe_unused]] static const bool first_type_id_checked =
  check_first_type_id(CAFKA_FIRST_TYPE_ID);

} // namespace detail

} // namespace cafka::supervision

// Append only: an id that moved would be misread by another node.
CAF_BEGIN_TYPE_ID_BLOCK(cafka_supervision, CAFKA_FIRST_TYPE_ID)

CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::errc))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::child_spec))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::start_child))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::terminate_child))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::restart_child))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::delete_child))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::get_childspec))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::which_children))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::count_children))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::get_info))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::subscribe))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::unsubscribe))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::stop))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::child_info))
CAF_ADD_TYPE_ID(cafka_supervision, (std::vector<cafka::supervision::child_info>))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::child_counts))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::supervisor_info))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::supervision_event))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::detail::child_down))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::detail::start_report))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::detail::retry_restart))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::alarm_rings))
CAF_ADD_TYPE_ID(cafka_supervision, (cafka::supervision::detail::name_is_back))

CAF_END_TYPE_ID_BLOCK(cafka_supervision)
