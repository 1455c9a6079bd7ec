#include "api.hpp"

// DeleteGroups, versions 0 to 2.
//
// Each group has its own error: NON_EMPTY_GROUP for one with members, GROUP_ID_NOT_FOUND
// for one that does not exist.

namespace cafka::testing {

using namespace protocol;

namespace {

error_code remove(const request_context& c, const std::string& name) {
  if (const auto why = may_coordinate(c, name, false); why != error_code::none)
    return why;
  if (!c.cluster.has_group(name))
    return error_code::group_id_not_found;
  const auto* classic = c.cluster.group(name);
  const auto* consumers = c.cluster.consumers_of(name);
  if ((classic != nullptr && classic->state() != classic_group::phase::empty)
    || (consumers != nullptr && !consumers->empty()))
    return error_code::non_empty_group;
  c.cluster.remove_group(name);
  return error_code::none;
}

} // namespace

outcome<delete_groups_response> handle(
  const request_context& c, const delete_groups_request& asked) {
  delete_groups_response response;
  for (const auto& name : asked.groups_names)
    response.results.push_back({name, remove(c, name)});
  return response;
}

delete_groups_response refuse(
  const delete_groups_request& asked, std::int16_t, error_code why) {
  delete_groups_response response;
  for (const auto& name : asked.groups_names)
    response.results.push_back({name, why});
  return response;
}

} // namespace cafka::testing
