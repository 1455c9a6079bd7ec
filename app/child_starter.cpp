#include <cafka/app/child_starter.hpp>
#include <cafka/supervision/caf_compat.hpp>

#include <caf/scoped_actor.hpp>
#include <caf/sec.hpp>

#include <utility>

namespace cafka {

error child_starter::start(const std::string& name,
  std::function<caf::strong_actor_ptr(caf::actor_system&)> spawn) const {
  supervision::child_spec spec;
  spec.id = name;
  spec.name = name;
  spec.start = [spawn = std::move(spawn)](
                 caf::actor_system& system) -> supervision::start_result {
    return spawn(system);
  };
  error outcome{error_code::closed, "the application has ended"};
  if (const auto to = supervisor()) {
    caf::scoped_actor self{sys_};
    ask(self, to, patience, supervision::start_child{std::move(spec)})
      .receive([&](const caf::strong_actor_ptr&) { outcome = {}; },
        [&](caf::error& e) {
          outcome = {e == supervision::errc::already_started
              ? error_code::already_started
              : error_code::closed,
            to_string(e)};
        });
  }
  return outcome;
}

bool child_starter::end(const std::string& name, milliseconds deadline) const {
  const auto to = supervisor();
  if (!to)
    return true;
  bool ended = true;
  caf::scoped_actor self{sys_};
  // One that the application's end has ended already is not there any more.
  ask(self, to, deadline, supervision::terminate_child{.name = name})
    .receive([] {},
      [&](const caf::error& e) { ended = e != caf::sec::request_timeout; });
  return ended;
}

} // namespace cafka
