#include "api.hpp"

#include <algorithm>

// ListGroups, versions 0 to 5.
//
// A broker lists the groups that it coordinates, of both protocols in every version, and
// those that have offsets alone. States and a filter by them since 4 (KIP-518), types and
// a filter by them since 5 (KIP-848); letters of either case mean the same there, and
// what no group can be matches none.

namespace cafka::testing {

using namespace protocol;

namespace {

constexpr auto failed = &failed_with<list_groups_response>;

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
    [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; });
  return text;
}

bool passes(const std::vector<std::string>& filter, const std::string& what) {
  return filter.empty() || std::ranges::any_of(filter, [&](const auto& wanted) {
    return lower(wanted) == lower(what);
  });
}

} // namespace

outcome<list_groups_response> handle(
  const request_context& c, const list_groups_request& asked) {
  if (c.cluster.apart())
    return failed(error_code::coordinator_not_available);
  list_groups_response response;
  const auto add = [&](listed_group group) {
    if (may_coordinate(c, group.group_id, false) == error_code::none
      && passes(asked.states_filter, group.group_state)
      && passes(asked.types_filter, group.group_type))
      response.groups.push_back(std::move(group));
  };
  for (const auto& [name, group] : c.cluster.members)
    add({name, group.type(), group.describe().group_state, "classic"});
  for (const auto& [name, group] : c.cluster.consumers)
    add({name, "consumer", group.state(), "consumer"});
  for (const auto& [name, offsets] : c.cluster.groups) {
    if (!c.cluster.members.contains(name) && !c.cluster.consumers.contains(name))
      add({name, "", "Empty", "classic"});
  }
  return response;
}

list_groups_response refuse(const list_groups_request&, std::int16_t, error_code why) {
  return failed(why);
}

} // namespace cafka::testing
