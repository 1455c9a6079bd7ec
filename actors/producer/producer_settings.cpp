#include "producer_settings.hpp"

#include "../metric_names.hpp"

#include <string>

namespace cafka {

error check(const producer_options& o) {
  if (auto wrong = actors::check_metric_name(o.name))
    return wrong;
  if (auto wrong = row::wrong_in(o))
    return wrong;
  // What goes together, or does not.
  const auto number = [](auto x) { return std::to_string(x); };
  if (o.idempotence && o.max_in_flight > 5)
    return row::refused(
      "max_in_flight", number(o.max_in_flight), "from 1 to 5 with idempotence");
  if (o.idempotence && o.acks != -1)
    return row::refused("acks", number(o.acks), "-1 with idempotence");
  if (o.linger >= o.delivery_timeout)
    return row::refused(
      "linger", number(o.linger.count()) + "ms", "less than delivery_timeout");
  if (!o.compression_level)
    return {};
  const auto levels = protocol::levels_of(o.compression);
  if (!levels)
    return row::refused("compression_level", number(*o.compression_level),
      "left out with " + std::string{to_string(o.compression)});
  if (*o.compression_level < levels->lowest || *o.compression_level > levels->highest)
    return row::refused("compression_level", number(*o.compression_level),
      "from " + number(levels->lowest) + " to " + number(levels->highest) + " with "
        + std::string{to_string(o.compression)});
  return {};
}

} // namespace cafka
