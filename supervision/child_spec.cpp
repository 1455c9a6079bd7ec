#include "child_spec.hpp"

#include <string_view>
#include <unordered_set>

namespace cafka::supervision {

const char* to_string(child_type x) noexcept {
  switch (x) {
  case child_type::worker: return "worker";
  case child_type::supervisor: return "supervisor";
  }
  return "unknown";
}

const char* to_string(strategy x) noexcept {
  switch (x) {
  case strategy::one_for_one: return "one_for_one";
  case strategy::one_for_all: return "one_for_all";
  case strategy::rest_for_one: return "rest_for_one";
  case strategy::simple_one_for_one: return "simple_one_for_one";
  }
  return "unknown";
}

const char* to_string(auto_shutdown x) noexcept {
  switch (x) {
  case auto_shutdown::never: return "never";
  case auto_shutdown::any_significant: return "any_significant";
  case auto_shutdown::all_significant: return "all_significant";
  }
  return "unknown";
}

caf::error check_childspec(const child_spec& spec, auto_shutdown when, strategy how) {
  if (spec.id.empty() && how != strategy::simple_one_for_one)
    return caf::make_error(errc::invalid_child_spec, std::string{"no id"});
  if (!spec.start)
    return caf::make_error(errc::invalid_child_spec,
      std::string{"no start function, which does not travel from another node"});
  if (spec.shutdown && !spec.shutdown->is_brutal_kill()
    && spec.shutdown->time() < caf::timespan::zero())
    return caf::make_error(errc::invalid_child_spec,
      "'" + spec.id + "' has a shutdown of "
        + std::to_string(spec.shutdown->time().count()) + " ns; it must not be negative");
  const auto& delay = spec.restart_delay;
  if (delay.initial.count() < 0 || delay.max < delay.initial)
    return caf::make_error(errc::invalid_child_spec,
      "'" + spec.id + "' has a restart_delay from "
        + std::to_string(delay.initial.count()) + " to "
        + std::to_string(delay.max.count())
        + " ms; the first must not be negative, nor more than the second");
  if (delay.initial.count() > 0
    && (how == strategy::one_for_all || how == strategy::rest_for_one))
    return caf::make_error(errc::bad_combination,
      "'" + spec.id + "' has a restart_delay, and the strategy is " + to_string(how));
  if (!spec.significant)
    return {};
  if (when == auto_shutdown::never)
    return caf::make_error(errc::bad_combination,
      "'" + spec.id + "' is significant, and auto_shutdown is never");
  if (spec.restart == restart_type::permanent)
    return caf::make_error(
      errc::bad_combination, "'" + spec.id + "' is significant and permanent");
  return {};
}

caf::error check_childspecs(
  const std::vector<child_spec>& specs, auto_shutdown when, strategy how) {
  std::unordered_set<std::string_view> ids;
  for (const auto& spec : specs) {
    if (auto wrong = check_childspec(spec, when, how); !wrong.empty())
      return wrong;
    if (how != strategy::simple_one_for_one && !ids.insert(spec.id).second)
      return caf::make_error(
        errc::duplicate_child_name, "two children have the id '" + spec.id + "'");
  }
  return {};
}

} // namespace cafka::supervision
