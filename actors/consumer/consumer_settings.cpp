#include "consumer_settings.hpp"

#include "../../protocol/names.hpp"
#include "../metric_names.hpp"

#include <string>

namespace cafka {

error check(const consumer_options& o) {
  if (auto wrong = actors::check_metric_name(o.name))
    return wrong;
  if (const auto to = caf::actor_cast<caf::strong_actor_ptr>(o.deliver_to);
      to != nullptr && to->node() != to->home_system->node())
    return row::refused("deliver_to", "an actor on another node",
      "an actor of this process: what is read are views on its memory");
  if (auto wrong = row::wrong_in(o))
    return wrong;
  if (auto wrong = check(o.membership))
    return {wrong.code, "membership." + wrong.detail};
  if (!o.group.empty()) {
    if (auto wrong = protocol::check_name("group", o.group))
      return wrong;
    if (o.deliver_to)
      return row::refused("deliver_to", "an actor",
        "nothing with a group, whose records are acknowledged by polls");
  }
  if (o.fetch_min_bytes > o.fetch_max_bytes)
    return row::refused("fetch_min_bytes", std::to_string(o.fetch_min_bytes),
      "from 0 to " + std::to_string(o.fetch_max_bytes) + ", fetch_max_bytes");
  return {};
}

} // namespace cafka
