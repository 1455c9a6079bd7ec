#include "group_settings.hpp"

#include "../../protocol/names.hpp"

#include <algorithm>
#include <string>

namespace cafka {

namespace {

/// What is of the other protocol alone would be left out without a word.
error check_protocol(const group_options& o) {
  if (o.group_protocol == member_protocol::classic && !o.remote_assignor.empty())
    return row::refused("remote_assignor", '"' + o.remote_assignor + '"',
      "left out with group_protocol classic, where a member assigns: assignors");
  if (o.group_protocol != member_protocol::consumer)
    return {};
  if (!o.own_assignors.empty())
    return row::refused("own_assignors", o.own_assignors.front().name,
      "left out with group_protocol consumer, where the coordinator assigns");
  if (o.assignors != group_options{}.assignors)
    return row::refused("assignors", o.assignors.empty() ? "none" : o.assignors.front(),
      "left out with group_protocol consumer, where the coordinator assigns: "
      "remote_assignor");
  return {};
}

} // namespace

error check(const group_options& o) {
  if (auto wrong = row::wrong_in(o))
    return wrong;
  const auto& id = o.group_instance_id;
  if (!id.empty()) {
    if (auto wrong = protocol::check_name("group_instance_id", id))
      return wrong;
    if (id.front() == ' ' || id.back() == ' ')
      return row::refused(
        "group_instance_id", '"' + id + '"', "without blanks around it");
  }
  const auto session = o.session_timeout > milliseconds{0}
    ? o.session_timeout
    : protocol::defaults::session_timeout;
  if (o.heartbeat_interval > session / 3)
    return row::refused("heartbeat_interval",
      std::to_string(o.heartbeat_interval.count()) + "ms",
      std::to_string((session / 3).count()) + "ms at most, a third of session_timeout");
  if (auto wrong = check_protocol(o))
    return wrong;
  if (o.assignors.empty() && o.own_assignors.empty())
    return row::refused("assignors", "none", "one at least");
  for (const auto& name : o.assignors) {
    if (!protocol::assignor_named(name))
      return row::refused("assignors", '"' + name + '"',
        "\"cooperative-sticky\", \"sticky\", \"range\" or \"roundrobin\"");
  }
  for (const auto& a : o.own_assignors) {
    if (auto wrong = protocol::check_name("own_assignors", a.name))
      return wrong;
    if (!a.assign)
      return row::refused("own_assignors", a.name, "one that has a function to assign");
    if (std::ranges::find(o.assignors, a.name) != o.assignors.end())
      return row::refused("own_assignors", a.name, "a name that assignors has not");
  }
  return {};
}

} // namespace cafka
