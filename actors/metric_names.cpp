#include "metric_names.hpp"

#include "../protocol/text.hpp"

#include <caf/telemetry/metric_registry.hpp>

#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace cafka::actors {

namespace {

std::mutex mutex;
std::map<std::pair<const void*, std::string>, std::set<std::string>> all_names;

} // namespace

protocol::error check_metric_name(const std::string& name) {
  if (!name.empty() && name.find_first_of("\"\\") == std::string::npos
    && protocol::may_be_shown(name))
    return {};
  return {protocol::error_code::invalid_argument,
    "name = \"" + protocol::shown(name)
      + "\": must be a text in UTF-8 of 1 to 500 bytes without quotation marks, "
        "backslashes "
        "and control characters, for it is the label of metrics"};
}

std::string metric_name(
  caf::actor_system& sys, std::string_view kind, const std::string& name) {
  auto* count = sys.metrics()
                  .gauge_family("cafka.metrics", "names", {"kind"},
                    "Names with metrics of their own.")
                  ->get_or_add({{"kind", kind}});
  const std::lock_guard guard{mutex};
  auto& names = all_names[{&sys.metrics(), std::string{kind}}];
  // These were of an earlier actor system, at the same address.
  if (count->value() == 0)
    names.clear();
  if (names.contains(name))
    return name;
  if (names.size() >= most_metric_names)
    return other_names;
  names.insert(name);
  count->inc();
  return name;
}

} // namespace cafka::actors
