#include "errors.hpp"

#include "restart_policy.hpp"

namespace cafka::supervision {

const char* to_string(errc x) noexcept {
  switch (x) {
  case errc::already_started: return "already_started";
  case errc::not_found: return "not_found";
  case errc::invalid_child_spec: return "invalid_child_spec";
  case errc::start_failed: return "start_failed";
  case errc::shutdown: return "shutdown";
  case errc::already_present: return "already_present";
  case errc::running: return "running";
  case errc::restarting: return "restarting";
  case errc::simple_one_for_one: return "simple_one_for_one";
  case errc::max_children: return "max_children";
  case errc::duplicate_child_name: return "duplicate_child_name";
  case errc::bad_combination: return "bad_combination";
  case errc::invalid_options: return "invalid_options";
  case errc::killed: return "killed";
  }
  return "unknown";
}

exit_class classify(const caf::error& reason) {
  if (reason.empty())
    return exit_class::normal;
  if (reason == caf::exit_reason::user_shutdown || reason == errc::shutdown)
    return exit_class::shutdown;
  if (reason == caf::exit_reason::kill || reason == errc::killed)
    return exit_class::killed;
  return exit_class::error;
}

caf::strong_actor_ptr already_started_child(const caf::error& error) {
  if (error == errc::already_started)
    if (const auto& context = error.context();
        context.size() == 1 && context.match_element<caf::strong_actor_ptr>(0))
      return context.get_as<caf::strong_actor_ptr>(0);
  return nullptr;
}

} // namespace cafka::supervision
