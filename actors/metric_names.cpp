#include <cafka/actors/metric_names.hpp>

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

std::string metric_name(
  caf::actor_system& sys, const char* kind, const std::string& name) {
  auto* count = sys.metrics()
                  .gauge_family("cafka.metrics", "names", {"kind"},
                    "Names with metrics of their own.")
                  ->get_or_add({{"kind", kind}});
  const std::lock_guard guard{mutex};
  auto& names = all_names[{&sys.metrics(), kind}];
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
