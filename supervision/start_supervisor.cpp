#include "supervisor.hpp"

#include <future>
#include <utility>

namespace cafka::supervision {

namespace detail {

outcome::~outcome() {
  if (const auto* child = std::get_if<caf::strong_actor_ptr>(&how_);
      child != nullptr && *child != nullptr)
    post_exit(*child, caf::exit_reason::kill);
}

} // namespace detail

caf::error check_options(const supervisor_options& options) {
  const auto simple = options.strategy == strategy::simple_one_for_one;
  const auto wrong = [](std::string why) {
    return caf::make_error(errc::invalid_options, std::move(why));
  };
  if (options.intensity.max_seconds <= std::chrono::seconds{0})
    return wrong("max_seconds is " + std::to_string(options.intensity.max_seconds.count())
      + "; it must be more than zero");
  if (simple && !options.children.empty())
    return wrong("simple_one_for_one has no children at first; start_child brings them");
  if (!simple && options.max_children != std::numeric_limits<std::size_t>::max())
    return wrong("max_children is for simple_one_for_one");
  if (!simple && !options.extra_arguments.empty())
    return wrong("extra_arguments are for simple_one_for_one");
  if (simple && options.auto_shutdown != auto_shutdown::never)
    return caf::make_error(errc::bad_combination,
      std::string{"auto_shutdown is "} + to_string(options.auto_shutdown)
        + ", and the strategy is simple_one_for_one");
  return check_childspecs(options.children, options.auto_shutdown, options.strategy);
}

caf::expected<supervisor_actor> start_supervisor(
  caf::actor_system& sys, supervisor_options options) {
  auto outcome = std::make_shared<std::promise<caf::error>>();
  auto ready = outcome->get_future();
  options.ready = start_later{[outcome](start_result how) {
    auto* error = std::get_if<caf::error>(&how);
    outcome->set_value(error != nullptr ? std::move(*error) : caf::error{});
  }};
  auto result = spawn_supervisor(sys, std::move(options));
  if (auto error = ready.get(); !error.empty())
    return error;
  return result;
}

child_spec supervisor_spec(std::string id, supervisor_options options) {
  child_spec spec;
  spec.id = std::move(id);
  spec.type = child_type::supervisor;
  spec.start = [options = std::move(options)](const start_context& context) {
    auto mine = options;
    mine.ready = context.later();
    return start_result{starting{caf::actor_cast<caf::strong_actor_ptr>(
      spawn_supervisor(context.system(), std::move(mine)))}};
  };
  return spec;
}

} // namespace cafka::supervision
